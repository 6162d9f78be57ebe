"""Writing a devcontainer's files: what stood there is kept beside the new, and a crash leaves the old one or the new."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from core.environment.files import write_atomically
from core.errors import UsageError
from core.workstation.devcontainer.draft import FOLDER, Draft, File


def write(draft: Draft) -> list[Path]:
    """Writes what is new or changed; where the old files are kept. Raises `UsageError` where something can't be written."""
    try:
        (draft.folder / FOLDER).mkdir(exist_ok=True)
        kept = [_keep(file) for file in draft.replaced]
        for file in draft.files:
            if file.state != "same":
                write_atomically(file.path, file.content, mode=_mode(file.path))
    except OSError as error:
        raise UsageError(
            f"{error.filename or draft.folder} can't be written: {error.strerror}.",
            code="not-writable",
            hint="Old files are whole, in their place or beside it with the ending .old.",
        ) from error
    return kept


def _keep(file: File) -> Path:
    """A copy of what is there, under a name that nothing has."""
    for number in range(1, 1000):
        kept = file.path.with_name(file.path.name + (".old" if number == 1 else f".old-{number}"))
        if not kept.exists():
            shutil.copy2(file.path, kept)
            return kept
        if kept.read_bytes() == file.old:
            return kept
    raise UsageError(f"{file.path} has too many old versions beside it.", code="not-writable", hint="Remove some of them.")


def _mode(path: Path) -> int:
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
