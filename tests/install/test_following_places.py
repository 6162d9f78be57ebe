"""Places that follow by themselves: a zone with the machines, a region that takes builds; and a name that is reserved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.environment import Environment, Home
from core.gcp import services
from core.install import following
from core.install.prerequisites import followed, give_up_reserved_name, subject_of
from core.prerequisites import demand, examine_access
from tests.gcp.simulated_google import Told, installation, simulation

ON = ("cloudresourcemanager", "compute", "orgpolicy", "container", "sqladmin", "iam", "cloudbilling", "cloudbuild")
NO_MACHINES = {"us-central1-a": ["e2-standard-4"], "us-central1-b": ["e2-standard-4"]}


@pytest.mark.parametrize(
    ("lacks", "key", "value"),
    [(NO_MACHINES, "zone", "us-central1-c"), ({"us-central1": ["builds"]}, "build_region", "us-west2")],
    ids=["zone", "builds"],
)
async def test_a_place_follows_where_nobody_chose_one(
    tmp_path: Path, home: Home, lacks: dict[str, Any], key: str, value: str
) -> None:
    async with simulation(tmp_path / "cloud", {"lacks": lacks}) as found:
        made = installation(found, home)
        await services.enable(made.google, [f"{name}.googleapis.com" for name in ON])
        checks = await followed(made, await examine_access(subject_of(made)))
        demand(checks)
        assert made.values[key] == value
        assert Environment.load(home, "demo").values[key] == value
        assert f"follows.{key}" in {c.id for c in checks}
        await made.close()


async def test_a_zone_that_a_run_once_took_is_not_changed(tmp_path: Path, home: Home) -> None:
    async with simulation(tmp_path / "cloud", {"lacks": NO_MACHINES}) as found:
        made = installation(found, home)
        made.environment = made.environment.with_resolved(zone="us-central1-a").save()
        await services.enable(made.google, [f"{name}.googleapis.com" for name in ON])
        checks = await followed(made, await examine_access(subject_of(made)))
        assert made.values["zone"] == "us-central1-a"
        assert [o.setting for o in following.offers(checks, made.environment)] == ["zone=us-central1-c"]
        await made.close()


async def test_a_reserved_name_of_the_database_is_given_up_before_anything_is_made(tmp_path: Path, home: Home) -> None:
    async with simulation(tmp_path / "cloud") as found:
        made, told = installation(found, home, zone="us-central1-a"), Told()
        await services.enable(made.google, [f"{name}.googleapis.com" for name in ON])
        before = made.names.sql_instance
        where = {"project": made.google.project}
        body = {"name": before, "settings": {"tier": "db-g1-small", "edition": "ENTERPRISE"}}
        for method, params in (("insert", {"body": body}), ("delete", {"instance": before})):
            operation = await made.google.call("sqladmin", "v1", f"instances.{method}", **params, **where)
            await made.google.wait("sqladmin", "v1", operation)
        checks = await examine_access(subject_of(made))
        demand(checks)
        give_up_reserved_name(made, checks, told)
        assert made.names.sql_instance == f"{before}-2"
        assert Environment.load(home, "demo").sql_generation == 2
        assert f"The name {before} is still reserved" in told.lines[0]
        give_up_reserved_name(made, await examine_access(subject_of(made)), told)
        assert made.names.sql_instance == f"{before}-2"
        await made.close()
