"""The parts: in which order what is applied, and how it is kept."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from kustomize_built import SOURCES, built

from core.kustomize import load, stored
from core.kustomize.parts import FILE, PARTS, split


@pytest.mark.parametrize("source", SOURCES)
def test_every_object_is_in_one_part(source: str) -> None:
    manifests = built(source)
    keys = [(o["kind"], o["metadata"]["name"]) for o in manifests]
    assert len(keys) == len(set(keys))
    assert sum(len(manifests.parts[p]) for p in PARTS) == len(keys)
    assert [o["kind"] for o in manifests.parts["namespace"]] == ["Namespace"]


@pytest.mark.parametrize("source", SOURCES)
def test_the_proxy_goes_first_and_has_all_that_it_reads(source: str) -> None:
    found = [(o["kind"], o["metadata"]["name"]) for o in built(source).sql_proxy]
    assert found == [
        ("ServiceAccount", "kubeflow-pipelines-cloudsql-proxy"),
        ("ConfigMap", "pipeline-install-config"),
        ("Service", "mysql"),
        ("Deployment", "cloudsqlproxy"),
    ]


@pytest.mark.parametrize("source", SOURCES)
def test_definitions_come_before_what_refers_to_them(source: str) -> None:
    kinds = [o["kind"] for o in built(source).cluster]
    assert kinds == ["CustomResourceDefinition"] * 10 + ["PriorityClass", "StorageClass"]


@pytest.mark.parametrize("source", SOURCES)
def test_pods_come_last(source: str) -> None:
    manifests = built(source)
    assert not any(o["kind"] == "Deployment" for o in [*manifests.cluster, *manifests.configuration])
    assert {o["kind"] for o in manifests.workloads} == {"Deployment"}
    services = {o["metadata"]["name"] for o in manifests.configuration if o["kind"] == "Service"}
    assert {"ml-pipeline", "ml-pipeline-visualizationserver", "metadata-grpc-service", "seaweedfs"} <= services


def test_a_custom_object_goes_with_the_pods() -> None:
    custom = {"kind": "Application", "metadata": {"name": "x"}}
    assert split([custom])["workloads"] == [custom]


def test_what_is_kept_is_read_back(tmp_path: Path) -> None:
    manifests = built("stand-in")
    manifests.store(tmp_path, "inputs")
    assert load(tmp_path) == manifests
    assert load(str(tmp_path)).digest == manifests.digest
    kept = stored(tmp_path)
    assert kept is not None
    assert kept[1] == "inputs"
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 99}'])
def test_what_can_not_be_read_is_built_anew(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text)
    assert stored(tmp_path) is None


def test_what_was_tampered_with_is_built_anew(tmp_path: Path) -> None:
    built("stand-in").store(tmp_path, "inputs")
    data = json.loads((tmp_path / FILE).read_text())
    data["parts"]["workloads"].pop()
    (tmp_path / FILE).write_text(json.dumps(data))
    assert stored(tmp_path) is None


def test_nothing_kept_is_an_error_for_who_needs_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(tmp_path)
