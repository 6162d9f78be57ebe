"""The environment's kubeconfig: readable by the stock kubectl, private, without a token."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.kubernetes.kubeconfig import Access, authority, write

ACCESS = Access("mlops-env-demo", "https://abc.us-central1.gke.goog", "kubeflow", "demo", Path("/tmp/home"))


def test_it_says_who_gives_tokens_and_holds_none(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    assert write(path, ACCESS)
    document = json.loads(path.read_text())
    plugin = document["users"][0]["user"]["exec"]
    assert [plugin["command"], *plugin["args"]] == [sys.executable, "-P", "-m", "core.cli", "kubernetes-token", "demo"]
    assert {"name": "MLOPS_ENV_HOME", "value": "/tmp/home"} in plugin["env"]
    assert document["clusters"][0]["cluster"] == {"server": "https://abc.us-central1.gke.goog"}
    assert "token" not in path.read_text().replace("kubernetes-token", "")
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_same_is_not_written_again_and_a_lost_mode_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    write(path, ACCESS)
    assert not write(path, ACCESS)
    path.chmod(0o644)
    assert write(path, ACCESS)
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_authority_of_its_own_is_kept_in_it(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    assert authority(path) == b""
    write(path, Access("c", "https://10.0.0.2", "ns", "demo", tmp_path, b"-----BEGIN CERTIFICATE-----"))
    assert authority(path) == b"-----BEGIN CERTIFICATE-----"


@pytest.mark.skipif(not shutil.which("kubectl"), reason="no kubectl on PATH")
def test_kubectl_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    write(path, ACCESS)
    command = ["kubectl", "--kubeconfig", str(path), "config", "view", "--minify", "-o", "json"]
    shown = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=30).stdout)
    assert shown["contexts"][0]["context"]["namespace"] == "kubeflow"
