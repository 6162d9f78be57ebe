"""The folder that kustomize is pointed at: complete, local, and known by what is in it."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from kustomize_built import SOURCES, built, kubectl, names, release

from core import kustomize
from core.kustomize import MENDS, Values, lay_out
from core.kustomize.build import parse
from core.kustomize.mends import CHECKSUMS
from core.kustomize.overlay import Incomplete, Remote, needed, shipped
from core.kustomize.parts import split

VALUES = Values.of(names("ml-team"))


@pytest.mark.parametrize("source", SOURCES)
def test_nothing_that_is_reached_is_remote(source: str, tmp_path: Path) -> None:
    layout = lay_out(tmp_path / "work", release(source).folder, VALUES)
    assert needed(tmp_path, [layout.cluster, layout.namespaced]) == set()


def test_what_the_shipped_overlays_need_of_github() -> None:
    found = needed(Path("/nowhere"), [shipped() / "pipelines", shipped() / "cluster"])
    assert {(r.repository, r.tag) for r in found} == {("kubeflow/pipelines", "2.17.0")}
    assert Remote("kubeflow/pipelines", "2.17.0", "manifests/kustomize/env/gcp/cloudsql-proxy") in found
    assert not any("application" in r.path or "inverse-proxy" in r.path for r in found)


@pytest.mark.parametrize("source", SOURCES)
def test_the_same_inputs_have_the_same_checksum(source: str, tmp_path: Path) -> None:
    folder = release(source).folder
    first = lay_out(tmp_path / "one", folder, VALUES)
    second = lay_out(tmp_path / "two", folder, VALUES)
    assert first.inputs == second.inputs
    assert lay_out(tmp_path / "one", folder, VALUES).inputs == first.inputs


@pytest.mark.parametrize(
    "changed",
    [
        {"namespace": "other"}, {"project": "other-project"}, {"sql_instance": "p:r:other"}, {"pipeline_root": "gs://other/x"},
        {"pipelines_account": "other@x"}, {"storage_class": "other"}, {"inverse_proxy": True}, {"disk_labels": "a=b"},
        {"labels": (("a", "b"),)},
    ],
    ids=lambda changed: next(iter(changed)),
)  # fmt: skip
def test_another_value_has_another_checksum(changed: dict[str, object], tmp_path: Path) -> None:
    folder = release("stand-in").folder
    before = lay_out(tmp_path / "work", folder, VALUES).inputs
    assert lay_out(tmp_path / "work", folder, replace(VALUES, **changed)).inputs != before  # type: ignore[arg-type]


def test_another_file_of_the_release_has_another_checksum(tmp_path: Path) -> None:
    other = tmp_path / "release"
    shutil.copytree(release("stand-in").folder, other)
    before = lay_out(tmp_path / "work", other, VALUES).inputs
    file = next(other.rglob("metadata.yaml"))
    file.write_text(file.read_text() + "# a word\n")
    assert lay_out(tmp_path / "work", other, VALUES).inputs != before


def test_a_release_that_lacks_a_folder_is_named(tmp_path: Path) -> None:
    other = tmp_path / "release"
    shutil.copytree(release("stand-in").folder, other)
    gone = other / "kubeflow/pipelines/2.17.0/manifests/kustomize/third-party/seaweedfs"
    shutil.rmtree(gone)
    with pytest.raises(Incomplete) as raised:
        lay_out(tmp_path / "work", other, VALUES)
    assert "third-party/seaweedfs/base" in raised.value.cause
    assert lay_out(tmp_path / "work", other, VALUES, without=frozenset({"object-store", "disk-labels"}))


def test_a_read_only_release_can_be_built_from(tmp_path: Path) -> None:
    other = tmp_path / "release"
    shutil.copytree(release("stand-in").folder, other)
    for path in other.rglob("*"):
        if path.is_file():
            path.chmod(0o444)
    lay_out(tmp_path / "work", other, VALUES)
    lay_out(tmp_path / "work", other, VALUES)
    assert all(path.stat().st_mode & 0o200 for path in (tmp_path / "work").rglob("*.yaml"))


def test_a_repositorys_own_git_folder_stays_behind(tmp_path: Path) -> None:
    other = tmp_path / "release"
    shutil.copytree(release("stand-in").folder, other)
    (other / "kubeflow/pipelines/2.17.0/.git").mkdir()
    lay_out(tmp_path / "work", other, VALUES)
    assert not list((tmp_path / "work").rglob(".git"))


def test_the_overlay_by_hand_has_every_mend() -> None:
    by_hand = _kustomization("pipelines")["components"]
    assert by_hand == ["../settings", *(f"../mends/{m.name}" for m in MENDS if m.namespaced)]
    wide = _kustomization("cluster")["components"]
    chosen = [m.name for m in MENDS if m.cluster and m.name != "host-network"]
    assert wide == ["../cluster-settings", *(f"../cluster-mends/{name}" for name in chosen)]


def test_every_folder_of_a_mend_is_in_the_table() -> None:
    def folders(name: str) -> set[str]:
        return {path.name for path in (shipped() / name).iterdir()}

    assert folders("mends") == {m.name for m in MENDS if m.namespaced}
    assert folders("cluster-mends") == {m.name for m in MENDS if m.cluster}
    assert {m.name for m in MENDS if not m.namespaced and not m.cluster} == {CHECKSUMS}


def test_the_overlay_by_hand_builds_the_same(tmp_path: Path) -> None:
    """The folders as a person builds them, with the values of one environment written into them."""
    work = tmp_path / "work"
    layout = lay_out(work, release("stand-in").folder, VALUES)
    objects = []
    for name, folder in (("cluster", layout.cluster), ("pipelines", layout.namespaced)):
        fields = _kustomization(name) | {"namespace": "ml-team"}
        (folder / "kustomization.yaml").write_text(json.dumps(fields))
        done = subprocess.run([*kubectl(), "kustomize", str(folder)], capture_output=True, check=True)
        objects += parse(done.stdout)
    wanted = built("stand-in", "ml-team", ("checksums",)).replaced(_unlabelled)
    assert split(objects) == wanted.parts


def _unlabelled(objects: list[kustomize.Object]) -> list[kustomize.Object]:
    found = json.loads(json.dumps(objects))
    for each in found:
        kept = {k: v for k, v in each["metadata"]["labels"].items() if k not in names().labels}
        each["metadata"]["labels"] = kept
        if not kept:
            del each["metadata"]["labels"]
    return list(found)


def _kustomization(name: str) -> dict[str, object]:
    data = yaml.safe_load((shipped() / name / "kustomization.yaml").read_text())
    assert isinstance(data, dict)
    return data
