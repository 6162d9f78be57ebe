"""Docker's own client through a tunnel, by either engine, over a socket and over a port; a real dockerd at its end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import docker_engine
import pytest
from ssh_server import Server
from tunnel_bench import ENGINES, engine, up

from core.workstation.tunnel import docker


@pytest.mark.parametrize("name", ENGINES)
async def test_docker_works_through_a_socket_and_a_port(
    name: str, sshd: Server, docker_running: docker_engine.Engine, tmp_path: Path
) -> None:
    def run(host: str, *words: str, input: bytes | None = None) -> asyncio.Future[str]:
        return asyncio.ensure_future(asyncio.to_thread(docker_running.docker, *words, host=host, input=input))

    here = tmp_path / "docker.sock"
    async with up(engine(name, sshd), f"{here}={docker_running.socket}", f"0={docker_running.socket}") as tunnel:
        port = tunnel.running.listeners[1].local.port
        for host in (f"unix://{here}", f"tcp://127.0.0.1:{port}"):
            assert "Server" in await run(host, "version")
            assert "localhost/busybox" in await run(host, "images")
            said = await run(host, "run", "--rm", "-i", "--network=none", docker_engine.IMAGE, "cat", input=b"both\nways\n")
            assert said == "both\nways\n"
            tag = f"localhost/built-{name}"
            recipe = f"FROM {docker_engine.IMAGE}\nRUN echo built > /made\n".encode()
            await run(host, "build", "--tag", tag, "-", input=recipe)
            file = tmp_path / "saved.tar"
            await run(host, "save", "--output", str(file), tag)
            await run(host, "rmi", "--force", tag)
            await run(host, "load", "--input", str(file))
            assert await run(host, "run", "--rm", "--network=none", tag, "cat", "/made") == "built\n"
            await run(host, "import", str(file), f"{tag}-imported")
            await run(host, "rmi", tag, f"{tag}-imported")
        await tunnel.until(lambda: all(each.health == "ok" for each in tunnel.running.status().forwards))


def test_a_context_is_made_on_request_pointed_anew_and_removed(
    docker_running: docker_engine.Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    name = docker.context_name("me@box")
    assert not docker.remove_context(name)
    docker.make_context(name, "unix:///tmp/one.sock")
    docker.make_context(name, docker_running.host)
    shown = docker._docker("--context", name, "version", "--format", "{{.Server.Os}}")
    assert shown.stdout.strip() == "linux"
    assert docker._docker("context", "show").stdout.strip() == "default", "it is never made the current one"
    docker._docker("context", "use", name)
    assert docker.remove_context(name)
    assert docker._docker("context", "show").stdout.strip() == "default"


def test_docker_host_wins_over_a_context_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    assert docker.warnings("unix:///x.sock", "mlops-env-box") == []
    monkeypatch.setenv("DOCKER_HOST", "unix:///y.sock")
    assert "unset DOCKER_HOST" in docker.warnings("unix:///x.sock", "mlops-env-box")[0]
