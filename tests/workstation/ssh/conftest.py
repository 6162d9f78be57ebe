"""Makes the relay and the person for tests importable by their names."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import person as people


@pytest.fixture
def person(tmp_path: Path) -> people.Person:
    """A person with an empty home folder."""
    if reason := people.missing():
        pytest.skip(reason)
    return people.Person(tmp_path)
