"""What a command loads: the fast ones nothing that is slow, and none of the headless ones the screen's library."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from house_files import ROOT

LOADED = """
import contextlib, json, sys
from core.cli import main
with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(SystemExit):
    main(sys.argv[1:])
print(json.dumps(sorted(sys.modules)))
"""


def _loaded(*arguments: str) -> set[str]:
    command = [sys.executable, "-P", "-c", LOADED, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, stdin=subprocess.DEVNULL)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["list"], ["status", "nothing"]])
def test_the_fast_commands_load_nothing_that_is_slow(arguments: list[str]) -> None:
    slow = {"textual", "rich", "asyncio", "aiohttp", "googleapiclient", "kubernetes", "google.auth", "yaml"}
    assert not _loaded(*arguments) & slow


@pytest.mark.parametrize(
    "arguments",
    [["install", "demo"], ["check", "demo"], ["logs", "nothing"], ["access", "nothing"], ["schema"], ["retry", "nothing"]],
)
def test_no_headless_command_loads_textual(arguments: list[str]) -> None:
    loaded = _loaded(*arguments)
    assert "core.cli" in loaded
    assert not {module for module in loaded if module.split(".")[0] in ("textual", "tui")}


def test_no_module_of_the_core_loads_textual() -> None:
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / "core").rglob("*.py"))
        if path.name != "__main__.py" and "_from_wheel" not in path.name
    ]
    script = (
        "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\n"
        "sys.exit([m for m in sys.modules if m.split('.')[0] in ('textual', 'tui')] or 0)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script, *names], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
