"""``python -P -m bench.tunnel_load serve|delay …``: what stands behind a tunnel, and a long way in between.

``serve`` prints its port; the first byte of a connection says what it does: S takes all and answers with how much it was,
D gives as much as eight bytes say, E echoes, C says how many other connections there are. ``delay PORT SECONDS`` passes on
to a port, each way that much later.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import socket
import sys
import threading
from collections import deque

PIECE = 1 << 18


def take(connection: socket.socket, wanted: int) -> bytes:
    """As many bytes as are wanted; raises `EOFError` where they end before."""
    got = b""
    while len(got) < wanted:
        more = connection.recv(wanted - len(got))
        if not more:
            raise EOFError
        got += more
    return got


def _serve_bulk(connection: socket.socket, first: bytes) -> None:
    with connection, contextlib.suppress(OSError, EOFError):
        connection.setblocking(True)
        buffer = bytearray(PIECE)
        if first == b"S":
            total = 0
            while count := connection.recv_into(buffer):
                total += count
            connection.sendall(total.to_bytes(8, "big"))
            return
        left = int.from_bytes(take(connection, 8), "big")
        while left:
            piece = min(left, PIECE)
            connection.sendall(memoryview(buffer)[:piece])
            left -= piece
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)


def serve() -> None:
    """Serves until it is ended: bulk in threads, echoes all in one, since a thousand threads would be what is measured."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening, selectors.DefaultSelector() as ready:
        print(listening.getsockname()[1], flush=True)
        listening.setblocking(False)
        ready.register(listening, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is listening:
                    with contextlib.suppress(BlockingIOError):
                        while True:
                            made = listening.accept()[0]
                            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                            made.setblocking(False)
                            ready.register(made, selectors.EVENT_READ)
                else:
                    _serve_some(key, ready)


def _serve_some(key: selectors.SelectorKey, ready: selectors.BaseSelector) -> None:
    connection: socket.socket = key.fileobj  # type: ignore[assignment]
    try:
        data = connection.recv(1 if key.data is None else PIECE)
        if key.data is None and data == b"C":
            others = len(ready.get_map()) - 2  # but for this one, and what listens
            connection.sendall(others.to_bytes(8, "big"))
            data = b""
        if data and (key.data or data == b"E"):
            connection.sendall(data)
            if key.data is None:
                ready.modify(connection, selectors.EVENT_READ, "echo")
            return
    except OSError:
        data = b""
    ready.unregister(connection)
    if data:
        threading.Thread(target=_serve_bulk, args=(connection, data), daemon=True).start()
    else:
        connection.close()


class _Later(asyncio.Protocol):
    """One direction of a long way: what comes goes on after a while, in order."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: deque[bytes] = deque()
        self.other: asyncio.Transport | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(high=256 << 20)

    def data_received(self, data: bytes) -> None:
        self._waiting.append(data)
        asyncio.get_running_loop().call_later(self._seconds, self._pass)

    def _pass(self) -> None:
        if self.other is not None:
            self.other.write(self._waiting.popleft())

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None:
            asyncio.get_running_loop().call_later(self._seconds, self.other.close)


async def delay(port: int, seconds: float) -> None:
    """Passes on until it is ended."""
    loop = asyncio.get_running_loop()

    async def join(near: _Later) -> None:
        transport, far = await loop.create_connection(lambda: _Later(seconds), "127.0.0.1", port)
        near.other, far.other = transport, near.transport
        for _ in range(len(near._waiting)):
            near._pass()

    class _Accepting(_Later):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self._joining = loop.create_task(join(self))

        def _pass(self) -> None:
            if self.other is not None and self._waiting:
                super()._pass()

    server = await loop.create_server(lambda: _Accepting(seconds), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    asyncio.run(delay(int(sys.argv[2]), float(sys.argv[3])))
