"""Where the release's manifests come from: GitHub, a folder that the user names, or the stand-in set of a rehearsal.

All three are one folder, laid out as OWNER/REPOSITORY/TAG/PATH. From GitHub only the manifests are fetched, once for all
environments of this machine: kustomize by itself would clone the whole of Kubeflow Pipelines for every reference.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import MlopsError, ParameterError, PermanentError, TemporaryError
from core.kustomize.overlay import Incomplete, Remote, needed, shipped
from core.run.clock import Clock

REPOSITORY = "kubeflow/pipelines"
DEADLINE = 300.0
"""Seconds in which the manifests of one repository are fetched."""
_UNREACHABLE = ("Could not resolve", "unable to access", "Failed to connect", "Connection", "timed out", "early EOF", "RPC")


@dataclass(frozen=True, slots=True)
class Release:
    """The manifests of a release on this machine; ``source`` is ``github``, ``folder`` or ``stand-in``."""

    folder: Path
    source: str
    version: str
    commit: str = ""


def given(folder: Path, version: str) -> Release:
    """The release in a folder of the user's; raises `ParameterError` where it holds none."""
    expected = folder / REPOSITORY / version / "manifests" / "kustomize"
    if not expected.is_dir():
        raise ParameterError(
            "kfp_manifests",
            str(folder),
            f"github, or a folder that holds {REPOSITORY}/{version}/manifests/kustomize and argoproj/argo-workflows",
        )
    return Release(folder, "folder", version)


def stand_in(folder: Path, version: str) -> Release:
    """The set that takes the release's place where a cloud has one, and GitHub can't be reached."""
    return Release(folder, "stand-in", version)


@dataclass(frozen=True, slots=True)
class Git:
    """How git is called: its command, what it runs with, the clock of its deadlines, and where it says what it does."""

    command: Sequence[str]
    environment: Mapping[str, str]
    clock: Clock
    log: Callable[[str], None]

    async def reachable(self, seconds: float) -> bool:
        """Whether GitHub answers within so many real seconds: where there is a stand-in, nobody wants to wait."""
        try:
            async with asyncio.timeout(seconds):
                await self.run("ls-remote", "--exit-code", _url(REPOSITORY), "HEAD")
        except (TimeoutError, MlopsError):
            return False
        return True

    async def run(self, *arguments: str, folder: Path | None = None) -> str:
        """What git prints; raises a `TemporaryError` where the network is the cause, else a `PermanentError`."""
        where = ["-C", str(folder)] if folder else []
        process = await asyncio.create_subprocess_exec(
            *self.command,
            *where,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_clean(self.environment),
        )
        try:
            out, error = await process.communicate()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            raise _failed(arguments[0], error.decode(errors="replace").strip())
        return out.decode(errors="replace").strip()


def fetched(cache: Path, version: str) -> bool:
    """Whether the release was fetched from GitHub before."""
    return (cache / REPOSITORY / version).is_dir()


async def on_github(cache: Path, version: str, git: Git) -> Release:
    """The release as GitHub has it; what was fetched before is not fetched again."""
    first = Remote(REPOSITORY, version, "manifests/kustomize")
    await _fetch(cache, first, git)
    start = [cache / first.place / path for path in _roots()]
    while missing := [r for r in sorted(needed(cache, start)) if not (cache / r.place).is_dir()]:
        repository, tag = missing[0].repository, missing[0].tag
        if (cache / repository / tag).is_dir():
            raise Incomplete(missing[0], cache)
        await _fetch(cache, Remote(repository, tag, "manifests"), git)
    commit = (cache / REPOSITORY / version / "COMMIT").read_text(encoding="utf-8").strip()
    return Release(cache, "github", version, commit)


def _roots() -> list[str]:
    """The folders of the release that the overlays refer to."""
    releases = [folder for folder in (shipped() / "release").iterdir() if folder.is_dir()]
    return [
        r.path.removeprefix("manifests/kustomize/") for r in needed(Path(os.devnull), releases) if r.repository == REPOSITORY
    ]


async def _fetch(cache: Path, remote: Remote, git: Git) -> None:
    """One repository's manifests, put in their place when they are complete."""
    target = cache / remote.repository / remote.tag
    if target.is_dir():
        return
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    git.log(f"Fetching {remote.path} of {remote.repository} {remote.tag} from GitHub")
    work = Path(tempfile.mkdtemp(prefix=f".{remote.tag}.", dir=target.parent))
    try:
        async with git.clock.deadline(DEADLINE):
            commit = await _checkout(work, remote, git)
        (work / "COMMIT").write_text(f"{commit}\n", encoding="utf-8")
        shutil.rmtree(work / ".git")
        with contextlib.suppress(FileExistsError, OSError):  # another run was faster, and has the same
            work.rename(target)
    except TimeoutError:
        raise TemporaryError(
            f"Fetching the manifests of {remote.repository} did not end within {DEADLINE:.0f} seconds.",
            code="github-timeout",
            cause=f"git was still at work with {_url(remote.repository)}, and was ended.",
            hint="Look at the proxy (HTTPS_PROXY), or set kfp_manifests to a folder.",
        ) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


async def _checkout(work: Path, remote: Remote, git: Git) -> str:
    for arguments in (
        ("init", "--quiet", "--template="),
        ("remote", "add", "origin", _url(remote.repository)),
        ("config", "remote.origin.promisor", "true"),
        ("config", "remote.origin.partialclonefilter", "blob:none"),
        ("fetch", "--quiet", "--depth=1", "--no-tags", "--filter=blob:none", "origin", f"refs/tags/{remote.tag}"),
        ("sparse-checkout", "set", "--no-cone", f"/{remote.path}/"),
        ("checkout", "--quiet", "--detach", "FETCH_HEAD"),
    ):
        await git.run(*arguments, folder=work)
    if not (work / remote.path).is_dir():
        raise PermanentError(f"{remote.repository} {remote.tag} has no {remote.path}.", code="manifests-incomplete")
    return await git.run("rev-parse", "HEAD", folder=work)


def _url(repository: str) -> str:
    return f"https://github.com/{repository}.git"


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    """What git runs with: never another repository than its own, and never a question to a person."""
    other = (
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_COMMON_DIR",
        "GIT_NAMESPACE",
        "GIT_PREFIX",
    )
    kept = {k: v for k, v in environment.items() if k not in other}
    return {**kept, "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "SSH_ASKPASS": "", "LC_ALL": "C"}


def _failed(command: str, said: str) -> MlopsError:
    message = f"git {command} failed while the manifests were fetched from GitHub."
    cause = said.splitlines()[-1] if said else "git said nothing."
    if any(word in said for word in _UNREACHABLE):
        hint = "Look at the network and the proxy (HTTPS_PROXY), or set kfp_manifests to a folder."
        return TemporaryError(message, code="github-unreachable", cause=cause, hint=hint, delay=5)
    return PermanentError(message, code="git", cause=cause, hint="Set kfp_manifests to a folder that holds the manifests.")
