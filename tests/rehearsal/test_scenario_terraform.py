"""Which provider a rehearsal's Terraform runs: the stand-in, or the real one from where Terraform finds it."""

from __future__ import annotations

import pytest

from core.errors import UsageError
from core.rehearsal.scenario import parse


def test_it_is_the_stand_in_unless_the_real_one_is_wanted() -> None:
    assert parse({}).terraform.provider == "stand-in"
    assert parse({"terraform": {"provider": "hashicorp"}}).terraform.provider == "hashicorp"


def test_another_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="stand-in or hashicorp"):
        parse({"terraform": {"provider": "opentofu"}})
