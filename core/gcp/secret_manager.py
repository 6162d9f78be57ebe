"""Secrets in Google's Secret Manager: made once, labelled, kept in the region, and read by every later step and run."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from core.errors import TemporaryError
from core.gcp.client import Google
from core.gcp.errors import Conflict, NotFound
from core.names import ID_LABEL

ADDS = 5
"""How often a version is tried to be added."""


def _crc(data: bytes) -> str:
    """CRC-32C, by which Secret Manager proves that a payload arrived whole."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return str(crc ^ 0xFFFFFFFF)


async def find(google: Google, secret: str) -> dict[str, Any] | None:
    """The secret of that id in the project; None where there is none."""
    try:
        return await google.call("secretmanager", "v1", "projects.secrets.get", name=_name(google, secret))
    except NotFound:
        return None


async def ensure(google: Google, secret: str, *, region: str, labels: Mapping[str, str]) -> bool:
    """Makes the secret, its copies in one region alone (policies on places refuse "global"); whether it was made.

    Raises `Conflict` where a secret of that name is someone else's.
    """
    replication = {"userManaged": {"replicas": [{"location": region}]}}
    body = {"replication": replication, "labels": dict(labels)}
    found = await find(google, secret)
    if found is None:
        try:
            await google.call(
                "secretmanager",
                "v1",
                "projects.secrets.create",
                parent=f"projects/{google.project}",
                secretId=secret,
                body=body,
            )
            return True
        except Conflict:
            found = await find(google, secret)
    if found is None or found.get("labels", {}).get(ID_LABEL) != labels[ID_LABEL]:
        raise Conflict(
            f"The secret {secret} exists and is not this environment's.",
            status=409,
            method="secretmanager.projects.secrets.create",
            hint="Delete or rename it, or install under another name_prefix.",
        )
    return False


async def newest(google: Google, secret: str) -> str | None:
    """The resource name of the newest version that is enabled; None where there is none."""
    try:
        async for version in google.list(
            "secretmanager", "v1", "projects.secrets.versions.list", items="versions", parent=_name(google, secret),
            filter="state:ENABLED",
        ):  # fmt: skip
            if version.get("state") == "ENABLED":
                return str(version["name"])
    except NotFound:
        pass
    return None


async def add(google: Google, secret: str, value: str) -> str:
    """Adds a version and returns its resource name; the value is redacted from now on."""
    google.redactor.add(value)
    before = await newest(google, secret)
    for attempt in range(ADDS):
        try:
            return await _add_once(google, secret, value.encode())
        except TemporaryError:
            added = await newest(google, secret)
            if added is not None and added != before and await access(google, added) == value:
                return added  # only the answer was lost
            if attempt + 1 == ADDS:
                raise
            await google.clock.sleep(2.0**attempt)
    raise AssertionError("unreachable")


async def _add_once(google: Google, secret: str, raw: bytes) -> str:
    body = {"payload": {"data": base64.b64encode(raw).decode(), "dataCrc32c": _crc(raw)}}
    answer = await google.call(
        "secretmanager", "v1", "projects.secrets.addVersion", parent=_name(google, secret), body=body, tries=1
    )
    return str(answer["name"])


async def access(google: Google, version: str) -> str:
    """The value of a version by its resource name (or of the newest, by a secret's id); redacted from now on."""
    name = version if version.startswith("projects/") else f"{_name(google, version)}/versions/latest"
    answer = await google.call("secretmanager", "v1", "projects.secrets.versions.access", name=name)
    try:
        value = base64.b64decode(answer["payload"]["data"]).decode()
    except (KeyError, binascii.Error, UnicodeDecodeError) as error:
        raise NotFound(f"{name} holds no text.", method="secretmanager.projects.secrets.versions.access") from error
    google.redactor.add(value)
    return value


async def delete(google: Google, secret: str, *, id: str) -> bool:
    """Deletes the secret with all its versions if it is the environment's (by ``id``); whether there was one."""
    found = await find(google, secret)
    if found is None or found.get("labels", {}).get(ID_LABEL) != id:
        return False
    try:
        await google.call("secretmanager", "v1", "projects.secrets.delete", name=found["name"])
    except NotFound:
        return False
    return True


def _name(google: Google, secret: str) -> str:
    return secret if secret.startswith("projects/") else f"projects/{google.project}/secrets/{secret}"
