"""Where a rehearsal's folder is: beside the environments, as the product lays them out."""

from __future__ import annotations

import os
from pathlib import Path


def folder(name: str) -> Path:
    """The folder of the rehearsal of that name; ``MLOPS_ENV_HOME`` says where, whoever starts the process sets it."""
    override = os.environ.get("MLOPS_ENV_HOME")
    if override:
        return Path(override).expanduser().absolute() / "rehearsals" / name
    state = os.environ.get("XDG_STATE_HOME", "")
    if state and Path(state).is_absolute():
        return Path(state) / "mlops-env" / "rehearsals" / name
    if os.uname().sysname == "Darwin":
        return Path.home() / "Library" / "Application Support" / "mlops-env" / "rehearsals" / name
    return Path.home() / ".local" / "state" / "mlops-env" / "rehearsals" / name


def write_private(path: Path, data: bytes) -> None:
    """Puts a file in place that only its owner can read."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_bytes(data)
    new.replace(path)
