"""The step ``secrets``: values that are kept, followed or made once, and never seen anywhere else."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from step_bench import StepBench

from core.environment import Home
from core.errors import TemporaryError
from core.gcp import services
from core.install import secrets as module
from core.install.secrets import step
from tests.gcp.simulated_google import Told, client, simulation

ACCESS = "secretmanager.projects.secrets.versions.access"
KEYS = "iam.projects.serviceAccounts.keys"


def payload(text: str) -> dict[str, Any]:
    return {"payload": {"data": base64.b64encode(text.encode()).decode()}}


def held(bench: StepBench, name: str) -> dict[str, str]:
    data = bench.fake.get("Secret", name, "kubeflow")["data"]
    return {k: base64.b64decode(v).decode() for k, v in data.items()}


@pytest.fixture
def ready(bench: StepBench) -> StepBench:
    return prepared(bench)


def prepared(bench: StepBench) -> StepBench:
    bench.facts["sql_password_version"] = "projects/1/secrets/s/versions/1"
    bench.google.answers[ACCESS] = payload("canary-password")
    return bench


async def test_the_pods_secrets_are_made_once(ready: StepBench) -> None:
    assert (await ready.run(step))[0] == "done"
    assert held(ready, "mysql-secret") == {"username": "root", "password": "canary-password"}
    store = held(ready, "mlpipeline-minio-artifact")
    assert set(store) == {"accesskey", "secretkey", "signingkey"}
    assert all(value.isalnum() and value.isascii() for value in store.values())
    assert store["accesskey"] != "minio"
    writes = len(ready.fake.asked("PATCH"))
    assert (await ready.run(step))[0] == "unchanged"
    assert len(ready.fake.asked("PATCH")) == writes
    assert held(ready, "mlpipeline-minio-artifact") == store


async def test_another_password_is_followed(ready: StepBench) -> None:
    await ready.run(step)
    ready.google.answers[ACCESS] = payload("another-password")
    outcome, context = await ready.run(step)
    assert (outcome, held(ready, "mysql-secret")["password"]) == ("done", "another-password")
    assert context.resources == [("Secret", "kubeflow/mysql-secret", "update")]


async def test_a_key_that_is_missing_is_added_without_touching_the_others(ready: StepBench) -> None:
    await ready.run(step)
    before = held(ready, "mlpipeline-minio-artifact")
    kept = ready.fake.get("Secret", "mlpipeline-minio-artifact", "kubeflow")
    ready.fake.put({**kept, "data": {k: v for k, v in kept["data"].items() if k != "signingkey"}})
    assert (await ready.run(step))[0] == "done"
    after = held(ready, "mlpipeline-minio-artifact")
    assert {k: after[k] for k in ("accesskey", "secretkey")} == {k: before[k] for k in ("accesskey", "secretkey")}
    assert after["signingkey"]


async def test_every_value_is_hidden_from_the_sinks(ready: StepBench) -> None:
    _, context = await ready.run(step)
    store = held(ready, "mlpipeline-minio-artifact")
    for secret in ("canary-password", *store.values()):
        assert secret not in ready.installation.redactor.text(f"it is {secret} there")
        assert secret not in json.dumps([context.lines, context.messages, context.resources])


@pytest.fixture
def with_key(bench: StepBench, home: Home) -> StepBench:
    other = prepared(StepBench(bench.fake, home, user_gcp_sa=True))
    other.facts["pipelines_account"] = "demo-kfp@project-1.iam.gserviceaccount.com"
    other.google.answers[f"{KEYS}.list"] = {"keys": []}
    document = json.dumps({"private_key": "-----BEGIN X-----\ncanarykeycanarykey\n-----END X-----\n"})
    other.google.answers[f"{KEYS}.create"] = {"privateKeyData": base64.b64encode(document.encode()).decode()}
    other.google.answers[f"{KEYS}.delete"] = {}
    return other


async def test_a_key_for_pipelines_is_made_once_under_both_names(with_key: StepBench) -> None:
    await with_key.run(step)
    kept = held(with_key, "user-gcp-sa")
    assert set(kept) == {"application_default_credentials.json", "user-gcp-sa.json"}
    assert "canarykey" not in with_key.installation.redactor.text(kept["user-gcp-sa.json"])
    assert (await with_key.run(step))[0] == "unchanged"
    assert len(with_key.google.asked(f"{KEYS}.create")) == 1
    assert with_key.operations == {}


async def test_a_key_that_a_killed_run_could_not_store_is_deleted(
    with_key: StepBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = "projects/-/serviceAccounts/a"
    with_key.google.answers[f"{KEYS}.list"] = {"keys": [{"name": f"{account}/keys/old"}]}

    async def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        put = module._put
        patch.setattr(module, "_put", lambda i, c, x, name, v: killed() if name == "user-gcp-sa" else put(i, c, x, name, v))
        with pytest.raises(KeyboardInterrupt):
            await with_key.run(step)
    listed = [{"name": f"{account}/keys/old"}, {"name": f"{account}/keys/orphan"}]
    with_key.google.answers[f"{KEYS}.list"] = {"keys": listed}
    await with_key.run(step)
    assert with_key.google.asked(f"{KEYS}.delete") == [{"name": f"{account}/keys/orphan"}]
    assert held(with_key, "user-gcp-sa")


async def test_a_key_whose_answer_was_lost_is_not_left_beside_the_next(bench: StepBench, tmp_path: Path) -> None:
    fault = {"call": "iam.projects.serviceAccounts.keys.create", "status": 503, "when": "after"}
    async with simulation(tmp_path / "cloud", {"fault": [fault]}) as found, client(found) as google:
        await services.enable(google, ["iam.googleapis.com"])
        body = {"accountId": "pipelines"}
        account = await google.call(
            "iam", "v1", "projects.serviceAccounts.create", name=f"projects/{found.world.project}", body=body
        )
        bench.installation.__dict__["google"] = google
        told = Told(facts={"pipelines_account": account["email"]})
        async with bench.fake.client() as cluster:
            with pytest.raises(TemporaryError):
                await module._user_key(bench.installation, cluster, told)
            await module._user_key(bench.installation, cluster, told)
        listed = await google.call(
            "iam", "v1", "projects.serviceAccounts.keys.list", name=account["name"], keyTypes="USER_MANAGED"
        )
        assert len(listed["keys"]) == 1
        assert json.loads(held(bench, "user-gcp-sa")["user-gcp-sa.json"])["private_key_id"] in listed["keys"][0]["name"]
        assert not told.open_operations
