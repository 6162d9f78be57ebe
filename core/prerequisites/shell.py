"""What Cloud Shell may lack when a link opened it: the right to sign in, and a home that stays.

A repository that Google does not trust is opened in a Cloud Shell without the user's credentials, and any may be opened in
one whose home is thrown away at its end. Both are known before anything is tried, and neither matters to a rehearsal.
"""

from __future__ import annotations

import os
from pathlib import Path

from core.environment.lifetime import cloud_shell
from core.prerequisites.check import Check, Subject

TRUSTED, HOME = "Cloud Shell is trusted with your sign-in", "Cloud Shell keeps its home"


async def check(subject: Subject) -> list[Check]:
    """Nothing, where this is no Cloud Shell or only a rehearsal."""
    if not cloud_shell() or subject.google.cloud.kind != "google":
        return []
    return [_trusted(), _home(subject)]


def _trusted() -> Check:
    # It is set to true or false wherever a repository was opened by a link; in a tab opened by hand it may be missing.
    if os.environ.get("TRUSTED_ENVIRONMENT", "true") == "true":
        return Check("cloud-shell", TRUSTED, "pass", "this session")
    why = "this Cloud Shell was opened for a repository that is not trusted, and has no credentials"
    return Check(
        "cloud-shell", TRUSTED, "block", "", why, "Open Cloud Shell by itself, clone the repository there, and go on."
    )


def _home(subject: Subject) -> Check:
    home = Path.home()
    if _stays(home):
        return Check("cloud-shell-home", HOME, "pass", str(home))
    if subject.values["state"] == "gcs":
        why = "this session is ephemeral: its home goes with it, and the environment is then known by its state bucket alone"
        return Check("cloud-shell-home", HOME, "warn", str(home), why)
    allowed = "gcs in an ephemeral Cloud Shell, whose home goes with the session"
    return Check("cloud-shell-home", HOME, "block", "local", "the state would be lost", key="state", allowed=allowed)


def _stays(home: Path) -> bool:
    """Whether the home is on a disk of its own: it is mounted there, or above it, where it persists."""
    try:
        return home.stat().st_dev != Path("/").stat().st_dev
    except OSError:
        return False
