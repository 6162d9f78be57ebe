"""Which provider a rehearsal's Terraform runs: the stand-in, or the real one from where Terraform finds it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.environment import rehearsal
from core.environment.home import Home
from core.errors import UsageError
from core.rehearsal.scenario import parse


def test_it_is_the_stand_in_unless_the_real_one_is_wanted() -> None:
    assert parse({}).terraform.provider == "stand-in"
    assert parse({"terraform": {"provider": "hashicorp"}}).terraform.provider == "hashicorp"


def test_another_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="stand-in or hashicorp"):
        parse({"terraform": {"provider": "opentofu"}})


def test_no_deadline_is_shorter_than_what_the_real_one_takes_by_the_real_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(rehearsal.VARIABLE, str(tmp_path))
    places = {"google": "http://127.0.0.1:1", "ca_file": "ca.pem", "credentials_file": "user.json"}
    for mirror, least in (("/providers", 0), ("", 1200)):
        written = {**places, "project": "p", "speed": 60, "provider_mirror": mirror}
        (tmp_path / "endpoints.json").write_text(json.dumps(written))
        assert rehearsal.cloud_of(Home(tmp_path / "home"), "p").least == least
