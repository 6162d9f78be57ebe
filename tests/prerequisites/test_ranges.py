"""Address ranges that others have in the network, and what is free there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.environment import Home
from core.prerequisites import ranges
from tests.prerequisites.checked import ID, looked

NETWORK = {"type": "compute.networks", "name": "demo-network", "description": f"mlops-env-id={ID}"}
LINK = "https://www.googleapis.com/compute/v1/projects/rehearsal-abcdef/global/networks/"


def subnet(cidr: str, *secondary: str, name: str = "theirs", network: str = "demo-network") -> dict[str, Any]:
    listed = [{"rangeName": f"r{n}", "ipCidrRange": each} for n, each in enumerate(secondary)]
    return {"type": "compute.subnetworks", "name": name, "scope": "regions/us-east1", "network": LINK + network,
            "ipCidrRange": cidr, "secondaryIpRanges": listed}  # fmt: skip


def reserved(address: str, length: int, name: str = "theirs") -> dict[str, Any]:
    return {"type": "compute.globalAddresses", "name": name, "network": f"{LINK}demo-network", "address": address,
            "prefixLength": length, "purpose": "VPC_PEERING"}  # fmt: skip


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ([], {"ranges": "pass"}),
        ([NETWORK, subnet("10.200.0.0/20")], {"ranges": "pass"}),
        ([NETWORK, subnet("10.0.8.0/24")], {"subnet_cidr": "block"}),
        ([NETWORK, subnet("10.200.0.0/20", "10.5.0.0/16", "10.8.0.0/24")],
         {"pods_cidr": "block", "services_cidr": "block"}),
        ([NETWORK, reserved("10.9.0.0", 16)], {"sql_cidr": "block"}),
        ([NETWORK, subnet("10.0.0.0/20", "10.4.0.0/14", "10.8.0.0/20", name="demo-subnet")], {"ranges": "pass"}),
        ([NETWORK, reserved("10.9.0.0", 20, name="demo-sql-range")], {"ranges": "pass"}),
        ([NETWORK, subnet("10.0.0.0/16", network="other")], {"ranges": "pass"}),
    ],
)  # fmt: skip
async def test_ranges(tmp_path: Path, home: Home, resources: list[dict[str, Any]], expected: dict[str, str]) -> None:
    found = await looked(tmp_path, home, ranges.check, {"project": {"resources": resources}})
    assert {id: c.state for id, c in found.items()} == expected
    for id, check in found.items():
        if check.state == "block":
            assert check.key == id
            assert "theirs" in check.why


async def test_a_range_that_is_free_is_offered(tmp_path: Path, home: Home) -> None:
    resources = [NETWORK, subnet("10.4.0.0/16")]
    check = (await looked(tmp_path, home, ranges.check, {"project": {"resources": resources}}))["pods_cidr"]
    (answer,) = check.answers
    assert (answer.key, answer.value) == ("pods_cidr", "10.12.0.0/14")
    given = {"pods_cidr": answer.value}
    again = await looked(tmp_path / "again", home, ranges.check, {"project": {"resources": resources}}, **given)
    assert again["ranges"].state == "pass"


async def test_what_is_off_or_not_to_be_seen_is_an_open_question(tmp_path: Path, home: Home) -> None:
    assert (await looked(tmp_path, home, ranges.check, on=()))["ranges"].state == "skip"
    hidden = {"project": {"missing_permissions": ["compute.subnetworks.list"]}}
    assert (await looked(tmp_path / "hidden", home, ranges.check, hidden))["ranges"].state == "skip"


async def test_what_stands_has_its_ranges(tmp_path: Path, home: Home) -> None:
    assert await looked(tmp_path, home, ranges.check, made={}) == {}
