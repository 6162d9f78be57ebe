"""The plan as a person reads it: what a role lets be done is said beside it."""

from __future__ import annotations

from typing import Any

import pytest

from core.cli.look import _show_plan
from core.cli.output import Output

ROLE = {"member": "serviceAccount:build@p", "resource": "p"}


@pytest.mark.parametrize(("role", "told"), [("roles/container.developer", True), ("roles/logging.logWriter", False)])
def test_a_role_that_reads_every_secret_says_so(capsys: pytest.CaptureFixture[str], role: str, told: bool) -> None:
    document: dict[str, Any] = {
        "services": [],
        "roles": [{"role": role, **ROLE}],
        "terraform": {"add": 0, "change": 0, "destroy": 0, "resources": []},
        "kubernetes": [],
        "files": [],
    }
    _show_plan(document, Output(json=False))
    shown = capsys.readouterr().out
    assert role in shown
    assert ("every Secret of the cluster" in shown) is told
