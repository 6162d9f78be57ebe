"""The templates that mlops-env brings: one folder each, with what is told of it and the recipe of its image."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from core import resources
from core.errors import UsageError

RECIPE = ("Dockerfile", "requirements.txt")
"""What a template's image is built from."""


@dataclass(frozen=True, slots=True)
class Template:
    """One template; ``emulation`` says whether it does well on an emulated processor, where some libraries fail."""

    name: str
    title: str
    python: str
    gpu: bool
    emulation: bool
    check: str
    extensions: tuple[str, ...]
    folder: Path

    @property
    def programs(self) -> str:
        """The folder of the environment's programs inside the image."""
        return f"/opt/micromamba/envs/{self.name}/bin"

    def recipe(self) -> dict[str, str]:
        """The files that the image is built from, by their names."""
        return {name: (self.folder / "image" / name).read_text(encoding="utf-8") for name in RECIPE}


def templates() -> tuple[Template, ...]:
    """Every template, those that need no GPU first."""
    root = resources.folder("devcontainer-templates")
    found = [_read(path.parent) for path in sorted(root.glob("*/template.toml"))]
    return tuple(sorted(found, key=lambda each: (each.gpu, each.name)))


def template(name: str) -> Template:
    """The template of that name; raises `UsageError` where there is none."""
    known = {found.name: found for found in templates()}
    if name not in known:
        import difflib

        near = next(iter(difflib.get_close_matches(name, known, n=1)), "")
        raise UsageError(
            f"There is no template {name}.",
            code="unknown-template",
            cause=f"There are: {', '.join(known)}.",
            hint=f"Did you mean {near}?" if near else "mlops-env devcontainer list tells what each is for.",
        )
    return known[name]


def _read(folder: Path) -> Template:
    told = tomllib.loads((folder / "template.toml").read_text(encoding="utf-8"))
    return Template(
        name=folder.name,
        title=told["title"],
        python=told["python"],
        gpu=told["gpu"],
        emulation=told["emulation"],
        check=told["check"],
        extensions=tuple(told["extensions"]),
        folder=folder,
    )
