"""The step ``verify``: when the hello pipeline runs, and that a failure names its check and cause."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from fake_cluster import pod
from step_bench import StepBench

from core import events
from core.errors import PermanentError, VerificationError
from core.install import hello, pods, verify
from core.install.kubeflow import Kubeflow
from core.install.verify import _Results, changed_since_proof
from core.kubernetes import diagnosis
from core.run import runs
from core.run.journal import Journal
from core.run.redact import Redactor

PROVEN = events.StepFinished(step="verify", state="done")
UNPROVEN = events.StepFinished(step="verify", state="unchanged")
CHANGED = events.StepFinished(step="platform", state="done")
SAME = events.StepFinished(step="platform", state="unchanged")
HALF = events.ResourceChanged(step="pipelines", kind="Deployment", id="ns/d", action="update", state="done")
PROTECTED = events.StepFinished(step="protect", state="done")


def journals(bench: StepBench, *histories: Iterable[events.Event]) -> None:
    for n, history in enumerate(histories):
        folder = runs.folder(bench.environment, f"run-{n}")
        folder.mkdir(parents=True)
        journal = Journal(folder, run=f"run-{n}", redactor=Redactor())
        for event in history:
            journal.append(event)
        journal.close()


@pytest.mark.parametrize(
    ("histories", "expected"),
    [
        ([], True),
        ([[CHANGED]], True),
        ([[CHANGED, PROVEN, PROTECTED], [SAME]], False),
        ([[CHANGED, PROVEN, PROTECTED], [SAME, UNPROVEN], [SAME]], False),
        ([[CHANGED, PROVEN, PROTECTED], [CHANGED]], True),
        ([[CHANGED, PROVEN], [HALF], [SAME]], True),
        ([[CHANGED], [SAME]], True),
    ],
)
async def test_the_hello_pipeline_runs_when_anything_changed_since_it_last_did(
    bench: StepBench, histories: list[list[events.Event]], expected: bool
) -> None:
    journals(bench, *histories)
    assert changed_since_proof(bench.installation) is expected


async def test_the_first_failure_is_named_with_its_cause_and_the_others(bench: StepBench) -> None:
    from fake_cluster import Recorder

    reporter = Recorder()
    results = _Results(reporter)

    async def fails() -> str:
        raise PermanentError("No tables.", cause="ml-pipeline did not make them.", hint="look there")

    async def passes() -> str:
        return "fine"

    await results.take("database", fails)
    await results.take("Kubeflow API", passes)
    await results.take("pods", fails)
    with pytest.raises(VerificationError, match="check of database") as caught:
        results.judge()
    assert caught.value.exit_code == 5
    assert "ml-pipeline did not make them" in caught.value.cause
    assert "pods" in caught.value.cause
    assert [(c["check"], c["state"]) for c in caught.value.checks] == [
        ("database", "fail"), ("Kubeflow API", "pass"), ("pods", "fail")
    ]  # fmt: skip


async def test_each_service_that_does_not_answer_is_a_check_of_its_own() -> None:
    from fake_cluster import Recorder

    async def ended() -> hello.Report:
        found = {"storage": {"ok": True, "detail": "written"}, "bigquery": {"ok": False, "detail": "403 no role"}}
        return hello.Report("kfp@project", found)

    results = _Results(Recorder())
    await verify._report(ended(), results)
    assert [(c["check"], c["state"]) for c in results.checks] == [
        ("hello pipeline", "pass"), ("Cloud Storage", "pass"), ("BigQuery", "fail")
    ]  # fmt: skip
    with pytest.raises(VerificationError, match="BigQuery") as caught:
        results.judge()
    assert "403 no role" in caught.value.cause


def report(ok: bool) -> hello.Report:
    return hello.Report("kfp@project", {"storage": {"ok": ok, "detail": ""}})


@pytest.mark.parametrize(
    ("outcomes", "runs_made"),
    [
        ([report(True)], 1),
        ([report(False), report(True)], 2),
        ([PermanentError("failed", code=hello.FAILED), report(True)], 2),
        ([report(False)] * 3, 3),
    ],
)
async def test_a_grant_that_does_not_work_yet_gets_another_run(
    bench: StepBench, monkeypatch: pytest.MonkeyPatch, outcomes: list[Any], runs_made: int
) -> None:
    from fake_cluster import Recorder

    left = list(outcomes)

    async def run(*_: Any) -> hello.Report:
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        assert isinstance(outcome, hello.Report)
        return outcome

    monkeypatch.setattr(hello, "run", run)
    found = await hello.prove(bench.installation, Kubeflow(1, bench.installation.clock), Recorder(), b"")
    assert found == outcomes[-1]
    assert len(outcomes) - len(left) == runs_made


def test_the_pipelines_inputs_are_all_given(bench: StepBench) -> None:
    import yaml

    document = hello.document()
    declared = yaml.safe_load(document)["root"]["inputDefinitions"]["parameters"]
    given = hello._parameters(bench.installation, document, "folder/x.json")
    assert set(given) == set(declared)
    assert given["registry"] == "us-central1-docker.pkg.dev/project-1/demo-images"
    assert given["name"] == "folder/x.json"


def test_restarts_are_counted_over_all_containers() -> None:
    pod = {"metadata": {"name": "p"}, "status": {"containerStatuses": [{"restartCount": 2}, {"restartCount": 1}]}}
    assert diagnosis.restarts([pod]) == {"p": 3}


class Schedules:
    """Kubeflow's recurring runs, and the cluster's schedules."""

    def __init__(self, runs: list[dict[str, Any]], uids: list[str]) -> None:
        self.runs, self.uids = runs, uids

    async def recurring(self) -> list[dict[str, Any]]:
        return self.runs

    async def all(self, *_: Any) -> list[dict[str, Any]]:
        return [{"metadata": {"uid": uid}} for uid in self.uids]


@pytest.mark.parametrize(
    ("uids", "status", "warned"), [(["u1"], "ENABLED", False), ([], "ENABLED", True), ([], "DISABLED", False)]
)
async def test_recurring_runs_that_never_fire_are_named(
    bench: StepBench, uids: list[str], status: str, warned: bool
) -> None:
    from fake_cluster import Recorder

    both: Any = Schedules([{"recurring_run_id": "u1", "display_name": "nightly", "status": status}], uids)
    results = _Results(Recorder())
    await verify._recurring(bench.installation, both, both, results)
    assert [c["state"] for c in results.checks] == (["warn"] if warned else [])
    assert all("nightly" in c["detail"] for c in results.checks)
    results.judge()


@pytest.mark.parametrize("found", [[], [{"name": "v2/artifacts/mlops-env-hello/run-1/hello/x/report"}]])
async def test_a_run_whose_artifact_went_elsewhere_proves_nothing(bench: StepBench, found: list[Any]) -> None:
    bench.google.answers["storage.objects.list"] = {"items": found}
    if found:
        await hello._stored(bench.installation, "run-1")
    else:
        with pytest.raises(PermanentError, match="somewhere else") as caught:
            await hello._stored(bench.installation, "run-1")
        assert bench.names.storage_root in caught.value.hint
    (asked,) = bench.google.asked("storage.objects.list")
    assert asked == {"bucket": bench.names.artifact_bucket, "prefix": "v2/artifacts/mlops-env-hello/run-1/"}


async def test_a_pod_that_was_evicted_and_replaced_does_not_fail_the_verification(bench: StepBench) -> None:
    namespace = bench.installation.names.namespace
    bench.fake.put(pod("d", name="d-0", namespace=namespace, phase="Failed", reason="Evicted", message="low on memory"))
    bench.fake.put(pod("d", namespace=namespace, ready=True))
    async with bench.fake.client() as cluster:
        said = await pods.steady(bench.installation, cluster, {}, aged=False)
    assert said.startswith("1 pods run")
