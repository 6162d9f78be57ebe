"""``mlops-env image build|list``: the development image of an environment, outside a run."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Any

from core.cli.look import Console
from core.cli.output import Output
from core.environment import Environment, Home
from core.errors import CancelledByUser, PermanentError, UsageError
from core.install import image, outside
from core.install.installation import Installation


class Builder(Console):
    """Narrates a build, its log too; what it would have to remember, the registry and Cloud Build remember."""

    def __init__(self, out: Output) -> None:
        super().__init__(out)
        self._out = out

    def log(self, text: str) -> None:
        if not self._out.json:
            self._out.say(text)

    def operation_started(self, key: str, name: str) -> None:
        """A build is found again by its tag."""

    def operation_finished(self, key: str, name: str) -> None:
        """Nothing was kept."""

    def pending_operation(self, key: str) -> str | None:
        return None


def build(arguments: argparse.Namespace, out: Output) -> int:
    """Builds what the registry does not have yet; prints the image's name by its digest."""
    environment = _installed(arguments.name)
    template = environment.values["image"]
    if template == "none":
        raise UsageError(
            f"{environment.name} has no image.",
            code="no-image",
            command=f"mlops-env install {environment.name} --set image=kfp-dev",
        )

    async def work(installation: Installation) -> tuple[bool, image.Image]:
        there = await image.found(installation, template)
        return (False, there) if there else (True, await image.build(installation, Builder(out)))

    try:
        built, made = _with(environment, work)
    except PermanentError as error:
        if error.code == "build-failed":  # there is no run here that could go on without it
            error.hint = f"What it printed stands above{', and at' if error.url else '.'} {error.url}".rstrip()
            error.cause = error.cause.partition("\n")[0] if not out.json else error.cause
        raise
    if out.json:
        out.document({**made, "built": built})
    else:
        out.say("Built." if built else "Nothing to build: the registry has the image of these sources.")
        out.data(made["reference"])
    return 0


def list_images(arguments: argparse.Namespace, out: Output) -> int:
    """The images that the registry has, the newest first."""
    images = _with(_installed(arguments.name), image.listed)
    if out.json:
        out.document(images)
        return 0
    for each in images:
        tags = ", ".join(each["tags"]) or "no tag"
        out.data(f"{each['reference']}  {each['uploaded']}  {tags}" + ("  (current)" if each["current"] else ""))
    return 0


def _installed(name: str) -> Environment:
    environment = Environment.load(Home.find(), name)
    outside.fact(environment, "registry")
    return environment


def _with(environment: Environment, work: Callable[[Installation], Awaitable[Any]]) -> Any:
    async def opened() -> Any:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _cancel_of_this())
        installation = outside.opened(environment)
        try:
            return await work(installation)
        finally:
            await installation.close()

    try:
        return asyncio.run(opened())
    except asyncio.CancelledError:
        raise CancelledByUser("It was told to stop, and stopped.") from None


def _cancel_of_this() -> Callable[[], object]:
    """What cancels the task that asks."""
    task = asyncio.current_task()
    assert task is not None
    return task.cancel
