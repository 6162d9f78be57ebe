"""Where a path leads: an API below its own name, or one of the forms of Cloud Storage that stand at the root.

The discovery documents place an API's media paths beside its plain ones; Go's client, Terraform's gcs backend and gcloud
place those of Cloud Storage at the root of the host, and read objects as ``GET /BUCKET/OBJECT``, the form of the XML API.
"""

from __future__ import annotations

import re

from core.rehearsal.google.discovery import VERSIONS

_AT_ROOT = ("storage/v1/", "upload/storage/v1/", "resumable/upload/storage/v1/", "download/storage/v1/")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


def place(verb: str, path: str) -> tuple[str, str]:
    """The API and the path below its root that a request's path means; an empty API where it means nothing."""
    inner = path.removeprefix("/")
    if inner.endswith("/anywhereCaches/"):  # as Terraform's provider asks for them
        inner = inner.removesuffix("/")
    if inner.startswith(_AT_ROOT):
        return "storage", inner.removeprefix("download/")
    name, _, rest = inner.partition("/")
    if name in VERSIONS and rest:
        return name, rest.removeprefix("download/") if name == "storage" else rest
    if verb in ("GET", "HEAD") and rest and _BUCKET.fullmatch(name):
        return "storage", f"storage/v1/b/{name}/o/{rest.replace('/', '%2F')}"
    return "", inner


def is_xml(path: str) -> bool:
    """Whether the path is that of the XML API: an object's bytes are asked for, whatever the query says."""
    inner = path.removeprefix("/")
    return not inner.startswith(_AT_ROOT) and inner.partition("/")[0] not in VERSIONS
