"""``mlops-env devcontainer new|list``: a devcontainer for a folder, on an environment's image or without one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.cli.output import Output, confirm, interactive
from core.environment import Environment, Home
from core.errors import MlopsError, UsageError
from core.workstation.devcontainer import Draft, draft, template, templates, write


def list_templates(_: argparse.Namespace, out: Output) -> int:
    """The templates, and what each is for."""
    found = templates()
    if out.json:
        out.document([{"template": t.name, "title": t.title, "python": t.python, "gpu": t.gpu} for t in found])
    else:
        for t in found:
            out.data(f"{t.name:12} {t.title}")
    return 0


def new(arguments: argparse.Namespace, out: Output) -> int:
    """Writes the files; what stands there already is shown as a difference, asked about, and kept."""
    chosen = template(arguments.template)
    image: dict[str, str] = {}
    if arguments.env:
        import asyncio

        from core.install.image import of

        image = asyncio.run(of(Environment.load(Home.find(), arguments.env), chosen.name))
    made = draft(
        chosen,
        Path(arguments.folder),
        image=image.get("reference", ""),
        project=image.get("project", ""),
        remote=arguments.remote,
    )
    for note in made.notes:
        out.say(f"Note: {note}")
    _agree(made, arguments, out)
    kept = write(made)
    _tell(made, kept, arguments, out)
    return 0


def _agree(made: Draft, arguments: argparse.Namespace, out: Output) -> None:
    if not made.replaced:
        return
    for file in made.replaced:
        out.say(file.diff().rstrip("\n"))
    if arguments.yes:
        return
    names = ", ".join(file.name for file in made.replaced)
    if not interactive():
        raise UsageError(
            f"{names} would be replaced, and nobody is there to ask.",
            code="no-answer",
            hint="Say --yes to replace what is shown above; the old files are kept beside the new.",
        )
    if not confirm(f"Replace {names}? The old files are kept beside the new."):
        raise MlopsError("Nothing was written.", code="declined")


def _tell(made: Draft, kept: list[Path], arguments: argparse.Namespace, out: Output) -> None:
    if out.json:
        files: list[dict[str, Any]] = [{"path": str(made.folder / f.name), "state": f.state} for f in made.files]
        out.document(
            {"folder": str(made.folder), "files": files, "kept": [str(path) for path in kept], "notes": list(made.notes)}
        )
        return
    for file in made.files:
        out.data(f"{file.state:8} {made.folder / file.name}")
    for path in kept:
        out.data(f"kept     {path}")
    if arguments.remote:
        out.say("Next: mlops-env tunnel up NAME --docker-context, and mlops-env vscode set NAME.")
    out.say("Then, in VS Code: Dev Containers: Reopen in Container.")
