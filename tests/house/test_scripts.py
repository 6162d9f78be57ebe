"""What `make run` and `make test` stand on: the scripts that run before anything is installed."""

from __future__ import annotations

import fcntl
import importlib.util
import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from types import ModuleType

import pytest
from house_files import ROOT

from core.environment import Home


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"scripts_{name}", ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """scripts/environment.py on a checkout of its own, whose pip only notes what it was asked for."""
    module = _load("environment")
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in ("pyproject.toml", "constraints.txt"):
        (checkout / name).write_text(f"# {name}\n")
    monkeypatch.setattr(module, "ROOT", checkout)
    monkeypatch.setattr(module, "VENV", checkout / ".venv")
    monkeypatch.setattr(module, "STAMP", checkout / ".venv" / "mlops-env.json")
    monkeypatch.setattr(module, "PYTHON", checkout / ".venv" / "bin" / "python")
    monkeypatch.setattr(module, "bundles_terraform", lambda: True)
    return module


@pytest.fixture
def installs(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was installed, in order: ``venv`` for a new environment, then the extras."""
    done: list[str] = []
    real = subprocess.run

    def create() -> None:
        done.append("venv")
        venv.create(script.VENV, clear=True, with_pip=False, symlinks=True)
        (script.VENV / "bin" / "pip").touch()

    def run(command: list[object], **options: object) -> object:
        if "pip" in command:
            done.append(str(command[-1]))
            return subprocess.CompletedProcess(command, 0)
        return real(command, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(script, "create", create)
    monkeypatch.setattr(script.subprocess, "run", run)
    return done


def test_a_second_call_installs_nothing(script: ModuleType, installs: list[str]) -> None:
    assert [script.main(["bundled"]) for _ in range(2)] == [0, 0]
    assert installs == ["venv", ".[bundled]"]


def test_a_larger_environment_serves_a_smaller_wish(script: ModuleType, installs: list[str]) -> None:
    for extras in (["bundled", "test"], ["bundled"], []):
        script.main(extras)
    assert installs == ["venv", ".[bundled,test]"]


def test_what_is_installed_stays_when_more_is_wanted(script: ModuleType, installs: list[str]) -> None:
    script.main(["bundled"])
    script.main(["test"])
    assert installs == ["venv", ".[bundled]", ".[bundled,test]"]


@pytest.mark.parametrize("file", ["pyproject.toml", "constraints.txt"])
def test_a_change_of_what_is_wanted_installs_again(script: ModuleType, installs: list[str], file: str) -> None:
    script.main(["bundled"])
    (script.ROOT / file).write_text("another\n")
    script.main(["bundled"])
    assert installs == ["venv", ".[bundled]", ".[bundled]"]


def test_an_installation_that_was_broken_off_is_done_again(
    script: ModuleType, installs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: list[str]) -> None:
        script.STAMP.unlink(missing_ok=True)
        raise script.Failed("broken off")

    with monkeypatch.context() as patch:
        patch.setattr(script, "install", broken)
        assert script.main(["bundled"]) == 3
    assert script.main(["bundled"]) == 0
    assert installs == ["venv", ".[bundled]"]


def test_an_environment_whose_python_is_gone_is_made_anew(script: ModuleType, installs: list[str]) -> None:
    script.main(["bundled"])
    script.PYTHON.unlink()
    script.PYTHON.symlink_to("/nowhere/python3")
    script.main(["bundled"])
    assert installs == ["venv", ".[bundled]", "venv", ".[bundled]"]


def test_nothing_changes_under_a_run_that_lives(
    script: ModuleType, installs: list[str], home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = home.ensure("environments", "demo") / "run.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert script.main(["bundled"]) == 3
        assert "a run of demo is going on" in capsys.readouterr().err
        assert installs == []
    assert script.main(["bundled"]) == 0


def test_a_run_that_lives_does_not_keep_what_is_installed_from_being_used(
    script: ModuleType, installs: list[str], home: Home
) -> None:
    script.main(["bundled"])
    lock = home.ensure("environments", "demo") / "run.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert script.main(["bundled"]) == 0


def test_too_little_space_is_one_sentence(
    script: ModuleType, installs: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "NEEDED_BYTES", 1 << 60)
    assert script.main(["bundled"]) == 3
    assert "free space" in capsys.readouterr().err
    assert installs == []


def test_a_machine_without_the_wheel_is_told_what_to_install(
    script: ModuleType, installs: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "bundles_terraform", lambda: False)
    assert script.main(["bundled"]) == 0
    assert "install Terraform 1.11" in capsys.readouterr().err
    assert installs == ["venv", "."]


@pytest.mark.parametrize(
    ("system", "machine", "libc", "expected"),
    [
        ("linux", "x86_64", ("glibc", "2.41"), True),
        ("linux", "x86_64", ("glibc", "2.35"), True),
        ("linux", "x86_64", ("glibc", "2.31"), False),
        ("linux", "aarch64", ("glibc", "2.41"), False),
        ("linux", "x86_64", ("", ""), False),
    ],
)
def test_which_machines_have_the_wheel(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, libc: tuple[str, str], expected: bool
) -> None:
    module = _load("environment")
    monkeypatch.setattr(module.sys, "platform", system)
    monkeypatch.setattr(module.platform, "machine", lambda: machine)
    monkeypatch.setattr(module.platform, "libc_ver", lambda: libc)
    assert module.bundles_terraform() is expected


def test_the_script_and_the_program_keep_their_state_in_one_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = _load("environment")
    for variables in ({"MLOPS_ENV_HOME": str(tmp_path)}, {"XDG_STATE_HOME": str(tmp_path)}, {}):
        for name in ("MLOPS_ENV_HOME", "XDG_STATE_HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert module.state_folder() == Home.find().root


def test_without_a_terminal_an_installation_is_rehearsed_headless(monkeypatch: pytest.MonkeyPatch) -> None:
    module = _load("run")
    assert module.command()[1:] == ["install", "demo", "--rehearse", "--yes"]
    assert module.command()[0] == str(Path(sys.executable).with_name("mlops-env"))


@pytest.mark.parametrize("app", [True, False])
def test_in_a_terminal_it_is_the_app_where_there_is_one(monkeypatch: pytest.MonkeyPatch, app: bool) -> None:
    module = _load("run")

    class Terminal:
        def isatty(self) -> bool:
            return True

    for stream in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(module.sys, stream, Terminal())
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: object() if app else None)
    assert (module.command()[1:] == []) is app


def test_the_wheel_holds_the_program_and_its_data_and_nothing_else(tmp_path: Path) -> None:
    import zipfile

    command = [sys.executable, "-I", "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    built = subprocess.run([*command, "--wheel-dir", str(tmp_path), str(ROOT)], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = wheel.namelist()
        entry = next(name for name in names if name.endswith("entry_points.txt"))
        assert "mlops-env = core.cli:program" in wheel.read(entry).decode()
    assert "core/resources.py" in names
    assert "core/toolchain/terraform_from_wheel.py" in names
    for folder in ("terraform/platform/", "kustomize/"):
        assert any(name.startswith(f"core/_data/{folder}") for name in names), folder
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} <= {"core", "tui"}
    assert not [name for name in names if "/.terraform/" in name or name.endswith((".tfstate", ".pyc"))]


def test_the_stamp_says_what_was_installed(script: ModuleType, installs: list[str]) -> None:
    script.main(["test", "bundled"])
    assert json.loads(script.STAMP.read_text())["extras"] == ["bundled", "test"]


def test_make_says_which_python_it_needs() -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("there is no make here")
    done = subprocess.run([make, "-C", str(ROOT), "require-python", "PYTHON="], capture_output=True, text=True)
    assert done.returncode != 0
    assert "Python 3.11 or later is needed" in done.stderr


def test_make_takes_a_python_that_is_new_enough(tmp_path: Path) -> None:
    """An older ``python3`` first on PATH does not keep a newer one from being found."""
    make = shutil.which("make")
    if make is None:
        pytest.skip("there is no make here")
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    (tmp_path / "python3.12").symlink_to(sys.executable)
    environment = {"PATH": str(tmp_path)}
    done = subprocess.run(
        [make, "-C", str(ROOT), "--dry-run", "venv"], capture_output=True, text=True, env=environment, check=True
    )
    assert f"{tmp_path}/python3.12 -I scripts/environment.py" in done.stdout
