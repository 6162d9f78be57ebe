"""What an organization may demand of a cluster: the managed constraints of GKE's, each against the cluster that is sent."""

from __future__ import annotations

from collections.abc import Callable

from core.rehearsal.google import org_policies
from core.rehearsal.google.calls import Call
from core.rehearsal.google.errors import ApiError
from core.rehearsal.store import Document


def _part(cluster: Document, name: str) -> Document:
    return cluster.get(name) or {}


def _private(cluster: Document) -> bool:
    network = _part(cluster, "networkConfig").get("defaultEnablePrivateNodes")
    return bool(_part(cluster, "privateClusterConfig").get("enablePrivateNodes") if network is None else network)


def _named_accounts(cluster: Document) -> bool:
    configs = [_part(pool, "config") for pool in cluster.get("nodePools", [])] or [_part(cluster, "nodeConfig")]
    return all(config.get("serviceAccount", "default") != "default" for config in configs)


_OBEYED: dict[str, Callable[[Document], bool]] = {
    "enablePrivateNodes": _private,
    "enableShieldedNodes": lambda c: bool(_part(c, "shieldedNodes").get("enabled", True)),
    "enableWorkloadIdentityFederation": lambda c: bool(_part(c, "workloadIdentityConfig").get("workloadPool")),
    "disallowDefaultComputeServiceAccount": _named_accounts,
    "disableABAC": lambda c: not _part(c, "legacyAbac").get("enabled"),
    "disableLegacyClientCertificateIssuance": lambda c: not _part(
        _part(c, "masterAuth"), "clientCertificateConfig").get("issueClientCertificate"),
    "enableBinaryAuthorization": lambda c: _part(c, "binaryAuthorization").get("evaluationMode", "DISABLED") != "DISABLED",
    "enableSecretsEncryption": lambda c: _part(c, "databaseEncryption").get("state") == "ENCRYPTED",
    "enableGoogleGroupsRBAC": lambda c: bool(_part(c, "authenticatorGroupsConfig").get("enabled")),
    "enableSecurityBulletinNotifications": lambda c: bool(
        _part(_part(c, "notificationConfig"), "pubsub").get("enabled")),
    "disableRBACSystemBindings": lambda c: _part(c, "rbacBindingConfig").get(
        "enableInsecureBindingSystemAuthenticated") is False,
}  # fmt: skip
"""Constraint (``container.managed.…``) → whether a cluster that is to be made obeys it."""


def obey(call: Call, cluster: Document, name: str) -> None:
    """Refuses a cluster that breaks one of the constraints that are enforced."""
    org_policies.without_key(call.world, "container.googleapis.com", _part(cluster, "databaseEncryption").get("keyName"))
    for short, obeyed in _OBEYED.items():
        constraint = f"container.managed.{short}"
        if org_policies.enforced(call.world, constraint) and not obeyed(cluster):
            raise ApiError(
                400, f'Operation denied by org policy on resource "{name}": ["constraints/{constraint}"].',
                status="FAILED_PRECONDITION",
            )  # fmt: skip
