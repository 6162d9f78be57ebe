"""``docker save`` of a large image through IAP's relay, whose WebSocket is cut in the middle: the file is whole.

It is a gibibyte; ``MLOPS_TEST_SAVE_MIB`` makes it another size where there is no room for several of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker_engine
import pytest
from relayed_tunnel import relayed
from ssh_server import Server

MIB = 1 << 20
SIZE = int(os.environ.get("MLOPS_TEST_SAVE_MIB", "1024"))
"""The image's size in MiB."""
BIG = "localhost/big:1"
CUTS = 3


class Noise:
    """A file of so many MiB, none like the other, which is nowhere whole."""

    def __init__(self) -> None:
        self._left = SIZE
        self._block = random.Random(5).randbytes(MIB)

    def read(self, size: int) -> bytes:
        assert size <= MIB
        if not self._left:
            return b""
        self._left -= 1
        return (self._left.to_bytes(8, "big") + self._block[8:])[:size]


@pytest.fixture
def big(docker_running: docker_engine.Engine, tmp_path: Path) -> Iterator[str]:
    """The digest of what ``docker save`` gives of a large image, without anything in between."""
    importing = subprocess.Popen(
        ["docker", "--host", docker_running.host, "import", "-", BIG],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=docker_running.variables,
    )  # fmt: skip
    assert importing.stdin is not None
    with importing.stdin as sink, tarfile.open(fileobj=sink, mode="w|", bufsize=MIB, copybufsize=MIB) as archive:
        entry = tarfile.TarInfo("noise")
        entry.size = SIZE * MIB
        archive.addfile(entry, Noise())  # type: ignore[arg-type]
    assert importing.wait(300) == 0
    yield saved(docker_running, docker_running.host)[1]
    docker_running.docker("rmi", "--force", BIG)


def saved(engine: docker_engine.Engine, host: str) -> tuple[int, str]:
    """How much ``docker save`` gives, and its digest."""
    command = ["docker", "--host", host, "save", BIG]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=engine.variables) as child:
        assert child.stdout is not None
        digest, total = hashlib.sha256(), 0
        while data := child.stdout.read(MIB):
            digest.update(data)
            total += len(data)
    assert child.returncode == 0
    return total, digest.hexdigest()


@pytest.mark.timeout(600)
async def test_a_saved_image_is_whole_though_the_relay_was_cut_again_and_again(
    big: str, sshd: Server, docker_running: docker_engine.Engine, tmp_path: Path
) -> None:
    cut = {"call": "relay", "error": "reset", "after_bytes": SIZE * MIB // (CUTS + 1), "times": CUTS}
    here = tmp_path / "d.sock"
    async with relayed(tmp_path / "r", sshd, f"{here}={docker_running.socket}", fault=[cut]) as (tunnel, bench):
        total, digest = await asyncio.to_thread(saved, docker_running, f"unix://{here}")

        assert total > SIZE * MIB
        assert digest == big
        assert bench.service.connections == CUTS + 1, "the network was cut in the middle, each time"
        status = tunnel.running.status()
        assert (status.state, status.reconnects) == ("up", 0), "neither ssh nor Docker's stream has seen any of it"
