"""``mlops-env devcontainer new|list``: a devcontainer for a folder, on an environment's image or without one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.cli.output import Output, confirm, interactive
from core.environment import Environment, Home
from core.errors import MlopsError, UsageError
from core.workstation.devcontainer import Draft, draft, prepare, sign_in, template, templates, write


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
    chosen, home = template(arguments.template), Home.find()
    if arguments.project and not arguments.env:
        raise UsageError("--project goes with --env, the environment in it.", code="usage")
    image = _image(arguments, home, chosen.name) if arguments.env else {}
    made = draft(
        chosen,
        Path(arguments.folder),
        image=image.get("reference", ""),
        project=image.get("project", ""),
        remote=arguments.remote,
        rehearsed=image.get("cloud") == "rehearsal",
    )
    for note in made.notes:
        out.say(f"Note: {note}")
    _agree(made, arguments, out)
    signed_in = _sign_in(made, arguments, home, out)
    kept = write(made)
    _tell(made, kept, arguments, out, signed_in)
    return 0


def _image(arguments: argparse.Namespace, home: Home, template: str) -> dict[str, str]:
    """The environment's image: of one that is installed from here, or with a project from anywhere."""
    import asyncio

    from core.install.image import of
    from core.workstation.ssh.target import elsewhere, known

    here = known(home, arguments.env) if arguments.project else Environment.load(home, arguments.env)
    if here is not None and arguments.project in ("", here.values["project_id"]):
        return asyncio.run(of(here, template))

    async def found() -> dict[str, str]:
        there, cloud = await elsewhere(home, arguments.env, arguments.project)
        return await of(there, template, cloud=cloud)

    return asyncio.run(found())


def _sign_in(made: Draft, arguments: argparse.Namespace, home: Home, out: Output) -> str:
    """Lets Docker sign in to the image's registry by this program, on being asked; the file that says so, or nothing."""
    if made.pull.launcher is None or not (arguments.yes or interactive()):
        return ""
    change = prepare(made.pull.host)
    path = change.place.path
    if not (arguments.yes or confirm(f"Let mlops-env sign Docker in there, by one line in {path}?")):
        return ""
    sign_in(made.pull, change, home)
    return str(path)


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


def _tell(made: Draft, kept: list[Path], arguments: argparse.Namespace, out: Output, signed_in: str) -> None:
    if out.json:
        files: list[dict[str, Any]] = [{"path": str(made.folder / f.name), "state": f.state} for f in made.files]
        out.document({
            "folder": str(made.folder), "files": files, "kept": [str(path) for path in kept], "notes": list(made.notes),
            "docker_configuration": signed_in,
        })  # fmt: skip
        return
    for file in made.files:
        out.data(f"{file.state:8} {made.folder / file.name}")
    for path in kept:
        out.data(f"kept     {path}")
    if signed_in:
        out.data(f"changed  {signed_in}")
        out.say(f"Docker signs in to {made.pull.host} by {made.pull.launcher}.")
    if arguments.remote:
        out.say("Next: mlops-env tunnel up NAME --docker-context, and mlops-env vscode set NAME.")
    out.say("Then, in VS Code: Dev Containers: Reopen in Container.")
