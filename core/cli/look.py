"""The commands that look and change nothing: check, plan, verify."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from core.cli.output import Output
from core.cli.tools import provide
from core.environment import Environment, Home
from core.environment import rehearsal as rehearsals
from core.errors import ParameterError, PrerequisiteError, UnknownEnvironment, VerificationError
from core.install import outside, shown
from core.install.changes import changed
from core.install.installation import Installation
from core.run import runs

TELLING = {"roles/container.developer": "It can read every Secret of the cluster, the database's password among them."}
"""Roles that let more be done than their names say."""


class Console:
    """A `core.run.step.Reporter` that narrates on stderr."""

    def __init__(self, out: Output) -> None:
        self._out = out

    def log(self, text: str) -> None:
        """Details are for logs; there is none here."""

    def progress(self, message: str, fraction: float | None = None) -> None:
        if not self._out.json:
            self._out.say(f"… {message}")

    def resource(self, kind: str, id: str, action: str, state: str, seconds: float = 0.0) -> None:
        """What is only planned has nothing to report."""


def check(arguments: argparse.Namespace, out: Output) -> int:
    """Every check with its result; exit code 3 where one blocks, 2 where a parameter is wrong."""
    from core.install.prerequisites import followed, subject_of
    from core.prerequisites import demand
    from core.prerequisites.examine import examine

    async def work(installation: Installation) -> list[Any]:
        return await followed(installation, await examine(subject_of(installation)), look=examine, keep=False)

    environment = _environment(arguments)
    checks = _with(environment, work, scenario=arguments.scenario)
    if out.json:
        out.document([c.to_dict() for c in checks])
    else:
        for c in checks:
            out.data(f"{c.state:5}  {c.title}: {c.looked_at or c.why}")
            for text in (c.why if c.looked_at and c.state != "pass" else "", c.hint, c.command, *offered([c], environment)):
                if text:
                    out.data(f"         {text}")
    try:
        demand(checks)
    except (PrerequisiteError, ParameterError) as error:
        for c in checks:
            if c.state == "block":
                out.say(f"Blocked by {c.id}: {c.why}")
        return error.exit_code
    return 0


def offered(checks: list[Any], environment: Environment) -> list[str]:
    """What could be set instead of what was, so that these checks would not block."""
    from core.install.following import offers

    return [f"Instead: --set {each.setting} ({each.why})" for each in offers(checks, environment)]


def plan(arguments: argparse.Namespace, out: Output) -> int:
    """Everything that an installation would do, side by side with what is there; makes nothing. The run is held to it."""
    environment = _environment(arguments)
    provide(arguments, out, environment.home)
    document = planned(environment, out, scenario=arguments.scenario)
    if out.json:
        out.document(document)
        return 0
    for line in plan_lines(document):
        out.data(line)
    return 0


def planned(environment: Environment, out: Output, *, scenario: Any = None, examined: bool = False) -> dict[str, Any]:
    """The document of a plan, which is kept as what was shown; ``examined``: raises first where something blocks."""
    from core.install.prerequisites import followed, subject_of
    from core.install.preview import preview
    from core.prerequisites import demand
    from core.prerequisites.examine import examine

    async def work(installation: Installation) -> dict[str, Any]:
        if examined:
            demand(await followed(installation, await examine(subject_of(installation)), look=examine, keep=False))
        return await preview(installation, Console(out))

    document: dict[str, Any] = _with(environment, work, scenario=scenario)
    shown.of_plan(environment, document).save(environment)
    return document


def plan_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """A plan as a person reads it."""
    for each in document.get("follows", ()):
        yield f"{each['key']} = {each['value']} follows from {each['source']}: {each['why']}"
    yield f"Services to enable: {', '.join(document['services']) or 'none'}"
    yield "Roles to grant:"
    for role in document["roles"]:
        yield f"  {role['role']:45} {role['member']}  on {role['resource']}"
        if role["role"] in TELLING:
            yield f"  {'':45} {TELLING[role['role']]}"
    yield from _terraform_lines(document["terraform"])
    yield f"By Google's APIs alone: {len(document['direct'])} to create or change"
    for item in document["direct"]:
        yield f"  {item['action']:8} {item['kind']} {item['name']}"
    new = [o for o in document["kubernetes"] if o["action"] != "none"]
    yield f"Kubernetes: {len(new)} of {len(document['kubernetes'])} objects to create or change"
    for item in new:
        yield f"  {item['action']:8} {item['kind']} {item['name']}"
    yield "Files on this machine:"
    for path in document["files"]:
        yield f"  {path}"
    yield from _cost_lines(document["cost"])
    yield f"An installation from nothing takes about {round(document['seconds'] / 60)} minutes."


def plan_summary(document: Mapping[str, Any]) -> str:
    """The plan in one line, for who has just seen it scroll by."""
    terraform, new = document["terraform"], [o for o in document["kubernetes"] if o["action"] != "none"]
    return (
        f"In all: {len(document['services'])} APIs to enable, {len(document['roles'])} roles to grant, {terraform['add']} "
        f"resources to add, {terraform['change']} to change, {terraform['destroy']} to destroy, {len(document['direct'])} "
        f"more by Google's APIs alone, {len(new)} Kubernetes objects."
    )


def _terraform_lines(terraform: Mapping[str, Any]) -> Iterator[str]:
    yield f"Terraform: {terraform['add']} to add, {terraform['change']} to change, {terraform['destroy']} to destroy"
    for resource in terraform["resources"]:
        fields = f" ({', '.join(resource['fields'])})" if resource["fields"] else ""
        last = ", at the end" if resource["step"] == "protect" else ""
        note = f": {resource['note']}" if resource.get("note") else ""
        yield f"  {resource['action']:8} {resource['address']}{fields}{last}{note}"


def _cost_lines(cost: Mapping[str, Any]) -> Iterator[str]:
    low, high, currency = cost["monthly"]["low"], cost["monthly"]["high"], cost["currency"]
    whose = "Google's catalogue" if cost["source"] == "catalogue" else "this version's table"
    yield f"Costs a month, idle to used daily: {low:,.0f} to {high:,.0f} {currency}, list prices of {whose}, {cost['date']}"
    for line in cost["lines"]:
        yield f"  {line['low']:9,.2f} to {line['high']:9,.2f}  {line['what']}: {line['detail']}"
    for what in cost["unknown"]:
        yield f"  {'not known':>22}  {what}"
    for saving in cost["savings"]:
        yield f"  {saving['how']} would save up to {saving['monthly']:,.0f} {currency} a month."
    if cost["note"]:
        yield f"  {cost['note']}"


def verify(arguments: argparse.Namespace, out: Output) -> int:
    """Checks an installed environment, a pipeline that runs through included; exit code 5 where a check fails."""
    from core.install.verify import verify as checked

    environment = Environment.load(Home.find(), arguments.name)
    outside.fact(environment, "cluster_endpoint")

    async def work(installation: Installation) -> list[dict[str, Any]]:
        return list(await checked(installation, Console(out), run_hello=True))

    failure: VerificationError | None = None
    try:
        checks = _with(environment, work)
    except VerificationError as error:
        failure, checks = error, [dict(check) for check in error.checks]
    if out.json:
        out.document(checks)
    else:
        for item in checks:
            out.data(f"{item['state']:4}  {item['check']}: {item['detail']}")
    if failure is not None:
        raise failure
    return 0


def _environment(arguments: argparse.Namespace) -> Environment:
    """The environment that the flags mean; of one that exists, NAME alone is enough."""
    from core.cli import given

    if not arguments.rehearse and not arguments.config and not arguments.set:
        try:
            return changed(Environment.load(Home.find(), arguments.name), {})
        except UnknownEnvironment:
            pass
    return given.environment(arguments)


def _with(environment: Environment, work: Any, *, scenario: Any = None) -> Any:
    """Does something with the environment's adapters; what was made only for that is gone afterwards."""
    fresh = not (environment.folder / "environment.toml").exists()
    shown.sweep(environment.home)
    borrowed = rehearsals.borrow(environment) if fresh and environment.cloud == "rehearsal" else None
    try:
        if environment.cloud == "rehearsal":
            rehearsals.ensure(environment, scenario=scenario)
        return asyncio.run(_opened(environment, work))
    finally:
        if fresh and not runs.ids(environment):
            _forget(environment)
        if borrowed is not None:
            borrowed.release()


async def _opened(environment: Environment, work: Any) -> Any:
    installation = outside.opened(environment)
    try:
        return await work(installation)
    finally:
        await installation.close()


def _forget(environment: Environment) -> None:
    if environment.cloud == "rehearsal":
        rehearsals.forget(environment.home, environment.name)
    shown.leave_only(environment.home, environment.name)
