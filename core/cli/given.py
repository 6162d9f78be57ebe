"""From flags to an environment: answers file, ``--set``, ``--rehearse``, ``--scenario``, checked before anything is made."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.environment import Environment, Home
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
    if arguments.scenario and not arguments.scenario.is_file():
        raise UsageError(f"There is no scenario file {arguments.scenario}.", code="scenario")
    try:
        known = Environment.load(home, arguments.name)
    except UnknownEnvironment:
        given, id = _given(arguments, {}), shown.id_of(home, arguments.name, cloud=cloud)
        return _checked(Environment.new(home, arguments.name, cloud=cloud, given=given, id=id))
    return _checked(_again(known, _given(arguments, known.given), rehearse=arguments.rehearse))


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
