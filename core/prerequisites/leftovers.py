"""What switching Compute on brings into a project, which is nobody's wish and not this program's to remove.

A network named default, which lets SSH and RDP in from everywhere, and an account that may edit everything. An organization
may have forbidden both. They are told, and left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.gcp import iam
from core.gcp.errors import ApiError
from core.run.together import together

if TYPE_CHECKING:
    from core.gcp import Google

PORTS = {"22": "SSH", "3389": "RDP"}
EVERYWHERE = "0.0.0.0/0"


async def told(google: Google, number: str) -> list[str]:
    """A sentence on each that is there; what can't be looked at is not told of."""
    return [text for text in await together([_network(google), _account(google, number)]) if text]


async def _network(google: Google) -> str:
    try:
        rules = await google.list("compute", "v1", "firewalls.list", items="items", project=google.project)
    except ApiError:
        return ""
    opened = {name for rule in rules if _open(rule) for port, name in PORTS.items() if _lets_in(rule, port)}
    if not opened:
        return ""
    what = " and ".join(sorted(opened, reverse=True))
    return (
        f"The project's network default lets {what} in from everywhere. Nothing here uses it: "
        f"delete its rules if nobody else does (gcloud compute firewall-rules list --project={google.project})."
    )


async def _account(google: Google, number: str) -> str:
    account = f"{number}-compute@developer.gserviceaccount.com"
    try:
        policy = await iam.project_policy(google)
    except ApiError:
        return ""
    if not iam.has(policy, "roles/editor", f"serviceAccount:{account}"):
        return ""
    return f"Compute's own account {account} may edit the whole project. Nothing here runs as it."


def _open(rule: dict[str, Any]) -> bool:
    everywhere = EVERYWHERE in rule.get("sourceRanges", ())
    incoming = rule.get("direction", "INGRESS") == "INGRESS" and not rule.get("disabled")
    return incoming and everywhere and str(rule.get("network", "")).endswith("/networks/default")


def _lets_in(rule: dict[str, Any], port: str) -> bool:
    return any(a.get("IPProtocol") in ("tcp", "all") and port in a.get("ports", [port]) for a in rule.get("allowed", ()))
