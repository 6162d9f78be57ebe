"""Fetching the programs that a command drives and the machine lacks: on being asked, which ``--yes`` is."""

from __future__ import annotations

import argparse
from contextlib import suppress

from core.cli.output import Output, confirm, interactive
from core.environment import Home

DRIVEN = ("terraform", "kubectl")


def provide(arguments: argparse.Namespace, out: Output, home: Home) -> None:
    """Fetches what is missing, if that is agreed to; where it is not, the prerequisites say what to install.

    Raises `PrerequisiteError` where something was to be fetched and could not be.
    """
    from concurrent.futures import ThreadPoolExecutor

    from core.toolchain import MissingTool, bring, look

    with ThreadPoolExecutor() as looking:  # a program takes its time to say its version
        list(looking.map(lambda name: look(name, home), DRIVEN))

    def agreed(question: str) -> bool:
        if arguments.yes:
            out.say(question.replace(" Fetch it into ", " It is fetched into ").replace("?", "."))
        return arguments.yes or (interactive() and confirm(question))

    for name in DRIVEN:
        with suppress(MissingTool):
            bring(name, home, ask=agreed)
