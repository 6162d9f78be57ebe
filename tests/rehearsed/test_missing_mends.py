"""Whole installations with one of the overlay's mends left out: each fails, and names what does not work, and why.

The others' lack would only be seen on the real cloud, and in time; `tests/kustomize/test_mends.py` holds what is built.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from core import events
from core.environment import Environment, Home
from core.environment import rehearsal as rehearsals
from core.install import manifests, plan
from core.install.installation import Installation
from core.kustomize import mends
from core.run import journal, runs
from core.run.clock import Clock
from core.run.engine import Engine
from core.run.redact import Redactor
from tests.rehearsed.conftest import copy

SHOWN = {
    "object-store": ("verify", "hello pipeline", "lookup seaweedfs: no such host"),
    "pipeline-root": ("verify", "hello pipeline", "the pipeline root is minio://"),
    "host-network": ("pipelines", "proxy-agent", 'violates PodSecurity "baseline:latest"'),
    "no-application": ("pipelines", "controller-manager", "application-crd-controller:20231101: Back-off pulling"),
    "workload-identity": ("sql-proxy", "cloudsqlproxy", "cloudsql.instances.connect"),
    "artifact-repository": ("verify", "hello pipeline", "'$(kfp-artifact-bucket-name)' was never filled in"),
    "metadata-writer-namespace": ("pipelines", "metadata-writer", "lookup metadata-grpc-service.kubeflow: no such host"),
    "no-secrets": ("pipelines", "Secret ml-team/", "overwritten by the release's"),
    "no-cache": ("pipelines", "cache-server", 'secret "webhook-server-tls" not found'),
}
"""By the mend's name: the step that fails, the object or the check that it names, and the cause."""


PLATFORM = ("prerequisites", "services", "state", "platform")
"""The steps that know nothing of mends."""


@pytest.fixture(scope="session")
def with_platform(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of an environment in whose cluster there is nothing yet: every installation here begins with a copy."""
    root = tmp_path_factory.mktemp("platform")
    home = Home(root / "home")
    scenario = root / "scenario.toml"
    scenario.write_text("speed = 0\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_ENV_HOME", str(home.root))
        made = Environment.new(home, "demo", cloud="rehearsal", given={"namespace": "ml-team"}).save()
        try:
            rehearsals.ensure(made, scenario=scenario)
            last, _ = asyncio.run(installed(made, only=PLATFORM))
            assert isinstance(last, events.RunFinished)
        finally:
            rehearsals.stop(home, "demo")
    return home.root


@pytest.fixture
def environment(home: Home, with_platform: Path) -> Iterator[Environment]:
    copy(with_platform, home.root)
    yield Environment.load(home, "demo")
    rehearsals.forget(home, "demo")


async def installed(
    environment: Environment, *, without: Sequence[str] = (), only: Sequence[str] = ()
) -> tuple[events.Event, list[str]]:
    """Installs all but some mends, in this process; the run's last event, and the steps that failed."""
    cloud, redactor, run = rehearsals.cloud(environment), Redactor(), runs.new_id()
    folder = environment.home.ensure("environments", environment.name, "runs", run)
    installation = Installation(environment, cloud, Clock(cloud.rate), redactor, folder)
    steps = [
        manifests.step(installation, without=without) if step.id == "manifests" else step
        for step in plan.steps(installation, "install", {})
        if not only or step.id in only
    ]
    log = journal.Journal(folder, run=run, redactor=redactor)
    engine = Engine(steps, journal=log, clock=installation.clock, redactor=redactor, logs=folder / "logs", wait=0)
    installation.person = engine.person
    log.append(events.RunStarted(action="install"))
    try:
        last = await engine.run()
    finally:
        await installation.close()
        log.close()
    failed = [r.event.step for r in journal.read(folder) if isinstance(r.event, events.StepFailed)]
    return last, failed


@pytest.mark.parametrize("name", SHOWN)
async def test_an_installation_without_it_fails_and_says_why(environment: Environment, name: str) -> None:
    step, what, cause = SHOWN[name]
    last, failed = await installed(environment, without=[name])
    assert isinstance(last, events.RunFailed)
    error: dict[str, Any] = last.error
    assert failed == [step]
    assert what in error["message"]
    assert cause in error["cause"]
    assert error["exit_code"] == (5 if step == "verify" else 1)


def test_every_mend_that_an_installation_shows_is_tried() -> None:
    later = {m.name for m in mends.MENDS if m.seen_when in (mends.BUILT, mends.DESTROYED)}
    assert {m.name for m in mends.MENDS} - later == set(SHOWN)
