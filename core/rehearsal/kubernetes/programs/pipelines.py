"""The other programs of Kubeflow Pipelines: what each dials, watches and refuses to do without."""

from __future__ import annotations

from typing import Any

import yaml

from core.rehearsal.kubernetes.bodies import documents
from core.rehearsal.kubernetes.programs.process import Problem, Process, unresolved
from core.rehearsal.kubernetes.resources import BUILTIN
from core.rehearsal.kubernetes.status import ApiError

ARGO, KFP = "argoproj.io", "kubeflow.org"
_CONFIG_MAPS = BUILTIN["", "v1", "configmaps"]


def _served(process: Process, group: str, plural: str) -> list[Problem]:
    known = any(r.group == group and r.plural == plural for r in process.cluster.custom.values())
    return (
        [] if known else [Problem(f"the server could not find the requested resource: no matches for kind {plural}.{group}")]
    )


def _informer(process: Process, group: str, plural: str) -> list[Problem]:
    return _served(process, group, plural) or process.wants(group, plural)


def arguments(process: Process) -> list[Problem]:
    """A reference or a placeholder that nobody filled in."""
    for text in [*process.args, *process.env.values()]:
        if unresolved(text) and "\n" not in text:
            return [Problem(f"invalid configuration: {text!r} was never filled in")]
    return []


def persistence_agent(process: Process) -> list[Problem]:
    """Watches workflows, and needs the API server to report them to."""
    found = _informer(process, ARGO, "workflows") + _informer(process, KFP, "scheduledworkflows")
    why = process.reaches(process.flag("mlPipelineAPIServerName", "ml-pipeline"), 8888)
    return found or ([Problem(f"Error creating ML pipeline API Server client: {why}", after=60.0)] if why else [])


def scheduled_workflows(process: Process) -> list[Problem]:
    """Watches scheduled workflows and what they start."""
    return _informer(process, KFP, "scheduledworkflows") + _informer(process, ARGO, "workflows")


def viewers(process: Process) -> list[Problem]:
    """Watches viewers."""
    return _informer(process, KFP, "viewers")


def metadata_writer(process: Process) -> list[Problem]:
    """Dials ML Metadata in the namespace that it is told, ``kubeflow`` where it is told none, and gives up after 100 s."""
    host = f"metadata-grpc-service.{process.env.get('POD_NAMESPACE') or 'kubeflow'}"
    why = process.reaches(host, int(process.env.get("METADATA_GRPC_SERVICE_SERVICE_PORT", "8080")))
    if why:
        return [Problem(f"Failed to access the Metadata store. Exception: {why}", after=100.0)]
    return process.wants("", "pods")


def envoy(process: Process) -> list[Problem]:
    """Reads its configuration from the volume."""
    return (
        [] if process.config("metadata-envoy-configmap") else [Problem("unable to read file: /etc/envoy/envoy-config.yaml")]
    )


def controller_configuration(process: Process) -> dict[str, Any] | str:
    """The workflow controller's configuration, decoded; or why it can't be."""
    name = process.flag("configmap", "workflow-controller-configmap")
    data = process.config(name)
    if not data:
        return f'configmaps "{name}" not found'
    found: dict[str, Any] = {}
    for key, text in data.items():
        try:
            found[key] = next(iter(documents(text)), None)
        except yaml.YAMLError as error:
            return f"failed to parse configmap {name}, key {key}: {' '.join(str(error).split())}"
    return found


def workflow_controller(process: Process) -> list[Problem]:
    """Argo's controller: its configuration, its lease, and everything that it watches."""
    found = controller_configuration(process)
    if isinstance(found, str):
        return [Problem(found)]
    problems = []
    for verb in ("get", "create", "update"):
        if not process.may(verb, "coordination.k8s.io", "leases"):
            problems.append(
                Problem(f"error retrieving resource lock: leases.coordination.k8s.io is forbidden: cannot {verb}")
            )
    watched = ("workflows", "workflowtemplates", "cronworkflows", "workflowtasksets", "workflowtaskresults")
    for plural in watched:
        problems += _informer(process, ARGO, plural)
    return problems + process.wants("", "pods") + process.wants("", "configmaps")


def object_store(process: Process) -> list[Problem]:
    """seaweedfs' keys go unquoted through a shell; without them nobody may write."""
    for name in ("accesskey", "secretkey"):
        value = process.env.get(name, "")
        if not value.isalnum():
            return [
                Problem(f"PostStartHookError: Failed to configure kubeflow-admin after 5 attempts: {name} is no plain word")
            ]
    return []


def proxy_agent(process: Process) -> list[Problem]:
    """The inverting proxy's agent writes its address into a ConfigMap."""
    if process.may("update", "", "configmaps", "inverse-proxy-config") or process.may("patch", "", "configmaps"):
        return []
    return [Problem('configmaps "inverse-proxy-config" is forbidden: cannot update')]


def proxy_agent_effect(process: Process) -> None:
    """What the agent writes once it is registered: an address at which, in a rehearsal, nobody answers."""
    live = process.cluster.find(_CONFIG_MAPS, process.namespace, "inverse-proxy-config")
    if live is None or (live.get("data") or {}).get("Hostname"):
        return
    data = {
        "Hostname": "1a2b3c4d5e6f-dot-us-central1.pipelines.googleusercontent.com",
        "ProxyUrl": "https://us-central1.pipelines.googleusercontent.com/",
        "BackendId": "1a2b3c4d5e6f",
    }
    try:
        process.cluster.edit(_CONFIG_MAPS, live, {**live, "data": {**(live.get("data") or {}), **data}})
    except ApiError:
        return


def waits_for(process: Process) -> str:
    """What an init container waits for that dials until it gets through."""
    host, port = process.env.get("WAIT_HOST", ""), process.env.get("WAIT_PORT", "")
    if not host or not port.isdecimal():
        return ""
    return f"Waiting for {host}:{port}..." if process.reaches(host, int(port)) else ""


def wait_settings(process: Process) -> list[Problem]:
    """An init container that waits for nothing was told nothing."""
    told = "WAIT_HOST" in " ".join(process.args)
    if told and not (process.env.get("WAIT_HOST") and process.env.get("WAIT_PORT")):
        return [Problem("ERROR: WAIT_HOST or WAIT_PORT is not set.")]
    return []
