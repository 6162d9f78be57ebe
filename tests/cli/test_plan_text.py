"""The plan as a person reads it: what a role lets be done is said beside it, and what it all costs at the end."""

from __future__ import annotations

from typing import Any

import pytest

from core.cli.look import plan_lines
from core.install.cost import estimate

ROLE = {"member": "serviceAccount:build@p", "resource": "p"}


@pytest.mark.parametrize(("role", "told"), [("roles/container.developer", True), ("roles/logging.logWriter", False)])
def test_a_role_that_reads_every_secret_says_so(role: str, told: bool) -> None:
    shown = "\n".join(plan_lines(_document(roles=[{"role": role, **ROLE}])))
    assert role in shown
    assert ("every Secret of the cluster" in shown) is told


def test_what_it_costs_and_how_long_it_takes_is_told() -> None:
    given = {"node_machine_type": "c4-standard-8", "region": "europe-north1", "notebook": "vm"}
    cost = estimate(given, environment="demo").to_dict()
    shown = "\n".join(plan_lines(_document(cost=cost, seconds=1900.0)))
    assert f"{cost['monthly']['low']:,.0f} to {cost['monthly']['high']:,.0f} USD" in shown
    assert all(line["what"] in shown for line in cost["lines"])
    assert "not known  nodes of c4-standard-8" in shown
    assert "mlops-env notebook stop demo would save" in shown
    assert cost["note"] in shown
    assert "about 32 minutes" in shown


def _document(**given: Any) -> dict[str, Any]:
    return {
        "services": [],
        "roles": [],
        "terraform": {"add": 0, "change": 0, "destroy": 0, "resources": []},
        "direct": [],
        "kubernetes": [],
        "files": [],
        "cost": estimate({}, environment="demo").to_dict(),
        "seconds": 0.0,
        **given,
    }
