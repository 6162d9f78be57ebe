"""A sign-in that ends in the middle of an installation: the run waits for a person, or ends so that it can go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import Any

from core.environment import rehearsal as rehearsals
from core.run.control import ask

ENDS = "speed = 0\n[sign_in]\ntoken_seconds = 2\nends_after = 3\n"


def sign_in_for_good(rehearsed: Any) -> None:
    """The user signs in anew, for longer: starting the simulated cloud is signing in."""
    kept = rehearsed.simulator / "scenario.json"
    scenario = json.loads(kept.read_text())
    kept.write_text(json.dumps({**scenario, "sign_in": {"token_seconds": 3600, "ends_after": 0}}))
    running = rehearsals.running(rehearsed.home, rehearsed.name)
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    rehearsals.ensure(rehearsed.environment)


def test_without_anybody_it_ends_with_7_and_a_retry_goes_on(rehearsed: Any) -> None:
    events = rehearsed.install(ENDS, expect=7)
    assert events[-1]["type"] == "run.waiting"
    assert events[-1]["kind"] == "sign-in"
    assert events[-1]["command"]
    status = rehearsed.status()
    assert status["state"] == "waiting"
    assert status["run"]["pid"] is None
    sign_in_for_good(rehearsed)
    assert rehearsed.events("retry", "demo", "--yes")[-1]["type"] == "run.finished"
    assert rehearsed.status()["state"] == "installed"


def test_a_run_that_waits_goes_on_when_somebody_has_signed_in(rehearsed: Any) -> None:
    """Twice: the first time the person was told that the sign-in is renewed, and it was not."""
    scenario = 'speed = 0\n[[fault]]\ncall = "token"\nstatus = 400\nreason = "invalid_grant"\ntimes = 2\n'
    arguments = ["install", "demo", "--rehearse", "--yes", "--wait", "200", "--output", "json"]
    command = rehearsed.command(*arguments, "--scenario", str(rehearsed.scenario(scenario)))
    variables = {**os.environ, "MLOPS_ENV_HOME": str(rehearsed.home.root)}
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=variables) as run:
        assert run.stdout is not None
        seen = []
        for line in run.stdout:
            seen.append(json.loads(line))
            if seen[-1]["type"] == "run.waiting":
                assert ask(rehearsed.environment.id, {"do": "signed-in"})["ok"]
    types = [event["type"] for event in seen]
    assert types[-1] == "run.finished", json.dumps(seen[-1])
    assert [t for t in types if t in ("run.waiting", "run.resumed")] == ["run.waiting", "run.resumed"] * 2
    assert run.returncode == 0
