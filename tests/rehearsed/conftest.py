"""Whole rehearsals, driven as a user drives them: the command line in a process, looked at with one's own tools."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.environment import Environment, Home
from core.environment import rehearsal as rehearsals
from core.rehearsal import scenario as scenarios
from tests.rehearsed.store_of import documents

QUICK = "speed = 0\n"
STRANGERS = """
speed = 0
[project]
resources = [
  { type = "storage.buckets", name = "a-bucket-of-others", owner = "someone-else" },
  { type = "compute.networks", name = "others-network", owner = "someone-else" },
]
"""
"""A project in which somebody else is at work too."""


@dataclass
class Rehearsed:
    """One rehearsed environment and the command line that drives it."""

    home: Home
    name: str = "demo"
    variables: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "core.cli", *arguments]

    def run(self, *arguments: str, expect: int | None = 0, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a command to its end; what it printed is shown where it did not end as expected."""
        environment = {**os.environ, "MLOPS_ENV_HOME": str(self.home.root), **self.variables}
        done = subprocess.run(
            self.command(*arguments), input=stdin, capture_output=True, text=True, timeout=240, env=environment, check=False
        )
        if expect is not None:
            assert done.returncode == expect, (
                f"{arguments} ended with {done.returncode}:\n{done.stdout[-6000:]}\n{done.stderr}"
            )
        return done

    def begun(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that goes on meanwhile."""
        pipe = subprocess.PIPE
        environment = {**os.environ, "MLOPS_ENV_HOME": str(self.home.root), **self.variables}
        return subprocess.Popen(self.command(*arguments), stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment)

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--output", "json").stdout)

    def events(self, *arguments: str, expect: int | None = 0, stdin: str = "") -> list[dict[str, Any]]:
        """Runs a command that prints a run's events."""
        done = self.run(*arguments, "--output", "json", expect=expect, stdin=stdin)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def install(self, scenario: Path | str = "", *more: str, expect: int | None = 0) -> list[dict[str, Any]]:
        """Installs; ``scenario`` is a file or a file's text, left out: the one of the first time, or a quick one."""
        arguments = ["install", self.name, "--rehearse", "--yes", *more]
        first = self.simulator / "scenario.toml"
        again = first.read_text() if first.exists() else QUICK
        arguments += ["--scenario", str(self.scenario(scenario or again))]
        return self.events(*arguments, expect=expect)

    def scenario(self, text: Path | str) -> Path:
        if isinstance(text, Path):
            return text
        path = self.home.root.parent / f"scenario-{zlib.crc32(text.encode())}.toml"
        path.write_text(text)
        return path

    def replay(self, text: str) -> None:
        """Scripts the simulated cloud anew, which a user can't: what is there meets ``text`` from its next start on."""
        rehearsals.stop(self.home, self.name)
        kept = scenarios.load(self.scenario(text)).to_dict()
        (self.simulator / "scenario.json").write_text(json.dumps(kept))
        (self.simulator / "scenario.toml").write_text(text)

    def empty(self, scenario: str) -> dict[tuple[str, str], Any]:
        """Opens an environment; what the simulated cloud's store holds before anything is installed."""
        made = Environment.new(self.home, self.name, cloud="rehearsal", given={}).save()
        rehearsals.ensure(made, scenario=self.scenario(scenario))
        return documents(self.simulator)

    def status(self) -> dict[str, Any]:
        found = self.json("status", self.name)
        assert isinstance(found, dict)
        return found

    @property
    def environment(self) -> Environment:
        return Environment.load(self.home, self.name)

    @property
    def simulator(self) -> Path:
        return rehearsals.folder(self.home, self.name)

    @property
    def endpoints(self) -> dict[str, Any]:
        return rehearsals.ensure(self.environment)

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Calls a simulated Google API (``compute/compute/v1/…``) as the signed-in user; raises on a refusal."""
        endpoints = self.endpoints
        request = urllib.request.Request(
            f"{endpoints['google']}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {Path(endpoints['token_file']).read_text().strip()}",
                "Content-Type": "application/json",
                "X-Goog-User-Project": endpoints["project"],
            },
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as response:
            return json.loads(response.read() or b"{}")

    def kubectl(self, *arguments: str, expect: int | None = 0) -> str:
        """Runs the stock kubectl with the environment's kubeconfig."""
        from core.toolchain import find

        done = subprocess.run(
            [*find("kubectl", self.home).command, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "KUBECONFIG": str(self.environment.kubeconfig)},
        )
        if expect is not None:
            assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout

    def end(self) -> None:
        """Ends everything that runs for it."""
        for name in Environment.all(self.home):
            found = rehearsals.running(self.home, name)
            if found is not None:
                os.kill(found.pid, signal.SIGKILL)
        for lock in self.home.root.rglob("*.lock"):
            from core.environment.lock import holder

            held = holder(lock)
            if held is not None and held.pid:
                os.kill(held.pid, signal.SIGKILL)


@pytest.fixture
def rehearsed(home: Home) -> Iterator[Rehearsed]:
    """An environment that is nowhere yet; all that runs for it ends with the test."""
    made = Rehearsed(home)
    yield made
    made.end()


@dataclass(frozen=True)
class Once:
    """An installation that many tests begin with: its home, what it told, and what the cloud held before it."""

    home: Path
    events: list[dict[str, Any]]
    before: dict[tuple[str, str], Any]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """One in each of the parallel test processes: two copies that run at a time would want the same ports and sockets."""
    home = tmp_path_factory.mktemp("installed") / "home"
    made = Rehearsed(Home(home))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MLOPS_ENV_HOME", str(home))
            before = made.empty(STRANGERS)
        events = made.install()
        made.run("rehearsal", "stop", "demo")
    finally:
        made.end()
    return Once(home, events, before)


@pytest.fixture
def installed(once: Once, home: Home) -> Iterator[Rehearsed]:
    """An installed environment of the test's own: a copy of the one that was installed once."""
    copy(once.home, home.root)
    made = Rehearsed(home)
    yield made
    made.end()


def copy(origin: Path, root: Path) -> None:
    """Copies a home in which nothing runs, and takes the copy's own paths into the files that name it."""
    shutil.copytree(origin, root, symlinks=True)
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 200_000:
            data = path.read_bytes()
            if str(origin).encode() in data and b"SQLite" not in data[:16]:
                path.write_bytes(data.replace(str(origin).encode(), str(root).encode()))


def of_type(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The events of one type."""
    return [event for event in events if event["type"] == kind]


@pytest.fixture
def select() -> Callable[[list[dict[str, Any]], str], list[dict[str, Any]]]:
    return of_type
