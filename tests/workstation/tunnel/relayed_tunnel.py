"""A tunnel whose way is the stand-in relay, with a real sshd behind it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ssh_server import Server
from tunnel_bench import Up, up

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "ssh"))

import relay_bench

from core.run.clock import Clock
from core.workstation.tunnel.with_asyncssh import AsyncsshEngine


@asynccontextmanager
async def relayed(folder: Path, server: Server, *forwards: str, **scenario: Any) -> AsyncIterator[tuple[Up, Any]]:
    """A tunnel whose way is the stand-in relay, with a real sshd behind it."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 18):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def behind(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    async with relay_bench.running(folder, behind, **scenario) as bench:
        host = server.host("HostKeyAlias=vm")
        words = server.known_hosts.read_text().split()
        if not any(line.startswith("vm ") for line in server.known_hosts.read_text().splitlines()):
            server.known_hosts.write_text(server.known_hosts.read_text() + f"vm {words[1]} {words[2]}\n")
        async with up(AsyncsshEngine(host, clock=Clock(), way=bench.relay), *forwards) as tunnel:
            yield tunnel, bench
