"""Why a workload doesn't come up, in words a person can act on.

Each trouble has a patience: an image may be pulled at the second try, a grant may take minutes to work, an autoscaler
may bring a node. Only what outlasts its patience is the cause of a failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.errors import PermanentError, StepError, TemporaryError
from core.kubernetes.client import Cluster
from core.kubernetes.resources import Object

IMAGE_GONE = ("not found", "manifest unknown", "no such image", "denied", "unauthorized", "does not exist")

STUCK = frozenset({"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "FailedBinding", "ProvisioningFailed"})
"""Reasons of events that say why a container is not even made."""

PAST_IT = frozenset({"Pulling", "Pulled", "Created", "Started"})
"""Reasons of events that come once the pod has its volumes and its network."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What keeps one pod (or a workload without pods) from running; ``patience`` in seconds of the run's clock."""

    reason: str
    cause: str
    hint: str
    patience: float
    command: str = ""
    temporary: bool = False
    pod: str = ""
    namespace: str = ""
    container: str = ""

    def error(self, workload: str) -> StepError:
        """The trouble as the error that ends a step."""
        kind = TemporaryError if self.temporary else PermanentError
        message = f"{workload} does not come up: {self.reason}."
        return kind(message, code=_code(self.reason), cause=self.cause, hint=self.hint, command=self.command)


def pod_trouble(pod: Object) -> Trouble | None:
    """What is wrong with a pod now; None where nothing is, or nothing is known yet."""
    metadata, status = pod["metadata"], pod.get("status", {})
    if metadata.get("deletionTimestamp"):
        return None
    name, namespace = metadata["name"], metadata.get("namespace", "")
    command = f"kubectl describe pod {name} -n {namespace}"
    base = Trouble("", "", "", 0.0, command, pod=name, namespace=namespace)
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return _unschedulable(base, condition)
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        found = _container_trouble(base, container)
        if found is not None:
            return found
    if has_failed(pod):
        reason = status.get("reason") or "Failed"
        return replace(base, reason=reason, cause=str(status.get("message", "The pod failed.")), patience=120.0)
    return None


def workload_trouble(workload: Object) -> Trouble | None:
    """What keeps a Deployment or ReplicaSet from making its pods: PodSecurity, a quota, an account that is missing."""
    for condition in workload.get("status", {}).get("conditions") or []:
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return _refused_pods(workload, str(condition.get("message", "")))
    return None


async def stuck(cluster: Cluster, pod: Object) -> Trouble | None:
    """What keeps a pod that was given to a node from starting its containers: a volume, a Secret to mount, its network.

    Only events tell; None where they say nothing.
    """
    name, namespace = pod["metadata"]["name"], pod["metadata"].get("namespace", "")
    states = [c.get("state") or {} for c in pod.get("status", {}).get("containerStatuses") or []]
    waiting = {str((state.get("waiting") or {}).get("reason", "")) for state in states}
    if pod["metadata"].get("deletionTimestamp") or not waiting & {"ContainerCreating", "PodInitializing"}:
        return None
    events = await cluster.all("v1", "Event", namespace, fields=f"involvedObject.name={name}")
    told = [e for e in events if e.get("reason") in PAST_IT or (e.get("type") == "Warning" and e.get("reason") in STUCK)]
    told.sort(key=lambda event: (_second(event), event["reason"] in PAST_IT))
    if not told or told[-1]["reason"] in PAST_IT:  # what was in the way is no more: an image takes long, say
        return None
    hint = "Something that is mounted into the pod does not exist, or can't be attached: see the cause."
    command = f"kubectl describe pod {name} -n {namespace}"
    last = told[-1]
    return Trouble(str(last["reason"]), str(last.get("message", "")), hint, 240.0, command, pod=name, namespace=namespace)


def _second(event: Object) -> str:
    """When an event was seen last; whichever of its times are set depends on who told it."""
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return str(next((time for time in times if time), ""))[: len("2026-11-24T10:00:00")]


async def last_words(cluster: Cluster, pod: Object, container: str) -> str:
    """The last lines that a container wrote before it ended, or now where it never did."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    text = await cluster.log(namespace, name, container, previous=True, lines=8)
    text = text or await cluster.log(namespace, name, container, lines=8)
    return text.strip()


def pods_of(workload: Object, pods: Iterable[Object]) -> list[Object]:
    """The pods that a workload selects; a failed one (evicted, say) counts only while it has not been replaced."""
    wanted: Mapping[str, str] = workload["spec"]["selector"].get("matchLabels") or {}
    found = [pod for pod in pods if wanted.items() <= (pod["metadata"].get("labels") or {}).items()]
    return [pod for pod in found if not has_failed(pod)] or found


def has_failed(pod: Object) -> bool:
    """Whether a pod will never run again, though it stays where it is until somebody deletes it."""
    return bool(pod.get("status", {}).get("phase") == "Failed")


def restarts(pods: Iterable[Object]) -> dict[str, int]:
    """How often the containers of each pod were started again."""
    return {
        pod["metadata"]["name"]: sum(
            int(c.get("restartCount", 0)) for c in pod.get("status", {}).get("containerStatuses") or []
        )
        for pod in pods
    }


def _container_trouble(base: Trouble, container: Mapping[str, Any]) -> Trouble | None:
    waiting = (container.get("state") or {}).get("waiting") or {}
    reason, message = str(waiting.get("reason", "")), str(waiting.get("message", ""))
    here = replace(base, reason=reason, cause=message, container=str(container.get("name", "")))
    if reason in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"):
        return _image(here, str(container.get("image", "")))
    if reason in ("CreateContainerConfigError", "CreateContainerError", "RunContainerError"):
        hint = "Something that the container is given does not exist, or lacks a key: see the cause."
        return replace(here, hint=hint, patience=90.0)
    if reason == "CrashLoopBackOff":
        ended = (container.get("lastState") or {}).get("terminated") or {}
        cause = f"Container {here.container} ended with code {ended.get('exitCode', '?')} and is started again and again."
        logs = f"kubectl logs {base.pod} -c {here.container} --previous -n {base.namespace}"
        return replace(here, cause=cause, hint="Its last lines say why.", patience=360.0, command=logs)
    return None


def _image(here: Trouble, image: str) -> Trouble:
    gone = any(word in here.cause.lower() for word in IMAGE_GONE) or here.reason == "InvalidImageName"
    if gone:
        hint = "The registry has no such image, or gives it to nobody without a sign-in."
        return replace(here, cause=f"{image}: {here.cause}", hint=hint, patience=90.0)
    hint = "The nodes could not reach the registry: look at Cloud NAT and at what the network lets out."
    return replace(here, cause=f"{image}: {here.cause}", hint=hint, patience=300.0, temporary=True)


def _unschedulable(base: Trouble, condition: Mapping[str, Any]) -> Trouble:
    return replace(
        base,
        reason=str(condition.get("reason", "Unschedulable")),
        cause=str(condition.get("message", "No node has room for it.")),
        hint="The nodes are full: raise node_max, or take a larger node_machine_type or profile.",
        patience=600.0,
    )


def _refused_pods(workload: Object, message: str) -> Trouble:
    name = workload["metadata"]["name"]
    command = f"kubectl describe {workload['kind'].lower()} {name} -n {workload['metadata'].get('namespace', '')}"
    if "PodSecurity" in message:
        hint = "The namespace's PodSecurity level refuses the pod."
        return Trouble("PodSecurity", message, hint, 30.0, command)
    if "exceeded quota" in message:
        return Trouble("quota", message, "A ResourceQuota of the namespace is used up.", 60.0, command)
    hint = "The API server refuses the pods of this workload: see the cause."
    return Trouble("its pods are refused", message, hint, 60.0, command)


def _code(reason: str) -> str:
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in reason).split()
    return "-".join(["pod", *words])
