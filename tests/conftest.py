"""What every test stands on: a home of its own, and no setting of the machine's that could reach it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.environment import Home

CLEARED = (
    "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "DEVSHELL_PROJECT_ID", "CLOUDSDK_CONFIG", "CLOUD_SHELL",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "KUBECONFIG", "NO_COLOR",
    "TEXTUAL_THEME", "COLUMNS", "LINES", "TF_CLI_CONFIG_FILE",
)  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home of the test's own, set for every process that it starts."""
    for name in CLEARED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLOPS_ENV_HOME", str(tmp_path / "home"))
    return Home.find()
