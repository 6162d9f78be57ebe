"""What every controller is handed: the cluster, the time, and where to note when it has to look again.

Controllers are plain functions of what is there and of the time, run again whenever something changed or a moment that one
of them named has come. So they pick up after a restart by themselves, and tests turn the clock.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from core.rehearsal.kubernetes.objects import Cluster
from core.rehearsal.kubernetes.programs.process import RUNTIME
from core.rehearsal.kubernetes.resources import BUILTIN
from core.rehearsal.kubernetes.status import Obj
from core.rehearsal.world import World

PODS = BUILTIN["", "v1", "pods"]
NODES = BUILTIN["", "v1", "nodes"]
SECRETS = BUILTIN["", "v1", "secrets"]
CONFIG_MAPS = BUILTIN["", "v1", "configmaps"]
SERVICES = BUILTIN["", "v1", "services"]
NAMESPACES = BUILTIN["", "v1", "namespaces"]
ACCOUNTS = BUILTIN["", "v1", "serviceaccounts"]
CLAIMS = BUILTIN["", "v1", "persistentvolumeclaims"]
VOLUMES = BUILTIN["", "v1", "persistentvolumes"]
EVENTS = BUILTIN["", "v1", "events"]
DEPLOYMENTS = BUILTIN["apps", "v1", "deployments"]
REPLICA_SETS = BUILTIN["apps", "v1", "replicasets"]
CLASSES = BUILTIN["storage.k8s.io", "v1", "storageclasses"]
PRIORITIES = BUILTIN["scheduling.k8s.io", "v1", "priorityclasses"]
DEFINITIONS = BUILTIN["apiextensions.k8s.io", "v1", "customresourcedefinitions"]
CLUSTER_ROLES = BUILTIN["rbac.authorization.k8s.io", "v1", "clusterroles"]

LEAST = 0.02
"""Real seconds between two attempts at speed 0, doubled by each failed one."""


@dataclass
class Context:
    """One pass of the controllers."""

    world: World
    cluster: Cluster
    name: str
    now: float
    next: float | None = None
    changed: bool = field(default=False)

    def after(self, seconds: float, *, attempt: int = 0) -> float:
        """The moment ``seconds`` from now; at speed 0 a short real while, longer by each failed attempt."""
        if self.world.clock.speed == 0:
            return self.now + (LEAST * 2 ** min(attempt, 6) if attempt else 0.0)
        return self.now + seconds

    def due(self, moment: float) -> bool:
        """Whether a moment has come; notes it where it has not."""
        if moment <= self.now:
            return True
        self.next = moment if self.next is None else min(self.next, moment)
        return False

    def runtime(self, obj: Obj) -> Obj:
        """A copy of what is kept of a pod's life; {} at its beginning."""
        return dict(self.world.store.get(RUNTIME, f"{self.cluster.uid}/{obj['metadata']['uid']}") or {})

    def keep(self, obj: Obj, runtime: Obj) -> None:
        """Writes what is kept of a pod's life."""
        name = f"{self.cluster.uid}/{obj['metadata']['uid']}"
        if self.world.store.get(RUNTIME, name) != runtime:
            self.world.store.put(RUNTIME, name, runtime)
            self.changed = True

    def drop(self, obj: Obj) -> None:
        """Forgets what was kept of a pod's life."""
        self.world.store.delete(RUNTIME, f"{self.cluster.uid}/{obj['metadata']['uid']}")

    def stamp(self, moment: float | None = None) -> str:
        """A time as the API writes it."""
        return self.world.clock.timestamp(self.now if moment is None else moment)

    def event(self, obj: Obj, reason: str, message: str, *, warning: bool = False, source: str = "kubelet") -> None:
        """Records an event about an object; the same one again only counts up."""
        metadata = obj["metadata"]
        namespace = metadata.get("namespace") or "default"
        mark = hashlib.sha256(f"{metadata['uid']}{reason}{message}".encode()).hexdigest()[:16]
        name = f"{metadata['name']}.{mark}"
        if (known := self.cluster.find(EVENTS, namespace, name)) is not None:
            self.cluster.edit(EVENTS, known, {**known, "count": known["count"] + 1, "lastTimestamp": self.stamp()})
            return
        home = self.cluster.find(NAMESPACES, "", namespace)
        if home is None or home["metadata"].get("deletionTimestamp"):
            return
        about = {
            "kind": obj["kind"],
            "apiVersion": obj["apiVersion"],
            "namespace": metadata.get("namespace", ""),
            "name": metadata["name"],
            "uid": metadata["uid"],
        }
        body = {
            "metadata": {"name": name},
            "type": "Warning" if warning else "Normal",
            "reason": reason,
            "message": message,
            "count": 1,
            "firstTimestamp": self.stamp(),
            "lastTimestamp": self.stamp(),
            "source": {"component": source},
            "involvedObject": about,
        }
        self.cluster.create(EVENTS, namespace, body)


def condition(old: Obj | None, kind: str, status: bool, reason: str, message: str, now: str) -> Obj:
    """A condition of an object's status; its time moves only when its status does."""
    known = next((c for c in (old or {}).get("conditions") or () if c["type"] == kind), None)
    word = "True" if status else "False"
    since = known["lastTransitionTime"] if known and known["status"] == word else now
    made = {"type": kind, "status": word, "lastTransitionTime": since}
    if reason:
        made["reason"] = reason
    return {**made, "message": message} if message else made


def owner_of(obj: Obj) -> Obj:
    """The reference by which an object is owned by its controller."""
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "name": obj["metadata"]["name"],
        "uid": obj["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def owned_by(obj: Obj, owner: Obj) -> bool:
    """Whether one object owns another."""
    uid = owner["metadata"]["uid"]
    return any(r.get("uid") == uid for r in obj["metadata"].get("ownerReferences") or ())
