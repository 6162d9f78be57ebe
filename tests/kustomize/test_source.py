"""Where the release comes from: GitHub (stood in for by repositories in a folder), a folder, the stand-in set."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from kustomize_built import VERSION, kubectl, names, release

from core import kustomize
from core.errors import ParameterError, PermanentError, TemporaryError
from core.kustomize import Git, Values
from core.run.clock import Clock

GIT = shutil.which("git") or "git"
QUIET = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "PATH": os.environ["PATH"], "HOME": "/nonexistent"}


class Impatient(Clock):
    """A clock whose deadlines pass at once."""

    def deadline(self, seconds: float) -> asyncio.Timeout:  # type: ignore[override]
        return asyncio.timeout(0.3)


def _git(*arguments: str, folder: Path) -> None:
    who = {f"GIT_{role}_{what}": f"{what.lower()}@invalid" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    subprocess.run([GIT, "-C", str(folder), *arguments], check=True, capture_output=True, env={**QUIET, **who})


@pytest.fixture
def github(tmp_path: Path) -> Path:
    """Two repositories with tags: the stand-in set as one, and another that its manifests are made to refer to."""
    root = tmp_path / "github"
    set_ = release("stand-in").folder / "kubeflow/pipelines" / VERSION
    pipelines, argo = root / "kubeflow/pipelines.git", root / "argoproj/argo-workflows.git"
    shutil.copytree(set_, pipelines)
    (pipelines / "README.md").write_text("More than manifests.\n")
    controller = pipelines / "manifests/kustomize/third-party/argo/installs/namespace"
    (argo / "manifests").mkdir(parents=True)
    shutil.move(str(controller / "rights.yaml"), argo / "manifests" / "rights.yaml")
    (argo / "manifests" / "kustomization.yaml").write_text("resources:\n- rights.yaml\n")
    file = controller / "kustomization.yaml"
    remote = "https://github.com/argoproj/argo-workflows/manifests?ref=v4.0.5&timeout=60s"
    file.write_text(file.read_text().replace("rights.yaml", remote))
    # A kustomization that nothing of ours reaches refers to what is nowhere: nobody asks for it.
    unused = pipelines / "manifests/kustomize/env/elsewhere"
    unused.mkdir()
    (unused / "kustomization.yaml").write_text("resources:\n- https://github.com/nobody/nothing/here?ref=v1\n")
    for folder, tag in ((pipelines, VERSION), (argo, "v4.0.5")):
        _git("init", "-q", "-b", "main", folder=folder)
        _git("add", "-A", folder=folder)
        _git("commit", "-qm", "manifests", folder=folder)
        _git("tag", tag, folder=folder)
    return root


def git(root: Path | None, log: list[str] | None = None, clock: Clock | None = None) -> Git:
    """git, with GitHub where ``root`` is."""
    instead = {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": f"url.file://{root}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
        "GIT_CONFIG_KEY_1": "safe.directory",
        "GIT_CONFIG_VALUE_1": "*",
    }
    said = log if log is not None else []
    return Git([GIT], {**QUIET, **(instead if root else {})}, clock or Clock(), said.append)


async def test_from_github_the_manifests_alone_and_what_they_refer_to(github: Path, tmp_path: Path) -> None:
    found = await kustomize.on_github(tmp_path / "cache", VERSION, git(github))
    assert (found.source, found.version) == ("github", VERSION)
    assert len(found.commit) == 40
    pipelines = tmp_path / "cache/kubeflow/pipelines" / VERSION
    assert {path.name for path in pipelines.iterdir()} == {"manifests", "COMMIT"}
    assert (tmp_path / "cache/argoproj/argo-workflows/v4.0.5/manifests/rights.yaml").is_file()
    assert not (tmp_path / "cache/nobody").exists()


async def test_only_what_is_checked_out_is_downloaded(github: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for repository in ("kubeflow/pipelines.git", "argoproj/argo-workflows.git"):
        for key in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
            _git("config", key, "true", folder=github / repository)
    asked = git(github)
    counted: list[str] = []
    run = Git.run

    async def counting(self: Git, *arguments: str, folder: Path | None = None) -> str:
        if arguments[0] == "rev-parse":
            counted.append(await run(self, "rev-list", "--objects", "--missing=print", "HEAD", folder=folder))
        return await run(self, *arguments, folder=folder)

    monkeypatch.setattr(Git, "run", counting)
    await kustomize.on_github(tmp_path / "cache", VERSION, asked)
    missing = [line for line in counted[0].splitlines() if line.startswith("?")]
    assert len(missing) == 1  # the README, which stands outside the manifests


async def test_what_github_has_builds_as_the_set_does(github: Path, tmp_path: Path) -> None:
    found = await kustomize.on_github(tmp_path / "cache", VERSION, git(github))
    values = Values.of(names())
    theirs = await kustomize.build(found, values, tmp_path / "w", kubectl=kubectl())
    ours = await kustomize.build(release("stand-in"), values, tmp_path / "w", kubectl=kubectl())
    assert theirs.digest == ours.digest
    assert (theirs.source, theirs.commit) == ("github", found.commit)


async def test_nothing_is_fetched_twice(github: Path, tmp_path: Path) -> None:
    log: list[str] = []
    assert not kustomize.fetched(tmp_path / "cache", VERSION)
    first = await kustomize.on_github(tmp_path / "cache", VERSION, git(github, log))
    assert len(log) == 2
    assert kustomize.fetched(tmp_path / "cache", VERSION)
    shutil.rmtree(github)
    assert await kustomize.on_github(tmp_path / "cache", VERSION, git(github, log)) == first
    assert len(log) == 2


async def test_two_runs_at_once_end_with_one_copy(github: Path, tmp_path: Path) -> None:
    both = await asyncio.gather(*(kustomize.on_github(tmp_path / "cache", VERSION, git(github)) for _ in range(2)))
    assert both[0] == both[1]
    assert not [path for path in (tmp_path / "cache/kubeflow/pipelines").iterdir() if path.name.startswith(".")]


async def test_a_repository_that_is_not_there_has_its_cause(tmp_path: Path) -> None:
    with pytest.raises(PermanentError) as raised:
        await kustomize.on_github(tmp_path / "cache", VERSION, git(tmp_path / "nowhere"))
    assert "kfp_manifests" in raised.value.hint
    assert raised.value.cause
    assert not kustomize.fetched(tmp_path / "cache", VERSION)
    assert not list((tmp_path / "cache/kubeflow/pipelines").iterdir())


async def test_no_network_is_worth_another_try(tmp_path: Path) -> None:
    said = "fatal: unable to access 'https://github.com/x/': Could not resolve host: github.com"
    fake = tmp_path / "git"
    fake.write_text(f'#!/bin/sh\ncase "$*" in *fetch*) echo "{said}" >&2; exit 128;; esac\n')
    fake.chmod(0o755)
    with pytest.raises(TemporaryError) as raised:
        await kustomize.on_github(tmp_path / "cache", VERSION, Git([str(fake)], QUIET, Clock(), print))
    assert raised.value.cause == said
    assert raised.value.code == "github-unreachable"


def _hanging(folder: Path, text: str = "") -> Path:
    fake = folder / "git"
    fake.write_text(f"#!/bin/sh\n{text}\necho $$ >> {folder}/pids; exec sleep 600\n")
    fake.chmod(0o755)
    return fake


async def test_a_fetch_that_hangs_is_ended_with_its_cause(tmp_path: Path) -> None:
    fake = _hanging(tmp_path)
    with pytest.raises(TemporaryError) as raised:
        await kustomize.on_github(tmp_path / "cache", VERSION, Git([str(fake)], QUIET, Impatient(), print))
    assert raised.value.code == "github-timeout"
    assert "github.com/kubeflow/pipelines" in raised.value.cause
    assert not [pid for pid in (tmp_path / "pids").read_text().split() if Path(f"/proc/{pid}").exists()]


async def test_a_network_that_swallows_everything_costs_little(tmp_path: Path) -> None:
    fake = _hanging(tmp_path)
    began = time.monotonic()
    assert not await Git([str(fake)], QUIET, Clock(), print).reachable(0.2)
    assert time.monotonic() - began < 5


async def test_reachable(github: Path, tmp_path: Path) -> None:
    assert await git(github).reachable(20)
    assert not await git(tmp_path / "nowhere").reachable(20)


async def test_git_is_never_led_to_another_repository(tmp_path: Path) -> None:
    fake = tmp_path / "git"
    fake.write_text("#!/bin/sh\nenv\n")
    fake.chmod(0o755)
    led = {
        **QUIET,
        "GIT_DIR": "/x",
        "GIT_WORK_TREE": "/x",
        "GIT_INDEX_FILE": "/x",
        "GIT_SSL_CAINFO": "/ca",
        "https_proxy": "http://p",
    }
    seen = await Git([str(fake)], led, Clock(), print).run("anything")
    variables = dict(line.split("=", 1) for line in seen.splitlines() if "=" in line)
    assert not {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"} & variables.keys()
    assert variables["GIT_TERMINAL_PROMPT"] == "0"
    assert (variables["GIT_SSL_CAINFO"], variables["https_proxy"]) == ("/ca", "http://p")


def test_a_folder_of_the_users(tmp_path: Path) -> None:
    with pytest.raises(ParameterError) as raised:
        kustomize.given(tmp_path, VERSION)
    assert raised.value.key == "kfp_manifests"
    assert str(tmp_path) in raised.value.message
    assert "kubeflow/pipelines/2.17.0" in raised.value.message
    found = kustomize.given(release("stand-in").folder, VERSION)
    assert (found.source, found.commit) == ("folder", "")
