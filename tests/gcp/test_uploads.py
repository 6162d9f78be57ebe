"""Uploads in a session: in parts, over lost connections and lost answers, every byte once."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.gcp import Google, storage, uploads
from core.gcp.errors import NotFound
from core.run.clock import Clock
from core.run.redact import Redactor
from tests.gcp.simulated_google import simulation

CONTENT = bytes(range(256)) * 3000
FAULTS = [
    [],
    [{"call": "storage.objects.insert", "error": "reset", "times": 2}],
    [{"call": "storage.objects.insert", "error": "reset", "when": "after", "times": 3}],
    [{"call": "storage.objects.insert", "status": 503, "when": "after", "times": 4}],
]


@pytest.mark.parametrize("faults", FAULTS, ids=["good", "reset", "lost answer", "503 after"])
@pytest.mark.parametrize("size", [0, 1, len(CONTENT)])
async def test_every_byte_arrives_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faults: list[dict[str, object]], size: int
) -> None:
    monkeypatch.setattr(uploads, "PART", 256 * 1024)
    async with simulation(tmp_path, {"fault": faults}) as cloud:
        async with Google(cloud.cloud, clock=Clock(0), redactor=Redactor(), project="rehearsal-abcdef") as google:
            await google.call("storage", "v1", "buckets.insert", project=google.project, body={"name": "some-bucket"})
            made = await storage.upload(google, "some-bucket", "a/b", CONTENT[:size], kind="application/gzip")
            assert (made["size"], made["contentType"]) == (str(size), "application/gzip")
            assert await storage.read(google, "some-bucket", "a/b") == CONTENT[:size]


async def test_a_bucket_that_is_not_there_is_told(tmp_path: Path) -> None:
    async with simulation(tmp_path) as cloud:
        async with Google(cloud.cloud, clock=Clock(0), redactor=Redactor(), project="rehearsal-abcdef") as google:
            with pytest.raises(NotFound):
                await storage.upload(google, "no-bucket", "a", b"x")


async def test_an_object_is_read_on_from_where_it_ended(tmp_path: Path) -> None:
    async with simulation(tmp_path) as cloud:
        async with Google(cloud.cloud, clock=Clock(0), redactor=Redactor(), project="rehearsal-abcdef") as google:
            await google.call("storage", "v1", "buckets.insert", project=google.project, body={"name": "some-bucket"})
            assert await storage.read_from(google, "some-bucket", "log", 0) == b""
            await storage.write(google, "some-bucket", "log", "one two")
            assert await storage.read_from(google, "some-bucket", "log", 4) == b"two"
            assert await storage.read_from(google, "some-bucket", "log", 7) == b""
