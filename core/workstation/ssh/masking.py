"""Masks of WebSocket frames: four bytes that nobody could foresee, laid over all that a client sends (RFC 6455, 5.3).

In Python alone that costs more than all else that a frame does. aiohttp brings a compiled function for it, which is loaded
here by itself, since loading aiohttp takes longer than a short connection lives; where it is not there, or does not do
what it is known to do, two large numbers do the work.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader
from pathlib import Path

Lay = Callable[[bytes, bytearray], None]
"""Lays a mask of four bytes over a buffer, in place."""

_MODULE = "aiohttp._websocket.mask"


def under(data: bytes) -> tuple[bytes, bytearray]:
    """A new mask, and data under it."""
    mask, covered = os.urandom(4), bytearray(data)
    lay()(mask, covered)
    return mask, covered


def slowly(mask: bytes, data: bytearray) -> None:
    """Lays a mask in one operation on two large numbers."""
    size = len(data)
    repeated = (mask * (size // 4 + 1))[:size]
    data[:] = (int.from_bytes(data, "little") ^ int.from_bytes(repeated, "little")).to_bytes(size, "little")


@cache
def lay() -> Lay:
    """The fastest function there is."""
    try:
        found = _compiled()
    except (ImportError, AttributeError, OSError, TypeError, ValueError):
        return slowly
    return found if found is not None and _agrees(found) else slowly


def _compiled() -> Lay | None:
    package = importlib.util.find_spec("aiohttp")
    folder = Path((package.submodule_search_locations or [""])[0]) if package is not None else Path()
    path = next((p for suffix in EXTENSION_SUFFIXES if (p := folder / "_websocket" / f"mask{suffix}").is_file()), None)
    if path is None:
        return None
    loader = ExtensionFileLoader(_MODULE, str(path))
    spec = importlib.util.spec_from_loader(_MODULE, loader)
    if spec is None:
        return None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    found: Lay = module._websocket_mask_cython
    return found


def _agrees(found: Lay) -> bool:
    mask, sample = os.urandom(4), os.urandom(41)
    ours, theirs = bytearray(sample), bytearray(sample)
    slowly(mask, ours)
    found(mask, theirs)
    return ours == theirs
