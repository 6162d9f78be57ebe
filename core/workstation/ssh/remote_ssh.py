"""What VS Code's Remote-SSH takes in place of the usual, where its settings say so: another file, another ssh.

An entry that stands in the usual file alone would not be there for VS Code. So that file gets the same one line: an Include
of the program's own file, before all else.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from core.errors import UsageError
from core.workstation.ssh.configuration import program, user_home
from core.workstation.ssh.files import Change, SshFolder
from core.workstation.vscode import edit
from core.workstation.vscode.places import Machine, places

SETTING, PROGRAM, PATIENCE = "remote.SSH.configFile", "remote.SSH.path", "remote.SSH.connectTimeout"


def folders(folder: SshFolder, machine: Machine | None = None) -> list[SshFolder]:
    """The ssh folder with each other file in place of its configuration; none where VS Code reads the usual one."""
    machine = machine or Machine.here()
    if machine.windows is not None:  # it reads Windows' files, which have entries of their own
        return []
    named = [_expanded(value) for value in _all_named(SETTING, machine)]
    usual = folder.config.resolve()
    return [SshFolder(folder.path, path) for path in dict.fromkeys(named) if path.resolve() != usual]


def adding(folder: SshFolder) -> list[Change]:
    """The line in each other file, where it is not there yet."""
    return [other.included() for other in folders(folder)]


def removing(folder: SshFolder, *, made: bool = False) -> list[Change]:
    """The same taken back; ``made``: a file in which nothing else is was not there before."""
    return [other.without_include(made=made) for other in folders(folder)]


def another_ssh(machine: Machine | None = None) -> list[str]:
    """Sentences about each ssh that VS Code runs in place of the one that commands here find."""
    machine, found = machine or Machine.here(), []
    for value in dict.fromkeys(_all_named(PROGRAM, machine)):
        said = f"VS Code's Remote-SSH runs {value} ({PROGRAM}), which"
        if machine.windows is not None:
            found.append(f"{said} was not tried with the entry.")
        elif not os.access(path := _expanded(value), os.X_OK) or path.is_dir():
            found.append(f"{said} is no program: it connects nowhere until that is set right.")
        elif path.resolve() != Path(program()).resolve():
            found.append(f"{said} may read the entry otherwise than {program()}, with which it was tried.")
    return found


def impatience(seconds: int, machine: Machine | None = None) -> list[str]:
    """A sentence for each editor here that gives a host less time than that: what it tells ssh comes before any entry."""
    return [
        f"VS Code's Remote-SSH may give up before the VM answers, whatever the entry says: set "
        f'"{PATIENCE}": {seconds} in {path}.'
        for path in _settings(machine or Machine.here())
        if path.parent.is_dir() and _number(path, PATIENCE) < seconds
    ]


def _all_named(setting: str, machine: Machine) -> list[str]:
    """A setting's value in each editor's settings of the user, where it has one."""
    return [value for path in _settings(machine) if (value := _named(path, setting))]


def _settings(machine: Machine) -> list[Path]:
    try:
        return [place.path for place in places("user", machine, Path.cwd())]
    except UsageError:
        return []


def _named(settings: Path, setting: str) -> str:
    value = _value(settings, setting)
    return value if isinstance(value, str) else ""


def _number(settings: Path, setting: str) -> float:
    value = _value(settings, setting)
    return value if isinstance(value, int | float) else 0.0


def _value(settings: Path, setting: str) -> object:
    try:
        written = edit.written(settings.read_text(encoding="utf-8"), setting, "")
        return json.loads(written) if written is not None else None
    except (OSError, ValueError):
        return None


def _expanded(value: str) -> Path:
    return user_home() / value[2:] if value.startswith("~/") else Path(value)
