"""Whether there is room for what an installation keeps on this machine: providers, programs, manifests, logs.

Cloud Shell's home has 5 GB, and a disk that fills up in the middle of a run takes the record of the run with it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from core.environment import Home
from core.prerequisites.check import Check, Subject
from core.terraform import mirror

DISK = "There is room on the disk"
KEPT = 20
"""Megabytes of an environment: manifests, its record, the logs of its runs, a plan."""
PROVIDER = 500
"""Megabytes of Terraform's Google provider, packed and unpacked, while it is fetched for the first time."""
SIMULATED = 20
"""Megabytes of a rehearsal's simulated cloud: its store, what is put into its buckets, and its stand-in provider."""
SCARCE = 2
"""How many times what is needed there should be."""


async def check(subject: Subject) -> list[Check]:
    """The room in the folder of all environments; a warning where it gets tight."""
    home = subject.home
    needed = KEPT + (SIMULATED if subject.google.cloud.rehearsal else 0 if _fetched(home) else PROVIDER)
    try:
        free = shutil.disk_usage(_there(home.root)).free // 2**20
    except OSError as error:
        return [Check("disk", DISK, "skip", str(home.root), f"it can't be looked at: {error.strerror}")]
    seen, command = f"{free} MB free at {home.root}", f"df -h {_there(home.root)}"
    hint = "Delete what is not needed, or set MLOPS_ENV_HOME to a folder with more room."
    if free < needed:
        why = f"{home.root} has {free} MB left, and about {needed} MB are needed"
        return [Check("disk", DISK, "block", seen, why, hint, command)]
    if free < SCARCE * needed:
        why = f"{home.root} has {free} MB left; about {needed} MB are needed, and logs grow"
        return [Check("disk", DISK, "warn", seen, why, hint, command)]
    return [Check("disk", DISK, "pass", seen)]


def _fetched(home: Home) -> bool:
    """Whether Terraform's providers are on this machine already."""
    return (home.cache / "providers" / mirror.COMPLETE).is_file()


def _there(path: Path) -> Path:
    """The folder, or the one above it that exists: nothing is made by looking."""
    return next((p for p in (path, *path.parents) if p.exists()), path)
