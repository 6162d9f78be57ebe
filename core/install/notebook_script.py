"""What a notebook VM runs at each boot: a script beside the Terraform module, with this environment's values before it.

Workbench takes it as an object of a bucket alone, so it is put there before the instance is made. It holds no secret.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from core.gcp import storage
from core.install.installation import Installation
from core.names import Names
from core.resources import folder

OBJECT = "notebook/startup.sh"
IDLE_SECONDS = 10800


def script(image: str, users: Sequence[str], *, registry_host: str, idle_seconds: int = IDLE_SECONDS) -> str:
    """The script; ``users`` are addresses of accounts."""
    values = {
        "IMAGE": image,
        "DOCKER_USERS": " ".join(os_login_name(user) for user in users),
        "IDLE_SECONDS": str(idle_seconds),
        "REGISTRY_HOST": registry_host,
    }
    head = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    return f"#!/bin/bash\n{head}{(folder('terraform') / 'notebook' / 'startup.sh').read_text(encoding='utf-8')}"


def os_login_name(account: str) -> str:
    """The name that OS Login gives an account on a VM, unless an administrator chose another."""
    return re.sub(r"[^a-z0-9_]", "_", account.lower())[:32]


def address(names: Names) -> str:
    """Where the VM reads the script."""
    return f"gs://{names.build_bucket}/{OBJECT}"


async def change(installation: Installation, image: str, account: str) -> tuple[str, str]:
    """The script's text, and what has to be done with the object: ``create``, ``update`` or nothing."""
    names, values = installation.names, installation.values
    users = values["docker_users"] or ([account] if account else [])
    text = script(image, users, registry_host=names.registry_host)
    there = await storage.read(installation.google, names.build_bucket, OBJECT)
    return text, "create" if there is None else "" if there == text.encode() else "update"


async def upload(installation: Installation, image: str, account: str) -> tuple[str, str]:
    """Puts the script where the VM reads it; its address, and what was done."""
    text, action = await change(installation, image, account)
    if action:
        bucket = installation.names.build_bucket
        await storage.write(installation.google, bucket, OBJECT, text, kind="text/x-shellscript")
    return address(installation.names), action
