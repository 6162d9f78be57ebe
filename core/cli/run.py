"""The commands that start, watch and steer a run: install, retry, destroy, attach, cancel."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack

from core.cli import follow
from core.cli.output import Output, answer, confirm, interactive
from core.cli.tools import provide
from core.environment import Environment, Home, processes
from core.environment import rehearsal as rehearsals
from core.environment.lifetime import lifetime
from core.environment.lock import busy
from core.errors import MlopsError, UsageError
from core.install import shown
from core.install.start import EARLY, action_to_retry, demand_as_begun, demand_optional, start
from core.run import runs


def install(arguments: argparse.Namespace, out: Output) -> int:
    """Installs an environment and follows the run, or leaves it to itself."""
    from core.cli import given

    with ExitStack() as begun:
        process, cloud = _begun(begun, arguments)
        environment = given.environment(arguments)
        record = environment.kept
        if runs.current(environment) is not None:
            raise busy(runs.lock_path(environment))
        secrets = _password(arguments)
        _say_what(environment, out)
        _show(environment, arguments, out)
        shown.sweep(environment.home)  # a plan that was killed leaves a cloud that this must not begin on
        demand_as_begun(environment, record)
        new = record is None
        if new:  # a cloud never stands without an environment, whenever this is killed
            environment.save()
        try:
            if environment.cloud == "rehearsal":
                rehearsals.ensure(environment, scenario=arguments.scenario, begun=cloud)
            if not new:  # only now: a scenario that is refused changes nothing
                environment.save()
            run = start(environment, "install", secrets=secrets, wait=_wait(arguments), begun=process)
        except UsageError:
            if new:
                _forget(environment)
            raise
    return _follow(environment, run, arguments, out)


def _begun(stack: ExitStack, arguments: argparse.Namespace) -> tuple[processes.Beginning | None, processes.Beginning | None]:
    """The processes that an installation needs, loading while the rest is looked at; left where it comes to nothing.

    Where a person is asked first, there is time enough afterwards.
    """
    if not arguments.yes:
        return None, None
    if not arguments.rehearse or rehearsals.running(Home.find(), arguments.name) is not None:
        return stack.enter_context(processes.begin(*EARLY)), None
    process, cloud = processes.begin_both("core.authorities:load_aiohttp", EARLY, rehearsals.EARLY)
    return stack.enter_context(process), stack.enter_context(cloud)


def retry(arguments: argparse.Namespace, out: Output) -> int:
    """Takes up what the last run did not bring to its end, in a new run."""
    environment = Environment.load(Home.find(), arguments.name)
    action = action_to_retry(environment)
    demand_optional(environment, arguments.skip)
    secrets = _password(arguments)
    _agree(arguments, out, f"Go on with {environment.name} ({action})?")
    provide(arguments, out, environment.home)
    last = runs.last(environment)
    delete_data = bool(last and last.options.get("delete_data"))
    run = start(environment, action, secrets=secrets, wait=_wait(arguments), skip=arguments.skip, delete_data=delete_data)
    return _follow(environment, run, arguments, out)


def destroy(arguments: argparse.Namespace, out: Output) -> int:
    """Removes what the environment made, and says what stays."""
    environment = Environment.load(Home.find(), arguments.name)
    if runs.last(environment) is None:
        raise UsageError(f"{environment.name} was never installed.", code="nothing-to-destroy")
    stays = "" if arguments.delete_data else " The buckets with their contents stay."
    out.say(f"Everything that {environment.name} made is removed, its database with all runs and metadata too.{stays}")
    if not arguments.yes:
        _ask_for_the_name(environment.name)
    provide(arguments, out, environment.home)
    run = start(environment, "destroy", wait=_wait(arguments), delete_data=arguments.delete_data)
    return _follow(environment, run, arguments, out)


def attach(arguments: argparse.Namespace, out: Output) -> int:
    """Watches the run that goes on, or tells the last one again; returns the run's code."""
    environment = Environment.load(Home.find(), arguments.name)
    found = runs.ids(environment)
    if not found:
        raise UsageError(f"Nothing has run on {environment.name} yet.", code="nothing-to-attach")
    held = runs.current(environment)
    if held is not None and not held.here:
        raise busy(runs.lock_path(environment))
    run = held.run if held is not None and held.run else found[-1]
    return follow.follow(environment, run, out, detachable=True)


def cancel(arguments: argparse.Namespace, out: Output) -> int:
    """Asks the run to stop; it ends once what is in flight is safe."""
    from core.run.control import ask

    environment = Environment.load(Home.find(), arguments.name)
    held = runs.current(environment)
    if held is None:
        raise UsageError(f"Nothing runs on {environment.name}.", code="nothing-runs")
    if not held.here:
        raise busy(runs.lock_path(environment))
    ask(environment.id, {"do": "cancel", "reason": "mlops-env cancel"})
    if out.json:
        out.document({"environment": environment.name, "run": held.run, "cancelling": True})
    else:
        out.data(f"{environment.name}: the run stops once what is in flight is safe.")
    return 0


def _follow(environment: Environment, run: str, arguments: argparse.Namespace, out: Output) -> int:
    if not arguments.detach:
        return follow.follow(environment, run, out)
    ends = lifetime()
    out.say(ends.sentence + (f" To keep it: {ends.command}" if ends.command else ""))
    if out.json:
        out.line({"environment": environment.name, "run": run, "detached": True})
    else:
        out.data(f"{environment.name}: run {run} goes on. Watch it with: mlops-env attach {environment.name}")
    return 0


def _say_what(environment: Environment, out: Output) -> None:
    values = environment.values
    where = "on a simulated cloud (rehearsal)" if environment.cloud == "rehearsal" else "on Google Cloud"
    project = values["project_id"] or "the project of your sign-in"
    out.say(f"{environment.name}: Kubeflow Pipelines {values['kfp_version']} {where}, in {project}, {values['region']}.")
    out.say(lifetime().sentence)


def _show(environment: Environment, arguments: argparse.Namespace, out: Output) -> None:
    """Shows what will be done, and asks. Who says ``--yes`` has seen it with ``plan``, or takes the run's own plan."""
    if not arguments.yes:
        _needs_somebody()
    provide(arguments, out, environment.home)
    if not arguments.yes:
        from core.cli import look

        document = look.planned(environment, out, scenario=arguments.scenario, examined=True)
        for line in (*look.plan_lines(document), look.plan_summary(document)):
            out.say(line)
        _agree(arguments, out, f"Install {environment.name}?")
        return
    seen = shown.kept(environment.home, environment.name)
    if seen is not None and seen.by == "plan" and seen.holds_for(environment):
        out.say(f"It does what was shown at {seen.time}, or stops.")
    else:
        shown.forget(environment)


def _needs_somebody() -> None:
    if not interactive():
        raise UsageError("Nobody is there to ask.", code="no-answer", hint="Say --yes to go ahead without a terminal.")


def _agree(arguments: argparse.Namespace, out: Output, question: str) -> None:
    if arguments.yes:
        return
    _needs_somebody()
    if not confirm(question):
        raise MlopsError("Nothing was done.", code="declined")


def _ask_for_the_name(name: str) -> None:
    _needs_somebody()
    if (answer(f"Type the environment's name to go ahead ({name}): ") or "").strip() != name:
        raise MlopsError("Nothing was done.", code="declined")


def _wait(arguments: argparse.Namespace) -> float | None:
    if arguments.wait is not None:
        return float(arguments.wait)
    return None if interactive() and not arguments.detach else 0.0


def _password(arguments: argparse.Namespace) -> dict[str, str]:
    if not arguments.sql_password_stdin:
        return {}
    password = sys.stdin.readline().rstrip("\r\n")
    if not 8 <= len(password) <= 128:
        raise UsageError("The SQL password on standard input must have 8 to 128 characters.", code="sql-password")
    return {"sql_password": password}


def _forget(environment: Environment) -> None:
    """A scenario that is wrong leaves nothing behind of an environment that never was."""
    import shutil

    shutil.rmtree(environment.folder, ignore_errors=True)
    if not (rehearsals.folder(environment.home, environment.name) / "endpoints.json").exists():
        rehearsals.forget(environment.home, environment.name)
