"""How to reach an installed environment: the interface, the cluster, the console; for the command line and the screen."""

from __future__ import annotations

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
    return {
        "pipelines_ui": _pipelines_ui(environment, facts.get("pipelines_ui") or {}),
        "kubeconfig": {"path": str(environment.kubeconfig), "context": names.kubernetes_context},
        "console": [
            f"{console}/kubernetes/clusters/details/{zone}/{names.cluster}/details?project={project}",
            f"{console}/sql/instances/{names.sql_instance}/overview?project={project}",
            f"{console}/storage/browser/{names.artifact_bucket}?project={project}",
            f"{console}/logs/query?project={project}",
        ],
    }


def _pipelines_ui(environment: Environment, published: dict[str, Any]) -> dict[str, Any]:
    command = f"mlops-env access {environment.name} --forward"
    if published.get("via") == "inverse-proxy":
        return {"url": published["url"], "via": "inverse-proxy", "reachable": True, "command": command}
    port = forwarding.running(environment)
    reachable = port is not None and forwarding.answers(f"http://127.0.0.1:{port}")
    where = address(port or forwarding.DEFAULT_PORT)
    return {"url": where.url, "via": "port-forward", "reachable": reachable, "command": where.command or command}
