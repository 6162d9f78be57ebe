"""A scenario that speaks of calls that do not exist is refused, with the nearest that does."""

from __future__ import annotations

import pytest

from core.errors import UsageError
from core.rehearsal.google import known
from core.rehearsal.scenario import DURATIONS, parse


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        ("sqladmin.users.insert", "Did you mean sql.users.insert?"),
        ("container.clusters.create", "Did you mean container.projects.locations.clusters.create?"),
        ("mysq", "Did you mean mysql?"),
        ("nothing.like.it", "Google's have the ids of the discovery documents."),
    ],
)
def test_a_call_that_is_none_is_refused_with_the_nearest(call: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"fault.call names {call}, ") as error:
        known.demand(parse({"fault": [{"call": call, "status": 403}]}))
    assert error.value.hint == hint
    with pytest.raises(UsageError, match=f"durations names {call}, "):
        known.demand(parse({"durations": {call: 3}}))


@pytest.mark.parametrize(
    "call", ["compute.networks.insert", "kubernetes:apply:deployments", "kfp:healthz", "token", "relay:reconnect", "sql.*"]
)
def test_a_call_that_there_is_is_none_too_many(call: str) -> None:
    known.demand(parse({"fault": [{"call": call, "status": 503}, {"pod": "mysql", "reason": "Unschedulable"}]}))


def test_every_duration_that_a_rehearsal_has_by_itself_may_be_set() -> None:
    known.demand(parse({"durations": dict(DURATIONS)}))
