"""Node pools: a resource of their own, and a block inside a cluster; both are written and read the same way."""

from __future__ import annotations

import re
import time
from typing import Any

from core.rehearsal.provider.client import Json
from core.rehearsal.provider.convert import expand
from core.rehearsal.provider.errors import ApiError, ResourceFailed, WaitFailed
from core.rehearsal.provider.links import relative
from core.rehearsal.provider.resources.base import FAILURES, Resource
from core.rehearsal.provider.schema import Block
from core.rehearsal.provider.session import Session
from core.rehearsal.provider.values import UNKNOWN, State

_CLUSTER = re.compile(r"projects/([^/]+)/(?:locations|zones|regions)/([^/]+)/clusters/([^/]+)")
CLUSTER_ITSELF = "cluster"
"""In place of a verb: the call is one of the pool's cluster."""
RETRY_PAUSE = 10.0
REST_PAUSE = 10.0
HEALTHY = ("RUNNING", "RUNNING_WITH_ERROR")
RESTING = (*HEALTHY, "ERROR", "DEGRADED")


def pool_body(block: Block, plan: State) -> Json:
    """A node pool as the API takes it."""
    body = expand(block, plan)
    body.setdefault("networkConfig", {})
    body.setdefault("config", {}).setdefault("loggingConfig", {"variantConfig": {}})
    count = plan.get("node_count")
    if count not in (None, UNKNOWN):
        body["initialNodeCount"] = count
    if body.get("autoscaling") is not None:
        body["autoscaling"]["enabled"] = True
    if "name" not in body:
        prefix = plan.get("name_prefix")
        body["name"] = unique_name(prefix if isinstance(prefix, str) else "terraform-")
    return body


def unique_name(prefix: str) -> str:
    """A name that nothing else has: the time it was made at."""
    return f"{prefix}{time.strftime('%Y%m%d%H%M%S')}{time.time_ns() % 10**9:09d}"


def pool_answer(answer: Json) -> Json:
    """A node pool as the table takes it: autoscaling that is off is none."""
    scaling = answer.get("autoscaling") or {}
    return {**answer, "autoscaling": scaling if scaling.get("enabled") else None}


def finish_pool(session: Session, found: State) -> State:
    """Completes a node pool's state with what its groups of machines say: how many there are, in each on the average."""
    groups = [g for g in (_group(session, link) for link in found["instance_group_urls"] or []) if g]
    found["node_count"] = sum(int(g["targetSize"]) for g in groups) // len(groups) if groups else 0
    found["managed_instance_group_urls"] = [g["instanceGroup"] for g in groups]
    found["ignore_node_count_changes"] = bool(found.get("ignore_node_count_changes"))
    found["name_prefix"] = found.get("name_prefix") or ""
    return found


def _group(session: Session, link: str) -> Json | None:
    project, zone = relative(link).split("/")[1:4:2]
    listed = session.google.call("compute", "GET", f"projects/{project}/zones/{zone}/instanceGroupManagers")
    return next((g for g in listed.get("items", []) if g["selfLink"] == link), None)


class NodePool(Resource):
    """``google_container_node_pool``: creation is tried again while the cluster is busy, for as long as its timeout."""

    label, service = "NodePool", "container"
    collection = "projects/{project}/locations/{location}/clusters/{cluster}/nodePools"
    path = id = "projects/{project}/locations/{location}/clusters/{cluster}/nodePools/{name}"
    imports = (
        "projects/{project}/locations/{location}/clusters/{cluster}/nodePools/{name}",
        "{project}/{location}/{cluster}/{name}",
        "{location}/{cluster}/{name}",
    )
    timeout_minutes = 30.0

    def values(self, session: Session, state: State) -> dict[str, str]:
        found = super().values(session, state)
        named = _CLUSTER.fullmatch(str(state["cluster"]))
        if named:
            found["project"], found["location"], found["cluster"] = named.groups()
        found.setdefault("location", session.zone or session.region)
        return found

    def customize(self, session: Session, prior: State | None, plan: State, config: State) -> None:
        super().customize(session, prior, plan, config)
        named = _CLUSTER.fullmatch(plan["cluster"]) if isinstance(plan["cluster"], str) else None
        if prior is None and named:
            plan["project"] = named.group(1)
            if plan["location"] is UNKNOWN:
                plan["location"] = named.group(2)

    def create(self, session: Session, plan: State, config: State) -> State:
        values = self.values(session, plan)
        timeout = self.timeout(plan, "create")
        body = {"nodePool": pool_body(self.block, plan)}
        values["name"] = body["nodePool"]["name"]
        state = {**self.settled(plan), "name": values["name"], "project": values["project"], "location": values["location"]}
        state["id"] = self.id.format_map(values)
        if self._is_there(session, values):
            raise ResourceFailed(f"resource - {state['id']} - already exists")
        with session.locks.of(self._lock(values)):
            try:
                answer = insist(session, lambda: self._post(session, values, body), timeout)
            except FAILURES as error:
                raise ResourceFailed(f"error creating NodePool: {error}") from error
            try:
                session.operations.container(values["project"], values["location"], answer, "creating GKE NodePool", timeout)
            except WaitFailed as failed:
                if failed.stopped:
                    return {**state, "operation": answer["name"]}
                if not self._is_there(session, values):
                    raise ResourceFailed(str(failed)) from failed
        found = self.read_again(session, state)
        status = await_rest(session, state["id"], timeout)
        if status not in HEALTHY:
            raise ResourceFailed(f'NodePool {state["name"]} was created in the error state "{status}"', found)
        return found

    def read(self, session: Session, state: State, *, applied: bool = False) -> State | None:
        if state.get("operation"):
            values = self.values(session, state)
            try:
                operation = {"name": state["operation"]}
                session.operations.container(
                    values["project"], values["location"], operation, "resuming GKE node pool", 1800
                )
            except WaitFailed as failed:
                raise ResourceFailed(str(failed), state) from failed
            state = {**state, "operation": None}
        return super().read(session, state, applied=applied)

    def fetch(self, session: Session, values: dict[str, str]) -> Json | None:
        try:
            listed = session.google.call("container", "GET", self.collection.format_map(values))
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return next((p for p in listed.get("nodePools", []) if p["name"] == values["name"]), None)

    def _is_there(self, session: Session, values: dict[str, str]) -> bool:
        """Whether the pool is seen to be there; who may not look finds out by making it."""
        try:
            return bool(session.google.call("container", "GET", self.path.format_map(values)))
        except FAILURES:
            return False

    def imported(self, session: Session, given: str) -> State:
        state = super().imported(session, given)
        await_rest(session, self.path.format_map(self.values(session, state)), self.timeout(state, "create"))
        return state

    def decode(self, session: Session, answer: Json, state: State) -> Json:
        return pool_answer(answer)

    def finish(self, session: Session, found: State, answer: Json, prior: State) -> State | None:
        values = self.values(session, found)
        found["location"], found["project"] = values["location"], values["project"]
        return super().finish(session, finish_pool(session, found), answer, prior)

    def change(self, session: Session, prior: State, state: State, changes: set[str], config: State) -> None:
        values = self.values(session, state)
        await_rest(session, self.path.format_map(values), self.timeout(state, "update"))
        with session.locks.of(self._lock(values)):
            for method, verb, body in pool_changes(self.block, prior, state, changes):
                path = self.path.format_map(values) + verb if verb != CLUSTER_ITSELF else self._cluster(values)
                answer = insist(
                    session, lambda m=method, p=path, b=body: session.google.call("container", m, p, body=b), 600
                )
                session.operations.container(
                    values["project"], values["location"], answer, "updating GKE node pool", self.timeout(state, "update")
                )

    def changes(self, prior: State, state: State) -> set[str]:
        found = super().changes(prior, state)
        return found | {"node_count"} if prior.get("node_count") != state.get("node_count") else found

    def not_read(self, state: State, error: Exception) -> str:
        return f'Error when reading or editing NodePools from cluster "{state["cluster"]}": {error}'

    def not_changed(self, prior: State, error: Exception) -> str:
        return str(error)

    def not_deleted(self, state: State, error: Exception) -> str:
        return f"Error deleting NodePool: {error}"

    def remove(self, session: Session, state: State, values: dict[str, str]) -> Json:
        path = self.path.format_map(values)
        await_rest(session, path, self.timeout(state, "delete"))
        with session.locks.of(self._lock(values)):
            answer = insist(session, lambda: session.google.call("container", "DELETE", path), self.timeout(state, "delete"))
            session.operations.container(
                values["project"], values["location"], answer, "deleting GKE NodePool", self.timeout(state, "delete")
            )
        return {}

    def _post(self, session: Session, values: dict[str, str], body: Json) -> Json:
        return session.google.call("container", "POST", self.collection.format_map(values), body=body)

    def _cluster(self, values: dict[str, str]) -> str:
        return self.collection.format_map(values).removesuffix("/nodePools")

    def _lock(self, values: dict[str, str]) -> str:
        return "google-container-cluster/{project}/{location}/{cluster}".format_map(values)


def await_rest(session: Session, path: str, timeout: float) -> str:
    """Waits until a cluster or a node pool is neither being made nor being changed; answers its status."""
    deadline = session.pace.deadline(timeout)
    while True:
        status = str(session.google.call("container", "GET", path).get("status", "RUNNING"))
        if status in RESTING or time.monotonic() > deadline:
            return status
        session.pace.sleep(REST_PAUSE)


def insist(session: Session, call: Any, timeout: float) -> Json:
    """Makes a call again while the cluster is busy or a quota is short (400 failedPrecondition, 429), until the timeout."""
    deadline = session.pace.deadline(timeout)
    while True:
        try:
            answer: Json = call()
            return answer
        except ApiError as error:
            told = any(item.get("reason") == "failedPrecondition" for item in error.items)
            busy = error.status == 429 or (error.status == 400 and told)
            if not busy or time.monotonic() > deadline or session.stop.is_set():
                raise
        session.pace.sleep(RETRY_PAUSE, session.stop)


_UPDATE_FIELDS = {
    "disk_size_gb": "diskSizeGb",
    "disk_type": "diskType",
    "image_type": "imageType",
    "machine_type": "machineType",
    "workload_metadata_config": "workloadMetadataConfig",
    "gcfs_config": "gcfsConfig",
    "gvnic": "gvnic",
    "logging_variant": "loggingConfig",
}


def pool_changes(block: Block, prior: State, state: State, changes: set[str]) -> list[tuple[str, str, Json]]:
    """The calls that bring a node pool from one state to another: method, verb and body."""
    full = pool_body(block, state)
    calls: list[tuple[str, str, Json]] = []
    update: Json
    if "autoscaling" in changes:
        scaling = {k: v for k, v in (full.get("autoscaling") or {"enabled": False}).items() if k != "totalMaxNodeCount" or v}
        update = {"desiredNodePoolAutoscaling": scaling, "desiredNodePoolId": state["name"]}
        calls.append(("PUT", CLUSTER_ITSELF, {"update": update}))
    if "management" in changes:
        calls.append(("POST", ":setManagement", {"management": full.get("management", {})}))
    if "node_count" in changes and state.get("node_count") is not None:
        calls.append(("POST", ":setSize", {"nodeCount": state["node_count"]}))
    update = {}
    if "upgrade_settings" in changes:
        update["upgradeSettings"] = full.get("upgradeSettings", {})
    if "node_locations" in changes:
        update["locations"] = state["node_locations"]
    if "version" in changes:
        update["nodeVersion"] = state["version"]
    if "network_config" in changes:
        update["nodeNetworkConfig"] = full.get("networkConfig", {})
    if "node_config" in changes:
        update.update(_node_changes(prior, state, full.get("config", {})))
    return [*calls, ("PUT", "", {"name": state["name"], **update})] if update else calls


def _node_changes(prior: State, state: State, config: Json) -> Json:
    before = (prior.get("node_config") or [{}])[0]
    after = (state.get("node_config") or [{}])[0]
    changed = {k for k in after if before.get(k) != after[k]}
    update: Json = {api: config.get(api) for name, api in _UPDATE_FIELDS.items() if name in changed}
    if "diskSizeGb" in update:
        update["diskSizeGb"] = str(update["diskSizeGb"])
    wrapped = {
        "labels": ("labels", "labels"),
        "tags": ("tags", "tags"),
        "taint": ("taints", "taints"),
        "resource_labels": ("resourceLabels", "labels"),
    }
    for name, (api, inner) in wrapped.items():
        if name in changed:
            update[api] = {inner: config.get(api, [] if name in ("tags", "taint") else {})}
    return update
