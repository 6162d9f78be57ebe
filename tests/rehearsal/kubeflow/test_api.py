"""Kubeflow's API through the port-forward: its health, its records, and how it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from kubeflow_installed import INSTANCE, NAMESPACE, Installed, installed

from core.kubernetes.rollouts import rolled_out

UI = "metadata.name=ml-pipeline-ui"
V2 = "/apis/v2beta1"
SPEC: dict[str, Any] = {
    "schemaVersion": "2.1.0",
    "deploymentSpec": {"executors": {"e": {"container": {"image": "x", "command": ["y"]}}}},
    "root": {"inputDefinitions": {"parameters": {"a": {"parameterType": "STRING"}}}},
}


async def test_the_ui_answers_and_says_whether_the_api_does(kubeflow: Installed) -> None:
    await kubeflow.ready()
    async with kubeflow.ui() as api:
        status, page = await api.call("GET", "/")
        assert (status, "<title>Kubeflow Pipelines</title>" in page) == (200, True)
        assert (await api.call("GET", f"{V2}/healthz"))[1]["apiServerReady"] is True
        kubeflow.world.store.delete("sql.users", f"{INSTANCE}/root@%")
        assert (await api.call("GET", f"{V2}/healthz"))[1]["apiServerReady"] is False
        assert (await api.call("GET", f"{V2}/pipelines"))[0] == 500
        assert (await api.call("GET", "/"))[0] == 200


async def test_pipelines_and_their_versions_are_kept(kubeflow: Installed) -> None:
    await kubeflow.ready()
    async with kubeflow.ui() as api:
        status, made = await api.upload("p", SPEC)
        assert (status, made["display_name"]) == (200, "p")
        assert (await api.upload("p", SPEC))[0] == 409
        _, listed = await api.call("GET", f"{V2}/pipelines?page_size=10")
        assert [p["pipeline_id"] for p in listed["pipelines"]] == [made["pipeline_id"]]
        path = f"{V2}/pipelines/{made['pipeline_id']}"
        _, versions = await api.call("GET", f"{path}/versions")
        assert versions["pipeline_versions"][0]["pipeline_spec"] == SPEC
        assert (await api.call("DELETE", path))[0] == 400
        version = versions["pipeline_versions"][0]["pipeline_version_id"]
        assert (await api.call("DELETE", f"{path}/versions/{version}"))[0] == 200
        assert (await api.call("DELETE", path))[0] == 200
        assert (await api.call("GET", path))[0] == 404


async def test_a_list_is_of_what_the_filter_lets_through(kubeflow: Installed) -> None:
    await kubeflow.ready()
    async with kubeflow.ui() as api:
        for name in ("one", "two", "twofold"):
            await api.upload(name, SPEC)
        for operation, value, expected in FILTERS:
            predicate = {"operation": operation, "key": "display_name", **value}
            query = quote(json.dumps({"predicates": [predicate]}))
            _, listed = await api.call("GET", f"{V2}/pipelines?filter={query}&sort_by=display_name%20desc")
            assert [p["display_name"] for p in listed.get("pipelines", [])] == expected, predicate
        for text in ("{", '{"predicates": [{"operation": 1, "key": "colour", "stringValue": "x"}]}', '{"predicates": [{}]}'):
            status, answer = await api.call("GET", f"{V2}/pipelines?filter={quote(text)}")
            assert (status, answer["error"].startswith("Invalid input error: ")) == (400, True), text


FILTERS: list[tuple[int | str, dict[str, Any], list[str]]] = [
    (1, {"stringValue": "two"}, ["two"]),
    ("EQUALS", {"string_value": "none"}, []),
    (2, {"stringValue": "two"}, ["twofold", "one"]),
    ("IS_SUBSTRING", {"stringValue": "TWO"}, ["twofold", "two"]),
    ("IN", {"stringValues": {"values": ["one", "two"]}}, ["two", "one"]),
    (3, {"stringValue": "one"}, ["twofold", "two"]),
]


async def test_an_experiment_is_found_again_and_holds_its_runs(kubeflow: Installed) -> None:
    await kubeflow.ready()
    async with kubeflow.ui() as api:
        _, made = await api.call("POST", f"{V2}/experiments", {"display_name": "e", "description": "words"})
        path = f"{V2}/experiments/{made['experiment_id']}"
        assert (await api.call("GET", path))[1]["description"] == "words"
        assert (await api.call("POST", f"{V2}/experiments", {"display_name": "e"}))[0] == 409
        own = {"display_name": "own", "experiment_id": made["experiment_id"], "pipeline_spec": SPEC}
        _, run = await api.call("POST", f"{V2}/runs", own)
        assert "pipeline_version_reference" not in run
        await api.call("POST", f"{V2}/runs", {"display_name": "other", "pipeline_spec": {"pipeline_spec": SPEC}})
        _, listed = await api.call("GET", f"{V2}/runs?experiment_id={made['experiment_id']}")
        assert [r["display_name"] for r in listed["runs"]] == ["own"]
        for verb, state in (("archive", "ARCHIVED"), ("unarchive", "AVAILABLE")):
            assert (await api.call("POST", f"{V2}/runs/{run['run_id']}:{verb}"))[0] == 200
            assert (await api.call("GET", f"{V2}/runs/{run['run_id']}"))[1]["storage_state"] == state
        for gone in (f"{V2}/runs/{run['run_id']}", path):
            assert (await api.call("DELETE", gone))[0] == 200
            assert (await api.call("GET", gone))[0] == 404


REFUSED: list[tuple[str, str, Any, int]] = [
    ("POST", "/runs", {}, 400),
    ("POST", "/runs", {"display_name": "r"}, 400),
    ("POST", "/runs", [], 400),
    ("POST", "/experiments", {}, 400),
    ("GET", "/runs/none", None, 404),
    ("GET", "/nothing", None, 404),
    ("POST", "/pipelines/upload", {}, 400),
    ("GET", "/pipelines?page_size=many", None, 400),
]


async def test_what_is_wrong_is_refused(kubeflow: Installed) -> None:
    await kubeflow.ready()
    async with kubeflow.ui() as api:
        for method, path, body, status in REFUSED:
            found, answer = await api.call(method, V2 + path, body)
            assert (found, "code" in answer) == (status, True), path


async def test_a_run_takes_no_parameter_that_its_pipeline_does_not_declare(kubeflow: Installed) -> None:
    await kubeflow.ready()
    async with kubeflow.ui() as api:
        _, made = await api.upload("p", SPEC)
        _, versions = await api.call("GET", f"{V2}/pipelines/{made['pipeline_id']}/versions")
        reference = {"pipeline_version_id": versions["pipeline_versions"][0]["pipeline_version_id"]}
        body = {"display_name": "r", "pipeline_version_reference": reference, "runtime_config": {"parameters": {"b": "1"}}}
        status, answer = await api.call("POST", f"{V2}/runs", body)
        assert (status, "Unknown input parameters: b" in answer["error"]) == (400, True)


async def test_a_scenario_strikes_at_kubeflow_too(tmp_path: Path) -> None:
    fault = [{"call": "kfp:pipelines.list", "status": 503, "times": 1}]
    async with installed(tmp_path / "world", given={"fault": fault}) as kubeflow:
        await kubeflow.ready()
        async with kubeflow.ui() as api:
            assert [(await api.call("GET", f"{V2}/pipelines"))[0] for _ in range(2)] == [503, 200]


@pytest.mark.parametrize(("without", "status"), [((), 200), (("utf8mb4",), 500)])
async def test_an_emoji_needs_the_connections_character_set(tmp_path: Path, without: tuple[str, ...], status: int) -> None:
    async with installed(tmp_path / "world", without) as kubeflow:
        await kubeflow.ready()
        async with kubeflow.ui() as api:
            assert (await api.call("POST", f"{V2}/experiments", {"display_name": "\N{ROCKET} launch"}))[0] == status
            assert (await api.call("POST", f"{V2}/experiments", {"display_name": "Grüße"}))[0] == 200


async def test_a_ui_that_started_before_the_services_never_finds_the_server(kubeflow: Installed) -> None:
    await kubeflow.ready()
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/ml-pipeline-ui"
    change = {"spec": {"template": {"spec": {"enableServiceLinks": False}}}}
    kind = "application/strategic-merge-patch+json"
    assert (await kubeflow.served.call("PATCH", path, change, content_type=kind))[0] == 200
    await kubeflow.served.until(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments", rolled_out, fieldSelector=UI)
    async with kubeflow.ui() as api:
        assert (await api.call("GET", "/"))[0] == 200
        assert (await api.call("GET", f"{V2}/healthz"))[1]["apiServerReady"] is False
