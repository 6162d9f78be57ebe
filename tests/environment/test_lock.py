"""Who holds an environment: by the lock alone, over processes that die and files that lie."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.environment.lock import Holder, Lock, boot_id, holder
from core.errors import BusyError

HOLD = """
import sys
from pathlib import Path
from core.environment.lock import Holder, Lock
Lock(Path(sys.argv[1])).acquire(Holder.me(run="r7", action="install"))
print("held", flush=True)
sys.stdin.read()
"""


def hold(path: Path) -> subprocess.Popen[bytes]:
    child = subprocess.Popen([sys.executable, "-P", "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    return child


def test_a_lock_names_its_holder_to_another_process(tmp_path: Path) -> None:
    path = tmp_path / "demo" / "run.lock"
    path.parent.mkdir()
    child = hold(path)
    try:
        found = holder(path)
        assert found is not None
        assert (found.pid, found.run, found.here) == (child.pid, "r7", True)
        with pytest.raises(BusyError) as error:
            Lock(path).acquire(Holder.me())
        assert str(child.pid) in error.value.message
        assert "mlops-env attach demo" in error.value.hint
    finally:
        child.kill()
        child.communicate()


def test_a_killed_holder_holds_nothing_even_as_a_zombie(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    child = hold(path)
    child.kill()
    while holder(path) is not None:  # the kernel lets go once it has died; nobody has reaped it yet
        pass
    assert child.returncode is None
    lock = Lock(path)
    lock.acquire(Holder.me(run="r8"))
    lock.release()
    assert holder(path) is None
    child.communicate()


def test_who_only_looks_keeps_nobody_from_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.lock"
    path.touch()
    looks = os.open(path, os.O_RDONLY)
    fcntl.flock(looks, fcntl.LOCK_SH)
    monkeypatch.setattr("core.environment.lock.time.sleep", lambda _: os.close(looks))  # has seen enough meanwhile
    lock = Lock(path)
    lock.acquire(Holder.me(run="r9"))
    found = holder(path)
    assert found is not None
    assert found.run == "r9"
    lock.release()


def test_who_looks_without_end_is_not_waited_for_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "demo" / "run.lock"
    path.parent.mkdir()
    path.touch()
    looks = os.open(path, os.O_RDONLY)
    fcntl.flock(looks, fcntl.LOCK_SH)
    monkeypatch.setattr("core.environment.lock.LOOKING", 0.0)
    with pytest.raises(BusyError) as error:
        Lock(path).acquire(Holder.me())
    assert "in a moment" in error.value.hint
    os.close(looks)


def test_a_holder_on_another_machine_is_named_with_its_host(tmp_path: Path) -> None:
    path = tmp_path / "demo" / "run.lock"
    path.parent.mkdir()
    lock = Lock(path)
    lock.acquire(Holder("other-boot", "login1", 4711, 0.0, run="r1", action="install"))
    found = holder(path)
    assert found is not None
    assert not found.here
    with pytest.raises(BusyError) as error:
        Lock(path).acquire(Holder.me())
    assert "login1" in error.value.message
    assert "attach there" in error.value.hint
    lock.release()


def test_the_file_says_who_and_nothing_of_whether(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    path.write_text(json.dumps({"boot": boot_id(), "host": "h", "pid": 1, "started": 0.0}))
    assert holder(path) is None
