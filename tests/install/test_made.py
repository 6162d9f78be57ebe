"""What an environment was made with last, as a later installation reads it."""

from __future__ import annotations

import pytest

from core.environment import Environment, Home
from core.install import made

GIVEN = {"project_id": "my-project-1", "notebook": "vm", "docker_users": ["you@example.com"], "labels": {"team": "ml"}}


@pytest.fixture
def environment(home: Home) -> Environment:
    return Environment.new(home, "demo", cloud="google", given=GIVEN).save()


def test_the_values_come_back_as_they_were(environment: Environment) -> None:
    assert made.of(environment) == ({}, False)
    made.keep(environment, {"image": {"tag": "a"}, "notebook": {"name": "demo-notebook"}})
    assert made.of(environment) == (environment.values, False)
    made.forget(environment)
    assert made.of(environment) == ({}, False)
    made.forget(environment)


def test_what_was_left_out_was_not_made(environment: Environment) -> None:
    made.keep(environment, {"image": None})
    assert made.of(environment) == ({**environment.values, "image": "none", "notebook": "none"}, False)


@pytest.mark.parametrize("text", ["", "[]", '{"format": 2, "id": "ID", "values": {}}', '{"format": 1, "values": {"a": 1}}'])
def test_what_can_not_be_read_was_not_made(environment: Environment, text: str) -> None:
    (environment.folder / made.FILE).write_text(text.replace("ID", environment.id))
    assert made.of(environment) == ({}, False)


def test_what_another_environment_of_that_name_had_is_not_this_ones(environment: Environment, home: Home) -> None:
    made.keep(environment, {})
    assert made.of(Environment.new(home, "demo", cloud="google", given=GIVEN)) == ({}, False)


def test_what_another_run_began_to_change_is_doubted_until_one_comes_to_its_end(environment: Environment) -> None:
    made.doubt(environment)
    assert made.of(environment) == ({}, False), "nothing was made yet"
    facts = {"image": {"tag": "a"}, "notebook": {"name": "demo-notebook"}}
    made.keep(environment, facts)
    for _ in range(2):
        made.doubt(environment)
        assert made.of(environment) == (environment.values, True)
    made.keep(environment, facts)
    assert made.of(environment) == (environment.values, False)


def test_what_can_not_be_kept_stops_nothing(environment: Environment) -> None:
    made.path(environment).mkdir()
    made.keep(environment, {})
    made.doubt(environment)
    made.forget(environment)
    assert made.of(environment) == ({}, False)
