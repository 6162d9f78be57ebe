"""What admission says to a pod: PodSecurity by the namespace's label, priority classes, and what it fills in."""

from __future__ import annotations

from core.rehearsal.kubernetes.controllers.context import NAMESPACES, PRIORITIES
from core.rehearsal.kubernetes.objects import Cluster
from core.rehearsal.kubernetes.status import Obj
from core.rehearsal.kubernetes.validation import at

ENFORCE = "pod-security.kubernetes.io/enforce"
_CAPABILITIES = {
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID",
    "SETPCAP", "SETUID", "SYS_CHROOT",
}  # fmt: skip
_OPEN_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip


def _containers(spec: Obj) -> list[Obj]:
    return [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]


def baseline(spec: Obj) -> list[str]:
    """What a pod does that ``baseline`` forbids."""
    found = []
    spaces = [k for k in ("hostNetwork", "hostPID", "hostIPC") if spec.get(k)]
    if spaces:
        found.append("host namespaces (" + ", ".join(f"{k}=true" for k in spaces) + ")")
    paths = [v["name"] for v in spec.get("volumes") or () if "hostPath" in v]
    if paths:
        found.append("hostPath volumes (" + ", ".join(f'volume "{p}"' for p in paths) + ")")
    for container in _containers(spec):
        name, context = container["name"], container.get("securityContext") or {}
        if context.get("privileged"):
            found.append(f'privileged (container "{name}" must not set securityContext.privileged=true)')
        added = set(at(context, "capabilities.add") or ()) - _CAPABILITIES
        if added:
            found.append(f'non-default capabilities (container "{name}" must not include {sorted(added)})')
        if any(p.get("hostPort") for p in container.get("ports") or ()):
            found.append(f'hostPort (container "{name}" uses hostPort)')
    return found


def restricted(spec: Obj) -> list[str]:
    """What a pod does, or fails to do, that ``restricted`` forbids beyond `baseline`."""
    found, pod = [], spec.get("securityContext") or {}
    kinds = {k for v in spec.get("volumes") or () for k in v if k != "name"} - _OPEN_VOLUMES
    if kinds:
        found.append(f"restricted volume types ({', '.join(sorted(kinds))})")
    for container in _containers(spec):
        name, context = container["name"], container.get("securityContext") or {}
        if context.get("allowPrivilegeEscalation") is not False:
            words = f'container "{name}" must set securityContext.allowPrivilegeEscalation=false'
            found.append(f"allowPrivilegeEscalation != false ({words})")
        if "ALL" not in (at(context, "capabilities.drop") or ()):
            found.append(
                f'unrestricted capabilities (container "{name}" must set securityContext.capabilities.drop=["ALL"])'
            )
        if not context.get("runAsNonRoot", pod.get("runAsNonRoot")):
            found.append(f'runAsNonRoot != true (pod or container "{name}" must set securityContext.runAsNonRoot=true)')
        profile = at(context, "seccompProfile.type") or at(pod, "seccompProfile.type")
        if profile not in ("RuntimeDefault", "Localhost"):
            found.append(f'seccompProfile (pod or container "{name}" must set securityContext.seccompProfile.type)')
    return found


def refusal(cluster: Cluster, namespace: str, spec: Obj) -> str:
    """Why admission refuses a pod in a namespace; empty where it does not."""
    home = cluster.find(NAMESPACES, "", namespace) or {"metadata": {}}
    level = (home["metadata"].get("labels") or {}).get(ENFORCE, "privileged")
    found = [] if level == "privileged" else baseline(spec)
    if level == "restricted":
        found += restricted(spec)
    if found:
        return f'violates PodSecurity "{level}:latest": ' + ", ".join(found)
    kind = spec.get("priorityClassName")
    if kind and cluster.find(PRIORITIES, "", kind) is None:
        return f"no PriorityClass with name {kind} was found"
    return ""


def completed(cluster: Cluster, spec: Obj) -> Obj:
    """A pod's spec with the priority that its class means."""
    kind = cluster.find(PRIORITIES, "", spec.get("priorityClassName") or "")
    return {**spec, "priority": kind["value"], "preemptionPolicy": kind["preemptionPolicy"]} if kind else spec
