"""What every test stands on: a home of its own, and no setting of the machine's that could reach it.

It also deals the tests out to the parallel processes: the long ones first, and three processes for two processors, since
a test that watches a whole installation waits for other processes most of its time. With more of them everything takes as
long, and what must happen within a moment happens late.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import garbage
from core.environment import Home
from core.environment import rehearsal as rehearsals

CLEARED = (
    "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "DEVSHELL_PROJECT_ID", "CLOUDSDK_CONFIG", "CLOUD_SHELL",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "KUBECONFIG", "NO_COLOR",
    "TEXTUAL_THEME", "COLUMNS", "LINES", "TF_CLI_CONFIG_FILE",
)  # fmt: skip
LONG = ("tests/rehearsed/", "tests/tui/test_whole_way.py", "tests/tui/test_in_tmux.py", "tests/install/test_platform")
"""Where a test takes seconds and not milliseconds."""
PATIENCE = 600
"""Seconds after which such a test hangs, also on a machine that is slow and busy."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home of the test's own, set for every process that it starts; no simulated cloud in it outlives the test."""
    for name in CLEARED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLOPS_ENV_HOME", str(tmp_path / "home"))
    made = Home.find()
    yield made
    for folder in made.rehearsals.glob("*/"):
        rehearsals.stop(made, folder.name)


def pytest_collection_finish() -> None:
    """Looks for garbage as seldom as the program does, and not in what was loaded: that was a sixth of the app's tests."""
    garbage.look_seldom()
    gc.freeze()


def pytest_xdist_auto_num_workers() -> int:
    """How many processes ``-n auto`` starts."""
    return 3 * (os.cpu_count() or 1) // 2


COPIED = ("with_platform", "once")
"""What is made once in each process, and copied for each test that asks for it."""


def _begins_with(item: pytest.Item) -> int:
    asked = getattr(item, "fixturenames", ())
    return next((number for number, name in enumerate(COPIED) if name in asked), len(COPIED))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives every process long tests first and short ones afterwards, which others may take over from it.

    ``--dist worksteal`` begins with one stretch of the list for each process, and takes from the ends of the others' later.
    Tests that begin with a copy of the same installation stay together: each process that has one of them installs once.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [item for item in items if item.nodeid.startswith(LONG)]
    for item in long:
        item.add_marker(pytest.mark.timeout(PATIENCE))
    long.sort(key=_begins_with)
    short = [item for item in items if not item.nodeid.startswith(LONG)]
    items.clear()
    for number in range(processes, 0, -1):
        for kind in (long, short):
            share = -(-len(kind) // number)
            items += kind[:share]
            del kind[:share]
