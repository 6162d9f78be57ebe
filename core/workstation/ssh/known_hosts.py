"""A VM's host keys, in a file of known hosts that is mlops-env's own, under a name that no address shares.

A VM on Google Cloud writes its host keys into its guest attributes when it boots, and only its project can write there: read
before the first connection, they leave nothing to be believed. A VM without them shows one key, which a person accepts once.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.errors import TemporaryError

if TYPE_CHECKING:
    from core.gcp import Google
    from core.workstation.ssh.relay import Destination, Relay

Key = tuple[str, str]
"""A host key: its algorithm and its base64."""

OWN = "mlops-env."
"""What the names of VMs' keys begin with."""

ALGORITHMS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa", "rsa-sha2-512")


def alias(to: Destination, id: str = "") -> str:
    """The name of a VM's keys: of its id, which another VM of the same name would not have."""
    return f"{OWN}{id or f'{to.project}.{to.zone}.{to.instance}'}"


async def published(google: Google, to: Destination) -> list[Key]:
    """The keys in a VM's guest attributes; empty where it publishes none, or they may not be read."""
    from core.gcp.errors import ApiError

    try:
        answer = await google.call(
            "compute", "v1", "instances.getGuestAttributes", project=to.project, zone=to.zone, instance=to.instance,
            queryPath="hostkeys/",
        )  # fmt: skip
    except ApiError:
        return []
    items: list[dict[str, Any]] = (answer.get("queryValue") or {}).get("items", [])
    found = [(str(item.get("key", "")), str(item.get("value", "")).strip()) for item in items]
    return [key for key in found if key[0] in ALGORITHMS and _decodes(key[1])]


async def shown(relay: Relay) -> Key:
    """The key that the VM shows now; whether it is the VM's own, only a person can say."""
    import asyncssh

    try:
        key = await asyncssh.get_server_host_key(relay.destination.instance, tunnel=relay, config=None)  # type: ignore[arg-type]
    except (asyncssh.Error, OSError) as error:
        raise TemporaryError(
            f"{relay.destination} showed no host key.", code="no-host-key", cause=str(error), delay=5
        ) from error
    assert key is not None
    algorithm, value = key.export_public_key().decode().split()[:2]
    return algorithm, value


def fingerprint(key: Key) -> str:
    """A key's fingerprint as ssh prints it."""
    digest = hashlib.sha256(base64.b64decode(key[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def replaced(text: str, name: str, keys: Sequence[Key]) -> str:
    """A file of known hosts with these keys for a name, and no others for it."""
    kept = [line for line in text.splitlines(keepends=True) if line.partition(" ")[0] != name]
    if kept and not kept[-1].endswith("\n"):
        kept[-1] += "\n"
    return "".join([*kept, *(f"{name} {algorithm} {value}\n" for algorithm, value in keys)])


def of(text: str, name: str) -> list[Key]:
    """The keys that a file of known hosts has for a name."""
    lines = [line.split() for line in text.splitlines()]
    return [(line[1], line[2]) for line in lines if len(line) >= 3 and line[0] == name]


def _decodes(value: str) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) > 16
    except ValueError:
        return False
