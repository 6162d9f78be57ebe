"""A disk without room: the checks block, and an installation that goes on all the same finds no space left."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.environment import Home
from core.errors import MlopsError
from core.install.prerequisites import subject_of
from core.prerequisites import disk
from tests.install.platform_cloud import platform_cloud

SIZE = "1m"
PROVES = {"disk"}
"""The check of which it is seen here that what it blocks fails."""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home on a disk of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    monkeypatch.setenv("MLOPS_ENV_HOME", str(folder))
    try:
        yield Home(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_a_disk_that_is_full_ends_an_installation(tmp_path: Path, small: Home) -> None:
    async with platform_cloud(tmp_path, small) as cloud:
        (check,) = await disk.check(subject_of(cloud.installation))
        assert (check.id, check.state) == ("disk", "block")
        with open(small.root / "filling", "wb") as file:
            try:
                while True:
                    os.write(file.fileno(), b"\0" * 4096)
            except OSError:
                pass
        with pytest.raises((MlopsError, OSError), match="No space left on device"):
            await cloud.platform()
