"""The platform's state in its bucket: where Terraform was killed, and where somebody else holds the lock."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from platform_cloud import PlatformCloud, platform_cloud

from core.environment import Home
from core.terraform import StateLocked, locks

BUCKET = "a-bucket-for-the-state"
BODY = {"name": BUCKET, "location": "us-central1", "versioning": {"enabled": True}}
LOCK = "terraform/platform/default.tflock"
STATE = "terraform/platform/default.tfstate"


@pytest.fixture
async def cloud(tmp_path: Path, home: Home) -> AsyncIterator[PlatformCloud]:
    slow = {"speed": 500, "delays": {"iam": 0, "services": 0}}
    async with platform_cloud(tmp_path, home, slow, state="gcs") as found:
        await found.call("storage", "v1", "buckets.insert", project=found.installation.names.project, body=BODY)
        found.before["storage.buckets"] |= {BUCKET}
        found.told.facts["state_bucket"] = BUCKET
        yield found


async def objects(cloud: PlatformCloud, bucket: str = BUCKET) -> set[str]:
    return {o["name"] for o in (await cloud.call("storage", "v1", "objects.list", bucket=bucket)).get("items", ())}


@pytest.mark.parametrize(
    "moment",
    [
        ("google_compute_network", "done"),
        ("google_container_cluster", "started"),
        ("google_sql_database_instance", "started"),
    ],
    ids=lambda moment: "-".join(moment),
)
async def test_terraform_is_killed_and_everything_is_made_once(
    cloud: PlatformCloud, monkeypatch: pytest.MonkeyPatch, moment: tuple[str, str]
) -> None:
    folder, killed = cloud.installation.environment.terraform_folder("platform"), list[int]()
    heard = cloud.told.resource

    def kill(kind: str, id: str, action: str, state: str, seconds: float = 0.0) -> None:
        heard(kind, id, action, state, seconds)
        if not killed and (kind, state) == moment:
            killed.append(locks.unfinished(folder)[-1].pid)
            os.kill(killed[0], signal.SIGKILL)

    monkeypatch.setattr(cloud.told, "resource", kill)
    await cloud.platform()
    assert killed
    assert any("that a dead run of this environment left on the state" in line for line in cloud.told.lines)
    assert [len(cloud.made[kind]) for kind in ("sql.instances", "container.clusters", "compute.networks")] == [1, 1, 1]
    assert await objects(cloud) == {STATE}
    cloud.next_run()
    assert not await cloud.platform()


async def test_a_lock_whose_answer_was_lost_is_taken_off_where_there_is_no_state_yet(tmp_path: Path, home: Home) -> None:
    """Terraform locks once more what it holds already; and its force-unlock wants to make a state first, under that lock."""
    fault = {"call": "storage.objects.insert", "error": "reset", "when": "after"}
    quick = {"delays": {"iam": 0, "services": 0}, "fault": [fault]}
    async with platform_cloud(tmp_path, home, quick, state="gcs") as found:
        names = found.installation.names
        body = {**BODY, "name": names.state_bucket}
        await found.call("storage", "v1", "buckets.insert", project=names.project, body=body)
        found.told.facts["state_bucket"] = names.state_bucket
        assert await found.platform()
        assert any("that a dead run of this environment left on the state" in line for line in found.told.lines)
        assert await objects(found, names.state_bucket) == {STATE}


async def test_somebody_elses_lock_is_theirs(cloud: PlatformCloud) -> None:
    lock = {"ID": "1", "Operation": "OperationTypeApply", "Who": "colleague@elsewhere", "Version": "1.11.4",
            "Created": "2026-11-24T10:00:00Z", "Path": ""}  # fmt: skip
    await cloud.installation.google.upload(
        "storage", "v1", "objects.insert", json.dumps(lock).encode(), bucket=BUCKET, name=LOCK
    )
    with pytest.raises(StateLocked) as caught:
        await cloud.platform()
    assert caught.value.who == "colleague@elsewhere"
    assert await objects(cloud) == {LOCK}


async def test_a_destruction_finds_what_the_lost_bucket_knew(cloud: PlatformCloud) -> None:
    await cloud.platform()
    await cloud.destroy()  # the environment's own state bucket was never made here
    assert not cloud.made
