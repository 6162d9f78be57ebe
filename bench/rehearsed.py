"""A rehearsed environment to measure on: in a home of its own, ended and removed when it is done with."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import PROGRAM, Lacking, run


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One environment: its home, and the command lines that work on it."""

    home: Path
    scenario: Path
    name: str = "bench"

    @property
    def variables(self) -> dict[str, str]:
        """What points the program at the home."""
        return {"MLOPS_ENV_HOME": str(self.home)}

    @property
    def folder(self) -> Path:
        """The environment's own folder."""
        return self.home / "environments" / self.name

    def call(self, *arguments: str, codes: Sequence[int] = (0,)) -> str:
        """Runs a command of the program."""
        return run([PROGRAM, *arguments], variables=self.variables, codes=codes)

    def install(self, *more: str) -> None:
        """The first installation."""
        self.call("install", self.name, "--rehearse", "--scenario", str(self.scenario), "--yes", *more)

    def shell(self) -> dict[str, str]:
        """What points Terraform and kubectl at the simulated cloud."""
        printed: dict[str, str] = json.loads(self.call("rehearsal", "env", self.name, "--output", "json"))
        return {**printed, **self.variables}

    def fact(self, name: str) -> Any:
        """A fact of the last run."""
        facts = json.loads(self.call("status", self.name, "--output", "json"))["facts"]
        if name not in facts:
            raise Lacking(f"The installation published no {name}.")
        return facts[name]


def objects_file(installed: Rehearsed, objects: Iterable[dict[str, Any]]) -> Path:
    """Objects as one file, a document a line, as kubectl reads them."""
    target = installed.home.parent / "objects.json"
    target.write_text("\n".join(map(json.dumps, objects)))
    return target


@contextmanager
def rehearsal(scenario: str, *more: str, install: bool = True) -> Iterator[Rehearsed]:
    """An environment under a scenario, installed unless told otherwise."""
    folder = Path(tempfile.mkdtemp(prefix="mlops-env-bench-"))
    try:
        (folder / "scenario.toml").write_text(scenario)
        made = Rehearsed(folder / "home", folder / "scenario.toml")
        _share_tools(made.home)
        if install:
            made.install(*more)
        try:
            yield made
        finally:
            with suppress(Lacking):
                made.call("rehearsal", "stop", made.name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _share_tools(home: Path) -> None:
    """Tools that were fetched for the user serve here too: what is measured is no download."""
    from core.environment import Home

    mine = Home.find().cache / "tools"
    if mine.is_dir():
        (home / "cache").mkdir(parents=True)
        (home / "cache" / "tools").symlink_to(mine)
