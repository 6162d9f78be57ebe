"""A simulated cloud and Terraform in it, for each test its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from core.rehearsal import scenario

sys.path.insert(0, str(Path(__file__).parent))

from terraform_bench import Cloud, Terraform, cloud

MakeCloud = Callable[..., Cloud]
MakeTerraform = Callable[[Cloud], Terraform]


LONG = {"token_seconds": 10**6}
"""A token outlives a test, however slow the machine is and however fast the simulated clock."""


@pytest.fixture
def make_cloud(tmp_path: Path) -> Iterator[MakeCloud]:
    """Makes a simulated cloud by a scenario's keys; no waiting, if they say nothing else."""
    with ExitStack() as stack:
        yield lambda **keys: stack.enter_context(_cloud(tmp_path / "cloud", keys))


def _cloud(folder: Path, keys: dict[str, object]):  # type: ignore[no-untyped-def]
    folder.mkdir()
    return cloud(folder, scenario.parse({"speed": 0, "sign_in": LONG, **keys}))


@pytest.fixture
def terraform(tmp_path: Path, make_cloud: MakeCloud) -> Terraform:
    """Terraform on a cloud without waiting."""
    return Terraform(tmp_path / "work", make_cloud())
