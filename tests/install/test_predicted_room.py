"""A disk without room: the checks block, and an installation that goes on all the same finds no space left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.environment import Home
from core.errors import MlopsError
from core.install.prerequisites import subject_of
from core.prerequisites import disk
from tests.install.platform_cloud import platform_cloud
from tests.small_disk import fill, small_disk

SIZE = "1m"
PROVES = {"disk"}
"""The check of which it is seen here that what it blocks fails."""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home on a disk of one megabyte."""
    with small_disk(tmp_path / "small", SIZE) as folder:
        monkeypatch.setenv("MLOPS_ENV_HOME", str(folder))
        yield Home(folder)


async def test_a_disk_that_is_full_ends_an_installation(tmp_path: Path, small: Home) -> None:
    async with platform_cloud(tmp_path, small) as cloud:
        (check,) = await disk.check(subject_of(cloud.installation))
        assert (check.id, check.state) == ("disk", "block")
        fill(small.root)
        with pytest.raises((MlopsError, OSError), match="No space left on device"):
            await cloud.platform()
