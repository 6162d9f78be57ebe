"""Memory for what passes through: the buffer of each read is kept, where the system would fetch and give it back each time.

asyncio reads into a new buffer of 256 KiB, whatever comes. glibc maps one of that size anew for each read, clears it page by
page, and lets it go again: that takes five times as long as reading a byte, and three times as long as reading all of it.
"""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
LARGEST, KEPT = 4 << 20, 16 << 20
"""Bytes up to which a buffer comes from memory that is kept, and free bytes that are kept at the most."""


def keep_buffers() -> bool:
    """Has this process keep its buffers; says whether that is possible here. Elsewhere than with glibc, nothing changes."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, LARGEST) and mallopt(_TRIM_THRESHOLD, KEPT))
