"""Docker's socket is shut to the user on the host: sudo opens it there, if a person allows it and it asks nothing.

The user is one of a password database of the sshd's own, and ``sudo`` a stand-in that leads to a twin of the socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import ssh_server
from ssh_server import Server
from tunnel_bench import ENGINES, GENEROUS, Up, engine, up

from core.workstation.tunnel.engine import NotForwarded
from core.workstation.tunnel.health import BY_SUDO
from core.workstation.tunnel.streams import Far, Near, Traffic

USER, UID = "colleague", 54321
PYTHON = shutil.which("python3", path="/usr/bin:/bin") or ""
"""An interpreter that every user may run; the tests' own may stand in a home folder."""
SUDO = """\
#!{python}
import os, socket, sys, threading
assert sys.argv[1] == "-n", sys.argv
if not os.path.exists({allowed!r}):
    sys.exit("sudo: a password is required")
if sys.argv[2] == "test":
    sys.exit(os.system("/usr/bin/test -S " + {twin!r}) != 0)
assert sys.argv[2:] == ["docker", "-H", "unix://" + {shut!r}, "system", "dial-stdio"], sys.argv
with socket.socket(socket.AF_UNIX) as docker:
    docker.connect({twin!r})
    def up():
        while data := os.read(0, 1 << 16):
            docker.sendall(data)
        docker.shutdown(socket.SHUT_WR)
    threading.Thread(target=up, daemon=True).start()
    while data := docker.recv(1 << 16):
        os.write(1, data)
"""


class Shut:
    """A host whose Docker answers at ``socket``, which only root may use; ``allow`` lets the user become that."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.server, self.socket, self.twin = server, folder / "docker.sock", folder / "twin.sock"
        self._allowed = folder / "allowed"

    def allow(self) -> None:
        self._allowed.touch()


@pytest.fixture
def colleagues_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """An sshd that knows one ordinary user more, and a folder that this user can enter."""
    reason = ssh_server.missing()
    if not reason and subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        reason = "mount namespaces need root"
    if not reason and not PYTHON:
        reason = "the stand-in for sudo needs the system's python3"
    if reason:
        pytest.skip(reason)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(ssh_server.temporary()))
        folder.chmod(0o755)
        accounts = folder / "passwd"
        accounts.write_text(Path("/etc/passwd").read_text() + f"{USER}:*:{UID}:{UID}::{folder}:/bin/sh\n")
        prefix = ("unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/passwd && exec "$@"', str(accounts))
        more = f"SetEnv PATH={folder}/bin:/usr/bin:/bin\n"
        server = stack.enter_context(ssh_server.running(prefix=prefix, user=USER, more=more))
        server.folder.chmod(0o755)
        yield server, folder


@pytest.fixture
async def shut(colleagues_sshd: tuple[Server, Path]) -> AsyncIterator[Shut]:
    server, folder = colleagues_sshd
    made = Shut(folder, server)
    (folder / "bin").mkdir()
    stand_in = folder / "bin" / "sudo"
    words = {"python": PYTHON, "allowed": str(folder / "allowed"), "twin": str(made.twin), "shut": str(made.socket)}
    stand_in.write_text(SUDO.format(**words))
    stand_in.chmod(0o755)

    async def docker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            asked = await reader.readuntil(b"\r\n\r\n")
            if asked.startswith(b"GET /_ping "):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")
            else:
                writer.write(b"HTTP/1.1 101 UPGRADED\r\n\r\n" + await reader.read())
        writer.close()

    servers = [await asyncio.start_unix_server(docker, path) for path in (made.socket, made.twin)]
    made.socket.chmod(0o600)
    made.twin.chmod(0o666)
    yield made
    for each in servers:
        each.close()


def health(tunnel: Up) -> tuple[str, str]:
    found = tunnel.running.status().forwards[0]
    return found.health, found.detail


@pytest.mark.parametrize("name", ENGINES)
async def test_sudo_opens_what_is_shut_and_half_closed_streams_are_whole(name: str, shut: Shut, tmp_path: Path) -> None:
    shut.allow()
    async with (
        up(engine(name, shut.server), f"{tmp_path}/here.sock={shut.socket}", sudo=True) as tunnel,
        asyncio.timeout(GENEROUS),
    ):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "here.sock")
        writer.write(b"POST /attach HTTP/1.1\r\n\r\n" + b"x" * 3_000_000)
        writer.write_eof()
        assert (await reader.read()).endswith(b"\r\n\r\n" + b"x" * 3_000_000)
        writer.close()
        await tunnel.until(lambda: health(tunnel) == ("ok", "Docker answers, through sudo on the host."))
        assert any("sudo opens it there" in words for words in tunnel.told)


@pytest.mark.parametrize("name", ENGINES)
async def test_more_streams_than_a_connection_has_sessions(name: str, shut: Shut, tmp_path: Path) -> None:
    shut.allow()
    async with (
        up(engine(name, shut.server), f"{tmp_path}/here.sock={shut.socket}", sudo=True) as tunnel,
        asyncio.timeout(GENEROUS),
    ):
        streams = [await asyncio.open_unix_connection(tmp_path / "here.sock") for _ in range(14)]
        for _, writer in streams:
            writer.write(b"POST /attach HTTP/1.1\r\n\r\n")
        for reader, writer in streams:
            writer.write(b"all of it")
            writer.write_eof()
            assert (await reader.read()).endswith(b"all of it")
            writer.close()
        await tunnel.until(lambda: tunnel.running.status().forwards[0].open == 0)
        await tunnel.until(lambda: len(shut.server.children()) <= 3)


@pytest.mark.parametrize("name", ENGINES)
async def test_where_sudo_asks_for_a_password_the_reason_is_told_until_it_does_not(
    name: str, shut: Shut, tmp_path: Path
) -> None:
    async with up(engine(name, shut.server), f"{tmp_path}/here.sock={shut.socket}", sudo=True) as tunnel:
        await tunnel.until(lambda: health(tunnel)[0] == "failing")
        assert "may not use" in health(tunnel)[1]
        assert "group docker" in health(tunnel)[1]
        shut.allow()
        tunnel.running.look()
        await tunnel.until(lambda: health(tunnel)[0] == "ok")


async def test_what_nobody_allowed_is_offered_and_not_done(shut: Shut, tmp_path: Path) -> None:
    shut.allow()
    async with up(engine("asyncssh", shut.server), f"{tmp_path}/here.sock={shut.socket}") as tunnel:
        await tunnel.until(lambda: health(tunnel)[0] == "failing")
        assert "open it again with --sudo" in health(tunnel)[1]
        assert tunnel.running.status().forwards[0].offer == BY_SUDO
        reader, writer = await asyncio.open_unix_connection(tmp_path / "here.sock")
        writer.write(b"POST /attach HTTP/1.1\r\n\r\n")
        heard = b""
        async with asyncio.timeout(GENEROUS):
            with contextlib.suppress(ConnectionError):
                heard = await reader.read()
        assert heard == b""
        writer.close()


async def test_a_host_that_takes_fewer_sessions_gets_more_connections(shut: Shut, tmp_path: Path) -> None:
    shut.allow()
    config = shut.server.folder / "sshd_config"
    config.write_text(config.read_text() + "MaxSessions 3\n")
    shut.server.stop()
    shut.server.start()
    async with up(engine("asyncssh", shut.server), f"{tmp_path}/here.sock={shut.socket}", sudo=True) as tunnel:
        async with asyncio.timeout(GENEROUS):
            streams = [await asyncio.open_unix_connection(tmp_path / "here.sock") for _ in range(9)]
            for reader, writer in streams:
                writer.write(b"POST /attach HTTP/1.1\r\n\r\nwhole")
                writer.write_eof()
                assert (await reader.read()).endswith(b"whole")
                writer.close()
        assert tunnel.running.status().reconnects == 0


async def test_an_ssh_that_can_not_be_started_is_a_stream_that_was_not_opened(
    sshd: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    link = await engine("openssh", sshd).connect()
    try:
        with monkeypatch.context() as full:
            full.setattr(asyncio, "create_subprocess_exec", refused)
            with pytest.raises(NotForwarded) as told:
                await link.open_command("true", Far(Near(lambda _: None, Traffic())))
        assert "Too many open files" in told.value.cause
    finally:
        await link.close()


async def test_a_tunnel_that_is_ended_while_it_looks_at_the_host_leaves_no_connection() -> None:
    looking, closed = asyncio.Event(), asyncio.Event()

    class Silent:
        name, why, about = "silent", "", "nothing"

        async def connect(self) -> Silent:
            return self

        async def run(self, command: str) -> tuple[int, str]:
            looking.set()
            await asyncio.Event().wait()
            raise AssertionError

        async def close(self) -> None:
            closed.set()

    made: Any = Silent()
    async with up(made, "0=/var/run/docker.sock", first=False, sudo=True):
        await asyncio.wait_for(looking.wait(), GENEROUS)
    assert closed.is_set()
