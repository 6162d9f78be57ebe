"""The built objects, split into what is applied when, and kept in one file.

The Cloud SQL Auth Proxy goes first and alone, with the settings it reads. What pods need when they start (accounts,
rights, settings, Services) goes before any pod: a pod that starts without its Services keeps an environment without them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.environment.files import write_atomically

Object = dict[str, Any]
FORMAT = 1
FILE = "manifests.json"
PARTS = ("namespace", "cluster", "sql_proxy", "configuration", "workloads")
_CLUSTER_KINDS = ("CustomResourceDefinition", "PriorityClass", "StorageClass", "ClusterRole", "ClusterRoleBinding")
_SQL_PROXY = {
    ("ConfigMap", "pipeline-install-config"),
    ("ServiceAccount", "kubeflow-pipelines-cloudsql-proxy"),
    ("Service", "mysql"),
    ("Deployment", "cloudsqlproxy"),
}
_FIRST = (
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
    "PersistentVolumeClaim",
    "NetworkPolicy",
)


@dataclass(frozen=True, slots=True)
class Manifests:
    """All objects of one environment by the part in which they are applied; ``source`` says where the release is from.

    ``namespace`` holds the Namespace alone: it is made before anything is built, and applied only by who makes it.
    """

    source: str
    version: str
    commit: str
    parts: Mapping[str, list[Object]] = field(default_factory=dict)

    @property
    def namespace(self) -> Object:
        """The Namespace, with the labels that its pods need."""
        return self.parts["namespace"][0]

    @property
    def cluster(self) -> list[Object]:
        """What belongs to no namespace: the CRDs first, then what the pods refer to."""
        return self.parts["cluster"]

    @property
    def sql_proxy(self) -> list[Object]:
        """The Cloud SQL Auth Proxy, its account and its Service, and the settings it reads."""
        return self.parts["sql_proxy"]

    @property
    def sql_instance(self) -> str:
        """The connection name of the Cloud SQL instance that the proxy is told of."""
        (settings,) = (each for each in self.sql_proxy if each["kind"] == "ConfigMap")
        return str(settings["data"]["gcsCloudSqlInstanceName"])

    @property
    def configuration(self) -> list[Object]:
        """What pods need when they start: accounts, rights, settings, Services, the volume claim."""
        return self.parts["configuration"]

    @property
    def workloads(self) -> list[Object]:
        """The Deployments, and what custom objects there are."""
        return self.parts["workloads"]

    def __iter__(self) -> Iterator[Object]:
        for part in PARTS:
            yield from self.parts[part]

    @property
    def digest(self) -> str:
        """A checksum of every object."""
        return hashlib.sha256(json.dumps(self.parts, sort_keys=True).encode()).hexdigest()

    def replaced(self, change: Callable[[list[Object]], list[Object]]) -> Manifests:
        """The same with every object as ``change`` makes it."""
        return replace(self, parts=split(change(list(self))))

    def store(self, folder: Path, inputs: str) -> None:
        """Keeps the objects in ``folder``, with a checksum of what they were built from."""
        head = {"format": FORMAT, "inputs": inputs, "digest": self.digest}
        body = {"source": self.source, "version": self.version, "commit": self.commit, "parts": self.parts}
        write_atomically(folder / FILE, json.dumps({**head, **body}))


def load(folder: str | Path) -> Manifests:
    """The objects that the step ``manifests`` left in the folder that its fact names."""
    manifests = stored(Path(folder))
    if manifests is None:
        raise FileNotFoundError(Path(folder) / FILE)
    return manifests[0]


def stored(folder: Path) -> tuple[Manifests, str] | None:
    """What is kept in a folder, and the checksum of what it was built from; None where there is nothing of use."""
    try:
        data = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            return None
        kept = Manifests(data["source"], data["version"], data["commit"], data["parts"])
        return (kept, data["inputs"]) if kept.digest == data["digest"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def split(objects: Iterable[Object]) -> dict[str, list[Object]]:
    """The objects by part, each part in the order in which it is applied."""
    parts: dict[str, list[Object]] = {part: [] for part in PARTS}
    for each in sorted(objects, key=_order):
        parts[_part(each)].append(each)
    return parts


def _part(each: Object) -> str:
    kind, name = each["kind"], each["metadata"]["name"]
    if kind == "Namespace":
        return "namespace"
    if kind in _CLUSTER_KINDS:
        return "cluster"
    if (kind, name) in _SQL_PROXY:
        return "sql_proxy"
    return "configuration" if kind in _FIRST else "workloads"


def _order(each: Object) -> tuple[int, str]:
    order = ("Namespace", *_CLUSTER_KINDS, *_FIRST)
    kind = each["kind"]
    return (order.index(kind) if kind in order else len(order), each["metadata"]["name"])
