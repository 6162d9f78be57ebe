"""The battery can fail: what is broken in one server is found beside another that is whole.

Here both are the simulated one, so that this needs no other program; what is broken is broken in its own code.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from core.rehearsal.kubernetes import defaults, fields, questions, status
from tests.conformance.frame import judge
from tests.conformance.kubernetes import USERS, compared
from tests.conformance.kubernetes.battery import lives
from tests.conformance.kubernetes.battery.samples import BY_KIND
from tests.conformance.kubernetes.side import Side, run
from tests.conformance.kubernetes.simulated import simulated

LIFE = ("life of a Service", partial(lives._life, BY_KIND["Service"]))


async def _lived(name: str, folder: Path) -> Side:
    async with simulated(folder, USERS, alone=True) as (served, tokens):
        side = Side(name, served.url, tokens, served.session)
        assert await run([side], *LIFE) == []
        return side


@pytest.fixture
async def whole(tmp_path: Path) -> Side:
    """The answers of a server that is whole."""
    return await _lived("whole", tmp_path / "whole")


def _without_session_affinity(obj: dict[str, Any]) -> dict[str, Any]:
    made = defaults._service(obj)
    return {**made, "spec": {k: v for k, v in made["spec"].items() if k != "sessionAffinity"}}


def _another_code(error: status.ApiError) -> dict[str, Any]:
    body = _BODY(error)
    return {**body, "code": 400} if body["code"] == 409 else body


_BODY = status.ApiError.body

MUTATIONS: dict[str, tuple[str, Callable[[], Any]]] = {
    "a field dropped": ("sessionAffinity", lambda: patch.dict(defaults._OF_KIND, Service=_without_session_affinity)),
    "a status code changed": ("body.code", lambda: patch.object(status.ApiError, "body", _another_code)),
    "an owner lost": ("managedFields", lambda: patch.object(fields, "UNOWNED", {*fields.UNOWNED, ("f:spec", "f:ports")})),
    "a form ignored": ("body.kind", lambda: patch.object(questions, "form", lambda request: "")),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_what_is_broken_is_found(whole: Side, tmp_path: Path, mutation: str) -> None:
    field, broken = MUTATIONS[mutation]
    with broken():
        other = await _lived("broken", tmp_path / "broken")
    result = judge("mutation", compared(whole, other), [])
    assert not result.passed
    assert any(field in line for line in result.unlisted), result.unlisted[:5]


async def test_a_server_agrees_with_itself(whole: Side, tmp_path: Path) -> None:
    again = await _lived("again", tmp_path / "again")
    result = judge("same", compared(whole, again), [])
    assert (result.unlisted, result.agree) == ([], result.checks)
    assert result.checks > 30
