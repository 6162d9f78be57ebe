"""What holds for every method that is simulated: it asks who calls, and never breaks on what it is sent."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from simulated_project import APIS, PROJECT, Answer, Project

from core.rehearsal.google import discovery, handlers
from core.rehearsal.google.calls import HANDLERS
from core.rehearsal.google.services import ALWAYS_ON, CHARGED_TO_CALLER, FROM_THE_START, SERVICES

handlers.load()

PLACES = {"region": "us-central1", "location": "us-central1", "zone": "us-central1-a", "locationId": "us-central1"}
FOR_ANYBODY = re.compile(r"^oauth2\.|testIamPermissions$|^cloudresourcemanager\.projects\.(list|search)$")
"""What answers everybody with what is theirs: who they are, what they may do, which projects they see."""
BODIES: tuple[Any, ...] = (None, {}, [], "text", 7, {"name": 7}, {"policy": {"bindings": "all"}}, {"labels": ["a"]})


def method(id: str) -> discovery.Method:
    api = APIS.get(id.partition(".")[0], id.partition(".")[0])
    return next(found for v in discovery.VERSIONS[api] if (found := discovery.api(api, v).methods.get(id)))


def by_api() -> dict[str, list[discovery.Method]]:
    found: dict[str, list[discovery.Method]] = {}
    for id in sorted(HANDLERS):
        found.setdefault(method(id).api, []).append(method(id))
    return found


METHODS = by_api()


def parameters(wanted: discovery.Method) -> dict[str, Any]:
    """Values for what a method must be given; they mean things of the project that are not there."""
    found = {}
    for name, parameter in wanted.parameters.items():
        if parameter.get("location") == "path" or parameter.get("required"):
            found[name] = _value(name, str(parameter.get("pattern", "")))
    return found


def _value(name: str, pattern: str) -> str:
    if name in ("project", "projectId", "projectsId", "projectName"):
        return PROJECT
    if pattern.startswith("^"):
        text = pattern.strip("^$").replace("projects/[^/]+", f"projects/{PROJECT}")
        text = text.replace("locations/[^/]+", "locations/us-central1").replace("zones/[^/]+", "zones/us-central1-a")
        return text.replace("[^/]+", "absent-one").replace(".*", "absent-one")
    return PLACES.get(name, "absent-one")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One project for all of them."""
    return Project(tmp_path_factory.mktemp("every-method"))


Judge = Callable[[Answer], bool]


async def troubles(project: Project, api: str, wrong: Judge, *, body: Any = None, **how: Any) -> list[str]:
    """The methods of an API whose answer is wrong, with the answer."""
    found = []
    for wanted in METHODS[api]:
        try:
            answer = await project.call(wanted.id, body, version=wanted.version, **how, **parameters(wanted))
        except Exception as error:
            found.append(f"{wanted.id}: {error!r}")
            continue
        if wrong(answer):
            found.append(f"{wanted.id}: {answer.status} {answer.raw[:200]!r}")
    return found


@pytest.mark.parametrize("api", METHODS)
async def test_without_a_token_nobody_is_answered(shared: Project, api: str) -> None:
    assert await troubles(shared, api, lambda a: a.status != 401, token="", quota=None) == []


@pytest.mark.parametrize("api", METHODS)
async def test_without_a_role_nothing_is_shown_and_nothing_is_done(shared: Project, api: str) -> None:
    store = shared.world.store
    kinds = ("iam.policies", "storage.buckets", "secretmanager.secrets", "compute.networks", "iam.serviceAccounts")
    before = {kind: store.items(kind) for kind in kinds}
    token = shared.token_of("nobody@rehearsal.example")
    quota = None if api in ALWAYS_ON or api in CHARGED_TO_CALLER else PROJECT
    found = await troubles(shared, api, lambda a: a.status < 400, token=token, quota=quota)
    assert [trouble for trouble in found if not FOR_ANYBODY.search(trouble.partition(":")[0])] == []
    assert {kind: store.items(kind) for kind in kinds} == before


@pytest.mark.parametrize("api", METHODS)
async def test_whatever_is_sent_the_answer_is_one_of_googles(shared: Project, api: str) -> None:
    def wrong(answer: Answer) -> bool:
        if answer.status < 400:
            return False
        error = answer.json.get("error", {})
        broken = answer.status >= 500 and answer.status != 501
        return broken or error.get("code") != answer.status or not error.get("message")

    for body in BODIES:
        assert await troubles(shared, api, wrong, body=body) == [], body


@pytest.mark.parametrize("api", sorted(a for a in METHODS if a not in ALWAYS_ON and SERVICES[a][0] not in FROM_THE_START))
async def test_a_service_that_is_off_answers_nobody(tmp_path: Path, api: str) -> None:
    project = Project(tmp_path, enabled=False)
    found = await troubles(project, api, lambda a: a.status != 403 or SERVICES[api][0] not in a.message)
    assert found == []
