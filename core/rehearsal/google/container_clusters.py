"""GKE's clusters: made over minutes with their first node pool, changed one operation at a time."""

from __future__ import annotations

import base64
import copy
import hashlib
import re
import secrets
from typing import Any

from core.rehearsal.google import compute, container_policies, offers, operations, serviceusage
from core.rehearsal.google.calls import Call, answers, project_of
from core.rehearsal.google.container import (
    KIND,
    VERSIONS,
    check_location,
    cluster_name,
    fetch,
    idle,
    nanos,
    operate,
    place,
    pool,
    refusal,
)
from core.rehearsal.google.errors import ApiError, bad_request
from core.rehearsal.google.merge import merged
from core.rehearsal.store import Document
from core.rehearsal.world import World

_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?")


@answers("container.projects.locations.clusters.create", "container.projects.zones.clusters.create",
         permission="container.clusters.create", on=project_of)  # fmt: skip
def create(call: Call) -> Document:
    """Makes a cluster."""
    given: Document = call.body.get("cluster") or {}
    location = call.full("parent").split("/")[3] if call.get("parent") else str(call["zone"])
    name = str(given.get("name", ""))
    if not _NAME.fullmatch(name):
        raise bad_request(
            f'Cluster.name "{name}" is invalid. It must begin with a letter, and have at most 40 '
            "lower-case letters, digits and '-'."
        )
    check_location(location)
    full = f"projects/{call.project}/locations/{location}/clusters/{name}"
    if call.store.get(KIND, full) is not None:
        raise ApiError(409, f"Already exists: projects/{call.project}/{place(location)}/{location}/clusters/{name}.")
    if given.get("nodePools") and (given.get("nodeConfig") or given.get("initialNodeCount")):
        raise bad_request("Cluster.initial_node_count must be 0 or unset if Cluster.node_pools are specified.")
    if not serviceusage.agent_ready(call.world, "container.googleapis.com"):
        raise ApiError(
            400, f"Google Compute Engine: Required 'compute.networks.get' permission for 'projects/{call.project}'.",
            status="FAILED_PRECONDITION", reason="failedPrecondition",
        )  # fmt: skip
    if offers.lacks(call.world, location, offers.ZONE):
        raise ApiError(
            400, f"Zone {location} is currently unavailable.", status="FAILED_PRECONDITION", reason="failedPrecondition"
        )
    container_policies.obey(call, given, full)
    cluster = _new(call, given, location, name)
    sent = given.get("nodePools") or [
        {
            "name": "default-pool",
            "config": given.get("nodeConfig") or {},
            "initialNodeCount": given.get("initialNodeCount", 3),
        }
    ]
    cluster["nodePools"] = [pool(call, cluster, p) for p in sent]
    error = refusal(call, cluster, cluster["nodePools"])
    call.store.put(KIND, full, cluster)
    return operate(call, "CREATE_CLUSTER", full, full, "container.created", error=error)


@operations.effect("container.created")
def _created(world: World, operation: Document) -> None:
    cluster = world.store.get(KIND, operation["cluster"])
    if cluster is None:
        return
    pools = [{**p, "status": "RUNNING"} for p in cluster["nodePools"]]
    world.store.put(KIND, operation["cluster"], {**cluster, "status": "RUNNING", "nodePools": pools})
    if (cluster.get("workloadIdentityConfig") or {}).get("workloadPool"):
        world.store.put("workload-identity", world.project, {"since": operation["end"]})


@operations.failure("container.created")
def _not_created(world: World, operation: Document) -> None:
    cluster = world.store.get(KIND, operation["cluster"])
    if cluster is not None:
        message = operation["error"]["message"]
        world.store.put(
            KIND, operation["cluster"],
            {**cluster, "status": "ERROR", "statusMessage": message, "conditions": [{"code": "GCE_STOCKOUT" if "STOCKOUT" in
             operation["error"].get("reason", "") else "UNKNOWN", "canonicalCode": "INTERNAL", "message": message}]},
        )  # fmt: skip


@answers("container.projects.locations.clusters.get", "container.projects.zones.clusters.get")
def get(call: Call) -> Document:
    """One cluster."""
    call.require("container.clusters.get", cluster_name(call))
    return shown(call.world, fetch(call))


@answers("container.projects.locations.clusters.list", "container.projects.zones.clusters.list",
         permission="container.clusters.list", on=project_of)  # fmt: skip
def clusters(call: Call) -> Document:
    """The clusters of one location or of all."""
    location = call.full("parent").split("/")[3] if call.get("parent") else str(call["zone"])
    prefix = f"projects/{call.project}/locations/" + ("" if location == "-" else f"{location}/")
    found = [shown(call.world, c) for _, c in call.store.items(KIND, prefix)]
    return {"clusters": found} if found else {}


@answers("container.projects.locations.clusters.delete", "container.projects.zones.clusters.delete")
def delete(call: Call) -> Document:
    """Removes a cluster; the disks of its volumes stay."""
    name = cluster_name(call)
    call.require("container.clusters.delete", name)
    cluster = fetch(call)
    if cluster["status"] == "STOPPING":
        idle(call, name)
    if cluster["status"] != "ERROR":
        idle(call, name)
    pools = [{**p, "status": "STOPPING"} for p in cluster["nodePools"]]
    call.store.put(KIND, name, {**cluster, "status": "STOPPING", "nodePools": pools})
    return operate(call, "DELETE_CLUSTER", name, name, "container.deleted")


@operations.effect("container.deleted")
def _deleted(world: World, operation: Document) -> None:
    world.store.delete(KIND, operation["cluster"])


@operations.failure("container.deleted")
def _not_deleted(world: World, operation: Document) -> None:
    cluster = world.store.get(KIND, operation["cluster"])
    if cluster is not None:
        world.store.put(
            KIND, operation["cluster"], {**cluster, "status": "ERROR", "statusMessage": operation["error"]["message"]}
        )


@answers("container.projects.locations.clusters.update", "container.projects.zones.clusters.update")
def update(call: Call) -> Document:
    """Changes what ``desired…`` fields name."""
    name = cluster_name(call)
    call.require("container.clusters.update", name)
    cluster = fetch(call)
    idle(call, name)
    desired = dict(call.body.get("update") or {})
    pool_id = desired.pop("desiredNodePoolId", "")
    if "desiredNodePoolAutoscaling" in desired:
        cluster = _autoscaled(cluster, name, str(pool_id), desired.pop("desiredNodePoolAutoscaling") or {})
    change: Document = {}
    for key, value in desired.items():
        change |= _desired(key.removeprefix("desired"), value)
    return _change(call, name, cluster, change, "UPDATE_CLUSTER")


@answers("container.projects.locations.clusters.setResourceLabels", "container.projects.zones.clusters.resourceLabels")
def set_labels(call: Call) -> Document:
    """Replaces the cluster's labels, if the fingerprint is the last one."""
    name = cluster_name(call)
    call.require("container.clusters.update", name)
    cluster = fetch(call)
    idle(call, name)
    if call.body.get("labelFingerprint") != cluster["labelFingerprint"]:
        raise ApiError(412, "Labels could not be set due to fingerprint mismatch.", status="FAILED_PRECONDITION")
    labels = call.body.get("resourceLabels") or {}
    kept = {**cluster, "resourceLabels": {}}
    return _change(call, name, kept, {"resourceLabels": labels, "labelFingerprint": _fingerprint(labels)}, "UPDATE_CLUSTER")


@answers("container.projects.locations.clusters.setMaintenancePolicy")
def set_maintenance(call: Call) -> Document:
    """Sets when the cluster may be maintained."""
    name = cluster_name(call)
    call.require("container.clusters.update", name)
    idle(call, name)
    cluster = {k: v for k, v in fetch(call).items() if k != "maintenancePolicy"}
    return _change(
        call, name, cluster, {"maintenancePolicy": call.body.get("maintenancePolicy") or {}}, "SET_MAINTENANCE_POLICY"
    )


def _change(call: Call, name: str, cluster: Document, change: Document, kind: str) -> Document:
    call.store.put(KIND, name, {**merged(cluster, change), "status": "RECONCILING", "etag": secrets.token_hex(4)})
    return operate(call, kind, name, name, "container.changed")


@operations.effect("container.changed")
def _changed(world: World, operation: Document) -> None:
    cluster = world.store.get(KIND, operation["cluster"])
    if cluster is not None and cluster["status"] == "RECONCILING":
        world.store.put(KIND, operation["cluster"], {**cluster, "status": "RUNNING"})


@operations.failure("container.changed")
def _not_changed(world: World, operation: Document) -> None:
    _changed(world, operation)


def _autoscaled(cluster: Document, name: str, pool_id: str, autoscaling: Document) -> Document:
    """The cluster with other limits for one of its pools: what the update of a cluster may say of a pool."""
    if not any(p["name"] == pool_id for p in cluster["nodePools"]):
        raise ApiError(404, f"Not found: {name}/nodePools/{pool_id}.")
    pools = [{**p, "autoscaling": autoscaling} if p["name"] == pool_id else p for p in cluster["nodePools"]]
    return {**cluster, "nodePools": pools}


def _desired(name: str, value: Any) -> Document:
    key = name[0].lower() + name[1:]
    renamed = {"masterVersion": "currentMasterVersion", "nodeVersion": "currentNodeVersion"}
    if key == "defaultEnablePrivateNodes":
        return {"networkConfig": {key: value}, "privateClusterConfig": {"enablePrivateNodes": value}}
    if key == "dnsConfig":
        return {"networkConfig": {"dnsConfig": value}}
    if key == "enablePrivateEndpoint":
        return {"privateClusterConfig": {"enablePrivateEndpoint": value}}
    return {renamed.get(key, key): value}


def shown(world: World, cluster: Document) -> Document:
    """A cluster as the API shows it, its DNS endpoint the rehearsal's Kubernetes port."""
    endpoint = (world.store.get("world", "endpoints") or {}).get("kubernetes", "")
    config = dict(cluster.get("controlPlaneEndpointsConfig") or {})
    config["dnsEndpointConfig"] = {**(config.get("dnsEndpointConfig") or {}), "endpoint": endpoint}
    answer = {**cluster, "controlPlaneEndpointsConfig": config}
    if cluster["nodePools"]:
        answer["nodeConfig"] = cluster["nodePools"][0].get("config", {})
        answer["instanceGroupUrls"] = [g for p in cluster["nodePools"] for g in p.get("instanceGroupUrls", [])]
        answer["currentNodeCount"] = sum(int(p.get("initialNodeCount", 0)) for p in cluster["nodePools"])
    return {k: v for k, v in answer.items() if k != "stranger"}


SETTINGS: Document = {
    "loggingService": "logging.googleapis.com/kubernetes",
    "monitoringService": "monitoring.googleapis.com/kubernetes",
    "databaseEncryption": {"state": "DECRYPTED", "currentState": "CURRENT_STATE_DECRYPTED"},
    "defaultMaxPodsConstraint": {"maxPodsPerNode": "110"},
    "shieldedNodes": {"enabled": True},
    "autoscaling": {"autoscalingProfile": "BALANCED"},
    "notificationConfig": {"pubsub": {}},
    "securityPostureConfig": {"mode": "BASIC", "vulnerabilityMode": "VULNERABILITY_DISABLED"},
    "enterpriseConfig": {"clusterTier": "STANDARD"},
    "loggingConfig": {"componentConfig": {"enableComponents": ["SYSTEM_COMPONENTS", "WORKLOADS"]}},
    "monitoringConfig": {
        "componentConfig": {"enableComponents": ["SYSTEM_COMPONENTS"]},
        "managedPrometheusConfig": {"enabled": True},
    },
}
"""What a new cluster has where nothing else is asked for."""


def _new(call: Call, given: Document, location: str, name: str) -> Document:
    world = call.world
    channel = (given.get("releaseChannel") or {}).get("channel", "REGULAR")
    if offers.lacks(world, location, channel):
        raise bad_request(f"Release channel {channel} is not supported in {location}.")
    version = _version(str(given.get("initialClusterVersion") or ""), channel)
    network, subnetwork, allocation = _networking(call, given, location)
    labels = given.get("resourceLabels") or {}
    private = _private_nodes(given)
    addons = {"gcePersistentDiskCsiDriverConfig": {"enabled": True}, "kubernetesDashboard": {"disabled": True},
              "networkPolicyConfig": {"disabled": True}, **(given.get("addonsConfig") or {})}  # fmt: skip
    return {
        **copy.deepcopy(SETTINGS),
        "releaseChannel": {"channel": channel},
        **{k: v for k, v in given.items() if k not in ("nodePools", "nodeConfig", "initialNodeCount",
        "initialClusterVersion")},
        "name": name,
        "id": hashlib.sha256(f"{name}{world.store.next('clusters')}{secrets.token_hex(4)}".encode()).hexdigest(),
        "location": location,
        "zone": location,
        "locations": given.get("locations") or _zones(location),
        "network": network.rpartition("/")[2],
        "subnetwork": subnetwork.rpartition("/")[2],
        "networkConfig": {**(given.get("networkConfig") or {}), "network": network, "subnetwork": subnetwork,
                          "defaultEnablePrivateNodes": private},
        "ipAllocationPolicy": allocation,
        "clusterIpv4Cidr": allocation.get("clusterIpv4CidrBlock", ""),
        "servicesIpv4Cidr": allocation.get("servicesIpv4CidrBlock", ""),
        "addonsConfig": addons,
        "privateClusterConfig": _private(given, private),
        "controlPlaneEndpointsConfig": _endpoints(given),
        "endpoint": "10.0.0.2",
        "masterAuth": {"clusterCaCertificate": base64.b64encode(b"reached by the DNS endpoint").decode(),
            "clientCertificateConfig": {}},
        "initialClusterVersion": version,
        "currentMasterVersion": version,
        "currentNodeVersion": version,
        "resourceLabels": labels,
        "labelFingerprint": _fingerprint(labels),
        "selfLink": f"https://container.googleapis.com/v1/projects/{call.project}/{place(location)}/{location}/clusters/{name}",
        "status": "PROVISIONING",
        "createTime": nanos(world),
        "etag": secrets.token_hex(4),
    }  # fmt: skip


def _version(wanted: str, channel: str) -> str:
    latest = VERSIONS.get(channel, VERSIONS["REGULAR"])
    if wanted in ("", "-", "latest") or latest.startswith(wanted):
        return latest
    if wanted in VERSIONS.values():
        return wanted
    raise bad_request(f'Master version "{wanted}" is unsupported.')


def _networking(call: Call, given: Document, location: str) -> tuple[str, str, Document]:
    region = "-".join(location.split("-")[:2])
    named = (given.get("networkConfig") or {}).get("network") or given.get("network") or "default"
    sub = (given.get("networkConfig") or {}).get("subnetwork") or given.get("subnetwork") or str(named).rpartition("/")[2]
    network = compute.path(call.project, "global", "networks", str(named).rpartition("/")[2])
    subnetwork = compute.path(call.project, f"regions/{region}", "subnetworks", str(sub).rpartition("/")[2])
    for kind, path in (("networks", network), ("subnetworks", subnetwork)):
        if call.store.get(compute.kind(kind), path.removeprefix("projects/")) is None:
            raise bad_request(f'{kind.removesuffix("s").capitalize()} "{path.rpartition("/")[2]}" does not exist.')
    call.require("compute.subnetworks.use", subnetwork)
    found = call.store.get(compute.kind("subnetworks"), subnetwork.removeprefix("projects/")) or {}
    allocation: Document = {"stackType": "IPV4", "podCidrOverprovisionConfig": {}, "defaultPodIpv4RangeUtilization": 0.0039,
                            "useIpAliases": True, **(given.get("ipAllocationPolicy") or {})}  # fmt: skip
    for name_key, block_key, other in (
        ("clusterSecondaryRangeName", "clusterIpv4CidrBlock", "clusterIpv4Cidr"),
        ("servicesSecondaryRangeName", "servicesIpv4CidrBlock", "servicesIpv4Cidr"),
    ):
        wanted = allocation.get(name_key)
        if not wanted:
            allocation.setdefault(block_key, "10.4.0.0/14" if "cluster" in name_key else "10.8.0.0/20")
            continue
        cidr = next((r["ipCidrRange"] for r in found.get("secondaryIpRanges", []) if r["rangeName"] == wanted), None)
        if cidr is None:
            raise bad_request(f'Services or pods secondary range "{wanted}" does not exist in the subnetwork "{sub}".')
        allocation[block_key] = allocation[other] = cidr
    return network, subnetwork, allocation


def _zones(location: str) -> list[str]:
    return [location] if location.count("-") == 2 else [f"{location}-{z}" for z in "abc"]


def _private_nodes(given: Document) -> bool:
    """Whether nodes have no address of their own, said in the field of today or in the one before it."""
    said = (given.get("networkConfig") or {}).get("defaultEnablePrivateNodes")
    return bool((given.get("privateClusterConfig") or {}).get("enablePrivateNodes") if said is None else said)


def _private(given: Document, nodes: bool) -> Document:
    config: Document = {**(given.get("privateClusterConfig") or {}), "privateEndpoint": "10.0.0.2"}
    return {**config, "enablePrivateNodes": True} if nodes else config


def _endpoints(given: Document) -> Document:
    config = dict(given.get("controlPlaneEndpointsConfig") or {})
    addresses = {"enabled": True, "enablePublicEndpoint": True, **(config.get("ipEndpointsConfig") or {})}
    if addresses["enabled"]:
        addresses["privateEndpoint"] = "10.0.0.2"
        if addresses["enablePublicEndpoint"]:
            addresses["publicEndpoint"] = "34.31.20.10"
    return {
        "dnsEndpointConfig": {"allowExternalTraffic": False, **(config.get("dnsEndpointConfig") or {})},
        "ipEndpointsConfig": addresses,
    }


def _fingerprint(labels: Document) -> str:
    return hashlib.sha256(repr(sorted(labels.items())).encode()).hexdigest()[:8]
