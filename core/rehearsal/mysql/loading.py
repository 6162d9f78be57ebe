"""Loading what serves MySQL while its instance is still being made: it takes longer than a sign-in may."""

from __future__ import annotations

import threading


def begin() -> None:
    """Loads the parser and makes the server's key, in a thread of its own."""
    threading.Thread(target=_load, name="mysql", daemon=True).start()


def _load() -> None:
    from core.rehearsal.mysql import protocol

    protocol.server_key()
