"""A step by itself: an installation on a fake cluster, with Google's answers as a table, and a context that remembers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.environment import Cloud, Environment, Home
from core.install.installation import Installation
from core.run.clock import VirtualClock
from core.run.redact import Redactor
from core.run.step import Outcome, Step

sys.path.insert(0, str(Path(__file__).parents[1] / "kubernetes"))

from fake_cluster import FakeCluster, Recorder


class FakeGoogle:
    """Google's APIs: ``answers`` by method (a value, an error, or a function of the parameters), ``calls`` in order."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.waited: list[Any] = []
        self.credentials = self
        self.redactor = Redactor()
        self.project = "project-1"

    async def token(self) -> str:
        return "token"

    def reject(self, token: str) -> None:
        """A token was refused."""

    async def call(self, api: str, version: str, method: str, **params: Any) -> dict[str, Any]:
        self.calls.append((f"{api}.{method}", params))
        answer = self.answers[f"{api}.{method}"]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        found = answer(**params) if callable(answer) else answer
        assert isinstance(found, dict)
        return found

    async def list(self, api: str, version: str, method: str, *, items: str = "", **params: Any) -> list[Any]:
        return list((await self.call(api, version, method, **params)).get(items, []))

    async def download(self, api: str, version: str, method: str, **params: Any) -> bytes:
        answer = self.answers[f"{api}.{method}"]
        if isinstance(answer, Exception):
            raise answer
        return bytes(answer)

    async def wait(self, api: str, version: str, operation: Any, context: Any = None, *, key: str = "") -> dict[str, Any]:
        self.waited.append(operation)
        return {}

    def asked(self, method: str) -> list[dict[str, Any]]:
        """The parameters of every call of a method."""
        return [params for name, params in self.calls if name == method]


class StepContext(Recorder):
    """A `core.run.step.Context` for one step."""

    def __init__(self, facts: dict[str, Any], redactor: Redactor, clock: VirtualClock) -> None:
        super().__init__()
        self.facts, self.redactor, self.clock = facts, redactor, clock
        self.published: dict[str, Any] = {}
        self.operations: dict[str, str] = {}
        self.has_changed = False

    def fact(self, name: str) -> Any:
        return self.facts[name]

    async def wait_for(self, name: str) -> Any:
        return self.facts[name]

    def publish(self, name: str, value: Any) -> None:
        self.published[name] = value

    def operation_started(self, key: str, name: str) -> None:
        self.operations[key] = name

    def operation_finished(self, key: str, name: str) -> None:
        self.operations.pop(key, None)

    def pending_operation(self, key: str) -> str | None:
        return self.operations.get(key)

    async def person(self, kind: str, message: str, **details: Any) -> Any:
        raise AssertionError("nobody is there")

    def changed(self) -> None:
        self.has_changed = True


class StepBench:
    """An environment whose steps run one by one against a fake cluster."""

    def __init__(self, fake: FakeCluster, home: Home, **given: Any) -> None:
        self.fake, self.google = fake, FakeGoogle()
        values = {"project_id": "project-1", "zone": "us-central1-a", **given}
        self.environment = Environment.new(home, "demo", cloud="google", given=values).save()
        self.installation = Installation(
            environment=self.environment,
            cloud=Cloud(),
            clock=VirtualClock(),
            redactor=Redactor(),
            run_folder=self.environment.folder,
        )
        self.installation.__dict__["google"] = self.google
        self.google.redactor = self.installation.redactor
        self.names = self.installation.names
        self.facts: dict[str, Any] = {"cluster_endpoint": fake.url, "namespace": self.names.namespace}
        self.operations: dict[str, str] = {}

    async def run(self, make: Callable[[Installation], Step]) -> tuple[Outcome, StepContext]:
        """Runs a step once; its outcome as the engine would count it, and what it told."""
        clock = self.installation.clock
        assert isinstance(clock, VirtualClock)
        context = StepContext(self.facts, self.installation.redactor, clock)
        context.operations = self.operations
        step = make(self.installation)
        outcome = await step.run(context)
        missing = [name for name in step.publishes if name not in context.published]
        assert not missing, f"{step.id} did not publish {missing}"
        return outcome or ("done" if context.has_changed else "unchanged"), context
