"""The clients' own Python environment, made once for each set of pins and kept in the cache."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conformance.frame import Place

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


class NotToBeHad(Exception):
    """What can't be fetched here."""


def environment(place: Place) -> Path:
    """The Python that has the clients; raises `NotToBeHad` where no package index gives them."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = place.cache / f"clients-{digest}"
    python = folder / "bin" / "python"
    if not (folder / ".complete").exists():
        place.say("clients: their environment is made")
        shutil.rmtree(folder, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(folder))
        _run(str(python), "-m", "pip", "install", "--quiet", "--no-deps", "-r", str(REQUIREMENTS))
        (folder / ".complete").touch()
    return python


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotToBeHad(" ".join((done.stderr or done.stdout).split())[-300:])
