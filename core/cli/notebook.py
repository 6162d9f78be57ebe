"""``mlops-env notebook start|stop``: an environment's notebook, to be paid for only while it is used."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from core.cli.look import Console
from core.cli.output import Output
from core.environment import Environment, Home
from core.errors import UsageError
from core.install import notebook_power, outside


def start(arguments: argparse.Namespace, out: Output) -> int:
    """Starts it and waits until it runs."""
    return _turn(arguments, out, "start")


def stop(arguments: argparse.Namespace, out: Output) -> int:
    """Stops it; its disks stay, and are paid for."""
    return _turn(arguments, out, "stop")


def _turn(arguments: argparse.Namespace, out: Output, verb: str) -> int:
    environment = Environment.load(Home.find(), arguments.name)
    if environment.values["notebook"] == "none":
        raise UsageError(
            f"{environment.name} has no notebook.",
            code="no-notebook",
            command=f"mlops-env install {environment.name} --set notebook=vm",
        )
    outside.fact(environment, "notebook")
    document = asyncio.run(_turned(environment, out, verb))
    if out.json:
        out.document(document)
    else:
        out.data(f"{document['name']}: {document['state'].lower()}" + ("" if document["changed"] else " already"))
        if document["url"] and document["state"] == "ACTIVE":
            out.data(document["url"])
    return 0


async def _turned(environment: Environment, out: Output, verb: str) -> dict[str, Any]:
    installation = outside.opened(environment)
    try:
        return await notebook_power.turn(installation, verb, Console(out))
    finally:
        await installation.close()
