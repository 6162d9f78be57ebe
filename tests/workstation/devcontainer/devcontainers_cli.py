"""The devcontainers CLI, one release of it, installed once a machine by npm; not there: a reason to skip."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

VERSION = "0.89.0"


def program() -> str:
    """The path of the CLI; skips where it can't be had."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("make system-deps brings npm, which brings the devcontainers CLI")
    folder = Path(tempfile.gettempdir()) / f"mlops-env-tests-{os.getuid()}" / f"devcontainers-cli-{VERSION}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder / "node_modules" / ".bin" / "devcontainer"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            command = [npm, "install", "--silent", "--no-audit", "--no-fund", f"@devcontainers/cli@{VERSION}"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
            if done.returncode != 0:
                pytest.skip(f"npm could not fetch the devcontainers CLI: {(done.stderr or done.stdout).strip()[-300:]}")
            (folder / "done").touch()
    return str(found)


def run(program: str, *arguments: str, env: dict[str, str] | None = None, expect: int = 0) -> dict[str, Any]:
    """What a command of the CLI answered: the JSON in its last line, or its text as ``{"text"}``."""
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=100, check=False, env=env)
    assert done.returncode == expect, f"{arguments}: {done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    last = done.stdout.strip().splitlines()[-1:] or [""]
    try:
        answer = json.loads(last[0])
    except json.JSONDecodeError:
        return {"text": done.stdout, "log": done.stderr}
    return {**answer, "log": done.stderr} if isinstance(answer, dict) else {"text": done.stdout, "log": done.stderr}
