"""A path as a person writes it, or a program of theirs: ``~`` is a home folder, the user's own or another's."""

from __future__ import annotations

from pathlib import Path

from core.errors import UsageError


def at_home(path: str) -> Path:
    """The path with its ``~`` expanded; raises `UsageError` where nobody of that name has a home on this machine."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UsageError(
            f"{path} is in the home folder of a user whom this machine does not know.",
            code="no-home",
            hint="Write the folder itself in place of what begins with ~.",
        ) from error
