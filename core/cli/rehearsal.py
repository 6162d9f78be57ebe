"""``mlops-env rehearsal env|stop``: the simulated cloud, to be looked at with one's own tools."""

from __future__ import annotations

import argparse
import shlex

from core.cli.output import Output
from core.environment import Environment, Home
from core.environment import rehearsal as rehearsals
from core.errors import UsageError


def env(arguments: argparse.Namespace, out: Output) -> int:
    """Prints variables for a shell to read: ``eval "$(mlops-env rehearsal env NAME)"``. None of them is a token."""
    environment = _rehearsed(arguments.name)
    variables = dict(rehearsals.ensure(environment)["shell"])
    variables["KUBECONFIG"] = str(environment.kubeconfig)
    if out.json:
        out.document(variables)
        return 0
    for name, value in sorted(variables.items()):
        out.data(f"export {name}={shlex.quote(str(value))}")
    return 0


def stop(arguments: argparse.Namespace, out: Output) -> int:
    """Ends the simulated cloud's process; what it holds stays, and any command that needs it starts it again."""
    environment = _rehearsed(arguments.name)
    stopped = rehearsals.stop(environment.home, environment.name)
    if out.json:
        out.document({"environment": environment.name, "stopped": stopped})
    else:
        out.data(f"The simulated cloud of {environment.name} " + ("was stopped." if stopped else "was not running."))
    return 0


def _rehearsed(name: str) -> Environment:
    environment = Environment.load(Home.find(), name)
    if environment.cloud != "rehearsal":
        raise UsageError(f"{name} is on Google Cloud; it has no simulated one.", code="not-rehearsed")
    return environment
