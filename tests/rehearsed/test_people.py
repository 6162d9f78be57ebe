"""Where only a person can help, a run waits for one, or ends so that a retry goes on."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

from core.environment import rehearsal as rehearsals
from core.run.control import ask

ENDS = "speed = 100\n[sign_in]\ntoken_seconds = 100\nends_after = 800\n"
NEEDS_PEOPLE = """
speed = 0
[[fault]]
call = "token"
status = 400
reason = "invalid_grant"
times = 2
[[fault]]
call = "secretmanager.projects.secrets.create"
status = 400
reason = "invalid"
message = "No secrets today."
times = 1
"""


def sign_in_for_good(rehearsed: Any) -> None:
    """The user signs in anew, for longer: starting the simulated cloud is signing in. What is left goes quicker."""
    kept = rehearsed.simulator / "scenario.json"
    scenario = json.loads(kept.read_text())
    kept.write_text(json.dumps({**scenario, "speed": 400, "sign_in": {"token_seconds": 3600, "ends_after": 0}}))
    running = rehearsals.running(rehearsed.home, rehearsed.name)
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    rehearsals.ensure(rehearsed.environment)


def test_a_sign_in_that_ends_while_terraform_applies_ends_it_with_7_and_a_retry_goes_on(rehearsed: Any) -> None:
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


def test_a_sign_in_is_waited_for_and_a_lost_password_is_asked_for_and_never_made_up(rehearsed: Any) -> None:
    """The sign-in twice: the first time the run was told that it is renewed, and it was not."""
    path = str(rehearsed.scenario(NEEDS_PEOPLE))
    waits = ("--wait", "200", "--output", "json", "--sql-password-stdin")
    with rehearsed.begun("install", "demo", "--rehearse", "--yes", "--scenario", path, *waits) as run:
        run.stdin.write("first-password\n")
        run.stdin.close()
        seen = []
        for line in run.stdout:
            seen.append(json.loads(line))
            if seen[-1]["type"] == "run.waiting":
                assert ask(rehearsed.environment.id, {"do": "signed-in"})["ok"]
    types = [event["type"] for event in seen]
    assert [t for t in types if t in ("run.waiting", "run.resumed")] == ["run.waiting", "run.resumed"] * 2
    assert types[-1] == "run.failed"
    assert run.returncode == 1
    lost = rehearsed.events("retry", "demo", "--yes", expect=7)
    assert lost[-1]["kind"] == "sql-password"
    assert "first-password" not in str(lost)
    again = rehearsed.events("retry", "demo", "--yes", "--sql-password-stdin", stdin="first-password\n")
    assert again[-1]["type"] == "run.finished"
