"""The checksum that Cloud Storage gives with every object, and its clients check: CRC-32 with Castagnoli's polynomial."""

from __future__ import annotations

import functools


def crc32c(data: bytes) -> int:
    """The checksum of some bytes."""
    table = _table()
    value = 0xFFFFFFFF
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


@functools.cache
def _table() -> tuple[int, ...]:
    out = []
    for index in range(256):
        value = index
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        out.append(value)
    return tuple(out)
