"""The files of one devcontainer as they would be written, beside what stands there; nothing is changed by looking."""

from __future__ import annotations

import difflib
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from core.errors import UsageError
from core.workstation.devcontainer.document import Wish, contents
from core.workstation.devcontainer.registry import Pull, pull
from core.workstation.devcontainer.templates import Template

FOLDER = ".devcontainer"


@dataclass(frozen=True, slots=True)
class File:
    """One file; ``path`` is where it is really written, behind any symbolic link, and ``old`` what is there now."""

    name: str
    path: Path
    content: str
    old: bytes | None = None

    @property
    def state(self) -> str:
        """``new``, ``changed`` or ``same``."""
        if self.old is None:
            return "new"
        return "same" if self.old == self.content.encode() else "changed"

    def diff(self) -> str:
        """What writing it would change, as a unified diff."""
        old = (self.old or b"").decode(errors="replace").splitlines(keepends=True)
        new = self.content.splitlines(keepends=True)
        return "".join(difflib.unified_diff(old, new, self.name if self.old is not None else "/dev/null", self.name))


@dataclass(frozen=True, slots=True)
class Draft:
    """What would be written into a folder, and what a person should know of it; ``pull`` is how its image is got."""

    folder: Path
    files: tuple[File, ...]
    notes: tuple[str, ...] = field(default=())
    pull: Pull = field(default_factory=Pull)

    @property
    def replaced(self) -> list[File]:
        """The files whose content would be another."""
        return [file for file in self.files if file.state == "changed"]


def draft(
    template: Template,
    folder: Path,
    *,
    image: str = "",
    project: str = "",
    remote: bool = False,
    credentials: bool = True,
    extensions: tuple[str, ...] = (),
    rehearsed: bool = False,
) -> Draft:
    """The devcontainer of a folder; raises `UsageError` where it can't be written there.

    ``rehearsed`` says that the image is a simulated cloud's, which no Docker can pull.
    """
    where = _folder(folder)
    notes: list[str] = []
    origin = _origin(where)
    if origin is None:
        notes.append(f"{where} is no git repository.")
    file = _credentials() if credentials and not remote else ""
    if credentials and not remote and not file:
        notes.append("No Application Default Credentials are mounted: gcloud auth application-default login makes them.")
    wish = Wish(
        template=template,
        name=_plain(where.name) or "workspace",
        image=image,
        project=project,
        remote=remote,
        credentials=file,
        origin=_without_secret(origin or ""),
        owner=_plain(os.environ.get("USER", "")) or "me",
        extensions=extensions,
    )
    found = Pull() if remote or rehearsed else pull(image)
    notes += _about_remote(wish) if remote else _about_processor(template)
    notes += _about_pulling(found, rehearsed=rehearsed)
    if (where / ".devcontainer.json").exists():
        notes.append(f"{where / '.devcontainer.json'} is there as well: VS Code takes the files of {FOLDER} before it.")
    files = tuple(_file(where, f"{FOLDER}/{name}", content) for name, content in contents(wish).items())
    return Draft(where, files, tuple(notes), found)


def _folder(folder: Path) -> Path:
    try:
        where = folder.expanduser().absolute()
    except RuntimeError:  # ~NAME of a user whom this machine does not know, or half of a name
        where = folder
    if not where.is_dir():
        raise UsageError(f"There is no folder {where}.", code="no-folder", hint="Make it first, or name another.")
    inner = where / FOLDER
    _no_broken_link(inner)
    if inner.exists() and not inner.is_dir():
        raise UsageError(f"{inner} is a file, and has to be a folder.", code="not-a-folder", hint="Move it away.")
    place = inner if inner.exists() else where
    if not os.access(place, os.W_OK | os.X_OK):
        raise UsageError(f"{place} can't be written to.", code="not-writable", hint="It needs your permission to write.")
    return where


def _file(where: Path, name: str, content: str) -> File:
    path = where / name
    _no_broken_link(path)
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is no file.", code="not-a-file", hint="Move it away.")
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise UsageError(f"{path} can't be read and written.", code="not-writable", hint=f"chmod u+rw {path}")
    return File(name, path.resolve(), content, path.read_bytes() if path.exists() else None)


def _no_broken_link(path: Path) -> None:
    if path.is_symlink() and not path.exists():
        raise UsageError(f"{path} is a symbolic link to nothing.", code="broken-link", hint="Remove it, or make its target.")


def _credentials() -> str:
    """The file of Application Default Credentials as devcontainer.json names it; empty where there is none."""
    inside = "gcloud/application_default_credentials.json"
    config = os.environ.get("CLOUDSDK_CONFIG", "")
    if config:
        path = Path(config) / "application_default_credentials.json"
        return str(path.absolute()) if path.is_file() else ""
    return "${localEnv:HOME}/.config/" + inside if (Path.home() / ".config" / inside).is_file() else ""


def _origin(folder: Path) -> str | None:
    """Where the code was cloned from; empty where that is nowhere, None where the folder is no repository."""
    try:
        inside = _git(folder, "rev-parse", "--is-inside-work-tree")
    except FileNotFoundError:
        return "" if (folder / ".git").exists() else None
    if inside.returncode != 0:
        return None
    found = _git(folder, "config", "--get", "remote.origin.url")
    return found.stdout.strip() if found.returncode == 0 else ""


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False, env=kept, timeout=20
    )


def _without_secret(origin: str) -> str:
    """The address without a password or token in it, which may stand in no file."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return origin
    user, at, host = parts.netloc.rpartition("@")
    if not parts.scheme or not at:
        return origin
    kept = "" if parts.scheme in ("http", "https") else user.partition(":")[0]  # for the others a name alone is no secret
    return urlunsplit(parts._replace(netloc=f"{kept}@{host}" if kept else host))


def _about_remote(wish: Wish) -> list[str]:
    notes = [f"The code is in {wish.remote_folder} on the remote host, which stays when the container goes."]
    if wish.image:
        notes.append("The image is pulled with this machine's sign-in unless that host has it: a notebook VM pulls its own.")
    if wish.origin:
        return [*notes, f"If that is empty, it is cloned from {wish.origin}: what was not pushed is not in it."]
    return [*notes, "It begins empty: this folder has no remote named origin to clone from."]


def _about_pulling(found: Pull, *, rehearsed: bool) -> list[str]:
    if rehearsed:
        return ["The image is a rehearsal's, which no Docker can pull: these files are for looking at."]
    if found.launcher is not None:
        return [f"{found.problem} mlops-env devcontainer new gives it one, on being asked or with --yes."]
    configure = f" gcloud auth configure-docker {found.host} gives it one." if "no sign-in" in found.problem else ""
    return [found.problem + configure] if found.problem else []


def _about_processor(template: Template) -> list[str]:
    if os.uname().machine in ("x86_64", "amd64") or template.emulation:
        return []
    return [f"{template.name} does not run well on this machine's processor, under emulation: --remote is the better way."]


def _plain(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9._-]+", "-", text).strip("-.")
