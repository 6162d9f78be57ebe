"""The record of an environment: written whole, read strictly, defaults filled in, names derived."""

from __future__ import annotations

import os
import shutil
import stat

import pytest

from core.environment import Environment, Home
from core.errors import ParameterError, UnknownEnvironment, UsageError


def test_a_new_environment_has_an_id_and_survives_being_saved(home: Home) -> None:
    made = Environment.new(home, "demo", cloud="rehearsal", given={"profile": "trial", "labels": {"team": "a"}}).save()
    assert made.id.isalpha()
    assert len(made.id) == 6
    read = Environment.load(home, "demo")
    assert read == made
    assert read.values["project_id"] == f"rehearsal-{made.id}"
    assert read.values["node_machine_type"] == "e2-standard-2"
    assert read.values["name_prefix"] == "demo"


def test_the_record_is_the_users_alone(home: Home) -> None:
    made = Environment.new(home, "demo", cloud="google", given={}).save()
    assert stat.S_IMODE((made.folder / "environment.toml").stat().st_mode) == 0o600
    assert stat.S_IMODE(made.folder.stat().st_mode) == 0o700


def test_what_was_given_wins_over_what_was_found_out(home: Home) -> None:
    made = Environment.new(home, "demo", cloud="google", given={"zone": "us-central1-b"}).with_resolved(zone="us-central1-a")
    assert made.values["zone"] == "us-central1-b"


@pytest.mark.parametrize("name", ["d", "Demo", "1demo", "a" * 17, "de_mo", ""])
def test_a_name_that_none_can_have_is_refused_with_what_is_allowed(home: Home, name: str) -> None:
    with pytest.raises(ParameterError) as error:
        Environment.new(home, name, cloud="google", given={})
    assert "2 to 16 lower-case letters" in error.value.message


def test_an_unknown_name_is_told_its_nearest(home: Home) -> None:
    Environment.new(home, "demo", cloud="google", given={}).save()
    with pytest.raises(UnknownEnvironment) as error:
        Environment.load(home, "demi")
    assert "demo" in error.value.hint


def test_a_broken_or_newer_file_is_one_sentence(home: Home) -> None:
    made = Environment.new(home, "demo", cloud="google", given={}).save()
    path = made.folder / "environment.toml"
    path.write_text("format = 99\n")
    with pytest.raises(UsageError, match="format 99"):
        Environment.load(home, "demo")
    path.write_text("not toml at all [")
    with pytest.raises(UsageError, match="can't be read"):
        Environment.load(home, "demo")


def test_a_folder_whose_name_none_can_have_is_no_environment(home: Home) -> None:
    made = Environment.new(home, "demo", cloud="google", given={}).save()
    shutil.copytree(made.folder, made.folder.with_name("demo.bak"))
    assert Environment.all(home) == ["demo"]


@pytest.mark.parametrize("lost", ["id", "cloud"])
def test_a_record_that_lacks_what_it_must_have_is_one_sentence(home: Home, lost: str) -> None:
    path = Environment.new(home, "demo", cloud="google", given={}).save().folder / "environment.toml"
    path.write_text(path.read_text().replace(f"{lost} = ", f"not_{lost} = "))
    with pytest.raises(UsageError, match=f"has no {lost}"):
        Environment.load(home, "demo")


def test_who_looks_among_all_passes_over_what_cant_be_read(home: Home) -> None:
    broken, good = (Environment.new(home, name, cloud="google", given={}).save() for name in ("broken", "good"))
    (broken.folder / "environment.toml").write_text("[")
    assert list(Environment.readable(home)) == [good]


def test_a_home_that_is_not_writable_is_one_sentence(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.root.parent.joinpath("file").write_text("")
    monkeypatch.setenv("MLOPS_ENV_HOME", str(home.root.parent / "file"))
    with pytest.raises(UsageError, match="can't be written"):
        Environment.new(Home.find(), "demo", cloud="google", given={}).save()
    assert os.environ["MLOPS_ENV_HOME"].endswith("file")
