"""The answers file: read, refused with its line, and written so that it reads back the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from core.parameters import answers
from core.parameters.specification import defaults


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "answers.toml"
    path.write_text('region = "europe-west4"\nnode_max = 4\n[labels]\nteam = "ml"\n')
    assert answers.load(path) == {"region": "europe-west4", "node_max": 4, "labels": {"team": "ml"}}


def test_a_file_that_is_no_toml_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "answers.toml"
    path.write_text('region = "europe-west4"\nnode_max == 4\n')
    with pytest.raises(UsageError, match="line 2") as caught:
        answers.load(path)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir(), lambda p: p.write_bytes(b"\xff\xfe")])
def test_a_file_that_can_not_be_read_is_refused(tmp_path: Path, make: Any) -> None:
    path = tmp_path / "answers.toml"
    make(path)
    with pytest.raises(UsageError, match="answers file"):
        answers.load(path)


def test_what_is_written_reads_back_the_same(tmp_path: Path) -> None:
    values = {**{k: v for k, v in defaults().items() if v is not None}, "labels": {"team": "ml"}}
    path = tmp_path / "answers.toml"
    path.write_text(answers.dump(values))
    assert answers.load(path) == values


@given(region=st.text(max_size=30), label=st.text(max_size=10), nodes=st.integers(0, 10**6))
def test_any_values_read_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, region: str, label: str, nodes: int
) -> None:
    values = {"region": region, "node_max": nodes, "labels": {"team": label}}
    path = tmp_path_factory.mktemp("answers") / "answers.toml"
    path.write_bytes(answers.dump(values).encode())
    assert answers.load(path) == values
