"""Lists in pages: each thing once, in as many answers as it takes; no token but a list's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from simulated_project import PROJECT, Project

PARENT = f"projects/{PROJECT}"
LOCATION = f"{PARENT}/locations/us-central1"
NAMES = ["one-things", "three-things", "two-things"]


async def networks(project: Project) -> None:
    for name in NAMES:
        await project.good("compute.networks.insert", {"name": name, "autoCreateSubnetworks": False}, project=PROJECT)


async def accounts(project: Project) -> None:
    for name in NAMES:
        await project.good("iam.projects.serviceAccounts.create", {"accountId": name}, name=PARENT)


async def secrets(project: Project) -> None:
    for name in NAMES:
        body: dict[str, Any] = {"replication": {"automatic": {}}}
        await project.good("secretmanager.projects.secrets.create", body, parent=PARENT, secretId=name)


async def buckets(project: Project) -> None:
    for name in NAMES:
        await project.good("storage.buckets.insert", {"name": f"{PROJECT}-{name}"}, project=PROJECT)


async def repositories(project: Project) -> None:
    for name in NAMES:
        id = "artifactregistry.projects.locations.repositories.create"
        await project.good(id, {"format": "DOCKER"}, parent=LOCATION, repositoryId=name)


async def databases(project: Project) -> None:
    for name in NAMES:
        settings = {"tier": "db-g1-small", "edition": "ENTERPRISE"}
        await project.good("sql.instances.insert", {"name": name, "settings": settings}, project=PROJECT)


Made = Callable[[Project], Awaitable[None]]
LISTS: dict[str, tuple[Made, dict[str, Any], str, str]] = {
    "compute.networks.list": (networks, {"project": PROJECT}, "items", "maxResults"),
    "iam.projects.serviceAccounts.list": (accounts, {"name": PARENT}, "accounts", "pageSize"),
    "secretmanager.projects.secrets.list": (secrets, {"parent": PARENT}, "secrets", "pageSize"),
    "storage.buckets.list": (buckets, {"project": PROJECT}, "items", "maxResults"),
    "sql.instances.list": (databases, {"project": PROJECT}, "items", "maxResults"),
    "sql.operations.list": (databases, {"project": PROJECT}, "items", "maxResults"),
    "artifactregistry.projects.locations.repositories.list": (
        repositories, {"parent": LOCATION}, "repositories", "pageSize",
    ),
}  # fmt: skip
"""A list, what fills it, its parameters, its field, and what its pages' size is called."""


def ours(items: list[dict[str, Any]]) -> list[str]:
    """The names of what was made here, in the order of the list."""
    shown = [str(item.get("email") or item.get("targetId") or item["name"]) for item in items]
    return [name for text in shown for name in NAMES if name in text]


async def pages(project: Project, id: str, size: int) -> list[list[dict[str, Any]]]:
    _, params, field, key = LISTS[id]
    found: list[list[dict[str, Any]]] = []
    token: dict[str, Any] = {}
    while len(found) < 50:
        answer = await project.good(id, **params, **{key: size}, **token)
        found.append(answer.get(field, []))
        if "nextPageToken" not in answer:
            return found
        token = {"pageToken": answer["nextPageToken"]}
    raise AssertionError("the list never ended")


@pytest.mark.parametrize("id", LISTS)
async def test_each_thing_is_listed_once_whatever_the_size(project: Project, id: str) -> None:
    await LISTS[id][0](project)
    for size in (1, 2, 100):
        listed = await pages(project, id, size)
        assert all(len(part) <= size for part in listed)
        assert sorted(ours([item for part in listed for item in part])) == NAMES, size


@pytest.mark.parametrize("id", LISTS)
async def test_a_token_of_nobodys_and_a_size_below_nothing_are_refused(project: Project, id: str) -> None:
    _, params, _, key = LISTS[id]
    wrong: dict[str, Any]
    for wrong in ({"pageToken": "nonsense"}, {"pageToken": "-1"}, {key: -1}):
        answer = await project.call(id, **params, **wrong)
        assert (answer.status, "Invalid value" in answer.message) == (400, True), wrong


@pytest.mark.parametrize("id", LISTS)
async def test_an_empty_list_has_no_page_and_no_token(project: Project, id: str) -> None:
    answer = await project.good(id, **LISTS[id][1])
    assert ours(answer.get(LISTS[id][2], [])) == []
    assert "nextPageToken" not in answer
