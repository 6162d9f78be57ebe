"""The outside programs that a run drives: there, new enough, and where each comes from."""

from __future__ import annotations

import asyncio

from core.prerequisites.check import Check, Subject
from core.run.together import together
from core.toolchain import MissingTool, find

NEEDED = ("terraform", "kubectl", "git")


async def check(subject: Subject) -> list[Check]:
    """One check a tool; git is needed only where the manifests come from GitHub."""
    names = [n for n in NEEDED if n != "git" or subject.values["kfp_manifests"] == "github"]
    return await together(asyncio.to_thread(_one, name, subject) for name in names)


async def one(subject: Subject, *, name: str) -> list[Check]:
    """The check of one tool; none where these values don't need it."""
    if name == "git" and subject.values["kfp_manifests"] != "github":
        return []
    return [await asyncio.to_thread(_one, name, subject)]


def _one(name: str, subject: Subject) -> Check:
    title = f"{name} is there and new enough"
    try:
        tool = find(name, subject.home)
    except MissingTool as missing:
        why = missing.message.rstrip(".")
        return Check(f"tool.{name}", title, "block", name, why, missing.hint, missing.command, missing.url)
    return Check(f"tool.{name}", title, "pass", str(tool))
