"""The outside programs that a run drives: there, new enough, and where each comes from."""

from __future__ import annotations

import asyncio
import shutil

from core.prerequisites.check import Check, Subject
from core.toolchain import MissingTool, find

AFTERWARDS = {"ssh": "sudo apt-get install openssh-client", "docker": "https://docs.docker.com/get-docker/"}
"""What a notebook VM is used with once it is there, and where each comes from."""


async def one(subject: Subject, *, name: str) -> list[Check]:
    """The check of one tool; none where these values don't need it: git only where the manifests come from GitHub."""
    if name == "git" and subject.values["kfp_manifests"] != "github":
        return []
    if name in AFTERWARDS:
        return [_afterwards(name)] if subject.values["notebook"] == "vm" else []
    return [await asyncio.to_thread(_one, name, subject)]


def _afterwards(name: str) -> Check:
    """A program without which an installation works: what a notebook VM is for needs it, on whichever machine."""
    title, path = f"{name} is there, for the notebook", shutil.which(name)
    if path:
        return Check(f"tool.{name}", title, "pass", path)
    why = f"there is no {name} on this machine"
    hint = "The installation does without. To work on the notebook from here, install it."
    source = AFTERWARDS[name]
    url = source if source.startswith("https:") else ""
    return Check(f"tool.{name}", title, "warn", name, why, hint, "" if url else source, url)


def _one(name: str, subject: Subject) -> Check:
    title = f"{name} is there and new enough"
    try:
        tool = find(name, subject.home)
    except MissingTool as missing:
        why = missing.message.rstrip(".")
        return Check(f"tool.{name}", title, "block", name, why, missing.hint, missing.command, missing.url)
    return Check(f"tool.{name}", title, "pass", str(tool))
