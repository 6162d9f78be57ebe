"""Sockets that are files: made for their user alone, and the process at the other end as far as the system tells it."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Peer(NamedTuple):
    """The process at the other end of a socket, and its user."""

    pid: int
    uid: int


@contextmanager
def for_their_user() -> Iterator[None]:
    """What is bound meanwhile may be opened by its user alone."""
    mask = os.umask(0o177)
    try:
        yield
    finally:
        os.umask(mask)


def peer(connection: socket.socket) -> Peer | None:
    """Who is at the other end; None on a system without SO_PEERCRED, where the file's mode has to do."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i")))
    return Peer(pid, uid)
