"""Cloud Storage as the steps use it: buckets found by their labels, objects read, written under a condition, and deleted."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
from collections.abc import Mapping
from typing import Any

from core.gcp.client import Google
from core.gcp.errors import ApiError, NotFound
from core.names import ID_LABEL
from core.run.together import together

DELETED_AT_ONCE = 8


async def bucket(google: Google, name: str) -> dict[str, Any] | None:
    """The bucket of that name; None where there is none."""
    try:
        return await google.call("storage", "v1", "buckets.get", bucket=name)
    except NotFound:
        return None


async def buckets(google: Google, labels: Mapping[str, str]) -> builtins.list[dict[str, Any]]:
    """The project's buckets that carry all these labels."""
    found = google.list("storage", "v1", "buckets.list", items="items", project=google.project)
    return [b async for b in found if labels.items() <= b.get("labels", {}).items()]


async def read(google: Google, bucket: str, name: str) -> bytes | None:
    """An object's content; None where there is none."""
    try:
        return await google.download("storage", "v1", "objects.get", bucket=bucket, object=name)
    except NotFound:
        return None


async def write(
    google: Google, bucket: str, name: str, content: bytes | str, *, kind: str = "text/plain", generation: int | None = None
) -> dict[str, Any]:
    """Writes an object; with ``generation`` only in place of that one (0: only if there is none)."""
    raw = content.encode() if isinstance(content, str) else content
    condition = {} if generation is None else {"ifGenerationMatch": str(generation)}
    return await google.upload("storage", "v1", "objects.insert", raw, kind=kind, bucket=bucket, name=name, **condition)


async def upload(
    google: Google, bucket: str, name: str, content: bytes, *, kind: str = "application/octet-stream"
) -> dict[str, Any]:
    """Writes an object in a session that outlives a lost connection; returns what the bucket has of it."""
    return await google.upload_resumable("storage", "v1", "objects.insert", content, kind=kind, bucket=bucket, name=name)


async def read_from(google: Google, bucket: str, name: str, begin: int) -> bytes:
    """What an object holds from a byte on: nothing where there is no more, or no object yet."""
    try:
        return await google.download(
            "storage", "v1", "objects.get", bucket=bucket, object=name, headers={"range": f"bytes={begin}-"}
        )
    except NotFound:
        return b""
    except ApiError as error:
        if error.status == 416:
            return b""
        raise


async def empty(google: Google, bucket: str) -> int:
    """Deletes every object of a bucket in all its generations; how many there were."""
    slots = asyncio.Semaphore(DELETED_AT_ONCE)

    async def delete(item: Mapping[str, Any]) -> None:
        async with slots:
            with contextlib.suppress(NotFound):
                await google.call(
                    "storage", "v1", "objects.delete", bucket=bucket, object=item["name"], generation=item["generation"]
                )

    count = 0
    while items := await google.list("storage", "v1", "objects.list", items="items", bucket=bucket, versions=True):
        await together(delete(item) for item in items)
        count += len(items)
    return count


async def delete_bucket(google: Google, name: str, *, id: str) -> bool:
    """Deletes a bucket with everything in it if it is the environment's (by ``id``); whether there was one."""
    found = await bucket(google, name)
    if found is None or found.get("labels", {}).get(ID_LABEL) != id:
        return False
    await empty(google, name)
    try:
        await google.call("storage", "v1", "buckets.delete", bucket=name)
    except NotFound:
        return False
    return True
