"""The step ``sql-proxy``: the proxy connects to the database that there is when its turn has come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_cluster import Object, deployment
from step_bench import StepBench, StepContext

from core.install import manifests
from core.install.mending import next_sql_name
from core.install.sql_proxy import step
from core.kustomize import Manifests
from core.kustomize.parts import split

SETTINGS, PROXY = "pipeline-install-config", "cloudsqlproxy"


def built(bench: StepBench) -> Manifests:
    """The proxy and its settings, for the environment's names as they are now."""
    namespace = bench.names.namespace
    data = {"gcsCloudSqlInstanceName": bench.installation.names.sql_connection_name}
    settings = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": SETTINGS, "namespace": namespace},
        "data": data,
    }
    proxy = deployment(PROXY, namespace=namespace)
    proxy["spec"]["template"] = {"metadata": {"annotations": data}}
    return Manifests("stand-in", "1", "", split([settings, proxy]))


@pytest.fixture
def ready(bench: StepBench, tmp_path: Path) -> StepBench:
    built(bench).store(tmp_path, "inputs")
    facts = dict.fromkeys(("node_pool", "sql_instance", "workload_identity"), "there")
    bench.facts |= {"manifests": {"folder": str(tmp_path)}, **facts}

    def comes_up(obj: Object) -> None:
        if obj["kind"] == "Deployment" and "status" not in obj:
            bench.fake.put({**obj, "status": deployment(PROXY, up=True)["status"]})

    bench.fake.on_apply = comes_up
    return bench


async def test_an_instance_that_failed_while_it_waited_is_not_the_one_it_connects_to(
    ready: StepBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ready.installation.names.sql_connection_name

    async def wait_for(context: StepContext, name: str) -> Any:
        if name == "sql_instance":
            next_sql_name(ready.installation)
        return context.facts[name]

    async def build(*_: object) -> tuple[Manifests, Path]:
        return built(ready), Path()

    monkeypatch.setattr(StepContext, "wait_for", wait_for)
    monkeypatch.setattr(manifests, "_built", build)
    await ready.run(step)
    after = ready.installation.names.sql_connection_name
    assert after != before
    found = [ready.fake.get(*name, ready.names.namespace) for name in (("ConfigMap", SETTINGS), ("Deployment", PROXY))]
    assert [str(obj).count(before + "'") for obj in found] == [0, 0]
    assert all(after in str(obj) for obj in found)
