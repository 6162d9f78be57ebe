"""Whole rehearsals of what the real cloud does to an installer on an ordinary day."""

from __future__ import annotations

import base64
import json
from typing import Any


def test_a_password_that_is_set_in_the_console_is_noticed_and_mended(installed: Any) -> None:
    names = installed.environment.names
    secret = json.loads(installed.kubectl("get", "secret", "mysql-secret", "-n", "kubeflow", "-o", "json"))
    password = base64.b64decode(secret["data"]["password"]).decode()
    users = f"sqladmin/v1/projects/{names.project}/instances/{names.sql_instance}/users?name=root&host=%25"
    installed.api("PUT", users, {"name": "root", "password": password})

    told = installed.run("verify", "demo", "--output", "json", expect=5)
    assert "database" in told.stderr
    assert "caching_sha2_password" in told.stderr
    states = {c["check"]: c["state"] for c in json.loads(told.stdout)}
    assert (states["Kubeflow API"], states["database"]) == ("pass", "fail")
    events = installed.install()
    assert events[-1]["type"] == "run.finished"
    changed = [e["id"] for e in events if e["type"] == "resource.changed" and e["state"] == "done"]
    assert changed == ["root@%"]
    installed.run("verify", "demo")


def test_a_control_plane_that_goes_away_is_waited_for(rehearsed: Any) -> None:
    every = '[[fault]]\ncall = "kubernetes:*"\ntimes = 3\n'
    scenario = f'speed = 0\n{every}error = "reset"\n{every}status = 503\nreason = "backendError"\n'
    assert rehearsed.install(scenario)[-1]["type"] == "run.finished"
    assert rehearsed.install()[-1]["changed"] is False


def test_grants_apis_and_the_services_own_accounts_may_be_late(rehearsed: Any) -> None:
    scenario = "speed = 200\n[delays]\niam = 420\niam_flips = 60\nservices = 240\n"
    assert rehearsed.install(scenario)[-1]["type"] == "run.finished"
