"""A ProxyCommand or a ProxyJump, which carries a connection of this process's as it would carry ssh's."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ssh_server import Echo, Server
from tunnel_bench import ENGINES, GENEROUS, engine, up

from core.errors import PersonNeeded
from core.run.clock import Clock
from core.workstation.tunnel import asking
from core.workstation.tunnel.commanded import Commanded, command_of
from core.workstation.tunnel.engine import SignInRefused, Unreachable
from core.workstation.tunnel.with_asyncssh import AsyncsshEngine


def behind(server: Server, command: str) -> list[str]:
    """The options of a host that nothing leads to but a command."""
    return ["HostName=nowhere.invalid", f"HostKeyAlias=[127.0.0.1]:{server.port}", f"ProxyCommand={command}"]


@pytest.mark.parametrize(
    ("option", "command"),
    [
        ("ProxyCommand=nc '%h' %p %% %r", "nc 'there' {port} % root"),
        ("ProxyCommand=none", ""),
        ("ProxyJump=bastion", "{ssh} -W '[there]:{port}' -- bastion"),
        ("ProxyJump=me@bastion:2222", "{ssh} -W '[there]:{port}' -l me -p 2222 -- bastion"),
        ("ProxyJump=ssh://me@bastion:2222", "{ssh} -W '[there]:{port}' -l me -p 2222 -- bastion"),
        ("ProxyJump=[fd00::1]:2222", "{ssh} -W '[there]:{port}' -p 2222 -- fd00::1"),
        ("ProxyJump=first,you@second", "{ssh} -J first -W '[there]:{port}' -l you -- second"),
    ],
)
def test_the_command_is_the_one_that_ssh_would_run(sshd: Server, option: str, command: str) -> None:
    found = command_of(sshd.host("HostName=there", option))
    assert found == command.format(ssh=shutil.which("ssh"), port=sshd.port)


async def test_a_jump_is_jumped(sshd: Server, echo: Echo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host that is jumped over has no other name than the one in ssh's configuration."""
    (tmp_path / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {sshd.config} "$@"\n')
    (tmp_path / "ssh").chmod(0o755)
    jumped = sshd.host("ProxyJump=box")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    async with up(AsyncsshEngine(jumped, clock=Clock()), f"0={echo.port}") as tunnel:
        assert await tunnel.echoes(b"x" * 300_000)
        assert len(sshd.children()) >= 2


async def test_another_ssh_leads_there(sshd: Server, echo: Echo) -> None:
    over = f"{shutil.which('ssh')} -F {sshd.config} -W 127.0.0.1:{sshd.port} box"
    said = os.urandom(3_000_000)
    async with up(engine("asyncssh", sshd, *behind(sshd, over)), f"0={echo.port}") as tunnel:
        assert all(await asyncio.gather(*(tunnel.echoes(said[: 1_000_000 * n + 1]) for n in range(4))))
        assert tunnel.running.status().engine == "asyncssh"


@pytest.mark.parametrize("ending", ["exit 3", "kill -9 \\$\\$"])
async def test_what_a_command_says_of_its_end_is_the_cause(sshd: Server, ending: str) -> None:
    command = f"/bin/sh -c \"echo 'Hello.' >&2; echo 'The bastion is closed.' >&2; {ending}\""
    with pytest.raises(Unreachable) as raised:
        await engine("asyncssh", sshd, *behind(sshd, command)).connect()
    assert raised.value.cause == "The bastion is closed."


async def test_a_command_that_is_not_there_is_told_as_the_shell_tells_it(sshd: Server) -> None:
    with pytest.raises(Unreachable) as raised:
        await engine("asyncssh", sshd, *behind(sshd, "there-is-no-such-command %h")).connect()
    assert "there-is-no-such-command" in raised.value.cause


@pytest.mark.parametrize("command", ["true", "printf 'HTTP/1.1 400 no\\r\\n\\r\\n'"])
async def test_a_command_that_ends_without_a_word_is_told_as_that(sshd: Server, command: str) -> None:
    with pytest.raises(Unreachable) as raised:
        await engine("asyncssh", sshd, *behind(sshd, f'/bin/sh -c "{command}"')).connect()
    assert raised.value.cause == "The command that leads there ended without a word."
    assert raised.value.hint == "Try: ssh box"


async def test_a_host_that_refuses_is_told_and_its_command_ends(own_sshd: Server) -> None:
    (own_sshd.folder / "authorized_keys").write_text("")
    over = f"{sys.executable} {_passing(own_sshd)} {own_sshd.port}"
    with pytest.raises(SignInRefused):
        await engine("asyncssh", own_sshd, *behind(own_sshd, over)).connect()
    async with asyncio.timeout(GENEROUS):
        while own_sshd.children():
            await asyncio.sleep(0)


@pytest.mark.parametrize("name", ENGINES)
async def test_an_ssh_that_is_refused_on_the_way_there_is_told_as_one_that_is(name: str, sshd: Server) -> None:
    over = f"ssh -F {sshd.config} -o PubkeyAuthentication=no -o BatchMode=yes -W 127.0.0.1:{sshd.port} box"
    with pytest.raises(SignInRefused) as raised:
        await engine(name, sshd, *behind(sshd, over)).connect()
    assert "Permission denied (publickey" in raised.value.cause


@pytest.mark.parametrize("name", ENGINES)
async def test_a_system_that_denies_something_is_tried_again(name: str, sshd: Server, tmp_path: Path) -> None:
    """A network that is shut for now says the same words as an ssh that lets nobody in."""
    (tmp_path / "closed").write_text("#!/bin/sh\n")
    with pytest.raises(Unreachable):
        await engine(name, sshd, *behind(sshd, f"{tmp_path}/closed")).connect()
    with pytest.raises(Unreachable):
        await engine(name, sshd, *behind(sshd, "/bin/sh -c 'echo connect: Permission denied >&2; exit 1'")).connect()


async def test_a_person_is_needed_for_the_key_of_a_hop_as_for_the_hosts_own(
    own_sshd: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_ASKPASS", "/bin/false")  # nobody is there, not on the terminal of the tests either
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    key = own_sshd.folder / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "a passphrase", "-f", str(key)], check=True)
    with own_sshd.config.open("a") as config:
        config.write(own_sshd.config.read_text().replace("Host box", "Host hop").replace(f"{own_sshd.folder}/key", str(key)))
    with pytest.raises(PersonNeeded) as raised:
        await engine("openssh", own_sshd, "ProxyJump=hop").connect()
    assert raised.value.message == f"The key {key} needs its passphrase."


async def test_a_command_that_dies_is_run_anew_and_its_last_words_are_the_reason(own_sshd: Server, echo: Echo) -> None:
    pids = own_sshd.folder / "pids"
    over = f"{sys.executable} {_passing(own_sshd)} {own_sshd.port} {pids}"
    async with up(engine("asyncssh", own_sshd, *behind(own_sshd, over)), f"0={echo.port}") as tunnel:
        reader, writer = await tunnel.connect()
        writer.write(b"E")
        async with asyncio.timeout(GENEROUS):
            assert await reader.readexactly(1) == b"E"
            os.kill(int(pids.read_text().split()[-1]), signal.SIGTERM)
            with pytest.raises(ConnectionError):
                await reader.read()
        assert await tunnel.echoes()
        assert len(pids.read_text().split()) == 2
        assert "connection lost: told to go" in tunnel.told


async def test_an_ssh_on_the_way_asks_where_its_own_would_ask(sshd: Server, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    command = f'/bin/sh -c "echo $SSH_ASKPASS $SSH_ASKPASS_REQUIRE > {seen}; exit 1"'.replace("$", "\\$")
    with asking.Desk(lambda *_: "secret", lambda _: None) as desk:
        at = asking.At(desk.path, tmp_path / "askpass")
        with pytest.raises(Unreachable):
            await AsyncsshEngine(sshd.host(*behind(sshd, command)), clock=Clock(), desk=at).connect()
        assert seen.read_text() == f"{tmp_path}/askpass force\n"
    with pytest.raises(Unreachable):
        await AsyncsshEngine(sshd.host(*behind(sshd, command)), clock=Clock(), desk=at).connect()
    assert seen.read_text() != f"{tmp_path}/askpass force\n"


class Listening(asyncio.Protocol):
    """Takes what comes."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.over: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set_result(exc)


async def test_a_commands_streams_are_pipes_that_pass_on_everything(tmp_path: Path) -> None:
    """A script may open its streams by name, which no socket lets it."""
    way = Commanded("cat /dev/stdin > /dev/stdout", clock=Clock())
    transport, protocol = await way.create_connection(Listening)
    said = os.urandom(3_000_000)
    transport.write(said[:1])
    transport.writelines([said[1:2_000_000], said[2_000_000:]])
    async with asyncio.timeout(GENEROUS):
        while len(protocol.heard) < len(said):
            await asyncio.sleep(0)
        transport.close()
        await protocol.over
        await way.ended()
    assert protocol.heard == said
    assert transport.get_extra_info("peername") is None


async def test_a_command_that_reads_no_more_has_ended_as_one_that_writes_no_more(tmp_path: Path) -> None:
    """Its output is still open, so that it is the broken pipe that shows first."""
    way = Commanded("sh -c 'exec <&-; echo x; exec sleep 1000'", clock=Clock())
    transport, protocol = await way.create_connection(Listening)
    async with asyncio.timeout(GENEROUS):
        while not protocol.heard:
            await asyncio.sleep(0)
        transport.write(b"x")
        assert await protocol.over is None
        await way.ended()


async def test_a_command_that_does_not_hear_is_killed(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    way = Commanded(f"/bin/sh -c 'trap \"\" HUP; echo $$ > {pid}; while :; do read line; done'", clock=Clock())
    transport, protocol = await way.create_connection(Listening)
    async with asyncio.timeout(GENEROUS):
        while not pid.exists() or not pid.read_text():
            await asyncio.sleep(0)
        transport.abort()
        await protocol.over
        await way.ended()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


PASSING = """
import os, signal, socket, sys, threading
def gone(*_):
    os.write(2, b"told to go\\n")
    os._exit(1)
signal.signal(signal.SIGTERM, gone)
if len(sys.argv) > 2:
    with open(sys.argv[2], "a") as pids:
        print(os.getpid(), file=pids)
there = socket.create_connection(("127.0.0.1", int(sys.argv[1])))

def up():
    while data := os.read(0, 65536):
        there.sendall(data)
    there.shutdown(socket.SHUT_WR)

threading.Thread(target=up, daemon=True).start()
while data := there.recv(65536):
    os.write(1, data)
"""
"""Passes on, writes its number down, and says a word when it is told to end."""


def _passing(server: Server) -> Path:
    path = server.folder / "passing.py"
    path.write_text(PASSING)
    return path
