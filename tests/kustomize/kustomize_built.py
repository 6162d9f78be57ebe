"""Built objects for tests: from the stand-in set everywhere, and from the true release where its manifests are at hand.

Each combination is built once a process; what comes back must not be changed.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from core import kustomize, resources
from core.kustomize import Manifests, Object, Release, Values
from core.names import Names
from core.toolchain import look

VERSION = "2.17.0"
SHARED = Path(os.environ.get("MLOPS_ENV_SHARED") or Path(__file__).resolve().parents[2].parent / "shared")
TRUE = SHARED / "upstream" / "manifests"
NAMESPACES = ("kubeflow", "ml-team")

needs_release = pytest.mark.skipif(not TRUE.is_dir(), reason="the release's true manifests are not at hand")
SOURCES = [pytest.param("stand-in"), pytest.param("release", marks=needs_release)]


def names(namespace: str = "kubeflow") -> Names:
    """The names of an environment like any other."""
    return Names("demo", "abcdef", "my-project", "us-central1", "us-central1-a", "demo", namespace)


def release(source: str) -> Release:
    """The stand-in set, or the true release."""
    if source == "release":
        return kustomize.given(TRUE, VERSION)
    return kustomize.stand_in(resources.folder("kustomize") / "stand-in", VERSION)


def kubectl() -> list[str]:
    """The command of kubectl; skips the test where there is none."""
    tool = look("kubectl")
    if tool is None:
        pytest.skip("there is no kubectl on PATH")
    return tool.command


@cache
def built(source: str, namespace: str = "kubeflow", without: tuple[str, ...] = (), inverse_proxy: bool = False) -> Manifests:
    """The objects of an environment in that namespace."""
    values = Values.of(names(namespace), inverse_proxy=inverse_proxy)
    with tempfile.TemporaryDirectory() as work:
        building = kustomize.build(release(source), values, Path(work) / "w", kubectl=kubectl(), without=without)
        return asyncio.run(building)


def find(manifests: Manifests, kind: str, name: str) -> Object:
    """The object of that kind and name; KeyError where there is none."""
    for each in manifests:
        if (each["kind"], each["metadata"]["name"]) == (kind, name):
            return each
    raise KeyError(f"{kind} {name}")


def has(manifests: Manifests, kind: str, name: str) -> bool:
    """Whether there is an object of that kind and name."""
    return any((o["kind"], o["metadata"]["name"]) == (kind, name) for o in manifests)


def deployments(manifests: Manifests) -> list[str]:
    """The names of all Deployments, in order."""
    return sorted(o["metadata"]["name"] for o in manifests if o["kind"] == "Deployment")


def container(manifests: Manifests, deployment: str) -> Object:
    """The first container of a Deployment."""
    found: Object = find(manifests, "Deployment", deployment)["spec"]["template"]["spec"]["containers"][0]
    return found


def variables(manifests: Manifests, deployment: str) -> dict[str, Any]:
    """The variables of a Deployment's first container: a value, or where one comes from."""
    return {v["name"]: v.get("value", v.get("valueFrom")) for v in container(manifests, deployment).get("env", ())}


def settings(manifests: Manifests, name: str = "pipeline-install-config") -> dict[str, str]:
    """The data of a ConfigMap."""
    data: dict[str, str] = find(manifests, "ConfigMap", name).get("data", {})
    return data


def inner(manifests: Manifests, name: str, key: str) -> Any:
    """The YAML document that a ConfigMap holds under a key."""
    return yaml.safe_load(settings(manifests, name)[key])


def pods(manifests: Manifests) -> Iterator[tuple[str, Object]]:
    """The name and the pod's specification of every Deployment."""
    for each in manifests:
        if each["kind"] == "Deployment":
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]


def strings(value: object) -> Iterator[str]:
    """Every string in a JSON value, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)
