"""A port-forward: bytes both ways, one socket a connection, another pod when the first is gone, a port that is free."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from fake_cluster import FakeCluster, Recorder, pod

from core.errors import PermanentError, TemporaryError
from core.kubernetes.port_forward import Target, find_pod, forward, listen, serve

TARGET = Target("ns", "ui", 80)


def service(target_port: int | str = "http") -> dict[str, Any]:
    ports = [{"port": 80, "targetPort": target_port}]
    metadata = {"name": "ui", "namespace": "ns"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": {"app": "ui"}, "ports": ports}}


async def ask(port: int, text: bytes, host: str = "127.0.0.1") -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(text)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(len(text) or 1), 60)
    writer.close()
    return answer


async def test_bytes_go_both_ways_over_many_connections(fake: FakeCluster) -> None:
    fake.put(service())
    fake.put(pod("ui", ready=True))
    fake.forwarded = lambda name, port, data: f"{name}:{port}:".encode() + data
    async with fake.client() as cluster, forward(cluster, TARGET) as port:
        answers = await asyncio.gather(*(ask(port, f"hello {n:02}".encode()) for n in range(20)))
    assert set(answers) == {b"ui-1:300"}
    assert len(fake.asked("GET", "/portforward")) == 20


async def test_a_large_answer_arrives_whole(fake: FakeCluster) -> None:
    fake.put(service(3000))
    fake.put(pod("ui", ready=True))
    fake.forwarded = lambda name, port, data: b"x" * 3_000_000
    async with fake.client() as cluster, forward(cluster, TARGET) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"go")
        assert len(await asyncio.wait_for(reader.readexactly(3_000_000), 60)) == 3_000_000
        writer.close()


async def test_the_next_connection_finds_the_pod_anew(fake: FakeCluster) -> None:
    fake.put(service())
    fake.put(pod("ui", name="first", ready=True))
    fake.forwarded = lambda name, port, data: name.encode()
    async with fake.client() as cluster, forward(cluster, TARGET) as port:
        assert await ask(port, b"12345") == b"first"
        fake.remove(pod("ui", name="first"))
        fake.put(pod("ui", name="other", ready=True))
        assert await ask(port, b"12345") == b"other"


async def test_a_pod_that_ends_the_connection_ends_it_here(fake: FakeCluster) -> None:
    fake.put(service())
    fake.put(pod("ui", ready=True))
    fake.forwarded = lambda name, port, data: None
    async with fake.client() as cluster, forward(cluster, TARGET) as port:
        assert await ask(port, b"x") == b""


async def test_no_pod_is_ready(fake: FakeCluster) -> None:
    fake.put(service())
    fake.put(pod("ui"))
    async with fake.client() as cluster:
        with pytest.raises(TemporaryError, match="No pod behind Service ns/ui"):
            await find_pod(cluster, TARGET)


async def test_a_service_without_the_port(fake: FakeCluster) -> None:
    fake.put(service())
    async with fake.client() as cluster:
        with pytest.raises(PermanentError, match="no port 81"):
            await find_pod(cluster, Target("ns", "ui", 81))


async def test_named_and_numbered_ports(fake: FakeCluster) -> None:
    fake.put(pod("ui", ready=True))
    async with fake.client() as cluster:
        fake.put(service("http"))
        assert await find_pod(cluster, TARGET) == ("ui-1", 3000)
        fake.put(service(8888))
        assert await find_pod(cluster, TARGET) == ("ui-1", 8888)


async def test_serving_takes_the_next_port_when_one_is_taken(fake: FakeCluster) -> None:
    fake.put(service())
    fake.put(pod("ui", ready=True))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = taken.getsockname()[1]
        told: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        async with fake.client() as cluster:
            task = asyncio.create_task(serve(cluster, TARGET, local_port=wanted, on_ready=told.set_result))
            port = await asyncio.wait_for(told, 60)
            assert wanted < port <= wanted + 100
            assert await ask(port, b"abc") == b"abc"
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


async def test_localhost_works_over_ipv6_as_well(fake: FakeCluster) -> None:
    sockets = listen(0, most=0)
    both = len(sockets) == 2
    assert len({s.getsockname()[1] for s in sockets}) == 1
    for s in sockets:
        s.close()
    if not both:
        pytest.skip("this machine has no ::1")
    fake.put(service())
    fake.put(pod("ui", ready=True))
    async with fake.client() as cluster, forward(cluster, TARGET) as port:
        assert await ask(port, b"abc", "::1") == b"abc"


def test_no_port_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(PermanentError, match="No port"):
        listen(taken.getsockname()[1], most=0)


async def test_why_a_connection_ended_is_in_the_log(fake: FakeCluster, reporter: Recorder) -> None:
    fake.put(service())
    async with fake.client() as cluster, forward(cluster, TARGET, reporter) as port:
        assert await ask(port, b"x") == b""
        while not reporter.lines:
            await asyncio.sleep(0.01)
    assert "No pod behind Service ns/ui is ready" in reporter.lines[0]


async def test_a_token_that_is_refused_is_replaced(fake: FakeCluster) -> None:
    fake.put(service())
    fake.put(pod("ui", ready=True))
    fake.refuse(401, path="/portforward")
    async with fake.client() as cluster, forward(cluster, TARGET) as port:
        assert await ask(port, b"abc") == b"abc"
    assert fake.tokens[-1] == "Bearer token-2"
