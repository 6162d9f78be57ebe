"""The settings files themselves: read whole, changed in one place, written so that a crash leaves the old or the new one.

A value of the user's that had to make way is kept in a file of the program's own, so that removing brings it back.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.environment import Home
from core.environment.files import write_atomically
from core.errors import UsageError
from core.workstation.tunnel.docker import context_name
from core.workstation.vscode import edit
from core.workstation.vscode.jsonc import JsoncError
from core.workstation.vscode.places import CONTEXT, DOCKER_PATH, Place

WRITTEN = {"containers.environment": CONTEXT, "docker.environment": CONTEXT, DOCKER_PATH: ""}
"""Every setting that may have been written, and the variable in it: taking back looks at all of them, since Container Tools
copies the second into the first."""


@dataclass(frozen=True, slots=True)
class Change:
    """What would be done to one file; ``after`` is None where the file goes; ``replaced`` is what makes way, as JSON.

    ``restored`` are the settings whose value of before comes back.
    """

    place: Place
    before: str | None
    after: str | None
    replaced: str | None = None
    restored: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """``set``, ``removed`` or ``same``."""
        if self.before == self.after:
            return "same"
        return "removed" if self.after is None or (self.before and len(self.after) < len(self.before)) else "set"


def setting(place: Place, value: str) -> Change:
    """The change that gives a setting its value; raises `UsageError` where the file can't be edited."""
    text = _read(place.path)
    if text is None:
        return Change(place, None, edit.created(place.key, place.variable, value))
    with _told(place.path):
        if edit.current(text, place.key, place.variable) == value:
            return Change(place, text, text)
        held = edit.written(text, place.key, place.variable)
        return Change(place, text, edit.put(text, place.key, place.variable, value), held)


def removing(place: Place, values: Mapping[str, str], home: Home) -> Change:
    """The change that takes back what was written: ``values`` are the program's own, by variable (see `WRITTEN`).

    What is somebody else's stays, and what had to make way comes back.
    """
    text = _read(place.path)
    if text is None:
        return Change(place, None, None)
    after: str | None = text
    restored = []
    with _told(place.path):
        for key, variable in WRITTEN.items():
            if after is None or edit.current(after, key, variable) != values[variable]:
                continue
            kept = _kept(home).get(str(place.path), {}).get(key)
            after = edit.restore(after, key, variable, kept) if kept else edit.take(after, key, variable, values[variable])
            restored.append(key)
    return Change(place, text, after, restored=tuple(restored))


def demand_writable(change: Change) -> None:
    """Raises `UsageError` where a change could not be written, before anything else is made that goes with it."""
    if change.before == change.after:
        return
    real = change.place.path.resolve()
    there = next(each for each in (real, *real.parents) if each.exists())
    places = [there, real.parent] if there == real else [there]
    refused = next((each for each in places if not os.access(each, os.W_OK)), None)
    if there != real and not there.is_dir():
        raise UsageError(f"{there} is a file, and has to be a folder.", code="not-writable", hint="Move it away.")
    if refused is not None:
        raise UsageError(f"{refused} can't be written to.", code="not-writable", hint="Everything is as it was.")


def demand_unchanged(change: Change) -> None:
    """Raises `UsageError` where a file is no longer what the change was made from: an editor may have written it since."""
    if change.before != change.after and _read(change.place.path) not in (change.before, change.after):
        raise UsageError(
            f"{change.place.path} was changed meanwhile.", code="changed", hint="It is left as it is now: try again."
        )


def apply(change: Change, home: Home, *, mode: int = 0o644) -> None:
    """Writes one change, never over a newer one; ``mode`` is that of a file which was not there."""
    if change.before == change.after:
        return
    demand_unchanged(change)
    real = change.place.path.resolve()
    try:
        if change.after is None:
            real.unlink()
        else:
            real.parent.mkdir(parents=True, exist_ok=True)
            mode = real.stat().st_mode & 0o777 if real.exists() else mode
            write_atomically(real, change.after, mode=mode)
    except OSError as error:
        raise UsageError(
            f"{real} can't be written: {error.strerror}.", code="not-writable", hint="It is as it was."
        ) from error
    _keep(home, change)


def _read(path: Path) -> str | None:
    if path.is_symlink() and not path.exists():
        raise UsageError(f"{path} is a symbolic link to nothing.", code="broken-link", hint="Remove it, or make its target.")
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not in UTF-8, from byte {error.start} on.", code="settings", hint="It is as it was: mend it first."
        ) from error
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.", code="settings") from error


class _told:
    """Turns what is wrong with a settings file into its one sentence."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Nothing is needed beforehand."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, JsoncError):
            raise UsageError(
                f"{self._path} is no JSON with comments: line {error.line}, column {error.column}: {error.why}.",
                code="settings",
                hint="It is as it was: mend it first.",
            ) from error
        if isinstance(error, edit.NotAnObject):
            raise UsageError(
                f"{self._path} holds no object" + (f" as {error.what}." if error.what else "."),
                code="settings",
                hint="It is as it was: mend it first.",
            ) from error


def _record(home: Home) -> Path:
    return home.root / "vscode.json"


def _kept(home: Home) -> dict[str, dict[str, str]]:
    try:
        found = json.loads(_record(home).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _keep(home: Home, change: Change) -> None:
    """Remembers what made way last, or forgets it once it is back; another of the program's own makes way for good."""
    kept, path, key = _kept(home), str(change.place.path), change.place.key
    mine = dict(kept.get(path, {}))
    for gone in change.restored or ([key] if change.replaced is None else []):
        mine.pop(gone, None)
    if change.replaced is not None and not _ours(change.replaced, home):
        mine[key] = change.replaced
    if mine == kept.get(path, {}):
        return
    kept = {**{k: v for k, v in kept.items() if k != path}, **({path: mine} if mine else {})}
    home.ensure()
    write_atomically(_record(home), json.dumps(kept, indent=1) + "\n")


def _ours(written: str, home: Home) -> bool:
    """Whether a value is one that this program wrote: a tunnel's context, or its wrapper of Docker's client."""
    value = str(json.loads(written)) if written.startswith('"') else ""
    return value.startswith((context_name(""), f"{home.root}/"))
