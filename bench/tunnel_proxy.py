"""``python -P tunnel_proxy.py HOST PORT``: a ProxyCommand that passes on, and lets small packets wait for an answer."""

from __future__ import annotations

import os
import selectors
import socket
import sys

PIECE = 1 << 16


def main(host: str, port: int) -> None:
    """Passes on between the standard streams and a port, until one of them ends."""
    with socket.create_connection((host, port)) as connection, selectors.DefaultSelector() as ready:
        ready.register(0, selectors.EVENT_READ)
        ready.register(connection, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                data = os.read(0, PIECE) if key.fileobj == 0 else connection.recv(PIECE)
                if not data:
                    return
                if key.fileobj == 0:
                    connection.sendall(data)
                else:
                    while data:
                        data = data[os.write(1, data) :]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
