"""The file that VS Code's Remote-SSH reads in place of ``~/.ssh/config``, where its settings name one.

An entry that stands in the usual file alone would not be there for VS Code. So that file gets the same one line: an Include
of the program's own file, before all else.
"""

from __future__ import annotations

import json
from pathlib import Path

from core.errors import UsageError
from core.workstation.ssh.configuration import user_home
from core.workstation.ssh.files import Change, SshFolder
from core.workstation.vscode import edit
from core.workstation.vscode.places import Machine, places

SETTING = "remote.SSH.configFile"


def folders(folder: SshFolder, machine: Machine | None = None) -> list[SshFolder]:
    """The ssh folder with each other file in place of its configuration; none where VS Code reads the usual one."""
    machine = machine or Machine.here()
    if machine.windows is not None:  # it reads Windows' files, which have entries of their own
        return []
    try:
        settings = [place.path for place in places("user", machine, Path.cwd())]
    except UsageError:
        return []
    named = [_expanded(value) for path in settings if (value := _named(path))]
    usual = folder.config.resolve()
    return [SshFolder(folder.path, path) for path in dict.fromkeys(named) if path.resolve() != usual]


def adding(folder: SshFolder) -> list[Change]:
    """The line in each other file, where it is not there yet."""
    return [other.included() for other in folders(folder)]


def removing(folder: SshFolder) -> list[Change]:
    """The same taken back."""
    return [other.without_include(made=False) for other in folders(folder)]


def _named(settings: Path) -> str:
    try:
        written = edit.written(settings.read_text(encoding="utf-8"), SETTING, "")
        value = json.loads(written) if written is not None else ""
    except (OSError, ValueError):
        return ""
    return value if isinstance(value, str) else ""


def _expanded(value: str) -> Path:
    return user_home() / value[2:] if value.startswith("~/") else Path(value)
