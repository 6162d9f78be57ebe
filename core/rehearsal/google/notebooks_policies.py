"""What an organization may demand of a Workbench instance, of its machine, its image and its network."""

from __future__ import annotations

from core.rehearsal.google import org_policies
from core.rehearsal.google.calls import Call
from core.rehearsal.google.errors import ApiError
from core.rehearsal.store import Document

_PUBLIC = ("compute.vmExternalIpAccess", "compute.managed.vmExternalIpAccess", "ainotebooks.restrictPublicIp")
_IMAGES = "cloud-notebooks-managed"
"""The project of the images that instances boot from, a container's too."""


def obey(call: Call, setup: Document) -> None:
    """Refuses an instance that breaks a constraint that is in force."""
    for constraint in _broken(call, setup):
        raise ApiError(400, f"Constraint constraints/{constraint} violated.", status="FAILED_PRECONDITION")
    for service in ("notebooks.googleapis.com", "compute.googleapis.com"):
        org_policies.without_key(call.world, service, (setup.get("bootDisk") or {}).get("kmsKey"))


def _broken(call: Call, setup: Document) -> list[str]:
    world, metadata = call.world, setup.get("metadata") or {}
    shielded = (setup.get("shieldedInstanceConfig") or {}).get("enableSecureBoot")
    image = str((setup.get("vmImage") or {}).get("project") or _IMAGES)
    networks = [_short(str(i.get("network", ""))) for i in setup.get("networkInterfaces", [])]
    enforced = {
        **{c: not setup.get("disablePublicIp") for c in _PUBLIC},
        "compute.requireShieldedVm": not shielded,
        "compute.requireOsLogin": str(metadata.get("enable-oslogin", "")).upper() != "TRUE",
        "ainotebooks.disableRootAccess": str(metadata.get("notebook-disable-root", "")).lower() != "true",
    }
    found = [c for c, breaks in enforced.items() if breaks and org_policies.enforced(world, c)]
    listed = [
        ("compute.trustedImageProjects", [f"projects/{image}"]),
        ("ainotebooks.restrictVpcNetworks", networks),
        ("ainotebooks.accessMode", ["service-account"]),
        ("ainotebooks.environmentOptions", [_environment(setup)]),
    ]
    return found + [c for c, values in listed if any(org_policies.refuses(world, c, value) for value in values)]


def _environment(setup: Document) -> str:
    container = setup.get("containerImage")
    if container:
        return f"ainotebooks-container/{container['repository']}"
    return f"ainotebooks-vm/{_IMAGES}/image-family/{(setup.get('vmImage') or {}).get('family', '')}"


def _short(network: str) -> str:
    return "projects/" + network.rpartition("projects/")[2]
