"""``mlops-env tunnel``: up as a process of its own or in front, down, status, logs; what is wrong said in a sentence."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker_engine
import pytest
import tomlkit
from ssh_server import Echo, Server

from core.cli import main
from core.cli import tunnel as commands
from core.cli.output import Output
from core.environment import Home
from core.environment.home import socket_folder
from core.workstation.tunnel import book, docker, places, tunnels, with_openssh
from core.workstation.tunnel.definition import Forward, Tunnel
from core.workstation.tunnel.status import Status

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def box(home: Home, sshd: Server) -> Iterator[str]:
    """A tunnel by name, defined in the file as a person would."""
    home.ensure()
    name = f"box-{os.getpid()}"  # its socket stands in a folder that all of the user's tunnels share
    book.path(home).write_text(f"[tunnels.{name}]\noptions = {json.dumps(sshd.options)}\n")
    yield name
    tunnels.stop(home, name)


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


async def test_up_and_down_as_a_process_of_its_own(
    box: str, home: Home, echo: Echo, capsys: pytest.CaptureFixture[str]
) -> None:
    import asyncio

    def command(*words: str) -> asyncio.Future[int]:
        return asyncio.ensure_future(asyncio.to_thread(main, ["tunnel", *words, "--output", "json"]))

    assert await command("up", box, "--forward", f"0={echo.port}", "--detach") == 0
    up = said(capsys)
    assert (up["state"], up["engine"], up["docker_host"]) == ("up", "asyncssh", "")
    assert os.getsid(up["pid"]) != os.getsid(0)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(up["forwards"][0]["local"]))
    writer.write(b"Ehello")
    assert await reader.readexactly(6) == b"Ehello"
    assert await command("status", box) == 0
    status = said(capsys)
    assert (status["pid"], status["forwards"][0]["open"]) == (up["pid"], 1)
    assert book.load(home)[box].forwards[0].remote.port == echo.port, "what the flags said is kept"
    assert await command("up", box, "--detach") == 6
    capsys.readouterr()
    assert await command("down", box) == 0
    assert said(capsys) == {"tunnel": box, "stopped": True}
    with pytest.raises(ConnectionError):
        await reader.readexactly(1)
    assert await command("status", box) == 0
    down = said(capsys)
    assert (down["state"], down["pid"], down["forwards"][0]["connections"]) == ("down", None, 1)
    assert await command("logs", box) == 0
    assert "connected" in said(capsys)["lines"][0]
    assert places.log(home, box).stat().st_mode & 0o777 == 0o600
    assert (home.root / "tunnels" / box / "errors.log").read_text() == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_in_front_until_ctrl_c_or_until_its_terminal_closes(number: int, box: str, home: Home, sshd: Server) -> None:
    command = [sys.executable, "-P", "-m", "core.cli", "tunnel", "up", box]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    path = f"/tmp/mlops-env-{os.getuid()}/docker-{box}.sock"
    assert child.stdout.readline() == f"{path} -> /var/run/docker.sock\n"
    assert child.stdout.readline() == f"export DOCKER_HOST=unix://{path}\n"
    assert tunnels.status(home, box).pid == child.pid
    child.send_signal(number)
    _, told = child.communicate(timeout=60)
    assert child.returncode == 0
    assert "Traceback" not in told
    assert '"containers.environment": {"DOCKER_HOST": ' in told
    assert not Path(path).exists()


def test_an_old_algorithm_that_the_configuration_names_is_used_without_a_librarys_word(
    box: str, home: Home, sshd: Server
) -> None:
    options = json.dumps([*sshd.options, "KexAlgorithms=diffie-hellman-group14-sha256"])
    book.path(home).write_text(f"[tunnels.{box}]\noptions = {options}\n")
    command = [sys.executable, "-P", "-m", "core.cli", "tunnel", "up", box, "--forward", "0=80"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert tunnels.status(home, box).engine == "asyncssh"
        child.send_signal(signal.SIGTERM)
        _, told = child.communicate(timeout=60)
    assert "Warning" not in told


def test_in_front_under_nohup_it_outlives_its_terminal(box: str, home: Home, sshd: Server) -> None:
    command = ["nohup", sys.executable, "-P", "-m", "core.cli", "tunnel", "up", box]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.send_signal(signal.SIGHUP)
        assert tunnels.status(home, box).state == "up"
        child.send_signal(signal.SIGTERM)
    assert child.returncode == 0


def test_a_log_is_followed_until_the_tunnel_ends(box: str, home: Home, own_sshd: Server) -> None:
    tunnel = replace(tunnels.defined(home, box), options=tuple(own_sshd.options), forwards=(Forward.parse("0=22"),))
    tunnels.start(home, tunnel)
    command = [sys.executable, "-P", "-m", "core.cli", "tunnel", "logs", box, "--follow"]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert "connected" in child.stdout.readline()
    own_sshd.kill_children()
    assert "connection lost" in child.stdout.readline()
    tunnels.stop(home, box)
    child.communicate(timeout=60)
    assert child.returncode == 0


def test_a_context_goes_with_its_tunnel_however_that_ends(
    box: str, home: Home, docker_running: docker_engine.Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "client"))
    name = docker.context_name(box)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["docker", *words], capture_output=True, text=True, check=False)

    tunnel = replace(tunnels.defined(home, box), docker_context=True)
    found = tunnels.start(home, tunnel)
    docker.make_context(name, found.docker_host)
    run("context", "use", name)
    assert found.pid is not None
    os.kill(found.pid, signal.SIGTERM)  # as a machine that goes down does
    while tunnels.status(home, box).pid is not None:
        os.sched_yield()
    assert run("context", "inspect", name).returncode != 0
    assert run("context", "show").stdout == "default\n"

    docker.make_context(name, "unix:///tmp/elsewhere.sock")  # as for VS Code's settings, which go on naming it
    run("context", "use", name)
    tunnels.stop(home, box)
    assert run("context", "inspect", name).returncode == 0
    assert run("context", "show").stdout == "default\n", "docker alone is not sent to a tunnel that is down"


def test_a_killed_tunnel_is_down_and_comes_up_again(box: str, home: Home) -> None:
    first = tunnels.start(home, tunnels.defined(home, box))
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)
    while tunnels.status(home, box).pid is not None:
        os.sched_yield()
    assert tunnels.status(home, box).state == "down"
    again = tunnels.start(home, tunnels.defined(home, box))
    assert again.pid not in (None, first.pid)
    assert again.docker_host == first.docker_host, "the socket that it left is taken over"


HOLDS = """
import signal
from core.workstation.tunnel.with_openssh import _Folder

folder = _Folder()
print(folder.path, flush=True)
signal.pause()
"""


def test_sockets_are_cleared_away_once_their_process_is_dead_though_nobody_has_waited_for_it(home: Home) -> None:
    with subprocess.Popen([sys.executable, "-P", "-c", HOLDS], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        ours = with_openssh._Folder()
        assert theirs.exists(), "it lives"
        other.kill()
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        again = with_openssh._Folder()
        assert (theirs.exists(), ours.path.exists()) == (False, True)
        for folder in (ours, again):
            folder.remove()
            assert not folder.path.exists()


def test_a_killed_tunnel_leaves_no_ssh_behind(box: str, home: Home) -> None:
    """Its child ends with it, and the next one clears its sockets away."""
    if shutil.which("setpriv") is None:
        pytest.skip("without setpriv, ssh ends with its connection only")
    tunnel = replace(tunnels.defined(home, box), engine="openssh", forwards=(Forward.parse("0=22"),))
    pid = tunnels.start(home, tunnel).pid
    assert pid is not None
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    (left,) = socket_folder().glob(f"t{pid}-*")
    os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + 60
    while Path(f"/proc/{child}").exists():
        assert time.monotonic() < until
        os.sched_yield()
    assert tunnels.start(home, tunnel).state == "up"
    assert not left.exists()


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["up", "a b"], 2, "can't be a tunnel's name"),
        (["up", "box", "--forward", "8080"], 2, "8080 is no forward"),
        (["up", "box", "--forward", ""], 2, "Nothing is no forward"),
        (["up", "box", "--forward", "8080=80", "--forward", "localhost:8080=81"], 2, "Two forwards listen on 8080"),
        (["up", "box", "--forward", "8080=80", "--forward", "127.0.0.1:8080=81"], 2, "Two forwards listen on"),
        (["up", "box", "--forward", "/tmp/x=80", "--forward", "/tmp/./x=81"], 2, "Two forwards listen on /tmp/./x"),
        (["up", "box", "--zone", "z"], 2, "--zone and --instance go together"),
        (["status", "nothing"], 2, "There is no tunnel named nothing"),
        (["status", ""], 2, "nothing can't be a tunnel's name"),
        (["status", "../x"], 2, "can't be a tunnel's name"),
        (["logs", "nothing"], 2, "was never up"),
        (["logs", "../../etc"], 2, "can't be a tunnel's name"),
        (["down", "../x"], 2, "can't be a tunnel's name"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_made(
    words: list[str], code: int, sentence: str, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tunnel", *words]) == code
    assert sentence in capsys.readouterr().err
    assert not book.path(home).exists()


def test_a_host_that_is_not_there_and_a_file_that_is_wrong(box: str, home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    document = tomlkit.parse(book.path(home).read_text())
    document["tunnels"][box]["options"] = ["HostName=127.0.0.1", "Port=1"]  # type: ignore[index]
    book.path(home).write_text(tomlkit.dumps(document))
    assert main(["tunnel", "up", box, "--detach"]) == 1
    told = capsys.readouterr().err
    assert "can't be reached" in told
    assert "Traceback" not in told
    status = tunnels.status(home, box)
    assert status.state == "stopped"
    assert status.error is not None
    book.path(home).write_text("[tunnels\n")
    assert main(["tunnel", "up", box, "--detach"]) == 2
    assert str(book.path(home)) in capsys.readouterr().err
    book.path(home).unlink()


def test_down_of_what_is_not_up(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tunnel", "down", "box"]) == 0
    assert "was not up" in capsys.readouterr().out


def test_what_was_wrong_last_is_told_once_it_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    lost = {"message": "The connection was lost: it was closed", "cause": ""}
    now = time.time()
    commands._print_status(Status("gpu", "up", last_error=lost, last_error_at=now - 90), Output(json=False))
    assert "last      The connection was lost: it was closed (1 min 30 s ago)" in capsys.readouterr().out
    commands._print_status(Status("gpu", "stopped", error=lost, last_error=lost, last_error_at=now), Output(json=False))
    assert "ago" not in capsys.readouterr().out


@pytest.mark.parametrize("relayed", [False, True])
def test_who_opens_docker_through_a_relay_is_warned_of_large_uploads(
    relayed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = Status("gpu", "up", docker_host="unix:///tmp/d.sock", relayed=relayed)
    commands._print_up(shown, Tunnel("gpu"), Output(json=False))
    assert ("for a large build or upload, work on the VM itself" in capsys.readouterr().err) is relayed
