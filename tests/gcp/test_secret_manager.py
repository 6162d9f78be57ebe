"""Secret Manager's calls: the checksum that proves a payload, the newest version, and what is no text."""

from __future__ import annotations

import base64
import json

import pytest

from core.gcp import Google, secret_manager
from core.gcp.errors import NotFound
from tests.gcp.fake_google import Fake

SECRET = "/secretmanager/v1/projects/proj-one/secrets/s"


async def test_a_payload_travels_with_its_checksum_and_is_redacted(fake: Fake, google: Google) -> None:
    fake.will(f"{SECRET}:addVersion", {"name": "projects/7/secrets/s/versions/1"})
    assert await secret_manager.add(google, "s", "123456789") == "projects/7/secrets/s/versions/1"
    payload = json.loads(fake.bodies[-1])["payload"]
    assert base64.b64decode(payload["data"]) == b"123456789"
    assert payload["dataCrc32c"] == str(0xE3069283)  # CRC-32C's check value
    assert "123456789" not in google.redactor.text("it is 123456789")


async def test_the_newest_version_that_is_enabled_is_the_one(fake: Fake, google: Google) -> None:
    versions = [
        {"name": "v/3", "state": "DISABLED"},
        {"name": "v/2", "state": "ENABLED"},
        {"name": "v/1", "state": "ENABLED"},
    ]
    fake.will(f"{SECRET}/versions", {"versions": versions})
    assert await secret_manager.newest(google, "s") == "v/2"


async def test_a_secret_that_is_not_there_has_none(fake: Fake, google: Google) -> None:
    assert await secret_manager.newest(google, "s") is None
    assert await secret_manager.find(google, "s") is None
    assert not await secret_manager.delete(google, "s", id="abcdef")


@pytest.mark.parametrize("data", ["////", None])
async def test_what_is_no_text_is_an_error(fake: Fake, google: Google, data: str | None) -> None:
    fake.will(f"{SECRET}/versions/latest:access", {"name": "v/1", "payload": {"data": data} if data else {}})
    with pytest.raises(NotFound, match="holds no text"):
        await secret_manager.access(google, "s")
