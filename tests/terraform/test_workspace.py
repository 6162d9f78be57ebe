"""What lies in a work directory."""

from __future__ import annotations

import json
from pathlib import Path

from terraform_work import TWO, module

from core.terraform import Backend, Workspace


def workspace(root: Path) -> Workspace:
    return Workspace(root / "work" / "small", module(root, TWO), "small")


def test_it_is_a_copy_of_the_module_and_of_those_it_calls(tmp_path: Path) -> None:
    found = workspace(tmp_path)
    (tmp_path / "source" / "modules" / "inner").mkdir()
    (tmp_path / "source" / "modules" / "inner" / "main.tf").write_text("# inner")
    (tmp_path / "source" / "small" / ".terraform").mkdir()
    (tmp_path / "source" / "small" / ".terraform" / "x.tf").write_text("# not this")
    (tmp_path / "source" / "small" / "example.tfvars").write_text("")
    found.prepare(variables={"word": "x"}, backend=Backend())
    files = {str(p.relative_to(tmp_path / "work")) for p in (tmp_path / "work").rglob("*") if p.is_file()}
    assert files == {"small/main.tf", "small/terraform.tfvars.json", "modules/inner/main.tf"}


def test_what_the_module_lost_is_lost_here_too(tmp_path: Path) -> None:
    found = workspace(tmp_path)
    found.prepare(variables={}, backend=Backend())
    (found.folder / "old.tf").write_text("# an earlier version's")
    (found.folder / "terraform.tfstate").write_text("{}")
    found.prepare(variables={}, backend=Backend())
    assert not (found.folder / "old.tf").exists()
    assert (found.folder / "terraform.tfstate").exists()


def test_nothing_is_written_that_is_the_same(tmp_path: Path) -> None:
    found = workspace(tmp_path)
    found.prepare(variables={"word": "x"}, backend=Backend("bucket", "prefix"))
    before = {p: p.stat().st_mtime_ns for p in found.folder.rglob("*")}
    found.prepare(variables={"word": "x"}, backend=Backend("bucket", "prefix"))
    assert {p: p.stat().st_mtime_ns for p in found.folder.rglob("*")} == before


def test_a_bucket_is_declared_and_a_local_state_is_not(tmp_path: Path) -> None:
    found = workspace(tmp_path)
    found.prepare(variables={}, backend=Backend("bucket", "terraform/platform"))
    declared = json.loads((found.folder / "backend.tf.json").read_text())
    assert declared == {"terraform": {"backend": {"gcs": {"bucket": "bucket", "prefix": "terraform/platform"}}}}
    found.prepare(variables={}, backend=Backend())
    assert not (found.folder / "backend.tf.json").exists()


def test_a_local_state_does_not_stand_in_a_buckets_way(tmp_path: Path) -> None:
    found = workspace(tmp_path)
    found.prepare(variables={}, backend=Backend())
    (found.folder / "terraform.tfstate").write_text("{}")
    found.prepare(variables={}, backend=Backend("bucket"))
    assert not (found.folder / "terraform.tfstate").exists()
    assert (found.folder / "terraform.set-aside").exists()


def test_imports_are_read_back_and_taken_away(tmp_path: Path) -> None:
    found = workspace(tmp_path)
    found.prepare(variables={}, backend=Backend())
    assert found.imports == {}
    found.set_imports({"terraform_data.first": "one"})
    assert found.imports == {"terraform_data.first": "one"}
    found.prepare(variables={}, backend=Backend())
    assert found.imports == {"terraform_data.first": "one"}
    found.set_imports({})
    assert not (found.folder / "imports.tf.json").exists()
