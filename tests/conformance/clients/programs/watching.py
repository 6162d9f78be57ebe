"""The official ``kubernetes`` client as its user has it: a list, a watch from there, and what it sees of a change."""

from __future__ import annotations

import json
import sys
from typing import Any

from kubernetes import client, config, watch

NAME = "conformance-watched"
PATIENCE = 60


def main(namespace: str) -> dict[str, Any]:
    """What was seen of the cluster."""
    config.load_kube_config()
    core, apps = client.CoreV1Api(), client.AppsV1Api()
    seen: dict[str, Any] = {"version": bool(client.VersionApi().get_code().git_version)}
    ready = {d.metadata.name: d.status.ready_replicas for d in apps.list_namespaced_deployment(namespace).items}
    seen["deployments"] = [len(ready) > 10, all(ready.values())]
    start = core.list_namespaced_config_map(namespace).metadata.resource_version
    body = {"metadata": {"name": NAME, "labels": {"for": "conformance"}}, "data": {"word": "one"}}
    core.create_namespaced_config_map(namespace, body)
    core.patch_namespaced_config_map(NAME, namespace, {"data": {"word": "two"}})
    core.delete_namespaced_config_map(NAME, namespace)
    events = watch.Watch()
    seen["watched"] = []
    stream = events.stream(
        core.list_namespaced_config_map, namespace, label_selector="for=conformance", resource_version=start,
        timeout_seconds=PATIENCE,
    )  # fmt: skip
    for event in stream:
        seen["watched"].append([event["type"], event["object"].data])
        if event["type"] == "DELETED":
            events.stop()
    try:
        core.read_namespaced_config_map(NAME, namespace)
    except client.ApiException as error:
        seen["gone"] = [error.status, json.loads(error.body)["reason"]]
    pods = core.list_namespaced_pod(namespace, label_selector="app=ml-pipeline").items
    seen["log"] = isinstance(core.read_namespaced_pod_log(pods[0].metadata.name, namespace, tail_lines=1), str)
    return seen


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
