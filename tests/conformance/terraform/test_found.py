"""The comparison finds what it is for: an attribute renamed in the stand-in, a value kept otherwise, a request left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.rehearsal.provider import schema
from tests.conformance.frame import Listed, Result, judge
from tests.conformance.terraform import of_phase, plain, schemas
from tests.conformance.terraform.cloud import Request
from tests.conformance.terraform.story import Seen

ADDRESS = "google_compute_router.this"
VALUES: dict[str, Any] = {"name": "r", "description": "words", "network": "n", "region": "us-central1"}
ASKED = Request("POST", "/compute/compute/v1/projects/p/regions/r/routers", {"alt": "json"}, {"name": "r"}, "p", 200)


def seen(**changed: Any) -> Seen:
    values = {**VALUES, **changed}
    change = {"actions": ["create"], "after": values, "after_unknown": {"id": True}, "after_sensitive": {}}
    resource = {"address": ADDRESS, "mode": "managed", "type": "google_compute_router", "change": change}
    instance = {"type": "google_compute_router", "attributes": values, "schema_version": 0}
    return Seen(plan={"resource_changes": [resource]}, state={ADDRESS: instance}, requests=[ASKED])


def judged(really: Seen, here: Seen) -> Result:
    return judge("terraform", of_phase("made", really, here), [])


def test_two_that_did_the_same_agree_whatever_chance_drew() -> None:
    one = seen(creation_timestamp="2026-01-01T00:00:00Z", self_link="http://127.0.0.1:1234/x")
    other = seen(creation_timestamp="2026-02-02T00:00:00Z", self_link="http://127.0.0.1:4321/x")
    assert judged(one, other).passed


@pytest.mark.parametrize(
    ("here", "path"),
    [
        (seen(description="other"), "after.description"),
        (seen(description=None), "attributes.description"),
        (replace(seen(), requests=[]), "requests: POST"),
        (replace(seen(), requests=[replace(ASKED, body={})]), "[0].body.name"),
        (replace(seen(), requests=[replace(ASKED, charged_to="")]), "[0].charged"),
        (replace(seen(), told="Error: no"), "errors"),
        (replace(seen(), left={ADDRESS: "update"}), "left to do"),
    ],
)
def test_what_differs_is_found(here: Seen, path: str) -> None:
    result = judged(seen(), here)
    assert not result.passed
    assert any(path in line for line in result.unlisted), result.unlisted


def test_an_attribute_that_is_renamed_in_the_stand_in_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = {"version": 0, "block": {"attributes": {"asn": {"type": "number"}, "description": {"type": "string"}}}}
    ours = {"version": 0, "block": {"attributes": {"asn": {"type": "number"}, "descripton": {"type": "string"}}}}
    result = judge("terraform", schemas.held("router", schemas.plain(real), schemas.plain(ours)), [])
    assert any("descripton" in line for line in result.unlisted)
    assert any("description" in line for line in result.unlisted)

    (tmp_path / "x.types").write_text("google_compute_router v0\n    name string rf\n    descripton string o\n")
    monkeypatch.setattr(schema, "TYPES", tmp_path)
    schema.resource_types.cache_clear()
    try:
        kept = plain.kept(seen())[ADDRESS]["attributes"]
    finally:
        schema.resource_types.cache_clear()
    assert kept == {"name": "r"}


def test_which_changes_of_a_policy_went_together_is_no_difference() -> None:
    again = 'Batch request and retried single request "Create for project \\"p\\"" both failed. Final error: '
    alone, together = (f"Error: Request `Create` returned error: {before}no" for before in ("", again))
    assert judged(seen(), seen()).agree == judged(replace(seen(), told=alone), replace(seen(), told=together)).agree


def test_an_argument_that_has_to_be_given_is_not_lacked_as_one_that_may_be() -> None:
    given: dict[str, Any] = {"name": {"type": "string", "optional": True}}
    real = {"block": {"attributes": given, "block_types": {"rule": {"nesting_mode": "list", "min_items": 1, "block": {}}}}}
    known = [Listed("terraform", ("lacks: *",), ("optional *",), "may be left out")]
    ours: dict[str, Any] = {"block": {}}
    found = judge("terraform", schemas.held("router", schemas.plain(real), schemas.plain(ours)), known)
    assert [line.partition(": true")[0] for line in found.unlisted] == ["lacks: router: required rule"]
