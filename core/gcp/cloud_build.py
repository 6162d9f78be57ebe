"""Cloud Build: a build begun, found again, and followed to its end with its log as it grows.

The log is an object that Cloud Build writes anew each time; before the first words it is not there. So it is read on from
where the last reading ended, and once more after the build's end, since the last words come late.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from core.gcp import storage
from core.gcp.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from core.gcp.client import Google

ACTIVE = ("PENDING", "QUEUED", "WORKING")
FIRST, MOST = 2.0, 10.0
"""Seconds between two looks: the first, and the most it grows to."""
LATE = 3
"""How often the log is looked at after the end, while nothing of it has come yet."""


async def active(google: Google, location: str, tag: str) -> str:
    """The resource name of a build with this tag that is not over yet; empty where there is none."""
    async for build in _tagged(google, location, tag):
        return str(build["name"])
    return ""


async def cancel_all(google: Google, location: str, tag: str, prefix: str) -> int:
    """Ends every build at work with this tag and one that begins with ``prefix``; how many there were."""
    names = [
        str(build["name"])
        async for build in _tagged(google, location, tag)
        if any(str(each).startswith(prefix) for each in build.get("tags", []))
    ]
    for name in names:
        await cancel(google, name)
    return len(names)


async def _tagged(google: Google, location: str, tag: str) -> AsyncIterator[dict[str, Any]]:
    """The builds with a tag that are not over yet, each under its resource name."""
    parent = f"projects/{google.project}/locations/{location}"
    found = google.list("cloudbuild", "v1", "projects.locations.builds.list", parent=parent, filter=f'tags="{tag}"')
    async for build in found:
        if build.get("status") in ACTIVE:
            yield {**build, "name": _name(build, parent)}


async def begin(google: Google, location: str, wish: Mapping[str, Any]) -> str:
    """Begins a build; its resource name. It is asked once: after a lost answer `active` says whether there is one."""
    parent = f"projects/{google.project}/locations/{location}"
    begun = await google.call(
        "cloudbuild", "v1", "projects.locations.builds.create", parent=parent, body=dict(wish), tries=1
    )
    return _name(begun["metadata"]["build"], parent)


async def status(google: Google, name: str) -> str:
    """The status of a build; empty where there is no such build any more."""
    try:
        build = await google.call("cloudbuild", "v1", "projects.locations.builds.get", name=name)
    except NotFound:
        return ""
    return str(build.get("status"))


async def cancel(google: Google, name: str) -> None:
    """Ends a build that is at work; one that is over is as well as cancelled."""
    try:
        await google.call("cloudbuild", "v1", "projects.locations.builds.cancel", name=name, body={}, tries=2)
    except (InvalidRequest, NotFound):
        return


async def follow(google: Google, name: str, *, on_text: Callable[[str], None]) -> dict[str, Any]:
    """Waits until a build is over, well or not, and hands on each whole line of its log; returns the build."""
    log, pause = _Log(google, on_text), FIRST
    while True:
        build = await google.call("cloudbuild", "v1", "projects.locations.builds.get", name=name)
        over = build.get("status") not in ACTIVE
        await log.read(build)
        if over:
            break
        await google.clock.sleep(pause)
        pause = min(MOST, pause * 1.3)
    for _ in range(LATE):
        if log.position:
            break
        await google.clock.sleep(FIRST)
        await log.read(build)
    log.finish()
    return build


class _Log:
    """The log of one build, read on and on."""

    def __init__(self, google: Google, on_text: Callable[[str], None]) -> None:
        self._google, self._on_text = google, on_text
        self._rest = b""
        self.position = 0

    async def read(self, build: Mapping[str, Any]) -> None:
        bucket, _, folder = str(build.get("logsBucket", "")).removeprefix("gs://").partition("/")
        if not bucket:
            return
        name = f"{folder.rstrip('/')}/log-{build['id']}.txt".lstrip("/")
        more = await storage.read_from(self._google, bucket, name, self.position)
        self.position += len(more)
        whole, newline, self._rest = (self._rest + more).rpartition(b"\n")
        if newline:
            self._on_text(_plain(whole))

    def finish(self) -> None:
        if self._rest:
            self._on_text(_plain(self._rest))


def _plain(raw: bytes) -> str:
    """The lines as a person would see them: of one that was drawn again and again, the last state."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", raw.decode("utf-8", "replace"))
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _name(build: Mapping[str, Any], parent: str) -> str:
    return str(build.get("name") or f"{parent}/builds/{build['id']}")
