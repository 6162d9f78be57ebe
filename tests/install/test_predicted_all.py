"""No check blocks of which it is not seen that an installation fails for it, and none is said to that does not."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from tests.prerequisites import blocking

HERE = Path(__file__)


def test_every_check_that_blocks_is_proven_by_an_installation_that_goes_on_without_it() -> None:
    modules = [path.stem for path in HERE.parent.glob("test_predicted*.py") if path != HERE]
    proven = {id for name in modules for id in import_module(f"tests.install.{name}").PROVES}
    assert proven == blocking.ALL
