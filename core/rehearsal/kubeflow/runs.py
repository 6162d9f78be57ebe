"""The life of a run: submitted, checked where a real one would stumble, its step executed, its end reported.

Each run is a task of this process that writes down how far it got; after a restart those that had not ended begin anew,
as a workflow controller does that finds one half-way.
"""

from __future__ import annotations

import asyncio
import urllib.parse
from typing import Any

import aiohttp

from core.rehearsal.kubeflow import checks, step
from core.rehearsal.kubeflow.checks import Place
from core.rehearsal.kubeflow.records import RUNS, VERSIONS, Record, Records
from core.rehearsal.kubernetes.objects import CONTROLLER, Cluster, Options
from core.rehearsal.kubernetes.programs.process import Process
from core.rehearsal.kubernetes.resources import Resource
from core.rehearsal.kubernetes.status import ApiError, Obj

POLL = 5.0
ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")


class Runs:
    """All runs that go on."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, process: Process, records: Records, run: Record) -> None:
        """Begins a run, unless it goes on already."""
        if run["id"] not in self._tasks and run["state"] not in ENDED:
            task = asyncio.create_task(_Run(process, records, run["id"]).live())
            self._tasks[run["id"]] = task
            task.add_done_callback(lambda done: self._over(run["id"], done))

    def _over(self, id: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(id, None)
        if not task.cancelled():
            task.exception()

    def resume(self, process: Process, records: Records) -> None:
        """Takes up the runs that had not ended."""
        for run in records.all(RUNS):
            self.start(process, records, run)

    def stop(self) -> None:
        """Ends all tasks; the runs are taken up the next time."""
        for task in list(self._tasks.values()):
            task.cancel()


class _Run:
    def __init__(self, process: Process, records: Records, id: str) -> None:
        self._process, self._records, self._id = process, records, id
        self._world, self._cluster = process.world, process.cluster
        run = self._record()
        self._place = Place(self._world, self._cluster, process.namespace, run["service_account"], process)

    def _record(self) -> Record:
        found = self._records.get(RUNS, self._id)
        assert found is not None
        return found

    async def live(self) -> None:
        """Takes the run to its end."""
        part, why = await self._work()
        clock = self._world.clock
        if not why:
            # who tells Kubeflow of the end is the persistence agent
            while self._place.program("kfp-persistence-agent") is None:
                await self._pause(POLL)
        state = "FAILED" if why else "SUCCEEDED"
        tasks = [self._task(part, state, why)] if part else []
        told = why if not why or why.startswith(f"{part}:") else f"{part or 'run'}: {why}"
        self._set(state, error=told, tasks=tasks, finished_at=clock.timestamp())
        self._finish_workflow("Failed" if why else "Succeeded", why)

    async def _work(self) -> tuple[str, str]:
        """Runs; the part that failed and why."""
        seconds = self._world.scenario.duration("kfp:run")
        if why := checks.submitted(self._place):
            return "", why
        self._make_workflow()
        while self._place.program("workflow-controller") is None:
            await self._pause(POLL)
        self._set("RUNNING")
        end = self._world.clock.now() + self._world.clock.duration(seconds)
        await self._world.clock.sleep(seconds * 0.6)
        for part, check in checks.CHECKS:
            if why := check(self._place):
                return part, why
        if (fault := self._world.faults.operation("kfp:run")) is not None:
            return "hello", fault.message or "the scenario fails this run"
        version = self._records.get(VERSIONS, self._record()["version"]) or {"spec": {}}
        result = await step.execute(self._world, version["spec"], self._record()["parameters"], self._place.google_account)
        if result.error:
            return "hello", result.error
        why = await self._upload(str((version["spec"].get("pipelineInfo") or {}).get("name", "")), result.artifacts or {})
        await self._world.clock.sleep_until(end)  # what this machine works for the step is no time of the cloud's
        return "hello", why

    async def _pause(self, seconds: float) -> None:
        await (asyncio.sleep(0.05) if self._world.clock.speed == 0 else self._world.clock.sleep(seconds))

    def _set(self, state: str, **values: Any) -> None:
        run = self._record()
        history = run["history"]
        if run["state"] != state:
            history = [*history, {"update_time": self._world.clock.timestamp(), "state": state}]
        self._records.put(RUNS, {**run, **values, "state": state, "history": history})

    def _task(self, name: str, state: str, why: str) -> Record:
        task: Record = {"run_id": self._id, "task_id": f"{self._id}-{name}", "display_name": name, "state": state}
        return {**task, "error": {"code": 13, "message": why}} if why else task

    async def _upload(self, pipeline: str, artifacts: dict[str, bytes] | Any) -> str:
        """The launcher leaves the artifacts under the pipeline root, as the step's account."""
        bucket, _, prefix = self._place.root.removeprefix("gs://").partition("/")
        google = (self._world.store.get("world", "endpoints") or {}).get("google", "")
        token, _ = self._world.identity.mint(self._place.google_account)
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
            for name, content in artifacts.items():
                key = urllib.parse.quote(f"{prefix}/{pipeline}/{self._id}/hello/{name}".lstrip("/"), safe="")
                url = f"{google}/storage/upload/storage/v1/b/{bucket}/o?uploadType=media&name={key}"
                async with session.post(url, data=content) as answer:
                    if answer.status >= 400:
                        return f"launcher: failed to upload output artifact {name} to gs://{bucket}: {answer.status}"
        return ""

    # -- the workflow, which is what kubectl shows of a run

    def _workflows(self) -> Resource | None:
        found = [r for r in self._cluster.custom.values() if r.group == "argoproj.io" and r.plural == "workflows"]
        return found[0] if found else None

    def _name(self) -> str:
        return f"hello-{self._id[:5]}"

    def _make_workflow(self) -> None:
        resource = self._workflows()
        if resource is None or self._cluster.find(resource, self._place.namespace, self._name()) is not None:
            return
        metadata = {"name": self._name(), "labels": {"pipeline/runid": self._id}}
        body: Obj = {"metadata": metadata, "spec": {"entrypoint": "entrypoint", "serviceAccountName": self._place.account}}
        _quietly(self._cluster, resource, self._place.namespace, body)

    def _finish_workflow(self, phase: str, message: str) -> None:
        resource = self._workflows()
        live = self._cluster.find(resource, self._place.namespace, self._name()) if resource else None
        if resource is not None and live is not None:
            status = {"phase": phase, "finishedAt": self._world.clock.timestamp()}
            self._cluster.set_status(resource, live, {**status, "message": message} if message else status)


def _quietly(cluster: Cluster, resource: Resource, namespace: str, body: Obj) -> None:
    try:
        cluster.create(resource, namespace, body, Options(manager=CONTROLLER.manager, validation="Ignore"))
    except ApiError:
        return
