"""What the journals say: list, status, logs. Nothing here asks the cloud, and nothing heavy is imported."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from core.cli.output import Output
from core.environment.home import Home
from core.environment.record import Environment
from core.errors import UsageError
from core.run import runs
from core.run.journal import Reader, seconds_between, timestamp
from core.run.state import RunState


def list_all(_: argparse.Namespace, out: Output) -> int:
    """Every environment of this machine with its state, last run and age; then what is wrong with the others' records."""
    home = Home.find()
    rows, broken = [], []
    for name in Environment.all(home):
        try:
            rows.append(_row(Environment.load(home, name)))
        except UsageError as error:
            broken.append(error)
    if out.json:
        out.document(rows)
    else:
        for row in rows:
            out.data(f"{row['name']:16}  {row['state']:12}  {row['cloud']:9}  {row['run']}")
        if not rows and not broken:
            out.say("No environment yet. Try one without an account: mlops-env install demo --rehearse")
    for told in broken:
        out.error(told)
    return broken[0].exit_code if broken else 0


def _row(environment: Environment) -> dict[str, Any]:
    run = runs.last(environment)
    age = seconds_between(run.last, timestamp()) if run else None
    return {
        "name": environment.name,
        "state": runs.state(run, runs.current(environment)),
        "cloud": environment.cloud,
        "run": run.run if run else "",
        "age": None if age is None else round(age),
    }


def status(arguments: argparse.Namespace, out: Output) -> int:
    """The state of one environment, folded from its last run."""
    environment = Environment.load(Home.find(), arguments.name)
    document = describe(environment)
    if out.json:
        out.document(document)
        return 0
    out.data(f"{environment.name}: {document['state']}" + (" (rehearsal)" if environment.cloud == "rehearsal" else ""))
    for step in document["steps"]:
        seconds = f"{step['seconds']:.0f} s" if step["seconds"] else ""
        out.data(f"  {step['state']:10} {step['id']:14} {seconds}")
        if step["error"] and step["state"] == "failed":
            out.data(f"             {step['error']['message']} {step['error']['cause']}")
    return 0


def describe(environment: Environment) -> dict[str, Any]:
    """The document that ``status --output json`` prints."""
    run, held = runs.last(environment, brief=True), runs.current(environment)
    if held is not None and held.run and (run is None or held.run != run.run):
        run = RunState(run=held.run, action=held.action)
    return {
        "environment": environment.name,
        "cloud": environment.cloud,
        "parameters": environment.values,
        "state": runs.state(run, held),
        "run": None if run is None else _run(run, held.pid if held else None),
        "steps": [] if run is None else [_step(run, step) for step in run.steps.values()],
        "facts": {} if run is None else run.facts,
    }


def _run(run: RunState, pid: int | None) -> dict[str, Any]:
    return {"id": run.run, "pid": pid, "started": run.started}


def _step(run: RunState, step: Any) -> dict[str, Any]:
    seconds = run.elapsed(step, timestamp())
    return {"id": step.id, "title": step.title, "state": step.state, "seconds": round(seconds, 1), "error": step.error}


def logs(arguments: argparse.Namespace, out: Output) -> int:
    """What the steps' tools printed in the last run, one step's or all."""
    environment = Environment.load(Home.find(), arguments.name)
    found = runs.ids(environment)
    if not found:
        raise UsageError(f"Nothing has run on {environment.name} yet.", code="no-logs")
    folder = runs.folder(environment, found[-1]) / "logs"
    if arguments.step:
        _check_step(environment, arguments.step)
    offsets: dict[Path, int] = {}
    while True:
        running = arguments.follow and runs.current(environment) is not None
        _print_new(folder, arguments.step, offsets, out)
        if not running:
            return 0
        time.sleep(Reader.INTERVAL)


def _check_step(environment: Environment, step: str) -> None:
    run = runs.last(environment)
    if run is not None and step not in run.steps:
        raise UsageError(
            f"The last run has no step {step}.", code="unknown-step", hint=f"Its steps: {', '.join(run.steps)}."
        )


def _print_new(folder: Path, step: str, offsets: dict[Path, int], out: Output) -> None:
    paths = [folder / f"{step}.log"] if step else sorted(folder.glob("*.log"))
    for path in paths:
        if not path.exists():
            continue
        with path.open("rb") as file:
            file.seek(offsets.get(path, 0))
            data = file.read()
        offsets[path] = offsets.get(path, 0) + len(data)
        for line in data.decode(errors="replace").splitlines():
            if out.json:
                out.line({"step": path.stem, "line": line})
            else:
                out.data(line if step else f"{path.stem:14} {line}")
