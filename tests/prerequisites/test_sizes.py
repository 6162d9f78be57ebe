"""What a place offers: machines in the zone, GKE's channel, the database's tier, each way in which one stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.environment import Home
from core.prerequisites import sizes
from core.rehearsal.google import compute_catalogue
from tests.prerequisites.checked import looked

ZONE = "us-central1-a"


@pytest.mark.parametrize(
    ("lacks", "given", "expected"),
    [
        ({}, {}, {"node_machine_type": "pass", "gke": "pass", "sql_tier": "pass"}),
        ({}, {"notebook": "vm"},
         {"node_machine_type": "pass", "notebook_machine_type": "pass", "gke": "pass", "sql_tier": "pass"}),
        ({ZONE: ["e2-standard-4"]}, {}, {"node_machine_type": "block", "gke": "pass", "sql_tier": "pass"}),
        ({ZONE: ["n2-standard-8"]}, {"profile": "standard", "notebook": "container"},
         {"node_machine_type": "pass", "notebook_machine_type": "block", "gke": "pass", "sql_tier": "pass"}),
        ({ZONE: ["n2-standard-8"]}, {"profile": "standard"},
         {"node_machine_type": "pass", "gke": "pass", "sql_tier": "pass"}),
        ({ZONE: ["REGULAR"]}, {}, {"node_machine_type": "pass", "gke": "block", "sql_tier": "pass"}),
        ({"us-central1": ["db-g1-small"]}, {"profile": "trial"},
         {"node_machine_type": "pass", "gke": "pass", "sql_tier": "block"}),
        ({"us-east1": ["db-g1-small"]}, {"profile": "trial"},
         {"node_machine_type": "pass", "gke": "pass", "sql_tier": "pass"}),
        ({}, {"sql_tier": "db-custom-2-8192"}, {"node_machine_type": "pass", "gke": "pass", "sql_tier": "pass"}),
        ({}, {"node_machine_type": "e2-standard-5"}, {"node_machine_type": "block", "gke": "pass", "sql_tier": "pass"}),
    ],
)  # fmt: skip
async def test_what_the_place_offers(
    tmp_path: Path, home: Home, lacks: dict[str, Any], given: dict[str, Any], expected: dict[str, str]
) -> None:
    found = await looked(tmp_path, home, sizes.check, {"lacks": lacks}, zone=ZONE, **given)
    assert {id: check.state for id, check in found.items()} == expected
    for check in found.values():
        if check.state == "block":
            assert check.why
            assert check.hint
            assert check.command.startswith("gcloud ")


async def test_a_machine_that_another_zone_has_is_offered_there(tmp_path: Path, home: Home) -> None:
    lacks = {ZONE: ["e2-standard-4"], "us-central1-b": ["e2-standard-4"]}
    check = (await looked(tmp_path, home, sizes.check, {"lacks": lacks}, zone=ZONE))["node_machine_type"]
    assert (check.key, check.allowed) == ("node_machine_type", f"a machine type that {ZONE} offers")
    assert [(a.key, a.value) for a in check.answers] == [("zone", "us-central1-c"), ("zone", "us-central1-f")]
    assert "us-central1-c, us-central1-f offer it" in check.hint


async def test_a_machine_that_is_nowhere_is_taken_for_the_nearest(tmp_path: Path, home: Home) -> None:
    check = (await looked(tmp_path, home, sizes.check, zone=ZONE, node_machine_type="e2-standart-4"))["node_machine_type"]
    assert check.answers[0].value == "e2-standard-4"


async def test_a_machine_that_goes_away_is_told(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = compute_catalogue._machine
    monkeypatch.setattr(
        compute_catalogue, "_machine", lambda *args: {**listed(*args), "deprecated": {"state": "DEPRECATED"}}
    )
    assert (await looked(tmp_path, home, sizes.check, zone=ZONE))["node_machine_type"].state == "warn"
    monkeypatch.setattr(compute_catalogue, "_machine", lambda *args: {**listed(*args), "deprecated": {"state": "DELETED"}})
    assert (await looked(tmp_path / "later", home, sizes.check, zone=ZONE))["node_machine_type"].state == "block"


async def test_without_a_zone_the_usual_one_is_looked_at(tmp_path: Path, home: Home) -> None:
    check = (await looked(tmp_path, home, sizes.check, {"lacks": {ZONE: ["e2-standard-4"]}}))["node_machine_type"]
    assert (check.state, check.answers[0].value) == ("block", "us-central1-b")


async def test_a_place_that_is_none_is_another_checks_to_say(tmp_path: Path, home: Home) -> None:
    given = {"region": "us-central9", "zone": "us-central9-a", "sql_tier": "db-g1-small"}
    found = await looked(tmp_path, home, sizes.check, **given)
    assert {id: check.state for id, check in found.items()} == dict.fromkeys(
        ("node_machine_type", "gke", "sql_tier"), "skip"
    )
    assert found["sql_tier"].why == "Cloud SQL lists no tiers in us-central9"


async def test_what_is_off_or_not_to_be_seen_is_an_open_question(tmp_path: Path, home: Home) -> None:
    found = await looked(tmp_path, home, sizes.check, on=())
    assert {c.state for c in found.values()} == {"skip"}
    assert all(".googleapis.com is off" in c.why for c in found.values())
    hidden = {"project": {"missing_permissions": ["compute.machineTypes.*", "cloudsql.instances.list"]}}
    found = await looked(tmp_path / "hidden", home, sizes.check, hidden, zone=ZONE)
    assert {id: c.state for id, c in found.items()} == {"node_machine_type": "skip", "gke": "pass", "sql_tier": "skip"}
