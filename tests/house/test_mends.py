"""No mend of the overlay is forgotten: each one's lack is shown by an installation, or looked for in what is built."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from house_files import ROOT, tree

from core.kustomize.mends import BUILT, DESTROYED, MENDS

SHOWN_BY = ("tests/rehearsal/kubeflow/test_missing_mends.py", "tests/rehearsed/test_missing_mends.py")
BUILT_BY = "tests/kustomize/test_mends.py"
SEEN = {mend.name for mend in MENDS if mend.seen_when not in (BUILT, DESTROYED)}


def _constant(path: Path, name: str) -> ast.expr:
    for node in tree(path).body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            assert isinstance(node, ast.Assign | ast.AnnAssign)
            assert node.value is not None
            return node.value
    raise AssertionError(f"{path} has no {name}")


def _keys(path: str, name: str) -> set[str]:
    value = _constant(ROOT / path, name)
    assert isinstance(value, ast.Dict)
    return {str(ast.literal_eval(key)) for key in value.keys if key is not None}


@pytest.mark.parametrize("path", SHOWN_BY)
def test_a_lack_that_a_rehearsal_shows_is_shown(path: str) -> None:
    assert _keys(path, "SHOWN") == SEEN


def test_every_mend_is_looked_for_in_the_built_objects() -> None:
    held = _keys(BUILT_BY, "CHECKS") | {ast.literal_eval(_constant(ROOT / BUILT_BY, "SAME_AS_THE_RELEASE"))}
    assert held == {mend.name for mend in MENDS}


def test_every_mend_has_a_place_where_its_lack_is_seen_and_it_is_the_documented_one() -> None:
    rows = [line.split("|") for line in (ROOT / "docs" / "kubeflow.md").read_text().splitlines() if line.startswith("| ")]
    documented = {row[2].strip(" `"): row[-2].replace("`", "").strip() for row in rows if len(row) == 6}
    for mend in MENDS:
        if mend.name == "checksums":
            continue  # made after the build, so it has no folder to be named by
        assert mend.seen_when.replace("the ", "") in documented[mend.name].replace("the ", ""), mend


def test_every_folder_of_a_mend_is_a_mend() -> None:
    folders = {path.parent.name for path in (ROOT / "kustomize").glob("*mends/*/kustomization.yaml")}
    assert folders <= {mend.name for mend in MENDS}


def test_what_no_rehearsal_misses_is_said_by_name() -> None:
    section = (ROOT / "docs" / "rehearsal.md").read_text().partition("## What no rehearsal can show")[2]
    named = {line.split("`")[1] for line in section.splitlines() if line.startswith("| `")}
    assert named == {mend.name for mend in MENDS} - SEEN
