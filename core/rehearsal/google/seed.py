"""What is there before anybody does anything: the project, its owner, its first services, and strangers' things.

What enabling Compute brings is here too: the default account, and the default network with its open firewall rules.
"""

from __future__ import annotations

from typing import Any

from core.rehearsal.google import iam_policy, org_policies
from core.rehearsal.google.services import FROM_THE_START, turn_on
from core.rehearsal.identity import USER
from core.rehearsal.store import Document
from core.rehearsal.world import World

DEFAULT_RANGES = {"us-central1": "10.128.0.0/20", "europe-west1": "10.132.0.0/20", "us-west1": "10.138.0.0/20",
                  "asia-east1": "10.140.0.0/20", "us-east1": "10.142.0.0/20", "europe-west4": "10.164.0.0/20"}  # fmt: skip


def plant(world: World) -> None:
    """Sets up a new cloud; one that was set up before stays as it is."""
    if world.store.get("world", "planted") is not None:
        return
    with world.store.together():
        project = f"projects/{world.project}"
        iam_policy.grant(world, project, "roles/owner", f"user:{USER}", at_once=True)
        for service in FROM_THE_START:
            turn_on(world, service, since=0.0)
        for number, resource in enumerate(world.scenario.project.resources):
            _stranger(world, resource, number)
        world.store.put("world", "planted", {"project": world.project})


def compute_enabled(world: World) -> None:
    """What comes into a project with Compute, unless a policy of the organization forbids it."""
    account = f"{world.number}-compute@developer.gserviceaccount.com"
    world.store.put("service-agents", account, {"service": "compute.googleapis.com", "default": True})
    if not org_policies.enforced(world, "iam.automaticIamGrantsForDefaultServiceAccounts"):
        iam_policy.grant(world, f"projects/{world.project}", "roles/editor", f"serviceAccount:{account}", at_once=True)
    if not org_policies.enforced(world, "compute.skipDefaultNetworkCreation"):
        _default_network(world)


def _default_network(world: World) -> None:
    from core.rehearsal.google.compute import document

    network: Document = {"name": "default", "autoCreateSubnetworks": True, "description": "Default network for the project",
                         "mtu": 1460, "routingConfig": {"routingMode": "REGIONAL"}, "peerings": []}  # fmt: skip
    made = document(world, "networks", "global", network)
    for region, cidr in DEFAULT_RANGES.items():
        document(
            world, "subnetworks", f"regions/{region}",
            {"name": "default", "network": made["selfLink"], "ipCidrRange": cidr, "privateIpGoogleAccess": False,
             "purpose": "PRIVATE", "stackType": "IPV4_ONLY", "gatewayAddress": cidr.replace(".0/20", ".1")},
        )  # fmt: skip
    for name, port, source in (
        ("ssh", "22", "0.0.0.0/0"),
        ("rdp", "3389", "0.0.0.0/0"),
        ("internal", "0-65535", "10.128.0.0/9"),
    ):
        document(
            world, "firewalls", "global",
            {"name": f"default-allow-{name}", "network": made["selfLink"], "priority": 65534, "direction": "INGRESS",
             "sourceRanges": [source], "allowed": [{"IPProtocol": "tcp", "ports": [port]}], "disabled": False,
             "logConfig": {"enable": False}},
        )  # fmt: skip


def _stranger(world: World, resource: dict[str, Any], number: int) -> None:
    """Something that stands in our way under a name that we may want; ``owner`` is all that marks it."""
    from core.rehearsal.google import strangers

    strangers.plant(world, resource, number)
