"""Names that somebody else has, that are the environment's own, or that stay reserved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.environment import Home
from core.prerequisites import taken
from core.rehearsal.world import World
from tests.prerequisites.checked import ID, cloud, looked, subject

ZONE = "us-central1-a"
MARK = f"mlops-env-id={ID}"
STRANGERS: list[tuple[str, dict[str, Any]]] = [
    ("bucket", {"type": "storage.buckets", "name": f"demo-artifacts-{ID}"}),
    ("bucket", {"type": "storage.buckets", "name": f"demo-build-{ID}"}),
    ("bucket", {"type": "storage.buckets", "name": f"demo-state-{ID}"}),
    ("service-account", {"type": "iam.serviceAccounts", "name": f"demo-kfp-{ID}"}),
    ("network", {"type": "compute.networks", "name": "demo-network"}),
    ("subnetwork", {"type": "compute.subnetworks", "name": "demo-subnet", "scope": "regions/us-central1"}),
    ("router", {"type": "compute.routers", "name": "demo-router", "scope": "regions/us-central1"}),
    ("firewall-rule", {"type": "compute.firewalls", "name": "demo-allow-iap-ssh"}),
    ("address-range", {"type": "compute.globalAddresses", "name": "demo-sql-range"}),
    ("cluster", {"type": "container.clusters", "name": "demo-cluster"}),
    ("cloud-sql-instance", {"type": "sql.instances", "name": f"demo-sql-{ID}"}),
    ("repository", {"type": "artifactregistry.repositories", "name": "demo-images"}),
    ("secret", {"type": "secretmanager.secrets", "name": f"demo-sql-password-{ID}"}),
]


@pytest.mark.parametrize(("kind", "resource"), STRANGERS)
async def test_a_name_that_a_stranger_has(tmp_path: Path, home: Home, kind: str, resource: dict[str, Any]) -> None:
    project = {"project": {"resources": [{**resource, "owner": "someone-else"}]}}
    found = await looked(tmp_path, home, taken.check, project, zone=ZONE)
    assert {id: c.state for id, c in found.items()} == {f"name.{kind}": "block"}
    check = found[f"name.{kind}"]
    assert resource["name"] in check.why
    assert "name_prefix" in check.hint
    assert resource["name"] in check.command


async def test_names_that_are_free(tmp_path: Path, home: Home) -> None:
    found = await looked(tmp_path, home, taken.check, zone=ZONE, notebook="vm")
    assert [(c.id, c.state) for c in found.values()] == [("names", "pass")]


async def test_what_is_the_environments_own_is_no_hindrance(tmp_path: Path, home: Home) -> None:
    resources = [
        {"type": "compute.networks", "name": "demo-network", "description": f"made by mlops-env, {MARK}"},
        {"type": "artifactregistry.repositories", "name": "demo-images", "labels": {"mlops-env-id": ID}},
        {"type": "storage.buckets", "name": f"demo-state-{ID}", "project": "rehearsal-abcdef",
         "labels": {"mlops-env-id": ID}},
    ]  # fmt: skip
    found = await looked(tmp_path, home, taken.check, {"project": {"resources": resources}}, zone=ZONE)
    assert found["names"].state == "pass"
    assert "3 of them the environment's own" in found["names"].looked_at


async def test_where_it_keeps_its_state_here_no_bucket_of_states_is_wanted(tmp_path: Path, home: Home) -> None:
    project = {"project": {"resources": [{"type": "storage.buckets", "name": f"demo-state-{ID}"}]}}
    assert (await looked(tmp_path, home, taken.check, project, zone=ZONE, state="local"))["names"].state == "pass"


async def test_what_can_not_be_looked_at_is_an_open_question_and_the_rest_is_known(tmp_path: Path, home: Home) -> None:
    project = {"project": {"resources": [{"type": "storage.buckets", "name": f"demo-build-{ID}"}]}}
    found = await looked(tmp_path, home, taken.check, project, on=("compute",), zone=ZONE)
    assert {id: c.state for id, c in found.items()} == {"name.bucket": "block", "names": "skip"}
    assert "sqladmin.googleapis.com is off" in found["names"].why
    hidden = {"project": {"missing_permissions": ["compute.networks.get"]}}
    found = await looked(tmp_path / "hidden", home, taken.check, hidden, zone=ZONE)
    assert (found["names"].state, "compute.networks.get" in found["names"].why) == ("skip", True)


async def test_a_database_name_that_was_given_back_lately(tmp_path: Path, home: Home) -> None:
    async with cloud(tmp_path) as (_, google):
        name, where = f"demo-sql-{ID}", {"project": google.project}
        body = {"name": name, "settings": {"tier": "db-g1-small", "edition": "ENTERPRISE"}}
        await google.wait("sqladmin", "v1", await google.call("sqladmin", "v1", "instances.insert", body=body, **where))
        looked_at = subject(google, home, zone=ZONE)
        assert [c.id for c in await taken.check(looked_at)] == ["name.cloud-sql-instance"]
        await google.wait("sqladmin", "v1", await google.call("sqladmin", "v1", "instances.delete", instance=name, **where))
        (check,) = await taken.check(looked_at)
    assert (check.id, check.state) == (taken.RESERVED, "warn")
    assert name in check.why


@pytest.mark.parametrize(("hours", "found", "pages"), [(0.5, taken.RESERVED, 3), (2.0, "names", 1)])
async def test_the_operations_of_a_week_are_read_page_by_page_and_no_older_ones(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch, hours: float, found: str, pages: int
) -> None:
    asked: list[str] = []
    async with cloud(tmp_path) as (simulated, google):
        plant_a_deletion_and_backups_after_it(simulated.world, 250, hours * 3600)
        call = google.call

        async def counted(api: str, version: str, method: str, **params: Any) -> Any:
            asked.append(f"{api}.{method}")
            return await call(api, version, method, **params)

        monkeypatch.setattr(google, "call", counted)
        assert [c.id for c in await taken.check(subject(google, home, zone=ZONE))] == [found]
    assert asked.count("sqladmin.operations.list") == pages


def plant_a_deletion_and_backups_after_it(world: World, backups: int, apart: float) -> None:
    """Operations of a project with many instances, so many seconds from one to the next."""
    same = {"done": True, "user": "me@example.com", "instance": f"{world.project}/demo-sql-{ID}"}
    for order in range(backups + 1):
        kind, name, start = "BACKUP_VOLUME" if order else "DELETE", f"sql/{order}", order * apart
        details = {"name": str(order), "order": order, "type": kind, "start": start, "end": start + 60}
        world.store.put("operations", name, {**same, **details})


async def test_what_stands_has_its_names(tmp_path: Path, home: Home) -> None:
    assert await looked(tmp_path, home, taken.check, made={}) == {}
