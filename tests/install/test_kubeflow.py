"""Kubeflow's API: uploaded once, a run started once, blips survived, refusals told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from core.errors import TemporaryError
from core.install.kubeflow import API, Kubeflow, Refused
from core.run.clock import VirtualClock


class FakeKubeflow:
    """Pipelines, versions and runs, with scripted failures by path: status 0 drops the connection after the effect."""

    def __init__(self) -> None:
        self.pipelines: list[dict[str, Any]] = []
        self.versions: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        self.states = ["PENDING", "RUNNING", "SUCCEEDED"]
        self.fails: dict[str, list[int]] = {}
        self.documents: list[bytes] = []
        self.port = 0

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix(API + "/")
        failure = self.fails.get(path, [])
        status = failure.pop(0) if failure else 200
        if status > 200:
            return web.json_response({"error": f"scripted {status}"}, status=status)
        answer = await self._answer(request, path)
        if status == 0:
            assert request.transport is not None
            request.transport.abort()
        return answer

    async def _answer(self, request: web.Request, path: str) -> web.Response:
        if request.path == "/":
            return web.Response(text="<html>", content_type="text/html")
        if path == "healthz":
            return web.json_response({"apiServerReady": True})
        if path in ("pipelines/upload", "pipelines/upload_version"):
            part = await (await request.multipart()).next()
            assert part is not None
            assert part.name == "uploadfile"
            self.documents.append(await part.read())
            return self._uploaded(path, request.query["name"])
        if path == "runs" and request.method == "POST":
            return self._started(await request.json())
        if path.startswith("runs/"):
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            return web.json_response({"run_id": path.removeprefix("runs/"), "state": state})
        kind = path.rpartition("/")[2]
        found = {"pipelines": self.pipelines, "versions": self.versions, "runs": self.runs}[kind]
        return web.json_response({"pipeline_versions" if kind == "versions" else kind: found})

    def _uploaded(self, path: str, name: str) -> web.Response:
        version = path.endswith("_version")
        known = self.versions if version else self.pipelines
        if any(item["display_name"] == name for item in known):
            return web.json_response({"error": "already exist"}, status=409)
        key = "pipeline_version_id" if version else "pipeline_id"
        known.append({key: f"{key}-{len(known)}", "display_name": name})
        return web.json_response(known[-1])

    def _started(self, body: dict[str, Any]) -> web.Response:
        if "display_name" not in body:
            return web.json_response({"error": "a run needs a pipeline"}, status=400)
        self.runs.append({"run_id": f"run-{len(self.runs)}", **body})
        return web.json_response(self.runs[-1])


@pytest.fixture
async def fake() -> AsyncIterator[FakeKubeflow]:
    kubeflow = FakeKubeflow()
    runner = web.AppRunner(kubeflow.app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    kubeflow.port = runner.addresses[0][1]
    yield kubeflow
    await runner.cleanup()


@pytest.fixture
async def client(fake: FakeKubeflow) -> AsyncIterator[Kubeflow]:
    async with Kubeflow(fake.port, VirtualClock()) as kubeflow:
        yield kubeflow


async def test_the_same_pipeline_is_uploaded_once(fake: FakeKubeflow, client: Kubeflow) -> None:
    ids = await client.upload("hello", "hello-1", b"spec: 1")
    assert ids == ("pipeline_id-0", "pipeline_version_id-0")
    assert await client.upload("hello", "hello-1", b"spec: 1") == ids
    assert len(fake.documents) == 2
    await client.upload("hello", "hello-2", b"spec: 2")
    assert [len(fake.pipelines), len(fake.versions)] == [1, 2]


@pytest.mark.parametrize("status", [503, 429, 0])
async def test_an_upload_survives_a_blip(fake: FakeKubeflow, client: Kubeflow, status: int) -> None:
    fake.fails["pipelines/upload"] = [status]
    await client.upload("hello", "hello-1", b"spec: 1")
    assert len(fake.pipelines) == 1


@pytest.mark.parametrize("status", [500, 504, 0])
async def test_a_run_whose_answer_was_lost_is_not_started_twice(fake: FakeKubeflow, client: Kubeflow, status: int) -> None:
    fake.fails["runs"] = [status]
    assert await client.run("r", "p", "v", {"bucket": "b"}) == "run-0"
    assert len(fake.runs) == 1
    assert fake.runs[0]["runtime_config"] == {"parameters": {"bucket": "b"}}


async def test_a_run_is_watched_to_its_end(fake: FakeKubeflow, client: Kubeflow) -> None:
    seen: list[str] = []
    assert (await client.ended("run-0", seen.append))["state"] == "SUCCEEDED"
    assert seen == ["PENDING", "RUNNING", "SUCCEEDED"]


async def test_a_refusal_tells_what_the_server_said(fake: FakeKubeflow, client: Kubeflow) -> None:
    fake.fails["pipelines/upload"] = [400]
    with pytest.raises(Refused) as caught:
        await client.upload("hello", "hello-1", b"")
    assert (caught.value.status, caught.value.cause) == (400, "scripted 400")


async def test_posts_are_proven_without_making_anything(fake: FakeKubeflow, client: Kubeflow) -> None:
    assert await client.takes_posts()
    assert not fake.runs
    fake.fails["runs"] = [403]
    assert not await client.takes_posts()


async def test_a_server_that_stays_away_is_temporary(fake: FakeKubeflow, client: Kubeflow) -> None:
    fake.fails["healthz"] = [503] * 20
    with pytest.raises(TemporaryError, match="did not answer") as caught:
        await client.health()
    assert json.dumps("scripted 503") in caught.value.cause
