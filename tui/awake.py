"""Keeping this machine at a run: awake until its end, or past a login that would end it.

What is named for that is offered, too; each is one command of the system's own, which the person sees before it is run.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from core.environment import lifetime
from core.errors import MlopsError
from tui.watching import Watched

AT_ONCE = 1.0
"""Seconds within which a command that can't hold the machine says so, by its end."""


@dataclass(frozen=True, slots=True)
class Way:
    """One command; ``here``: it may ask something, so it gets the terminal."""

    id: str
    label: str
    what: str
    command: list[str]
    here: bool


def ways(watched: Watched) -> list[Way]:
    """What can be done on this machine for a run that goes on here."""
    if watched.holder is None or not watched.holder.here:
        return []
    found = []
    ends = lifetime.lifetime()
    if ends.command:
        what = "Let your processes go on when you log out"
        found.append(Way("linger", "Go on after the login", what, ends.command.split(), here=True))
    command = lifetime.awake(watched.holder.pid)
    if command:
        found.append(Way("awake", "Stay awake", "Keep this machine awake until the run ends", command, here=False))
    return found


def begin(way: Way) -> None:
    """Starts the command in a session of its own; raises `MlopsError` where it does not go on. May block a moment."""
    null = subprocess.DEVNULL
    try:
        child = subprocess.Popen(way.command, stdin=null, stdout=null, stderr=subprocess.PIPE, start_new_session=True)
        _, said = child.communicate(timeout=AT_ONCE)
    except subprocess.TimeoutExpired:
        return
    except OSError as error:
        raise _refused(way, error.strerror or "") from error
    if child.returncode:
        raise _refused(way, said.decode(errors="replace").strip())


def _refused(way: Way, why: str) -> MlopsError:
    return MlopsError(
        "This machine can't be kept awake by mlops-env.", cause=why[:300], hint="Keep it awake in its own settings."
    )
