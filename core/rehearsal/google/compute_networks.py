"""Networks, subnetworks, routers, firewall rules, addresses and disks: made and removed by operations, in order of use."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from core.rehearsal.google import compute, operations, org_policies, quotas
from core.rehearsal.google.calls import Call, answers, project_of
from core.rehearsal.google.compute import fetch, in_use, kind, linked, path, scope_of, short
from core.rehearsal.google.compute_catalogue import REGIONS
from core.rehearsal.google.errors import ApiError
from core.rehearsal.google.merge import merged
from core.rehearsal.store import Document
from core.rehearsal.world import World

_OUTPUT = (
    "id",
    "kind",
    "selfLink",
    "selfLinkWithId",
    "creationTimestamp",
    "region",
    "zone",
    "fingerprint",
    "status",
    "users",
)


FLOW_LOGS, NAT_USAGE = "compute.requireVpcFlowLogs", "compute.restrictCloudNATUsage"


def _network(call: Call, body: Document) -> Document:
    resource = {"routingConfig": {"routingMode": "REGIONAL"}, "mtu": 1460, "peerings": [], **body}
    resource.setdefault("networkFirewallPolicyEnforcementOrder", "AFTER_CLASSIC_FIREWALL")
    return resource


def _subnetwork(call: Call, body: Document) -> Document:
    _, _, network = linked(call, str(body.get("network", "")))
    ranges = [body.get("ipCidrRange"), *(r.get("ipCidrRange") for r in body.get("secondaryIpRanges", []))]
    for cidr in ranges:
        _free(call, network["selfLink"], str(cidr))
    if not (body.get("logConfig") or {}).get("enable") and org_policies.said(call.world, FLOW_LOGS):
        raise org_policies.violated(call.world, FLOW_LOGS)
    first = next(ipaddress.ip_network(str(body["ipCidrRange"])).hosts())
    return {
        "purpose": "PRIVATE", "stackType": "IPV4_ONLY", "privateIpGoogleAccess": False,
        "privateIpv6GoogleAccess": "DISABLE_GOOGLE_ACCESS", "gatewayAddress": str(first), "enableFlowLogs": False,
        "logConfig": {"enable": False}, **body, "network": network["selfLink"],
    }  # fmt: skip


def _range(cidr: str) -> ipaddress.IPv4Network:
    """The range that a text means; 400 where it is none."""
    try:
        return ipaddress.IPv4Network(cidr)
    except ValueError:
        raise ApiError(
            400, f"Invalid value for field 'resource.ipCidrRange': '{cidr}'. Must be a CIDR address range."
        ) from None


def _free(call: Call, network: str, cidr: str, *, apart_from: str = "") -> None:
    """Refuses a range that is no range, or overlaps another of the network's (``apart_from`` is a subnetwork's link)."""
    wanted = _range(cidr)
    for _, other in call.store.items(kind("subnetworks"), f"{call.project}/"):
        if other["network"] != network or other["selfLink"] == apart_from:
            continue
        taken = [other["ipCidrRange"], *(r["ipCidrRange"] for r in other.get("secondaryIpRanges", []))]
        if any(wanted.overlaps(ipaddress.ip_network(t)) for t in taken):
            raise ApiError(
                400,
                f"Invalid IPCidrRange: {cidr} conflicts with existing subnetwork '{other['name']}' in region "
                f"'{other['region'].rpartition('/')[2]}'.",
            )


def _router(call: Call, body: Document) -> Document:
    _, _, network = linked(call, str(body.get("network", "")))
    _nat_allowed(call, body)
    return {
        **body,
        "network": network["selfLink"],
        **({"nats": [_nat(n) for n in body["nats"]]} if body.get("nats") else {}),
    }


def _nat_allowed(call: Call, router: Document) -> None:
    """Refuses a NAT where a policy names the projects that may have one, and not this, or this as one that may not."""
    project = f"projects/{call.project}"
    if router.get("nats") and org_policies.refuses(call.world, NAT_USAGE, project):
        raise org_policies.violated(call.world, NAT_USAGE, where=project)


def _nat(nat: Document) -> Document:
    """A NAT with the settings that the service fills in."""
    return {
        "type": "PUBLIC", "natIpAllocateOption": "AUTO_ONLY",
        "sourceSubnetworkIpRangesToNat": "ALL_SUBNETWORKS_ALL_IP_RANGES",
        "enableEndpointIndependentMapping": False, "endpointTypes": ["ENDPOINT_TYPE_VM"], "autoNetworkTier": "PREMIUM",
        "minPortsPerVm": 32 if nat.get("enableDynamicPortAllocation") else 64, "enableDynamicPortAllocation": False,
        "udpIdleTimeoutSec": 30, "icmpIdleTimeoutSec": 30, "tcpEstablishedIdleTimeoutSec": 1200,
        "tcpTransitoryIdleTimeoutSec": 30,
        "tcpTimeWaitTimeoutSec": 120, "logConfig": {"enable": False, "filter": "ALL"}, **nat,
        **({"maxPortsPerVm": nat.get("maxPortsPerVm", 65536)} if nat.get("enableDynamicPortAllocation") else {}),
    }  # fmt: skip


def _firewall(call: Call, body: Document) -> Document:
    _, _, network = linked(call, str(body.get("network", "")))
    if not body.get("allowed") and not body.get("denied"):
        raise ApiError(
            400, "Invalid value for field 'resource.allowed': ''. Firewall rule must have at least one allowed or denied."
        )
    source = (
        {}
        if any(body.get(k) for k in ("sourceRanges", "sourceTags", "sourceServiceAccounts"))
        else {"sourceRanges": ["0.0.0.0/0"]}
    )
    direction = {"direction": "INGRESS", "priority": 1000, "disabled": False, "logConfig": {"enable": False}}
    return {**direction, **source, **body, "network": network["selfLink"]}


def _global_address(call: Call, body: Document) -> Document:
    resource = {
        "addressType": "EXTERNAL",
        "networkTier": "PREMIUM",
        "ipVersion": "IPV4",
        **body,
        "status": "RESERVED",
        "description": body.get("description", ""),
    }
    if resource["addressType"] == "INTERNAL":
        _, _, network = linked(call, str(body.get("network", "")))
        resource["network"] = network["selfLink"]
        if not resource.get("address"):
            resource["address"] = _unused(call, network["selfLink"], int(resource.get("prefixLength", 20)))
        else:
            _free(call, network["selfLink"], f"{resource['address']}/{resource.get('prefixLength', 32)}")
    else:
        resource.setdefault("address", f"34.107.{call.store.next('addresses') % 250 + 1}.10")
    resource["labelFingerprint"] = compute.fingerprint({"labels": resource.get("labels", {})})
    return resource


def _unused(call: Call, network: str, length: int) -> str:
    for candidate in ipaddress.ip_network("10.64.0.0/10").subnets(new_prefix=length):
        try:
            _free(call, network, str(candidate))
        except ApiError:
            continue
        return str(candidate.network_address)
    raise ApiError(400, "No free range is left in the network.")


_MAKERS: dict[str, tuple[str, Callable[[Call, Document], Document]]] = {
    "networks": ("compute.networks", _network),
    "subnetworks": ("compute.subnetworks", _subnetwork),
    "routers": ("compute.routers", _router),
    "firewalls": ("compute.firewalls", _firewall),
    "globalAddresses": ("compute.globalAddresses", _global_address),
}


@operations.effect("compute.remove")
def _removed(world: World, operation: Document) -> None:
    world.store.delete(operation["kind"], operation["args"]["store_name"])


def _permission(collection: str, verb: str, body: Document | None = None) -> str:
    internal = (
        collection == "globalAddresses" and verb in ("create", "delete") and (body or {}).get("addressType") == "INTERNAL"
    )
    return f"compute.{collection}.{verb}{'Internal' if internal else ''}"


def _resource_path(call: Call, collection: str, name: str) -> str:
    return path(call.project, scope_of(call), collection, name)


def _insert(collection: str) -> Callable[[Call], Document]:
    def insert(call: Call) -> Document:
        """Makes one; it is there at once, and ready when the operation is done, unless that fails at a quota."""
        name = str(call.body.get("name", ""))
        if call.get("region") and call["region"] not in REGIONS:
            raise ApiError(400, f"Invalid value for field 'region': '{call['region']}'. Unknown region.", reason="invalid")
        call.require(_permission(collection, "create", call.body), _resource_path(call, collection, name))
        compute.check_new(call, collection)
        body = {k: v for k, v in call.body.items() if k not in _OUTPUT}
        _uses(call, collection, body)
        resource = _MAKERS[collection][1](call, body)
        if error := quotas.one_more(call.world, collection):
            return compute.operate(call, collection, name, error=error)
        made = compute.document(call.world, collection, scope_of(call), resource)
        return compute.operate(call, collection, name, target=made)

    return insert


def _uses(call: Call, collection: str, body: Document) -> None:
    """What a new resource joins itself to must let it."""
    if body.get("network") and collection in ("subnetworks", "firewalls"):
        call.require(
            "compute.networks.updatePolicy" if collection == "firewalls" else "compute.networks.use",
            f"projects/{call.project}",
        )


def _get(collection: str, parameter: str) -> Callable[[Call], Document]:
    def get(call: Call) -> Document:
        """One of them."""
        call.require(f"compute.{collection}.get", _resource_path(call, collection, call[parameter]))
        found = fetch(call, collection, call[parameter])
        return _with_subnetworks(call, found) if collection == "networks" else found

    return get


def _with_subnetworks(call: Call, network: Document) -> Document:
    found = [
        s["selfLink"]
        for _, s in call.store.items(kind("subnetworks"), f"{call.project}/")
        if s["network"] == network["selfLink"]
    ]
    shown = {k: v for k, v in network.items() if k != "peerings" or v}
    return {**shown, **({"subnetworks": found} if found else {})}


def _list(collection: str) -> Callable[[Call], Document]:
    def listed(call: Call) -> Document:
        """All of them in one scope."""
        call.require(f"compute.{collection}.list", f"projects/{call.project}")
        return compute.items(call, collection)

    return listed


def _aggregated(collection: str) -> Callable[[Call], Document]:
    def listed(call: Call) -> Document:
        """All of them in every scope."""
        call.require(f"compute.{collection}.list", f"projects/{call.project}")
        return compute.aggregated(call, collection)

    return listed


def _delete(collection: str, parameter: str) -> Callable[[Call], Document]:
    def delete(call: Call) -> Document:
        """Removes one that nothing uses."""
        name = str(call[parameter])
        found = call.store.get(kind(collection), compute.key(call.project, scope_of(call), collection, name))
        call.require(_permission(collection, "delete", found), _resource_path(call, collection, name))
        resource = fetch(call, collection, name)
        _unused_or_fail(call, collection, resource)
        store_name = compute.key(call.project, scope_of(call), collection, name)
        return compute.operate(call, collection, name, effect="compute.remove", target=resource, store_name=store_name)

    return delete


def _unused_or_fail(call: Call, collection: str, resource: Document) -> None:
    for user in _users(call, collection, resource):
        raise in_use(short(resource["selfLink"]), user)


def _users(call: Call, collection: str, resource: Document) -> list[str]:
    """The paths of what stands on a resource."""
    link, found = resource["selfLink"], []
    if collection == "networks":
        for other in ("subnetworks", "firewalls", "routers", "globalAddresses"):
            found += [short(d["selfLink"]) for _, d in call.store.items(kind(other)) if d.get("network") == link]
        found += [
            f"projects/{p['network'].split('/')[-4]}/global/networks/servicenetworking" for p in resource.get("peerings", [])
        ]
    for cluster, c in call.store.items("container.clusters"):
        config = c.get("networkConfig") or {}
        if short(link) in (config.get("network"), config.get("subnetwork")):
            found.append(f"projects/{call.project}/zones/{c['zone']}/instances/gke-{cluster.rpartition('/')[2]}")
    for _, sql in call.store.items("sql.instances"):
        network = ((sql.get("settings") or {}).get("ipConfiguration") or {}).get("privateNetwork", "")
        if collection == "networks" and network and short(link) == short(network):
            found.append(f"projects/{call.project}/instances/{sql['name']}")
    return found


def _changed(call: Call, collection: str, name: str, new: Document) -> Document:
    """Keeps what a resource is from now on, and begins the operation that says so."""
    call.store.put(kind(collection), compute.key(call.project, scope_of(call), collection, name), new)
    return compute.operate(call, collection, name, target=new)


def _patch(collection: str, parameter: str) -> Callable[[Call], Document]:
    def patch(call: Call) -> Document:
        """Changes some settings of one."""
        name = str(call[parameter])
        call.require(f"compute.{collection}.update", _resource_path(call, collection, name))
        old = fetch(call, collection, name)
        sent = call.body.get("fingerprint")
        if sent and sent != old.get("fingerprint"):
            raise ApiError(412, "Invalid fingerprint.", reason="conditionNotMet")
        change = {k: v for k, v in call.body.items() if k not in _OUTPUT}
        base = {k: v for k, v in old.items() if k in (*_OUTPUT, "name", "network")} if call.method.verb == "PUT" else old
        new = merged(base, change)
        if collection == "routers" and new.get("nats"):
            _nat_allowed(call, new)
            new["nats"] = [_nat(n) for n in new["nats"]]
        if collection == "subnetworks":
            new["fingerprint"] = compute.fingerprint(new)
        return _changed(call, collection, name, new)

    return patch


@answers("compute.subnetworks.setPrivateIpGoogleAccess")
def set_private_access(call: Call) -> Document:
    """Turns on the way to Google's APIs for machines without an address of their own."""
    name = str(call["subnetwork"])
    call.require("compute.subnetworks.setPrivateIpGoogleAccess", _resource_path(call, "subnetworks", name))
    old = fetch(call, "subnetworks", name)
    new = {**old, "privateIpGoogleAccess": bool(call.body.get("privateIpGoogleAccess"))}
    return _changed(call, "subnetworks", name, new)


@answers("compute.subnetworks.expandIpCidrRange")
def expand(call: Call) -> Document:
    """Makes a subnetwork's range larger; it can never become smaller again."""
    name, cidr = str(call["subnetwork"]), str(call.body.get("ipCidrRange", ""))
    call.require("compute.subnetworks.expandIpCidrRange", _resource_path(call, "subnetworks", name))
    old = fetch(call, "subnetworks", name)
    wanted = _range(cidr)
    if wanted.prefixlen >= _range(old["ipCidrRange"]).prefixlen or not wanted.supernet_of(_range(old["ipCidrRange"])):
        raise ApiError(
            400,
            f"Invalid value for field 'resource.ipCidrRange': '{cidr}'. IP CIDR range must be a superset of the existing "
            f"range {old['ipCidrRange']}.",
        )
    if any(wanted.overlaps(_range(other["ipCidrRange"])) for other in old.get("secondaryIpRanges", [])):
        raise ApiError(400, f"Invalid IPCidrRange: {cidr} conflicts with a secondary range of subnetwork '{name}'.")
    _free(call, old["network"], cidr, apart_from=old["selfLink"])
    new = {**old, "ipCidrRange": cidr}
    new["fingerprint"] = compute.fingerprint(new)
    return _changed(call, "subnetworks", name, new)


@answers("compute.networks.removePeering")
def remove_peering(call: Call) -> Document:
    """Ends a network's peering, as the console does; nothing in the producer's network hinders it."""
    name, peering = str(call["network"]), str(call.body.get("name", ""))
    call.require("compute.networks.removePeering", _resource_path(call, "networks", name))
    network = fetch(call, "networks", name)
    if not any(p["name"] == peering for p in network.get("peerings", [])):
        raise ApiError(400, f"There is no peering named '{peering}' in network '{name}'.")
    return compute.operate(call, "networks", name, effect="compute.unpeer", target=network, peering=peering)


@operations.effect("compute.unpeer")
def _unpeered(world: World, operation: Document) -> None:
    network = world.store.get(operation["kind"], operation["resource"]) or {}
    peering = operation["args"]["peering"]
    left = [p for p in network.get("peerings", []) if p["name"] != peering]
    world.store.put(operation["kind"], operation["resource"], {**network, "peerings": left})
    world.store.delete("servicenetworking.connections", operation["resource"])


def _register() -> None:
    single = {"networks": "network", "subnetworks": "subnetwork", "routers": "router", "firewalls": "firewall",
        "globalAddresses": "address",
              "disks": "disk", "addresses": "address"}  # fmt: skip
    for collection, parameter in single.items():
        base = f"compute.{collection}"
        if collection in _MAKERS:
            answers(f"{base}.insert")(_insert(collection))
        answers(f"{base}.get")(_get(collection, parameter))
        answers(f"{base}.list")(_list(collection))
        answers(f"{base}.delete")(_delete(collection, parameter))
        if collection not in ("firewalls", "globalAddresses", "networks"):
            answers(f"{base}.aggregatedList")(_aggregated(collection))
        if collection in ("subnetworks", "routers", "firewalls", "networks"):
            replaced = (f"{base}.update",) if collection in ("routers", "firewalls") else ()
            answers(f"{base}.patch", *replaced)(_patch(collection, parameter))


_register()


@answers("compute.globalAddresses.setLabels", "compute.disks.setLabels")
def set_labels(call: Call) -> Document:
    """Replaces a resource's labels."""
    collection = call.method.id.split(".")[1]
    name = str(call["resource"])
    call.require(f"compute.{collection}.setLabels", _resource_path(call, collection, name))
    old = fetch(call, collection, name)
    new: dict[str, Any] = {**old, "labels": call.body.get("labels", {})}
    new["labelFingerprint"] = compute.fingerprint({"labels": new["labels"]})
    return _changed(call, collection, name, new)


@answers("compute.addresses.aggregatedList", "compute.forwardingRules.aggregatedList", "compute.instances.aggregatedList",
         permission="compute.addresses.list", on=project_of)  # fmt: skip
def empty_aggregate(call: Call) -> Document:
    """Kinds of things of which an installation makes none; global addresses stand among the addresses."""
    if call.method.id.startswith("compute.addresses"):
        found = [d for _, d in call.store.items(kind("globalAddresses"), f"{call.project}/")]
        return {"kind": "compute#addressAggregatedList", "items": {"global": {"addresses": found}} if found else {}}
    return {"kind": f"compute#{call.method.id.split('.')[1].removesuffix('s')}AggregatedList", "items": {}}
