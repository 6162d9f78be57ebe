"""Holds every check that is made here to the table of those that may block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core.prerequisites import Check
from tests.prerequisites import blocking


@pytest.fixture(autouse=True)
def known_to_block(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever blocks is in `blocking.BLOCKS`, so that an installation is known to fail for it."""
    made: set[str] = set()
    begin = Check.__init__

    def remembering(check: Check, *args: Any, **values: Any) -> None:
        begin(check, *args, **values)
        if check.state == "block":
            made.add(check.id)

    monkeypatch.setattr(Check, "__init__", remembering)
    yield
    assert made <= blocking.ALL
