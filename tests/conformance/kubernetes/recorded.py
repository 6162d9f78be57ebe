"""What a whole installation, a second one and a destruction ask of their cluster, recorded in a rehearsal and asked again.

The requests are asked of both servers in the order in which they came, so each meets what those before it left. A watch is
cut to its first second, since what it shows is a matter of time; a port-forward is no request but a connection, and takes
a container.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from core.environment import Home, rehearsal
from tests.conformance.frame import LeftOut, Outcome
from tests.conformance.kubernetes.side import Scenario, Side

PROJECT = "rehearsal-recorded"
SCENARIO = "speed = 0\n"
SECONDS = 600
Request = dict[str, Any]
_DISCOVERY = re.compile(r"/api|/apis|/api/v1|/apis/[^/]+/[^/]+|/openapi/.*|/version")
"""What is compared where it is asked resource by resource."""


class Failed(Exception):
    """Raised where the rehearsal that was to be recorded fails."""


def record(folder: Path) -> list[Request]:
    """The requests of an installation, a second one, and a destruction."""
    log, scenario = folder / "requests.jsonl", folder / "scenario.toml"
    scenario.write_text(SCENARIO)
    home = Home(folder / "home")
    place = home.ensure("rehearsals", "demo")
    (place / rehearsal.GIVEN).write_text(SCENARIO)
    variables = {**os.environ, "MLOPS_ENV_HOME": str(home.root)}
    module = "tests.conformance.kubernetes.rehearsed"
    command = [sys.executable, "-P", "-m", module, str(log), "demo", "--project", PROJECT, "--scenario", str(scenario)]
    ends: list[int] = []
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as cloud:
        assert cloud.stdout is not None
        cloud.stdout.readline()
        try:
            for arguments in (
                ["install", "demo", "--rehearse", "--yes", "--scenario", str(scenario), "--set", f"project_id={PROJECT}"],
                ["install", "demo", "--yes"],
                ["destroy", "demo", "--yes", "--delete-data"],
            ):
                _mlops_env(arguments, variables)
                ends.append(len(log.read_text(encoding="utf-8").splitlines()))
        finally:
            cloud.terminate()
    lines = log.read_text(encoding="utf-8").splitlines()[: ends[-1]]
    return _once_each([json.loads(line) for line in lines], ends)


def _once_each(requests: list[Request], ends: list[int]) -> list[Request]:
    """The requests without those by which a run looks again: how often it does is a matter of time."""
    kept, seen = [], set()
    for number, request in enumerate(requests):
        run = sum(number >= end for end in ends)
        key = json.dumps([run, request["method"], request["path"], request["query"], request["body"]], sort_keys=True)
        if request["method"] != "GET" or key not in seen:
            kept.append(request)
        seen.add(key)
    return kept


def _mlops_env(arguments: list[str], variables: dict[str, str]) -> None:
    command = [sys.executable, "-P", "-m", "core.cli", *arguments]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=SECONDS)
    if done.returncode:
        raise Failed(f"{' '.join(arguments[:2])} ended with {done.returncode}: {done.stderr[-500:]}")


def scenarios(requests: list[Request]) -> Iterator[tuple[str, Scenario]]:
    """One scenario, of all the requests."""
    yield "recorded", partial(_again, requests)


def left_out(requests: list[Request]) -> list[Outcome]:
    """What can't be asked again."""
    forwards = sum(1 for r in requests if r["body"] == "upgrade")
    return [LeftOut("recorded: port-forwards", f"{forwards} connections that take a container")] if forwards else []


async def _again(requests: list[Request], side: Side) -> None:
    for number, request in enumerate(requests):
        if request["body"] == "upgrade":
            continue
        query = {k: v for k, v in request["query"].items() if k not in ("resourceVersion", "timeoutSeconds")}
        if query.get("watch") in ("true", "1") or _DISCOVERY.fullmatch(request["path"]):
            continue
        await side.ask(
            f"{number} {request['method']} {request['path']}",
            request["method"],
            request["path"],
            request["body"] or None,
            content=request["content"],
            accept=request["accept"] or "application/json",
            **query,
        )
        if request["method"] == "DELETE" and "/customresourcedefinitions/" in request["path"]:
            await side.gone(request["path"])
