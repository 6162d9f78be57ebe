"""ssh's questions reach whoever opens a tunnel, and the answers nobody else: no argument, no environment, no file."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest
from ssh_server import Server, free_port

from core.environment import Home
from core.errors import MlopsError
from core.workstation.tunnel import tunnels
from core.workstation.tunnel.asking import At, Desk, asked, is_secret, program
from core.workstation.tunnel.definition import Forward, Tunnel
from core.workstation.tunnel.status import Status

ROOT = Path(__file__).resolve().parents[3]
CANARY = "canary-of-a-passphrase"


class Person:
    """Answers each question, remembers it, and looks meanwhile at what the machine's processes show."""

    def __init__(self, *answers: str | None) -> None:
        self.answers, self.questions = list(answers), list[tuple[str, bool]]()
        self.shown = b""

    def __call__(self, prompt: str, secret: bool) -> str | None:
        self.questions.append((prompt, secret))
        self.shown += everything_shown()
        return self.answers.pop(0)


def everything_shown() -> bytes:
    """The arguments and the environment of every process."""
    found = b""
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                found += (process / name).read_bytes()
    return found


@pytest.fixture
def locked(own_sshd: Server) -> Server:
    """An sshd whose user's key needs a passphrase."""
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", CANARY, "-f", str(own_sshd.folder / "key")], check=True)
    return own_sshd


@pytest.fixture
def tunnel(home: Home) -> Iterator[Tunnel]:
    """A tunnel that goes nowhere yet."""
    name = f"asks-{os.getpid()}"
    yield Tunnel(name, forwards=(Forward.parse("0=22"),))
    tunnels.stop(home, name)


def test_a_passphrase_is_asked_for_and_stands_nowhere(locked: Server, home: Home, tunnel: Tunnel) -> None:
    person = Person(CANARY)
    status = tunnels.start(home, replace(tunnel, options=tuple(locked.options)), ask=person)

    assert (status.state, status.engine, status.why_engine) == ("up", "openssh", "its key needs a passphrase")
    ((question, secret),) = person.questions
    assert f"passphrase for key '{locked.folder}/key'" in question
    assert secret
    assert CANARY.encode() not in person.shown + everything_shown()
    for path in home.root.rglob("*"):
        assert path.is_dir() or not path.is_file() or CANARY.encode() not in path.read_bytes(), path


def test_where_nobody_is_there_the_tunnel_waits_and_says_for_what(locked: Server, home: Home, tunnel: Tunnel) -> None:
    wanted = replace(tunnel, options=tuple(locked.options))
    with pytest.raises(MlopsError, match="needs its passphrase") as refused:
        tunnels.start(home, wanted)
    assert refused.value.exit_code == 7
    assert tunnels.status(home, tunnel.name).state == "waiting"

    tunnels.start(home, wanted, ask=Person(CANARY))
    locked.kill_children()
    last = _ended(home, tunnel)
    assert last.state == "waiting", "it does not try again and again"
    assert last.error is not None
    assert "Open the tunnel again" in last.error["hint"]


def _ended(home: Home, tunnel: Tunnel) -> Status:
    for _ in tunnels.watch(home, tunnel.name):
        pass
    while tunnels.status(home, tunnel.name).pid is not None:
        os.sched_yield()
    return tunnels.status(home, tunnel.name)


def test_a_host_key_that_is_not_known_is_shown_and_taken_once(own_sshd: Server, home: Home, tunnel: Tunnel) -> None:
    own_sshd.known_hosts.write_text("")
    wanted = replace(tunnel, options=tuple(own_sshd.options))
    person = Person("yes")

    status = tunnels.start(home, wanted, ask=person)
    assert (status.state, status.why_engine) == ("up", "its key is not known yet, and ssh is to ask you about it")
    ((question, secret),) = person.questions
    assert "SHA256:" in question
    assert not secret
    assert own_sshd.known_hosts.read_text()
    tunnels.stop(home, tunnel.name)
    assert tunnels.start(home, wanted, ask=Person()).engine == "asyncssh", "nobody is asked again"


class TwoFactors(asyncssh.SSHServer):
    """Takes no key without a code."""

    def begin_auth(self, username: str) -> bool:
        return True

    def kbdint_auth_supported(self) -> bool:
        return True

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> object:
        return "OS Login", "", "", [("Enter your one-time password: ", False)]

    def validate_kbdint_response(self, username: str, responses: object) -> bool:
        return list(responses) == ["123456"]  # type: ignore[call-overload]


@pytest.fixture
async def two_factors(own_sshd: Server) -> AsyncIterator[tuple[str, ...]]:
    """The options that lead to a server which asks for a code."""
    port = free_port()
    keys = [str(own_sshd.folder / "host_key")]
    server = await asyncssh.create_server(TwoFactors, "127.0.0.1", port, server_host_keys=keys)
    known = own_sshd.known_hosts
    known.write_text(known.read_text().replace(f":{own_sshd.port} ", f":{port} "))
    yield tuple(f"Port={port}" if each.startswith("Port=") else each for each in own_sshd.options)
    server.close()


async def test_a_second_factor_goes_to_ssh_which_asks(two_factors: tuple[str, ...], home: Home, tunnel: Tunnel) -> None:
    wanted = replace(tunnel, options=two_factors)
    with pytest.raises(MlopsError, match="asks root a question"):
        await asyncio.to_thread(tunnels.start, home, wanted)

    person = Person("123456")
    status = await asyncio.to_thread(tunnels.start, home, wanted, ask=person)
    assert (status.state, status.engine) == ("up", "openssh")
    assert "was not enough" in status.why_engine
    ((question, secret),) = person.questions
    assert "one-time password" in question
    assert secret
    await asyncio.to_thread(tunnels.stop, home, tunnel.name)


def test_a_desk_that_has_closed_answers_nobody() -> None:
    with Desk(lambda prompt, secret: f"{prompt} {secret}", lambda _: None) as desk:
        assert desk.path.stat().st_mode & 0o777 == 0o600
        assert asked(str(desk.path), "Password:") == "Password: True"
        assert asked(str(desk.path), "Continue (yes/no)?") == "Continue (yes/no)? False"
    assert asked(str(desk.path), "Password:") is None
    assert asked("", "Password:") is None
    assert not is_secret("Are you sure you want to continue connecting (yes/no/[fingerprint])? ")


def test_a_touch_that_ssh_waits_for_is_told_and_asks_nothing(tmp_path: Path) -> None:
    """ssh says so of its notices: it reads no answer to them, and ends the program once the key was touched."""
    person, told = Person(), list[str]()
    notice = "Confirm user presence for key ED25519-SK SHA256:abc"
    with Desk(person, told.append) as desk:
        at = At(desk.path, program(tmp_path))
        environment = {**at.variables(), "SSH_ASKPASS_PROMPT": "none", "PYTHONPATH": str(ROOT)}
        done = subprocess.run([at.program, notice], env=environment, capture_output=True, timeout=60, check=False)
    assert (told, person.questions, done.stdout) == ([notice], [], b"")


def test_who_would_rather_not_is_not_asked_again(locked: Server, home: Home, tunnel: Tunnel) -> None:
    person = Person(*[None] * 3)
    with pytest.raises(MlopsError, match="does not accept"):
        tunnels.start(home, replace(tunnel, options=tuple(locked.options)), ask=person)
    assert len(person.questions) == 1
