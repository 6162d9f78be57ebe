"""The messages of the relay's subprotocol: a tag of two bytes, then what it is about, all big-endian.

One message is one binary WebSocket frame. ``data`` carries at most `MOST` bytes; ``ack`` counts all bytes received on the
session so far; ``sid`` names a new session and ``resumed`` answers a reconnection with the bytes that the relay has had.
"""

from __future__ import annotations

import struct
from enum import IntEnum

SUBPROTOCOL = "relay.tunnel.cloudproxy.app"
ORIGIN = "bot:iap-tunneler"
MOST = 16384


class Tag(IntEnum):
    """What a message is; any other tag is passed over, as Google's own client does."""

    SID = 1
    RESUMED = 2
    DATA = 4
    ACK = 7


class Malformed(ValueError):
    """Raised when a message is shorter than it says."""


_DATA, _ACK, _TAG, _LENGTH, _COUNT = (struct.Struct(f) for f in (">HI", ">HQ", ">H", ">I", ">Q"))


def data(payload: bytes) -> bytes:
    """A message with a part of the stream."""
    return _DATA.pack(Tag.DATA, len(payload)) + payload


def ack(total: int) -> bytes:
    """A message that says how many bytes have been received on the session."""
    return _ACK.pack(Tag.ACK, total)


def sid(name: bytes) -> bytes:
    """A message that names the new session."""
    return _DATA.pack(Tag.SID, len(name)) + name


def resumed(total: int) -> bytes:
    """A message that answers a reconnection: how many bytes the relay has received on the session."""
    return _ACK.pack(Tag.RESUMED, total)


def parse(message: bytes) -> tuple[int, bytes, int]:
    """A message's tag, its bytes (data, session) and its number (counts); raises `Malformed`."""
    try:
        (tag,) = _TAG.unpack_from(message)
        if tag in (Tag.DATA, Tag.SID):
            (length,) = _LENGTH.unpack_from(message, 2)
            payload = message[6 : 6 + length]
            if len(payload) != length:
                raise Malformed(f"{len(payload)} bytes where {length} were announced")
            return tag, payload, 0
        if tag in (Tag.ACK, Tag.RESUMED):
            return tag, b"", _COUNT.unpack_from(message, 2)[0]
    except struct.error as error:
        raise Malformed(str(error)) from error
    return tag, b"", 0
