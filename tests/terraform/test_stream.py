"""Terraform's events, as they reach the screen and a step."""

from __future__ import annotations

import json
from typing import Any

from terraform_work import Heard

from core.terraform import Completed
from core.terraform.stream import Stream

CLUSTER = {
    "addr": "module.cluster.google_container_cluster.this",
    "resource_type": "google_container_cluster",
    "resource_name": "this",
}
SQL = {
    "addr": "module.database.google_sql_database_instance.this",
    "resource_type": "google_sql_database_instance",
    "resource_name": "this",
}


def line(type: str, **body: Any) -> str:
    return json.dumps({"@level": "info", "@message": f"a {type}", "type": type, **body})


def hook(resource: dict[str, str], **body: Any) -> dict[str, Any]:
    return {"hook": {"resource": resource, "action": "create", **body}}


def test_a_resource_is_told_of_from_its_start_to_its_end() -> None:
    heard, told = Heard(), list[Completed]()
    stream = Stream(heard, told.append, total=2)
    stream.line(line("apply_start", **hook(CLUSTER)))
    stream.line(line("apply_start", **hook(SQL)))
    stream.line(line("apply_progress", **hook(CLUSTER, elapsed_seconds=10)))
    stream.line(line("apply_complete", **hook(CLUSTER, elapsed_seconds=12, id_key="id", id_value="projects/p")))
    assert [r[3] for r in heard.resources if r[1] == CLUSTER["addr"]] == ["started", "progress", "done"]
    assert told == [Completed(CLUSTER["addr"], "google_container_cluster", "this", "create", "projects/p")]
    assert heard.progressed == [("1 of 2 resources; at work: sql_database_instance", 0.5)]
    assert set(stream.at_work) == {SQL["addr"]}


def test_a_resource_that_failed_is_not_complete() -> None:
    heard = Heard()
    stream = Stream(heard)
    stream.line(line("apply_start", **hook(SQL)))
    stream.line(line("apply_errored", **hook(SQL, elapsed_seconds=2)))
    assert heard.resources[-1][3] == "failed"
    assert not stream.completed
    assert not stream.at_work


def test_a_diagnostic_is_kept_and_logged_with_its_address() -> None:
    heard = Heard()
    stream = Stream(heard)
    stream.line(
        line("diagnostic", diagnostic={"severity": "error", "summary": "Error 503", "detail": "x", "address": SQL["addr"]})
    )
    stream.line(
        line(
            "diagnostic", diagnostic={"severity": "warning", "summary": "Resource targeting", "detail": "the -target option"}
        )
    )
    assert [d.address for d in stream.errors] == [SQL["addr"]]
    assert heard.logged == [f"error: Error 503 x ({SQL['addr']})"]


def test_what_is_no_event_is_kept_as_the_only_cause_there_may_be() -> None:
    stream = Stream(Heard())
    stream.line("panic: runtime error")
    stream.line("[1]")
    assert stream.plain == ["panic: runtime error", "[1]"]


def test_events_of_a_later_version_are_only_logged() -> None:
    heard = Heard()
    Stream(heard).line(line("something_new", body=1))
    assert heard.logged == ["a something_new"]


def test_looking_is_not_logged() -> None:
    heard = Heard()
    stream = Stream(heard)
    stream.line(line("refresh_start", **hook(SQL)))
    stream.line(line("refresh_complete", **hook(SQL)))
    assert not heard.logged
