"""``google-cloud-storage`` as its user has it: objects written, listed, read, copied and deleted in the artifact bucket."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from typing import Any

from google.api_core.exceptions import NotFound, PreconditionFailed
from google.cloud import storage

LARGE = 9 * 1024 * 1024


def main(endpoint: str, name: str) -> dict[str, Any]:
    """What was seen of a bucket."""
    client = storage.Client(project=os.environ["GOOGLE_CLOUD_PROJECT"], client_options={"api_endpoint": endpoint})
    bucket = client.get_bucket(name)
    seen: dict[str, Any] = {"bucket": [bucket.iam_configuration.uniform_bucket_level_access_enabled, bucket.storage_class]}
    small = bucket.blob("conformance/small.txt")
    small.upload_from_string("few words", content_type="text/plain")
    content = bytes(range(256)) * (LARGE // 256)
    large = bucket.blob("conformance/large.bin", chunk_size=1024 * 1024)
    large.upload_from_string(content, content_type="application/octet-stream")
    seen["listed"] = [[b.name, b.size, b.content_type] for b in client.list_blobs(name, prefix="conformance/")]
    seen["read"] = [small.download_as_text(), small.download_as_bytes(start=4, end=8).decode()]
    seen["whole"] = hashlib.sha256(large.download_as_bytes()).hexdigest() == hashlib.sha256(content).hexdigest()
    folders = client.list_blobs(name, delimiter="/")
    list(folders)
    seen["folders"] = "conformance/" in folders.prefixes
    copied = bucket.copy_blob(small, bucket, "conformance/copy.txt")
    copied.metadata = {"who": "sdk"}
    copied.patch()
    copied.reload()
    seen["copy"] = [copied.metadata, copied.size]
    try:
        small.upload_from_string("other", if_generation_match=0)
    except PreconditionFailed as error:
        seen["precondition"] = error.code
    for blob in list(client.list_blobs(name, prefix="conformance/")):
        blob.delete()
    seen["left"] = [b.name for b in client.list_blobs(name, prefix="conformance/")]
    try:
        bucket.blob("conformance/small.txt").download_as_bytes()
    except NotFound as error:
        seen["gone"] = error.code
    seen["permissions"] = bucket.test_iam_permissions(["storage.objects.create", "storage.buckets.delete"])
    return seen


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
