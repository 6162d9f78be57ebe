"""A VM's host keys: made once, kept for good, and what its guest agent publishes of them."""

from __future__ import annotations

import asyncssh

from core.rehearsal.world import World

KIND = "ssh.hostKeys"
ALGORITHMS = ("ssh-ed25519", "ecdsa-sha2-nistp256")


def keys(world: World, name: str) -> list[asyncssh.SSHKey]:
    """The private keys of a VM, made on the first day."""
    kept = world.store.get(KIND, name)
    if kept is None:
        made = {a: asyncssh.generate_private_key(a).export_private_key().decode() for a in ALGORITHMS}
        kept = world.store.put(KIND, name, made)
    return [asyncssh.import_private_key(kept[a]) for a in ALGORITHMS]


def public_keys(world: World, name: str) -> dict[str, str]:
    """The public halves: algorithm → base64."""
    lines = [key.export_public_key().decode().split() for key in keys(world, name)]
    return {line[0]: line[1] for line in lines}


def renew(world: World, name: str) -> None:
    """New host keys, as a new boot disk brings them."""
    world.store.delete(KIND, name)
