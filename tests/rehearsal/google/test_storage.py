"""Cloud Storage: buckets in a world-wide namespace, objects by generation, uploads in three forms, reads in parts."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from simulated_project import PROJECT, Project

from core.rehearsal.google.crc32c import crc32c

UNIFORM = {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"}


async def bucket(project: Project, name: str = "box", **settings: Any) -> Any:
    body = {"name": name, "location": "us-central1", "iamConfiguration": UNIFORM, **settings}
    return await project.good("storage.buckets.insert", body, project=PROJECT)


async def put(project: Project, name: str, data: bytes, box: str = "box", **params: Any) -> Any:
    query = "&".join(f"{k}={v}" for k, v in {"uploadType": "media", "name": name, **params}.items())
    return await project.request("POST", f"/storage/upload/storage/v1/b/{box}/o?{query}", data)


async def read(project: Project, name: str, **headers: str) -> Any:
    return await project.call("storage.objects.get", bucket="box", object=name, alt="media", headers=headers)


async def names(project: Project, **params: Any) -> list[str]:
    found = await project.good("storage.objects.list", bucket="box", **params)
    return [o["name"] for o in found.get("items", [])]


async def test_a_bucket_gets_what_the_service_fills_in(project: Project) -> None:
    made = await bucket(project, labels={"mlops-env-id": "abcdef"})
    assert (made["location"], made["locationType"], made["storageClass"]) == ("US-CENTRAL1", "region", "STANDARD")
    assert made["softDeletePolicy"]["retentionDurationSeconds"] == "604800"
    assert await project.good("storage.buckets.get", bucket="box") == made
    assert [b["name"] for b in (await project.good("storage.buckets.list", project=PROJECT))["items"]] == ["box"]


async def test_a_new_bucket_lets_the_project_in(project: Project) -> None:
    await bucket(project)
    policy = await project.good("storage.buckets.getIamPolicy", bucket="box")
    found = {b["role"]: b["members"] for b in policy["bindings"]}
    assert found["roles/storage.legacyBucketOwner"] == [f"projectEditor:{PROJECT}", f"projectOwner:{PROJECT}"]
    assert found["roles/storage.legacyObjectReader"] == [f"projectViewer:{PROJECT}"]
    wanted = ["storage.buckets.get", "storage.objects.create", "storage.objects.get"]
    held = await project.good("storage.buckets.testIamPermissions", bucket="box", permissions=wanted)
    assert held["permissions"] == wanted


async def test_a_projects_viewer_reads_what_is_in_it_until_the_binding_goes(project: Project) -> None:
    await bucket(project)
    await put(project, "state", b"x")
    viewer = project.token_of(project.account("viewer-one", "roles/viewer", "roles/serviceusage.serviceUsageConsumer"))
    params: dict[str, Any] = {"bucket": "box", "object": "state", "alt": "media"}
    assert (await project.call("storage.objects.get", token=viewer, **params)).status == 200
    policy = await project.good("storage.buckets.getIamPolicy", bucket="box")
    policy["bindings"] = [b for b in policy["bindings"] if f"projectViewer:{PROJECT}" not in b["members"]]
    await project.good("storage.buckets.setIamPolicy", policy, bucket="box")
    answer = await project.call("storage.objects.get", token=viewer, **params)
    assert answer.status == 403
    assert "does not have storage.objects.get access to the Google Cloud Storage object" in answer.message


async def test_a_stale_bucket_policy_fails_its_precondition(project: Project) -> None:
    await bucket(project)
    policy = await project.good("storage.buckets.getIamPolicy", bucket="box")
    changed = {**policy, "bindings": policy["bindings"][:1]}
    await project.good("storage.buckets.setIamPolicy", changed, bucket="box")
    assert (await project.call("storage.buckets.setIamPolicy", policy, bucket="box")).status == 412


async def test_names_are_shared_with_the_world(make: Callable[..., Project]) -> None:
    stranger = {"type": "storage.buckets", "name": "taken", "owner": "someone-else"}
    project = make({"project": {"resources": [stranger]}})
    answer = await project.call("storage.buckets.insert", {"name": "taken"}, project=PROJECT)
    assert (answer.status, answer.message.startswith("The requested bucket name is not available.")) == (409, True)
    await bucket(project)
    again = await project.call("storage.buckets.insert", {"name": "box"}, project=PROJECT)
    assert (again.status, again.message) == (
        409,
        "Your previous request to create the named bucket succeeded and you already own it.",
    )
    assert (await project.call("storage.buckets.get", bucket="taken")).status == 403
    assert "taken" not in [b["name"] for b in (await project.good("storage.buckets.list", project=PROJECT))["items"]]


async def test_a_patch_merges_and_null_removes(project: Project) -> None:
    await bucket(project, labels={"a": "1", "b": "2"})
    change = {"labels": {"a": None, "c": "3"}, "versioning": {"enabled": True}}
    changed = await project.good("storage.buckets.patch", change, bucket="box")
    assert (changed["labels"], changed["versioning"], changed["metageneration"]) == (
        {"b": "2", "c": "3"},
        {"enabled": True},
        "2",
    )


async def test_a_bucket_that_holds_something_stays(project: Project) -> None:
    await bucket(project, versioning={"enabled": True})
    await put(project, "x", b"1")
    await project.good("storage.objects.delete", bucket="box", object="x")
    assert (await project.call("storage.buckets.delete", bucket="box")).status == 409
    for version in (await project.good("storage.objects.list", bucket="box", versions=True))["items"]:
        await project.good("storage.objects.delete", bucket="box", object="x", generation=version["generation"])
    assert (await project.call("storage.buckets.delete", bucket="box")).status == 204
    assert (await project.call("storage.buckets.get", bucket="box")).status == 404


async def test_a_bucket_has_no_caches_in_front_of_it(project: Project) -> None:
    await bucket(project)
    none = {"kind": "storage#anywhereCaches"}
    assert await project.good("storage.anywhereCaches.list", bucket="box") == none
    assert (await project.request("GET", "/storage/storage/v1/b/box/anywhereCaches/", b"")).json == none
    assert (await project.call("storage.anywhereCaches.list", bucket="other")).status == 404


async def test_policies_of_the_organization_hold_for_new_buckets(make: Callable[..., Project]) -> None:
    policies = {
        "constraints/storage.uniformBucketLevelAccess": True,
        "constraints/gcp.resourceLocations": ["in:us-locations"],
    }
    project = make({"project": {"policies": policies}})
    assert (
        await project.call("storage.buckets.insert", {"name": "box", "location": "us-central1"}, project=PROJECT)
    ).status == 412
    elsewhere = {"name": "box", "location": "europe-west1", "iamConfiguration": UNIFORM}
    assert (await project.call("storage.buckets.insert", elsewhere, project=PROJECT)).status == 412
    await bucket(project)


async def test_an_object_carries_its_checksums_and_grows_its_generation(project: Project) -> None:
    await bucket(project)
    first = (await put(project, "a/b", b"one")).json
    second = (await put(project, "a/b", b"second")).json
    assert int(second["generation"]) > int(first["generation"])
    assert base64.b64decode(second["md5Hash"]) == hashlib.md5(b"second", usedforsecurity=False).digest()
    answer = await read(project, "a/b")
    assert answer.raw == b"second"
    assert answer.headers["X-Goog-Generation"] == second["generation"]
    assert second["md5Hash"] in answer.headers["X-Goog-Hash"]


def test_the_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(b"") == 0


async def test_preconditions_decide_who_writes(project: Project) -> None:
    await bucket(project)
    assert (await put(project, "lock", b"me", ifGenerationMatch=0)).status == 200
    answer = await put(project, "lock", b"you", ifGenerationMatch=0)
    assert (answer.status, answer.reason) == (412, "conditionNotMet")
    generation = (await project.good("storage.objects.get", bucket="box", object="lock"))["generation"]
    assert (await put(project, "lock", b"mine again", ifGenerationMatch=generation)).status == 200
    stale = await project.call("storage.objects.delete", bucket="box", object="lock", ifGenerationMatch=generation)
    assert stale.status == 412


async def test_older_versions_are_kept_only_where_the_bucket_keeps_them(project: Project) -> None:
    await bucket(project)
    for data in (b"1", b"2"):
        await put(project, "x", data)
    assert await names(project, versions=True) == ["x"]
    await project.good("storage.buckets.patch", {"versioning": {"enabled": True}}, bucket="box")
    old = (await put(project, "x", b"3")).json
    await put(project, "x", b"4")
    assert await names(project, versions=True) == ["x", "x", "x"]
    assert await names(project) == ["x"]
    answer = await project.call("storage.objects.get", bucket="box", object="x", generation=old["generation"], alt="media")
    assert answer.raw == b"3"


async def test_lists_fold_at_a_delimiter_and_come_in_pages(project: Project) -> None:
    await bucket(project)
    for name in ("a", "dir/x", "dir/y", "dir/sub/z", "other/w"):
        await put(project, name, b".")
    folded = await project.good("storage.objects.list", bucket="box", delimiter="/")
    assert (folded["prefixes"], [o["name"] for o in folded["items"]]) == (["dir/", "other/"], ["a"])
    inside = await project.good("storage.objects.list", bucket="box", delimiter="/", prefix="dir/")
    assert (inside["prefixes"], [o["name"] for o in inside["items"]]) == (["dir/sub/"], ["dir/x", "dir/y"])
    first = await project.good("storage.objects.list", bucket="box", maxResults=3)
    second = await project.good("storage.objects.list", bucket="box", maxResults=3, pageToken=first["nextPageToken"])
    assert len(first["items"]) + len(second["items"]) == 5
    assert "nextPageToken" not in second


@pytest.mark.parametrize(
    ("span", "part"), [("bytes=2-4", b"234"), ("bytes=7-", b"789"), ("bytes=-2", b"89"), ("bytes=0-99", b"0123456789")]
)
async def test_a_range_is_read(project: Project, span: str, part: bytes) -> None:
    await bucket(project)
    await put(project, "digits", b"0123456789")
    answer = await read(project, "digits", range=span)
    assert (answer.status, answer.raw) == (206, part)
    assert answer.headers["Content-Range"].endswith("/10")


async def test_nothing_new_is_416_and_nothing_yet_is_404(project: Project) -> None:
    await bucket(project)
    assert (await read(project, "log", range="bytes=0-")).status == 404
    await put(project, "log", b"line")
    assert (await read(project, "log", range="bytes=4-")).status == 416


@pytest.mark.parametrize(("newline", "quote"), [("\r\n", '"'), ("\n", "'"), ("\r\n", "")])
async def test_metadata_and_bytes_come_in_one_body(project: Project, newline: str, quote: str) -> None:
    await bucket(project)
    metadata = json.dumps({"name": "in one", "metadata": {"k": "v"}})
    parts = [("application/json", metadata.encode()), ("text/plain", b"data\n")]
    n = newline.encode()
    raw = (
        b"".join(b"--==b==" + n + f"Content-Type: {kind}".encode() + n + n + data + n for kind, data in parts) + b"--==b==--"
    )
    answer = await project.request(
        "POST", "/upload/storage/v1/b/box/o?uploadType=multipart", raw,
        headers={"Content-Type": f"multipart/related; boundary={quote}==b=={quote}"},
    )  # fmt: skip
    assert answer.status == 200
    assert (answer.json["name"], answer.json["contentType"], answer.json["metadata"]) == ("in one", "text/plain", {"k": "v"})
    assert (await read(project, "in one")).raw == b"data\n"


async def begin(project: Project, name: str) -> str:
    answer = await project.request("POST", f"/storage/upload/storage/v1/b/box/o?uploadType=resumable&name={name}", b"{}")
    assert answer.status == 200
    return str(answer.headers["Location"]).removeprefix("http://127.0.0.1:1")


async def test_a_session_takes_bytes_in_pieces_and_survives_a_restart(project: Project) -> None:
    await bucket(project)
    where = await begin(project, "big")
    first = await project.request("PUT", where, b"01234", headers={"Content-Range": "bytes 0-4/10"})
    assert (first.status, first.headers["Range"]) == (308, "bytes=0-4")
    project.restart()
    asked = await project.request("PUT", where, b"", headers={"Content-Range": "bytes */10"})
    assert (asked.status, asked.headers["Range"]) == (308, "bytes=0-4")
    last = await project.request("PUT", where, b"56789", headers={"Content-Range": "bytes 5-9/10"})
    assert (last.status, last.json["size"]) == (200, "10")
    assert (await read(project, "big")).raw == b"0123456789"
    again = await project.request("PUT", where, b"56789", headers={"Content-Range": "bytes 5-9/10"})
    assert (again.status, again.json["generation"]) == (200, last.json["generation"])


async def test_a_session_of_unknown_length_ends_with_its_last_piece(project: Project) -> None:
    await bucket(project)
    where = await begin(project, "stream")
    assert (await project.request("PUT", where, b"abc", headers={"Content-Range": "bytes 0-2/*"})).status == 308
    assert (await project.request("PUT", where, b"d", headers={"Content-Range": "bytes 3-3/4"})).status == 200
    assert (await read(project, "stream")).raw == b"abcd"


async def test_objects_are_read_as_terraform_reads_them(project: Project) -> None:
    await bucket(project)
    await put(project, "a/b.tfstate", b"{}")
    assert (await project.request("GET", "/box/a/b.tfstate", headers={"x": "y"})).raw == b"{}"
    assert (await project.request("GET", "/box/a%2Fb.tfstate?alt=media")).raw == b"{}"
    assert (await project.request("GET", "/box/none")).status == 404


async def test_copies_and_joins(project: Project) -> None:
    await bucket(project)
    await bucket(project, "other-box")
    await put(project, "x", b"left")
    await put(project, "y", b"right")
    params = {"sourceBucket": "box", "sourceObject": "x", "destinationBucket": "other-box", "destinationObject": "z"}
    assert (await project.good("storage.objects.rewrite", {}, **params))["done"] is True
    body = {"sourceObjects": [{"name": "x"}, {"name": "y"}]}
    joined = await project.good("storage.objects.compose", body, destinationBucket="box", destinationObject="xy")
    assert (await read(project, "xy")).raw == b"leftright"
    assert joined["size"] == "9"
    copied = await project.call("storage.objects.get", bucket="other-box", object="z", alt="media")
    assert copied.raw == b"left"
