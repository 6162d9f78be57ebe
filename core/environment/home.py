"""Where mlops-env keeps what it keeps: one folder a user, laid out as the properties below say.

``MLOPS_ENV_HOME`` overrides the place; otherwise it is the state folder of the platform. Sockets live elsewhere: their
paths end at 104 bytes, and the XDG runtime folder goes at the last logout, so they stand in ``/tmp/mlops-env-UID``.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from core.environment.paths import at_home
from core.errors import UsageError

APPLICATION = "mlops-env"


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of all environments of one user."""

    root: Path

    @classmethod
    def find(cls) -> Home:
        """The home of the user who runs this process."""
        override = os.environ.get("MLOPS_ENV_HOME")
        if override:
            return cls(at_home(override).absolute())
        state = os.environ.get("XDG_STATE_HOME")
        if state and Path(state).is_absolute():
            return cls(Path(state) / APPLICATION)
        if os.uname().sysname == "Darwin":
            return cls(Path.home() / "Library" / "Application Support" / APPLICATION)
        return cls(Path.home() / ".local" / "state" / APPLICATION)

    @property
    def environments(self) -> Path:
        return self.root / "environments"

    @property
    def rehearsals(self) -> Path:
        return self.root / "rehearsals"

    @property
    def cache(self) -> Path:
        """Tools and providers that were brought; safe to delete while nothing runs."""
        return self.root / "cache"

    def ensure(self, *parts: str) -> Path:
        """The folder below the root, made with mode 0700; raises `UsageError` where it is not writable."""
        path = self.root.joinpath(*parts)
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not os.access(path, os.W_OK | os.X_OK):
                raise PermissionError(13, "Permission denied", str(path))
        except OSError as error:
            raise UsageError(
                f"The folder {path} can't be written: {error.strerror}.",
                code="home-not-writable",
                hint="Set MLOPS_ENV_HOME to a folder of yours.",
            ) from error
        return path


def socket_folder() -> Path:
    """The folder of all sockets of this user, made if need be; refused if it is not the user's alone."""
    path = Path("/tmp") / f"{APPLICATION}-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    seen = path.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid() or stat.S_IMODE(seen.st_mode) & 0o077:
        raise UsageError(
            f"{path} is not a folder that only you can read.",
            code="socket-folder",
            hint=f"Remove it, or run: chmod 700 {path}",
        )
    return path
