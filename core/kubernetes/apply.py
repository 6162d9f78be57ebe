"""Applying many objects at once, in the order in which the cluster can take them.

What others stand on goes first: namespaces; then CRDs, accounts, roles, ConfigMaps and Services, which pods read and reach
(a pod's environment is fixed when it starts); then what binds roles, while the CRDs become established; then the workloads
and the objects of those CRDs. Inside each of these everything goes side by side: with a round trip of 80 ms each further
step is a twelfth of a second.

Whether an apply changed something is seen by comparing the object before and after, without what the server counts by
itself; so everything is listed once before.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from core.errors import PermanentError
from core.kubernetes.client import Cluster
from core.kubernetes.errors import NotFound
from core.kubernetes.resources import Object, key, label
from core.run.step import Reporter
from core.run.together import together

Action = Literal["create", "update", "unchanged"]

CRD_VERSION, CRD = "apiextensions.k8s.io/v1", "CustomResourceDefinition"
BINDINGS = frozenset({"RoleBinding", "ClusterRoleBinding"})
WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod"})
_COUNTED = frozenset({"managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink"})
ESTABLISHED_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Applied:
    """One object after its apply, and what that did."""

    object: Object
    action: Action


async def apply_all(cluster: Cluster, objects: Sequence[Object], reporter: Reporter) -> list[Applied]:
    """Applies all objects, phase by phase; every one that was made or changed is reported as a resource."""
    before = await _existing(cluster, objects)
    crds = [obj["metadata"]["name"] for obj in objects if obj["kind"] == CRD]
    done: list[Applied] = []

    async def at_once(phase: Sequence[Object]) -> None:
        done.extend(await together(_apply(cluster, obj, before.get(key(obj)), reporter) for obj in phase))

    namespaces, foundations, bindings, workloads = phases(objects)
    await at_once(namespaces)
    await at_once(foundations)
    await together([at_once(bindings), established(cluster, crds)])
    await at_once(workloads)
    return done


def any_changed(applied: Iterable[Applied]) -> bool:
    """Whether any of these was made or changed."""
    return any(one.action != "unchanged" for one in applied)


def phases(objects: Iterable[Object]) -> tuple[list[Object], list[Object], list[Object], list[Object]]:
    """The objects in the four groups that go one after the other."""
    given = list(objects)
    custom = {obj.get("spec", {}).get("names", {}).get("kind") for obj in given if obj["kind"] == CRD}
    groups: tuple[list[Object], ...] = ([], [], [], [])
    for obj in given:
        kind = obj["kind"]
        last = kind in WORKLOADS or (kind in custom and kind not in (CRD, None))
        groups[0 if kind == "Namespace" else 2 if kind in BINDINGS else 3 if last else 1].append(obj)
    return groups[0], groups[1], groups[2], groups[3]


async def established(cluster: Cluster, names: Iterable[str]) -> None:
    """Waits until every one of these CRDs is served; raises `PermanentError` where one never is."""
    missing = set(names)
    if not missing:
        return
    try:
        async with cluster.clock.deadline(ESTABLISHED_SECONDS):
            async for state in cluster.observe(CRD_VERSION, CRD):
                missing -= {name for name in missing if name in state and _is_established(state[name])}
                if not missing:
                    return
    except TimeoutError as error:
        raise PermanentError(
            f"The CRD {min(missing)} is not established after {ESTABLISHED_SECONDS:.0f} s.",
            code="crd-not-established",
            cause="The API server does not serve it; its conditions say why.",
            command=f"kubectl describe crd {min(missing)}",
        ) from error


async def same(cluster: Cluster, obj: Object) -> bool:
    """Whether applying the object would change nothing; asks by a dry run, so nothing is changed."""
    found = await cluster.find(*_lookup(obj))
    return found is not None and content(found) == content(await cluster.apply(obj, dry_run=True))


def content(obj: Object) -> dict[str, Any]:
    """What an object says, without its status and what the server counts by itself."""
    metadata = {k: v for k, v in obj.get("metadata", {}).items() if k not in _COUNTED}
    return {**{k: v for k, v in obj.items() if k != "status"}, "metadata": metadata}


async def _apply(cluster: Cluster, obj: Object, before: Object | None, reporter: Reporter) -> Applied:
    begin = time.monotonic()
    after = await cluster.apply(obj)
    action: Action = "create" if before is None else "unchanged" if content(before) == content(after) else "update"
    if action != "unchanged":
        reporter.resource(obj["kind"], label(obj).split(" ", 1)[1], action, "done", time.monotonic() - begin)
    return Applied(after, action)


async def _existing(cluster: Cluster, objects: Sequence[Object]) -> dict[tuple[str, str, str, str], Object]:
    wanted = {key(obj)[:3] for obj in objects}
    found = await together(_all_of(cluster, *kind) for kind in wanted)
    return {key(obj): obj for objects_of_kind in found for obj in objects_of_kind}


async def _all_of(cluster: Cluster, api_version: str, kind: str, namespace: str) -> list[Object]:
    try:
        return await cluster.all(api_version, kind, namespace or None)
    except NotFound:
        return []


def _is_established(crd: Object) -> bool:
    conditions = crd.get("status", {}).get("conditions") or []
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


def _lookup(obj: Object) -> tuple[str, str, str, str | None]:
    api_version, kind, namespace, name = key(obj)
    return api_version, kind, name, namespace or None
