"""The release as it is, and the stand-in set held against it: the same objects, but for texts and schemas."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from kustomize_built import (
    SOURCES,
    TRUE,
    built,
    container,
    deployments,
    has,
    kubectl,
    names,
    needs_release,
    release,
    settings,
)

from core import kustomize
from core.kustomize import MENDS, Manifests, Object, Values
from core.kustomize.build import NOWHERE, parse
from core.kustomize.overlay import shipped

OURS = tuple(mend.name for mend in MENDS if mend.name not in ("host-network", "no-application"))


@pytest.mark.parametrize("source", SOURCES)
def test_the_release_has_86_objects(source: str) -> None:
    # Everything left out but what is no object of the release: the cluster's set, the application's, and two Secrets.
    whole = built(source, "kubeflow", ("M11", "M18", "M22", "disk-labels"))
    assert sum(1 for _ in whole) == 86
    assert sum(1 for o in whole if o["kind"] == "Secret") == 2
    assert len(deployments(whole)) == 14
    kinds = [o["kind"] for o in whole]
    assert {k: kinds.count(k) for k in ("ServiceAccount", "Role", "RoleBinding", "Service")} == {
        "ServiceAccount": 16,
        "Role": 11,
        "RoleBinding": 11,
        "Service": 8,
    }


@pytest.mark.parametrize("source", SOURCES)
def test_the_release_alone_does_not_start(source: str) -> None:
    stock = built(source, "ml-team", OURS)
    assert not has(stock, "Deployment", "seaweedfs")
    assert container(stock, "cloudsqlproxy")["image"].endswith("gce-proxy:1.25.0")
    assert "$(kfp-artifact-bucket-name)" in settings(stock, "workflow-controller-configmap")["artifactRepository"]


@needs_release
@pytest.mark.parametrize("without", [(), ("M3", "M6"), OURS], ids=["mended", "with what is left out", "stock"])
def test_the_stand_in_says_what_the_release_says(without: tuple[str, ...]) -> None:
    ours, true = _facts(built("stand-in", "ml-team", without)), _facts(built("release", "ml-team", without))
    assert ours.keys() == true.keys()
    for key, facts in true.items():
        assert ours[key] == facts, key


def _facts(manifests: Manifests) -> dict[tuple[str, str], Object]:
    return {(o["kind"], o["metadata"]["name"]): _without_texts(o) for o in manifests}


def _without_texts(original: Object) -> Object:
    """The object without its scripts, its prose, and a CRD's schema: what is written in words of one's own."""
    each = copy.deepcopy(original)
    kind, name = each["kind"], each["metadata"]["name"]
    if kind == "CustomResourceDefinition":
        each.pop("status", None)
        for field in ("annotations", "creationTimestamp"):
            each["metadata"].pop(field, None)
        each["metadata"]["labels"].pop("controller-tools.k8s.io", None)
        each["spec"]["versions"] = [{k: v[k] for k in ("name", "served", "storage")} for v in each["spec"]["versions"]]
    if kind == "Application":
        return {"metadata": {"name": name}}
    if kind == "ConfigMap":
        each["data"] = {k: v for k, v in each.get("data", {}).items() if "\n" not in v and "{" not in v}
    if kind == "Deployment":
        each["spec"]["template"]["metadata"].pop("annotations", None)
        pod = each["spec"]["template"]["spec"]
        for one in [*(pod.get("initContainers") or ()), *pod["containers"]]:
            for place in (
                one,
                one.get("lifecycle", {}).get("postStart", {}).get("exec", {}),
                one.get("startupProbe", {}).get("exec", {}),
            ):
                _blank_scripts(place)
        for volume in pod.get("volumes") or ():
            if "emptyDir" in volume:
                volume["emptyDir"] = {}
    return each


def _blank_scripts(place: dict[str, Any]) -> None:
    for field in ("args", "command"):
        if field in place:
            place[field] = ["…" if "\n" in text or "test -f" in text else text for text in place[field]]


async def test_database_names_hold_against_a_release_that_has_others(tmp_path: Path) -> None:
    other = tmp_path / "release"
    shutil.copytree(release("stand-in").folder, other)
    for file in other.rglob("settings.yaml"):
        file.write_text(file.read_text().replace("pipelineDb: mlpipeline", "pipelineDb: pipelinedb"))
    values = Values.of(names())

    async def name(*without: str) -> str:
        found = kustomize.given(other, "2.17.0")
        done = await kustomize.build(found, values, tmp_path / "work", kubectl=kubectl(), without=without)
        return settings(done)["pipelineDb"]

    assert await name() == "mlpipeline"
    assert await name("M21") == "pipelinedb"


@needs_release
def test_the_overlays_build_by_hand_from_git(tmp_path: Path) -> None:
    """As the README says it, with GitHub stood in for by repositories of the true manifests."""
    environment = _repositories(tmp_path)
    objects = []
    for name in ("cluster", "pipelines"):
        command = [*kubectl(), "kustomize", str(shipped() / name)]
        done = subprocess.run(command, capture_output=True, check=True, env=environment)
        objects += parse(done.stdout)
    wanted = {(o["kind"], o["metadata"]["name"]) for o in built("release", "kubeflow")}
    assert {(o["kind"], o["metadata"]["name"]) for o in objects} == wanted


def _repositories(folder: Path) -> dict[str, str]:
    who = {f"GIT_{role}_{what}": "x@invalid" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    quiet = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    for place in (*TRUE.glob("*/*/*"),):
        repository = folder / place.parent.relative_to(TRUE).with_suffix(".git")
        shutil.copytree(place, repository)
        for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "manifests"], ["tag", place.name]):
            subprocess.run(["git", "-C", str(repository), *arguments], check=True, env=quiet | who)
    instead = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.file://{folder}/.insteadOf"}
    return {**quiet, **instead, "GIT_CONFIG_VALUE_0": "https://github.com/", "HTTPS_PROXY": NOWHERE}
