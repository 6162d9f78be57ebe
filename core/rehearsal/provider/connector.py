"""What Terraform starts as the provider: it asks the nursery for one that is loaded already, and lives as long as that.

Run by its path as ``python -I -S connector.py FILE``, with the standard library's smallest parts alone, since Terraform
starts the provider several times a command. FILE names the nursery's socket. Where nobody answers there, this process
becomes a provider itself.
"""

from __future__ import annotations

import os
import sys
from _socket import AF_UNIX, SCM_RIGHTS, SOCK_STREAM, SOL_SOCKET, socket

WATCH = 0.25
"""Seconds between two looks at whether Terraform lives: killed outright, it tells its providers nothing."""
LENGTH = 4
"""Bytes that say how long the request is."""
TAKEN = b"+"
"""What the nursery's child says first: that it has become the provider."""


def main(address_file: str) -> int:
    """Hands this process's streams, folder and environment over; returns the provider's exit code."""
    parent = os.getppid()
    connection = socket(AF_UNIX, SOCK_STREAM)
    try:
        with open(address_file, "rb") as file:
            connection.connect(file.read().strip())
        _hand_over(connection)
        taken = connection.recv(1)
    except OSError:
        taken = b""
    if taken != TAKEN:
        connection.close()
        os.execv(sys.executable, [sys.executable, "-P", "-m", "core.rehearsal.provider"])  # noqa: S606
    return _until_ended(connection, parent)


def _hand_over(connection: socket) -> None:
    listed = [os.getcwdb(), *(b"%s=%s" % pair for pair in os.environb.items())]  # noqa: PTH109
    request = b"\0".join(listed)
    streams = b"".join(number.to_bytes(4, sys.byteorder) for number in (1, 2))
    connection.sendmsg([len(request).to_bytes(LENGTH, "big")], [(SOL_SOCKET, SCM_RIGHTS, streams)])
    connection.sendall(request)


def _until_ended(connection: socket, parent: int) -> int:
    connection.settimeout(WATCH)
    while os.getppid() == parent:
        try:
            return (connection.recv(1) or b"\1")[0]
        except TimeoutError:
            continue
        except OSError:
            return 1
    return 1


if __name__ == "__main__":
    import _signal  # type: ignore[import-not-found]

    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)  # what an interrupt means, Terraform says by a call
    os._exit(main(sys.argv[1]))
