"""How to reach an installed environment: the interface, the cluster, the console; for the command line and the screen."""

from __future__ import annotations

import os
import pwd
import re
from pathlib import Path
from typing import Any

from core.environment import Environment
from core.environment.address import address
from core.install import forwarding, outside


def describe(environment: Environment) -> dict[str, Any]:
    """The document that ``access --output json`` prints."""
    facts = outside.facts(environment)
    names, values = environment.names, environment.values
    project, zone = values["project_id"], values["zone"] or facts.get("zone", "")
    console = "https://console.cloud.google.com"
    notebook = facts.get("notebook")
    return {
        "pipelines_ui": _pipelines_ui(environment, facts.get("pipelines_ui") or {}),
        "kubeconfig": {"path": str(environment.kubeconfig), "context": names.kubernetes_context},
        **({"notebook": _notebook(environment, notebook)} if notebook else {}),
        "console": [
            f"{console}/kubernetes/clusters/details/{zone}/{names.cluster}/details?project={project}",
            f"{console}/sql/instances/{names.sql_instance}/overview?project={project}",
            f"{console}/storage/browser/{names.artifact_bucket}?project={project}",
            f"{console}/logs/query?project={project}",
        ],
    }


def _notebook(environment: Environment, published: dict[str, Any]) -> dict[str, str]:
    """JupyterLab's address, of both kinds; how ssh reaches a VM, where that was written down, and what writes it."""
    name, vm = environment.name, published["kind"] == "vm"
    host = ssh_host(name)
    return {
        "name": published["name"],
        "kind": published["kind"],
        "url": published["url"],
        **({"ssh_host": host} if vm and host else {}),
        "command": (f"mlops-env tunnel up {name}" if host else f"mlops-env ssh add {name}") if vm else "",
    }


def ssh_host(name: str) -> str:
    """The host by which the user's ssh knows the environment's notebook; empty where ``ssh add`` did not write it."""
    path = Path(pwd.getpwuid(os.getuid()).pw_dir) / ".ssh" / "mlops-env.config"  # where ssh looks, whatever HOME says
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    found = re.search(rf"^# for {re.escape(name)}\nHost (\S+)$", text, re.MULTILINE)
    return found[1] if found else ""


def _pipelines_ui(environment: Environment, published: dict[str, Any]) -> dict[str, Any]:
    command = f"mlops-env access {environment.name} --forward"
    if published.get("via") == "inverse-proxy":
        return {"url": published["url"], "via": "inverse-proxy", "reachable": True, "command": command}
    port = forwarding.running(environment)
    reachable = port is not None and forwarding.answers(f"http://127.0.0.1:{port}")
    where = address(port or forwarding.DEFAULT_PORT)
    return {"url": where.url, "via": "port-forward", "reachable": reachable, "command": where.command or command}
