"""Processes that outlive their starter, hold nothing of it, and answer once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core.environment import processes
from core.errors import MlopsError, UsageError

LOADED = """
import os, sys
def broken():
    raise RuntimeError("half of it is missing")
def count():
    with open(os.environ["LOADED"] + ".count", "a") as file:
        file.write(".")
def load():
    with open(os.environ["LOADED"], "w") as file:
        file.write(" ".join(sys.argv[1:]))
    ended = os.environ["LOADED"] + ".ended"
    import atexit
    atexit.register(lambda: open(ended, "w").close())
"""
CHILD = """
import json, os, sys, time
from core.environment import processes
from core.errors import UsageError
document = processes.read_document()
if document.get("fail"):
    processes.refuse(UsageError("wrong scenario", hint="mend it"))
if document.get("die"):
    sys.exit("something broke")
streams = [os.readlink(f"/proc/self/fd/{n}") for n in (0, 1, 2)]
processes.answer({"pid": os.getpid(), "sid": os.getsid(0), "parent": os.getppid(), "got": document, "argv": sys.argv[1:]})
with open("streams.json", "w") as file:
    json.dump([os.readlink(f"/proc/self/fd/{n}") for n in (0, 1, 2)], file)
os.rename("streams.json", "up")
time.sleep(60)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "child_of_test.py").write_text(CHILD)
    (tmp_path / "loading_of_test.py").write_text(LOADED)
    monkeypatch.setenv("LOADED", str(tmp_path / "loaded"))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).resolve().parents[2]}")
    return "child_of_test"


def begin(module: str, folder: Path, **document: object) -> dict[str, object]:
    return processes.start(module, ["x"], log=folder / "log", folder=folder, document=document)


def test_it_is_nobodys_child_and_holds_no_stream(module: str, tmp_path: Path) -> None:
    answer = begin(module, tmp_path, secret="s3cret-in-stdin")
    pid = int(str(answer["pid"]))
    try:
        assert answer["got"] == {"secret": "s3cret-in-stdin"}
        assert answer["sid"] != os.getsid(0)
        assert answer["parent"] != os.getpid()
        while not (tmp_path / "up").exists():
            os.sched_yield()
        assert json.loads((tmp_path / "up").read_text()) == ["/dev/null", "/dev/null", str(tmp_path / "log")]
        assert "s3cret" not in Path(f"/proc/{pid}/cmdline").read_text() + Path(f"/proc/{pid}/environ").read_text()
    finally:
        os.kill(pid, signal.SIGKILL)


def test_what_variables_name_from_the_callers_folder_is_found_from_its_own(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLOPS_ENV_HOME", "state")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "./key.json")
    monkeypatch.setenv("SSL_CERT_DIR", "/c")
    pid = int(str(begin(module, there)["pid"]))
    try:
        found = dict(each.partition("=")[::2] for each in Path(f"/proc/{pid}/environ").read_text().split("\0"))
        assert found["MLOPS_ENV_HOME"] == str(tmp_path / "state")
        assert found["GOOGLE_APPLICATION_CREDENTIALS"] == str(tmp_path / "key.json")
        assert found["SSL_CERT_DIR"] == "/c"
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_shell_that_reads_its_starters_output_is_not_kept(module: str, tmp_path: Path) -> None:
    starter = f"""
from pathlib import Path
from core.environment import processes
folder = Path({str(tmp_path)!r})
print(processes.start({module!r}, [], log=folder / "log", folder=folder, document={{}})["pid"])
"""
    done = subprocess.run([sys.executable, "-P", "-c", starter], capture_output=True, text=True, timeout=30, check=True)
    os.kill(int(done.stdout), signal.SIGKILL)


def test_one_that_was_begun_loads_first_and_is_told_later(module: str, tmp_path: Path) -> None:
    with processes.begin(module, "loading_of_test:load") as begun:
        while not (tmp_path / "loaded").exists():
            os.sched_yield()
        answer = begun.go(["y"], log=tmp_path / "log", folder=tmp_path, document={"secret": "s3cret-in-stdin"})
    pid = int(str(answer["pid"]))
    try:
        assert (answer["got"], answer["argv"]) == ({"secret": "s3cret-in-stdin"}, ["y"])
        while not (tmp_path / "up").exists():
            os.sched_yield()
        assert json.loads((tmp_path / "up").read_text()) == ["/dev/null", "/dev/null", str(tmp_path / "log")]
        assert Path(f"/proc/{pid}/cwd").readlink() == tmp_path
    finally:
        os.kill(pid, signal.SIGKILL)


def test_one_that_is_not_told_anything_ends_without_having_run(module: str, tmp_path: Path) -> None:
    with processes.begin(module, "loading_of_test:load") as begun:
        begun.leave()
    while not (tmp_path / "loaded.ended").exists():
        os.sched_yield()
    assert not (tmp_path / "up").exists()


@pytest.mark.parametrize("load", ["nowhere.to_be_found:load", "loading_of_test:broken"])
def test_what_one_that_was_begun_can_not_load_is_said_as_ever(module: str, tmp_path: Path, load: str) -> None:
    begun = processes.begin(module, load)
    with pytest.raises(UsageError, match="wrong scenario"):
        begun.go([], log=tmp_path / "log", folder=tmp_path, document={"fail": True})


def test_two_are_begun_as_one_that_loads_once_and_each_is_a_process_of_its_own(module: str, tmp_path: Path) -> None:
    first, second = processes.begin_both("loading_of_test:count", (module, "loading_of_test:load"), (module, "os:getpid"))
    folders = [tmp_path / "1", tmp_path / "2"]
    answers = []
    with first, second:
        for folder, one in zip(folders, (first, second), strict=True):
            folder.mkdir()
            answers.append(one.go(["y", folder.name], log=folder / "log", folder=folder, document={"to": folder.name}))
    try:
        assert [(a["got"], a["argv"]) for a in answers] == [({"to": n}, ["y", n]) for n in ("1", "2")]
        assert len({answer["pid"] for answer in answers}) == len({answer["sid"] for answer in answers}) == 2
        assert not {answer["parent"] for answer in answers} & {os.getpid(), *(answer["pid"] for answer in answers)}
        assert (tmp_path / "loaded.count").read_text() == "."
        for folder in folders:
            while not (folder / "up").exists():
                os.sched_yield()
            assert json.loads((folder / "up").read_text()) == ["/dev/null", "/dev/null", str(folder / "log")]
    finally:
        for answer in answers:
            os.kill(int(str(answer["pid"])), signal.SIGKILL)


@pytest.mark.parametrize("left", [0, 1])
def test_of_two_that_were_begun_each_is_left_by_itself(module: str, tmp_path: Path, left: int) -> None:
    both = processes.begin_both("loading_of_test:count", (module, "os:getpid"), (module, "loading_of_test:load"))
    both[left].leave()
    with both[1 - left] as other:
        answer = other.go([], log=tmp_path / "log", folder=tmp_path, document={})
    os.kill(int(str(answer["pid"])), signal.SIGKILL)


def test_two_that_are_not_told_anything_end(module: str, tmp_path: Path) -> None:
    first, second = processes.begin_both("", (module, "os:getpid"), (module, "loading_of_test:load"))
    with first, second:
        pass
    while not (tmp_path / "loaded.ended").exists():
        os.sched_yield()
    assert not (tmp_path / "up").exists()


def test_its_refusal_is_raised_here(module: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="wrong scenario") as error:
        begin(module, tmp_path, fail=True)
    assert error.value.hint == "mend it"


def test_an_end_without_a_word_says_why_and_where(module: str, tmp_path: Path) -> None:
    with pytest.raises(MlopsError) as error:
        begin(module, tmp_path, die=True)
    assert error.value.cause == "something broke"
    assert str(tmp_path / "log") in error.value.hint


def test_the_users_own_core_in_the_working_folder_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "__init__.py").write_text("raise SystemExit('foreign code ran')")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with pytest.raises(MlopsError) as error:
        processes.start("core.install.process", ["nosuch", "r"], log=tmp_path / "log", folder=tmp_path, document={})
    assert "foreign" not in error.value.cause
    assert "nosuch" in error.value.message
