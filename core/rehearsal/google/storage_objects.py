"""Cloud Storage's objects: generations and their preconditions, older versions, media and ranges, copies and lists.

The live generation of an object is a document ``BUCKET/OBJECT`` of the kind `OBJECTS`, older ones are
``BUCKET/OBJECT#GENERATION`` of `VERSIONS`; the bytes of each lie beside them.
"""

from __future__ import annotations

import base64
import hashlib
import re
import urllib.parse
from typing import Any

from aiohttp import web

from core.rehearsal.google.calls import Call, answers, page
from core.rehearsal.google.crc32c import crc32c
from core.rehearsal.google.errors import ApiError
from core.rehearsal.google.merge import merged
from core.rehearsal.google.storage_buckets import KIND, OBJECTS, VERSIONS, bucket_of, etag, stamp
from core.rehearsal.store import Document
from core.rehearsal.world import World

_WRITABLE = (
    "contentType", "contentEncoding", "contentDisposition", "contentLanguage", "cacheControl", "metadata", "customTime",
    "eventBasedHold", "temporaryHold",
)  # fmt: skip


@answers("storage.objects.insert")
def insert(call: Call) -> Document:
    """Writes an object from an upload in one request."""
    bucket_of(call, "storage.objects.create")
    name = str(call.body.get("name") or call.get("name") or "")
    if not name:
        raise ApiError(400, "Required", reason="required")
    media_type = str(call.body.get("contentType") or call.media_type or "application/octet-stream")
    check(call, _live(call, call["bucket"], name), "if")
    return write(call, str(call["bucket"]), name, call.media or b"", {**call.body, "contentType": media_type})


def write(call: Call, bucket: str, name: str, data: bytes, metadata: Document) -> Document:
    """Puts bytes in place of the object, keeping the generation before if the bucket keeps versions."""
    if call.store.get(OBJECTS, f"{bucket}/{name}") is not None:
        call.require("storage.objects.delete", f"buckets/{bucket}")
        _retire(call, bucket, name)
    given = metadata.get("md5Hash")
    digest = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
    if given and given != digest:
        raise ApiError(400, f'Provided MD5 hash "{given}" doesn\'t match calculated MD5 hash "{digest}".')
    generation = _generation(call.world)
    now, quoted = stamp(call), urllib.parse.quote(name, safe="")
    resource: Document = {
        **{k: metadata[k] for k in _WRITABLE if k in metadata},
        "kind": "storage#object",
        "id": f"{bucket}/{name}/{generation}",
        "selfLink": f"https://www.googleapis.com/storage/v1/b/{bucket}/o/{quoted}",
        "mediaLink": f"{call.root}/download/storage/v1/b/{bucket}/o/{quoted}?generation={generation}&alt=media",
        "name": name,
        "bucket": bucket,
        "generation": generation,
        "metageneration": "1",
        "storageClass": "STANDARD",
        "size": str(len(data)),
        "md5Hash": digest,
        "crc32c": base64.b64encode(crc32c(data).to_bytes(4, "big")).decode(),
        "etag": etag(1),
        "timeCreated": now,
        "updated": now,
        "timeFinalized": now,
        "timeStorageClassUpdated": now,
    }
    call.store.put_blob(_blob(resource), data)
    call.store.put(OBJECTS, f"{bucket}/{name}", resource)
    return resource


def append(world: World, bucket: str, name: str, data: bytes, *, email: str) -> None:
    """Writes an object anew with more at its end, as a service does that keeps a log in one; it may do so."""
    from core.rehearsal.google import discovery

    method = discovery.find("storage", "POST", f"storage/v1/b/{bucket}/o")
    live = world.store.get(OBJECTS, f"{bucket}/{name}")
    if method is None or world.store.get(KIND, bucket) is None:
        return
    before = world.store.blob(_blob(live)) or b"" if live else b""
    call = Call(world, method, email, {"bucket": bucket}, {})
    write(call, bucket, name, before + data, {"contentType": "text/plain"})


@answers("storage.objects.get")
def get(call: Call) -> Any:
    """An object's metadata, or with ``alt=media`` its bytes, the whole or a range."""
    bucket_of(call, "storage.objects.get")
    resource = _existing(call)
    check(call, resource, "if")
    return _media(call, resource) if call.alt == "media" else resource


@answers("storage.objects.list")
def objects(call: Call) -> Document:
    """A bucket's objects, in the order of their names, folded at a delimiter."""
    bucket = str(call["bucket"])
    bucket_of(call, "storage.objects.list")
    prefix, delimiter = str(call.get("prefix", "")), str(call.get("delimiter", ""))
    found = [o for _, o in call.store.items(OBJECTS, f"{bucket}/{prefix}")]
    if call.get("versions"):
        found += [o for _, o in call.store.items(VERSIONS, f"{bucket}/{prefix}")]
    found.sort(key=lambda o: (o["name"].encode(), int(o["generation"])))
    start, end = str(call.get("startOffset", "")), str(call.get("endOffset", ""))
    found = [o for o in found if o["name"] >= start and (not end or o["name"] < end) and _globbed(call, o["name"])]
    items, prefixes = _folded(found, prefix, delimiter, bool(call.get("includeTrailingDelimiter")))
    part, token = page(call, [*prefixes, *items], "maxResults")
    answer: Document = {"kind": "storage#objects"}
    if token:
        answer["nextPageToken"] = token
    answer |= {k: v for k, v in (("prefixes", [p for p in part if isinstance(p, str)]),) if v}
    return answer | {k: v for k, v in (("items", [p for p in part if not isinstance(p, str)]),) if v}


@answers("storage.objects.delete")
def delete(call: Call) -> None:
    """Removes the live object (kept as an older version where the bucket keeps them), or one generation for good."""
    bucket, name = str(call["bucket"]), str(call["object"])
    bucket_of(call, "storage.objects.delete")
    resource = _existing(call)
    check(call, resource, "if")
    if call.get("generation") is None:
        _retire(call, bucket, name, deleted=True)
        return
    call.store.delete_blob(_blob(resource))
    if call.store.delete(VERSIONS, f"{bucket}/{name}#{resource['generation']}") is None:
        call.store.delete(OBJECTS, f"{bucket}/{name}")


@answers("storage.objects.patch", "storage.objects.update")
def patch(call: Call) -> Document:
    """Changes an object's metadata, never its bytes."""
    bucket_of(call, "storage.objects.update")
    old = _existing(call)
    check(call, old, "if")
    resource = merged(old, {k: v for k, v in call.body.items() if k in _WRITABLE})
    resource["metageneration"] = str(int(old["metageneration"]) + 1)
    resource["updated"], resource["etag"] = stamp(call), etag(int(resource["metageneration"]))
    live = call.store.get(OBJECTS, f"{old['bucket']}/{old['name']}")
    if live and live["generation"] == old["generation"]:
        return call.store.put(OBJECTS, f"{old['bucket']}/{old['name']}", resource)
    return call.store.put(VERSIONS, f"{old['bucket']}/{old['name']}#{old['generation']}", resource)


@answers("storage.objects.copy", "storage.objects.rewrite")
def copy(call: Call) -> Document:
    """Copies an object, within or between buckets, in one step."""
    bucket_of(call, "storage.objects.get", str(call["sourceBucket"]))
    bucket_of(call, "storage.objects.create", str(call["destinationBucket"]))
    source = _existing(call, "sourceBucket", "sourceObject", "sourceGeneration")
    check(call, source, "ifSource")
    target = str(call["destinationBucket"])
    check(call, _live(call, target, call["destinationObject"]), "if")
    data = call.store.blob(_blob(source)) or b""
    written = write(call, target, str(call["destinationObject"]), data, {**source, **call.body, "md5Hash": None})
    if call.method.id.endswith("copy"):
        return written
    size = written["size"]
    return {
        "kind": "storage#rewriteResponse",
        "totalBytesRewritten": size,
        "objectSize": size,
        "done": True,
        "resource": written,
    }


@answers("storage.objects.compose")
def compose(call: Call) -> Document:
    """Joins objects of one bucket into one."""
    bucket = str(call["destinationBucket"])
    bucket_of(call, "storage.objects.create", bucket)
    call.require("storage.objects.get", f"buckets/{bucket}")
    data = b""
    for part in call.body.get("sourceObjects", []):
        live = _live(call, bucket, part["name"])
        if live is None:
            raise ApiError(404, f"Object {part['name']} ({bucket}) not found.")
        data += call.store.blob(_blob(live)) or b""
    check(call, _live(call, bucket, call["destinationObject"]), "if")
    return write(call, bucket, str(call["destinationObject"]), data, call.body.get("destination") or {})


def check(call: Call, resource: Document | None, prefix: str) -> None:
    """Holds a call's preconditions against the object that is there; 412, or 304 for a read, where they don't hold."""
    generation = int(resource["generation"]) if resource else 0
    metageneration = int(resource["metageneration"]) if resource else 0
    for name, seen in (("Generation", generation), ("Metageneration", metageneration)):
        wanted, unwanted = call.get(f"{prefix}{name}Match"), call.get(f"{prefix}{name}NotMatch")
        if wanted is not None and int(wanted) != seen:
            raise ApiError(412, "At least one of the pre-conditions you specified did not hold.")
        if unwanted is not None and int(unwanted) == seen:
            raise ApiError(304 if call.method.verb == "GET" else 412, "Not Modified")


def _live(call: Call, bucket: Any, name: Any) -> Document | None:
    return call.store.get(OBJECTS, f"{bucket}/{name}")


def _existing(
    call: Call, bucket_key: str = "bucket", object_key: str = "object", generation_key: str = "generation"
) -> Document:
    bucket, name, generation = call[bucket_key], call[object_key], call.get(generation_key)
    found = _live(call, bucket, name)
    if generation is not None and (found is None or found["generation"] != str(generation)):
        found = call.store.get(VERSIONS, f"{bucket}/{name}#{generation}")
    if found is None:
        raise ApiError(404, f"No such object: {bucket}/{name}")
    return found


def _retire(call: Call, bucket: str, name: str, *, deleted: bool = False) -> None:
    """Takes the live generation away: kept as an older version where the bucket keeps them, as far as its rules say."""
    old = call.store.delete(OBJECTS, f"{bucket}/{name}")
    record = call.store.get(KIND, bucket)
    if old is None or record is None:
        return
    if not (record["bucket"].get("versioning") or {}).get("enabled"):
        call.store.delete_blob(_blob(old))
        return
    call.store.put(VERSIONS, f"{bucket}/{name}#{old['generation']}", {**old, "timeDeleted": stamp(call)})


def _media(call: Call, resource: Document) -> web.Response:
    data = call.store.blob(_blob(resource)) or b""
    headers = {
        "X-Goog-Generation": resource["generation"],
        "X-Goog-Metageneration": resource["metageneration"],
        "X-Goog-Stored-Content-Length": resource["size"],
        "X-Goog-Stored-Content-Encoding": "identity",
        "X-Goog-Hash": f"crc32c={resource['crc32c']},md5={resource['md5Hash']}",
        "X-Goog-Storage-Class": resource["storageClass"],
        "ETag": resource["etag"],
        "Accept-Ranges": "bytes",
        "Content-Type": resource.get("contentType", "application/octet-stream"),
    }
    wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", call.headers.get("range", ""))
    if wanted is None or not (wanted[1] or wanted[2]):
        return web.Response(body=data, headers=headers)
    size = len(data)
    start = int(wanted[1]) if wanted[1] else max(0, size - int(wanted[2]))
    end = min(size, int(wanted[2]) + 1) if wanted[1] and wanted[2] else size
    if start >= size:
        raise ApiError(416, "The requested range cannot be satisfied.")
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return web.Response(status=206, body=data[start:end], headers=headers)


def _folded(found: list[Document], prefix: str, delimiter: str, trailing: bool) -> tuple[list[Document], list[str]]:
    if not delimiter:
        return found, []
    items, prefixes = [], set()
    for item in found:
        head, cut, _ = item["name"][len(prefix) :].partition(delimiter)
        if cut:
            prefixes.add(prefix + head + delimiter)
        if not cut or (trailing and item["name"].endswith(delimiter) and item["name"] == prefix + head + delimiter):
            items.append(item)
    return items, sorted(prefixes)


def _globbed(call: Call, name: str) -> bool:
    glob = str(call.get("matchGlob", ""))
    if not glob:
        return True
    pattern = re.escape(glob).replace(r"\*\*", "\0").replace(r"\*", "[^/]*").replace("\0", ".*").replace(r"\?", "[^/]")
    return re.fullmatch(pattern, name) is not None


def _blob(resource: Document) -> str:
    return f"storage/{resource['bucket']}/{resource['name']}#{resource['generation']}"


def _generation(world: World) -> str:
    """A number that only grows, near the time in microseconds."""
    last = int((world.store.get("counters", "storage.generation") or {"value": 0})["value"])
    value = max(last + 1, int(world.clock.now() * 1_000_000))
    world.store.put("counters", "storage.generation", {"value": value})
    return str(value)
