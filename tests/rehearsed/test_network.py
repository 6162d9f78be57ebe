"""A whole installation in a company's network: what it needs is on the machine, and no proxy is ever asked for it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.gcp.corporate_network import Network, corporate_network

VARIABLES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


async def nothing(_: web.Request) -> web.Response:
    return web.Response(status=404)


@pytest.fixture
def corp(tmp_path: Path) -> Iterator[Network]:
    """The network, in a thread of its own while the test waits for a process."""
    ready, end = threading.Event(), asyncio.Event()
    found: list[Network] = []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with corporate_network(tmp_path, nothing) as network:
            found.append(network)
            ready.set()
            await end.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(30)
    yield found[0]
    loop.call_soon_threadsafe(end.set)
    thread.join(30)


def test_the_smallest_profile_installs_whole_where_the_proxy_answers_nothing(rehearsed: Any) -> None:
    rehearsed.variables |= dict.fromkeys(VARIABLES, "http://127.0.0.1:1")
    assert rehearsed.install("speed = 0\n", "--set", "profile=trial")[-1]["type"] == "run.finished"
    nodes = json.loads(rehearsed.kubectl("get", "nodes", "-o", "json"))["items"]
    assert len(nodes) == 2
    pods = json.loads(rehearsed.kubectl("get", "pods", "-n", "kubeflow", "-o", "json"))["items"]
    assert {p["status"]["phase"] for p in pods} == {"Running"}


def test_it_installs_through_a_proxy_with_an_authority_of_its_own(rehearsed: Any, corp: Network) -> None:
    rehearsed.variables |= {**dict.fromkeys(VARIABLES, corp.proxy), "SSL_CERT_FILE": str(corp.authority)}
    assert rehearsed.install()[-1]["type"] == "run.finished"
    assert set(corp.connected) <= {"github.com:443"}
    assert all(asked.startswith("github.com/") for asked in corp.asked)
