"""One of the two servers, and what it answered: the same scenario is run on each side, and the answers are laid together.

A scenario is a function of a `Side`. What it asks by `ask` is compared under the name that it gives; what it only needs on
its way (`tell`, `until`) is not.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.conformance.frame import Check
from tests.conformance.kubernetes.normal import normal, words

JSON, MERGE = "application/json", "application/merge-patch+json"
STRATEGIC, JSON_PATCH = "application/strategic-merge-patch+json", "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
ADMIN = "admin@example.com"
PATIENCE = 60.0
Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said: its status, its decoded body, and its warnings."""

    status: int
    body: Any
    warnings: tuple[str, ...]
    kind: str

    def compared(self) -> Obj:
        """The form in which it is laid beside the other side's."""
        return {
            "status": self.status,
            "type": self.kind,
            "warnings": list(map(words, self.warnings)),
            "body": normal(self.body),
        }


@dataclass
class Side:
    """A server and the answers that it gave, by the names of the questions."""

    name: str
    url: str
    tokens: dict[str, str]
    session: aiohttp.ClientSession
    kubeconfig: Path = Path()
    authority: Path = Path()
    answers: dict[str, Any] = field(default_factory=dict)
    scenario: str = ""

    async def ask(self, name: str, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        """One request that is compared under a name."""
        answer = await self.tell(method, path, body, **options)
        self.note(name, answer.compared())
        return answer

    def note(self, name: str, value: Any) -> None:
        """Keeps something else that is compared."""
        full = f"{self.scenario}: {name}"
        assert full not in self.answers, f"{full} was asked twice"
        self.answers[full] = value

    async def tell(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        who: str = ADMIN,
        content: str = JSON,
        accept: str = JSON,
        **query: str,
    ) -> Answer:
        """One request that is not compared."""
        headers = {"Authorization": f"Bearer {self.tokens.get(who, who)}", "Accept": accept, "User-Agent": "battery"}
        data = body if isinstance(body, str | bytes | None) else json.dumps(body)
        if data is not None:
            headers["Content-Type"] = content
        async with self.session.request(method, self.url + path, data=data, headers=headers, params=query) as answer:
            text = await answer.text()
            warnings = tuple(answer.headers.getall("Warning", []))
            return Answer(answer.status, _decoded(text), warnings, answer.content_type)

    async def until(self, path: str, fits: Callable[[Any], bool], *, accept: str = JSON) -> Any:
        """The body of a path once it fits: a condition of the server's own controllers, looked at until it holds."""
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await self.tell("GET", path, accept=accept)
                if fits(answer.body):
                    return answer.body
                await asyncio.sleep(0.02)

    async def gone(self, path: str) -> None:
        """Waits until nothing is at a path any more."""
        await self.until(path, lambda body: isinstance(body, dict) and body.get("code") == 404)

    async def apply(self, name: str, path: str, body: Obj, manager: str = "battery", **options: Any) -> Answer:
        """A server-side apply that is compared."""
        return await self.ask(name, "PATCH", path, body, content=APPLY, fieldManager=manager, **options)

    async def watch(self, name: str, path: str, count: int, **query: str) -> None:
        """The first events of a watch, compared; it ends after as many, or with its time."""
        headers = {"Authorization": f"Bearer {self.tokens[ADMIN]}", "Accept": JSON}
        query = {"watch": "true", "timeoutSeconds": "5", **query}
        events: list[Any] = []
        async with self.session.get(self.url + path, headers=headers, params=query) as answer:
            rest = b""
            async for chunk in answer.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                events += [json.loads(line) for line in lines]
                if len(events) >= count:
                    break
            if rest.strip() and len(events) < count:
                events.append(json.loads(rest))
        self.note(name, {"status": answer.status, "events": normal(events[:count])})


def _decoded(text: str) -> Any:
    if text[:1] not in ("{", "["):
        return words(text)
    try:
        return json.loads(text)
    except ValueError:
        # a watch's answer is one object a line
        return {"events": [json.loads(line) for line in text.strip().split("\n")]}


Scenario = Callable[[Side], Awaitable[None]]


async def run(sides: list[Side], scenario: str, act: Scenario) -> list[Check]:
    """Runs a scenario on both sides at once; what broke it off, as checks that fail."""
    for side in sides:
        side.scenario = scenario
    ended = await asyncio.gather(*(act(side) for side in sides), return_exceptions=True)
    said = {side.name: repr(end) if end is not None else "" for side, end in zip(sides, ended, strict=True)}
    return [Check(f"{scenario}: it runs through", dict.fromkeys(said, ""), said)] if any(said.values()) else []
