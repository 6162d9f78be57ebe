"""Loading aiohttp without what takes most of its time: reading every authority that this machine trusts.

aiohttp makes two contexts for encrypted connections as it is loaded, for those who bring none of their own. Here everybody
brings one, or needs none. So the one that verifies reads the authorities when a connection is first made with it, and not
before; the other one, which verifies nothing, needs none.
"""

from __future__ import annotations

import ssl
import sys
from importlib import import_module
from typing import Any


class _Late(ssl.SSLContext):
    """What `ssl.create_default_context` makes, but for the authorities: they are read once somebody connects by it."""

    _read = False

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        self._authorities()
        return super().wrap_bio(*arguments, **options)

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        self._authorities()
        return super().wrap_socket(*arguments, **options)

    def _authorities(self) -> None:
        if not self._read:
            self._read = True
            self.load_default_certs()


def _context() -> ssl.SSLContext:
    context = _Late(ssl.PROTOCOL_TLS_CLIENT)
    for flag in ("VERIFY_X509_PARTIAL_CHAIN", "VERIFY_X509_STRICT") if sys.version_info >= (3, 13) else ():
        context.verify_flags |= getattr(ssl, flag)
    return context


def load_aiohttp() -> None:
    """Loads aiohttp, if nobody has yet."""
    usual = ssl.create_default_context

    def late(*arguments: Any, **options: Any) -> ssl.SSLContext:
        return usual(*arguments, **options) if arguments or options else _context()

    context: Any = ssl.SSLContext
    ssl.create_default_context = late
    context.set_default_verify_paths = lambda _: None
    try:
        import_module("aiohttp")
    finally:
        ssl.create_default_context = usual
        del context.set_default_verify_paths  # what it hid is the base class's
