"""A rehearsal whose VMs are all one real sshd: ``python -P -m bench.relay_cloud PORT NAME [--scenario FILE] --project ID``.

It is the rehearsal's own process in everything else, so that the program finds it as it finds any, and the relay in between
is measured with nothing behind it that would be slower than a VM.
"""

from __future__ import annotations

import asyncio
import sys

import core.rehearsal.server
from core.rehearsal.__main__ import main
from core.rehearsal.relay.service import Connection


class Server(core.rehearsal.server.Server):
    """The rehearsal's server with another machine behind its relay."""

    port = 0

    async def _machine(self, project: str, zone: str, name: str, port: int) -> Connection:
        return await asyncio.open_connection("127.0.0.1", self.port)


if __name__ == "__main__":
    Server.port = int(sys.argv[1])
    core.rehearsal.server.Server = Server  # type: ignore[misc]
    sys.exit(main(sys.argv[2:]))
