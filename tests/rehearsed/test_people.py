"""Where only a person can help, a run waits for one, or ends so that a retry goes on."""

from __future__ import annotations

import subprocess
from typing import Any

ENDS = "speed = 100\n[sign_in]\ntoken_seconds = 100\nends_after = 800\n"
NO_SECRETS = """
speed = 0
[[fault]]
call = "secretmanager.projects.secrets.create"
status = 400
reason = "invalid"
message = "No secrets today."
times = 1
"""


def sign_in_again(rehearsed: Any) -> None:
    """What the message says: a simulated cloud that is started anew has been signed in to."""
    rehearsed.run("rehearsal", "stop", "demo")
    rehearsed.run("rehearsal", "env", "demo")


def test_a_sign_in_that_ends_while_terraform_applies_leaves_a_state_that_a_retry_takes_up(rehearsed: Any) -> None:
    events = rehearsed.install(ENDS, expect=7)
    assert events[-1]["type"] == "run.waiting"
    assert events[-1]["kind"] == "sign-in"
    status = rehearsed.status()
    assert status["state"] == "waiting"
    assert status["run"]["pid"] is None
    for _ in range(8):
        sign_in_again(rehearsed)
        last = rehearsed.events("retry", "demo", "--yes", expect=None)[-1]["type"]
        if last != "run.waiting":
            break
    assert last == "run.finished"


def test_a_typed_password_that_was_lost_is_asked_for_and_never_made_up(rehearsed: Any) -> None:
    path = rehearsed.scenario(NO_SECRETS)
    arguments = ["install", "demo", "--rehearse", "--yes", "--scenario", str(path), "--sql-password-stdin"]
    assert rehearsed.events(*arguments, stdin="first-password\n", expect=1)[-1]["type"] == "run.failed"
    lost = rehearsed.events("retry", "demo", "--yes", expect=7)
    assert lost[-1]["kind"] == "sql-password"
    assert "first-password" not in str(lost)
    again = rehearsed.events("retry", "demo", "--yes", "--sql-password-stdin", stdin="first-password\n")
    assert again[-1]["type"] == "run.finished"


def test_ctrl_c_on_attach_only_stops_watching(rehearsed: Any) -> None:
    import os
    import signal

    path = rehearsed.scenario("speed = 100\n")
    rehearsed.run("install", "demo", "--rehearse", "--yes", "--detach", "--scenario", str(path))
    watcher = subprocess.Popen(
        rehearsed.command("attach", "demo"),
        env={**os.environ, "MLOPS_ENV_HOME": str(rehearsed.home.root)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watcher.stderr is not None
    watcher.stderr.readline()
    watcher.send_signal(signal.SIGINT)
    assert watcher.wait(20) == 0
    assert rehearsed.status()["state"] == "running"
    rehearsed.run("cancel", "demo")


def test_ctrl_c_on_install_without_a_terminal_cancels(rehearsed: Any) -> None:
    import os
    import signal

    path = rehearsed.scenario("speed = 100\n")
    install = subprocess.Popen(
        rehearsed.command("install", "demo", "--rehearse", "--yes", "--scenario", str(path), "--output", "json"),
        env={**os.environ, "MLOPS_ENV_HOME": str(rehearsed.home.root)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert install.stdout is not None
    install.stdout.readline()
    install.send_signal(signal.SIGINT)
    out, _ = install.communicate(timeout=60)
    assert install.returncode == 4
    assert '"run.cancelled"' in out
