"""The port-forward of the official clients: two channels for each port, data and errors, in one WebSocket.

The server opens each channel with the port's number; a message's first byte names its channel. A WebSocket carries one
connection for each port, and ends with it.
"""

from __future__ import annotations

import asyncio

from aiohttp import WSMsgType, web

from core.rehearsal.kubernetes.forwarding.ports import Ports, Refused
from core.rehearsal.kubernetes.status import Obj, bad_request

PROTOCOL = "v4.channel.k8s.io"
CHUNK = 64 * 1024


async def serve(request: web.Request, websocket: web.WebSocketResponse, ports: Ports, pod: Obj) -> None:
    """Carries one connection for each port that the request names."""
    numbers = [int(p) for text in request.query.getall("ports", []) for p in text.split(",") if p.isdecimal()]
    if not numbers:
        raise bad_request("you must specify at least 1 port")
    for n, port in enumerate(numbers):
        for channel in (2 * n, 2 * n + 1):
            await websocket.send_bytes(bytes([channel]) + port.to_bytes(2, "little"))
    writers: dict[int, asyncio.StreamWriter] = {}
    pumps = []
    for n, port in enumerate(numbers):
        try:
            reader, writers[2 * n] = await ports.connect(pod, port)
        except Refused as error:
            await websocket.send_bytes(bytes([2 * n + 1]) + str(error).encode())
            continue
        pumps.append(asyncio.create_task(_pump(reader, websocket, 2 * n)))
    last = asyncio.create_task(_end(pumps, websocket))
    try:
        await _receive(websocket, writers)
    finally:
        last.cancel()
        for task in pumps:
            task.cancel()
        for writer in writers.values():
            writer.close()


async def _receive(websocket: web.WebSocketResponse, writers: dict[int, asyncio.StreamWriter]) -> None:
    async for message in websocket:
        if message.type != WSMsgType.BINARY or not message.data:
            continue
        writer = writers.get(message.data[0])
        if writer is not None and len(message.data) > 1:
            writer.write(message.data[1:])
            await writer.drain()


async def _pump(reader: asyncio.StreamReader, websocket: web.WebSocketResponse, channel: int) -> None:
    while data := await reader.read(CHUNK):
        await websocket.send_bytes(bytes([channel]) + data)


async def _end(pumps: list[asyncio.Task[None]], websocket: web.WebSocketResponse) -> None:
    await asyncio.gather(*pumps, return_exceptions=True)
    await websocket.close()
