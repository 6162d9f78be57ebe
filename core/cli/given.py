"""From flags to an environment: answers file, ``--set``, ``--rehearse``, ``--scenario``, checked before anything is made."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.environment import Environment, Home
from core.environment.files import write_atomically
from core.errors import UnknownEnvironment, UsageError
from core.install import shown
from core.install.changes import changed


def environment(arguments: argparse.Namespace) -> Environment:
    """The environment that the flags mean: the one that exists with what is given anew, or a new one; not yet saved.

    Raises `UsageError` and `ParameterError` for everything that is wrong with them.
    """
    home = Home.find()
    cloud = "rehearsal" if arguments.rehearse else "google"
    if arguments.scenario and not arguments.rehearse:
        raise UsageError("--scenario goes with --rehearse.", code="usage", hint="A scenario scripts the simulated cloud.")
    if arguments.scenario:
        arguments.scenario = _for_all_to_read(arguments.scenario, home)
    try:
        known = Environment.load(home, arguments.name)
    except UnknownEnvironment:
        given, id = _given(arguments, {}), shown.id_of(home, arguments.name, cloud=cloud)
        return _checked(Environment.new(home, arguments.name, cloud=cloud, given=given, id=id))
    return _checked(_again(known, _given(arguments, known.given), rehearse=arguments.rehearse))


def _for_all_to_read(scenario: Path, home: Home) -> Path:
    """The file, or a copy of what only this process has open (a pipe, a descriptor): another one reads it, perhaps twice."""
    if not scenario.exists() or scenario.is_dir():
        raise UsageError(f"There is no scenario file {scenario}.", code="scenario")
    if scenario.is_file() and scenario.absolute().parts[1] not in ("dev", "proc"):
        return scenario
    try:
        content = scenario.read_bytes()
    except OSError as error:
        raise UsageError(f"The scenario {scenario} can't be read: {error.strerror}.", code="scenario") from error
    copy = home.ensure("cache", "scenarios") / f"{hashlib.sha256(content).hexdigest()[:16]}.toml"
    write_atomically(copy, content)
    return copy


def _again(known: Environment, given: dict[str, Any], *, rehearse: bool) -> Environment:
    if rehearse and known.cloud != "rehearsal":
        raise UsageError(
            f"{known.name} is on Google Cloud, and can't be rehearsed.", code="other-cloud", hint="Take another name."
        )
    return changed(known, given)


def _checked(found: Environment) -> Environment:
    from core.parameters.validation import validate

    validate({**found.resolved, **found.given}, environment=found.name)
    return found


def _given(arguments: argparse.Namespace, before: Mapping[str, Any]) -> dict[str, Any]:
    """What the flags say, where ``before`` was given to the environment earlier."""
    given: dict[str, Any] = {}
    if arguments.config:
        from core.parameters.answers import load

        given.update(load(arguments.config))
    if arguments.set:
        from core.parameters.validation import settings

        given.update(settings(arguments.set, {**before, **given}))
    if given.get("kfp_manifests") not in (None, "github"):
        with contextlib.suppress(RuntimeError):  # what names no folder is refused with all else that is wrong
            given["kfp_manifests"] = str(Path(str(given["kfp_manifests"])).expanduser().absolute())
    return given
