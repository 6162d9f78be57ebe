"""A crash at any line of what writes: each file is the old one or the new one, and ssh reads the whole either way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from person import ROOT
from ssh_client import needs_ssh

from core.workstation.ssh.configuration import resolve
from core.workstation.ssh.entry import Entry
from core.workstation.ssh.files import SshFolder

CONFIG = "Host gpu\n  User joe\n"


@needs_ssh
@pytest.mark.parametrize("action", ["add", "remove"])
def test_every_crash_leaves_whole_files(tmp_path: Path, action: str) -> None:
    original = tmp_path / "original"
    original.mkdir()
    folder = SshFolder(tmp_path / "work", tmp_path / "work" / "config")
    (original / "config").write_text(CONFIG)
    own = f"# for demo\n{Entry('demo', 'mlops-env-demo', (('User', 'you'),)).text()}".partition("\n")[2]
    if action == "remove":
        (original / "config").write_text(folder.include.decode() + CONFIG)
        (original / "mlops-env.config").write_text(own)

    script = Path(__file__).with_name("crashing.py")
    done = subprocess.run(
        [sys.executable, "-P", str(script), str(tmp_path), action], capture_output=True, text=True, timeout=100, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    crashes = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(crashes) > 40, "no line of what writes was reached"

    states = {json.dumps(state) for state in crashes}
    assert len(states) >= 3, "old, new and between"
    for state in map(json.loads, states):
        assert state["config"] in (CONFIG, folder.include.decode() + CONFIG)
        assert "Host mlops-env-demo" in state.get("mlops-env.config", "Host mlops-env-demo")
        for name, text in state.items():
            (folder.path / name).write_text(text)
        assert resolve("gpu", file=folder.config).user == "joe"
    last = crashes[-1]
    assert (folder.include.decode() in last["config"]) == (action == "add")
