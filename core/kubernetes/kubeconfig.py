"""The environment's own kubeconfig, for kubectl and anything else that reads one; the user's is never touched.

It holds no token: an exec plugin gives one, which is this program itself, named by its interpreter's absolute path. It
names a certificate authority only where the endpoint has one that is not public; GKE's DNS endpoint has a public one.
"""

from __future__ import annotations

import base64
import importlib.metadata
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.environment.files import write_atomically


@dataclass(frozen=True, slots=True)
class Access:
    """What a kubeconfig says: where the cluster is, whom to trust there, and who gives tokens."""

    context: str
    endpoint: str
    namespace: str
    environment: str
    home: Path
    authority: bytes = b""

    def document(self) -> dict[str, Any]:
        """The kubeconfig as JSON, which is YAML as well."""
        cluster: dict[str, Any] = {"server": self.endpoint}
        if self.authority:
            cluster["certificate-authority-data"] = base64.b64encode(self.authority).decode()
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": self.context,
            "clusters": [{"name": self.context, "cluster": cluster}],
            "users": [{"name": self.context, "user": {"exec": self._plugin()}}],
            "contexts": [{"name": self.context, "context": self._context()}],
        }

    def _context(self) -> dict[str, str]:
        return {"cluster": self.context, "user": self.context, "namespace": self.namespace}

    def _plugin(self) -> dict[str, Any]:
        environment = {"MLOPS_ENV_HOME": str(self.home), **python_path()}
        return {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": ["-P", "-m", "core.cli", "kubernetes-token", self.environment],
            "env": [{"name": k, "value": v} for k, v in environment.items()],
            "interactiveMode": "Never",
            "provideClusterInfo": False,
        }


def write(path: Path, access: Access) -> bool:
    """Writes the file (mode 0600) unless it says the same already; says whether it did."""
    text = json.dumps(access.document(), indent=2) + "\n"
    if path.is_file() and path.read_text(encoding="utf-8") == text and path.stat().st_mode & 0o777 == 0o600:
        return False
    write_atomically(path, text)
    return True


def authority(path: Path) -> bytes:
    """The certificate authority that a kubeconfig written here names; empty where it names none or is not there."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        encoded = document["clusters"][0]["cluster"].get("certificate-authority-data", "")
    except (OSError, ValueError, KeyError, IndexError):
        return b""
    return base64.b64decode(encoded)


def python_path() -> dict[str, str]:
    """``PYTHONPATH`` for a child that must find this package where it is not installed, as in a bare checkout."""
    try:
        importlib.metadata.distribution("mlops-env")
    except importlib.metadata.PackageNotFoundError:
        return {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    return {}
