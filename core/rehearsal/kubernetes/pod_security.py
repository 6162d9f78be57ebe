"""PodSecurity: what a pod does that a namespace's level forbids, in the words of the real admission."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.rehearsal.kubernetes.status import Obj
from core.rehearsal.kubernetes.validation import at

PREFIX = "pod-security.kubernetes.io/"
LEVELS = ("privileged", "baseline", "restricted")
_CAPABILITIES = {
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID",
    "SETPCAP", "SETUID", "SYS_CHROOT",
}  # fmt: skip
_OPEN_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip
_PROFILES = ("RuntimeDefault", "Localhost")


def violations(level: str, spec: Obj) -> str:
    """What a pod does that a level forbids; empty where there is nothing."""
    if level not in ("baseline", "restricted"):
        return ""
    checks = _BASELINE if level == "baseline" else _RESTRICTED
    found = [words for check in checks if (words := check(spec))]
    return f'violate PodSecurity "{level}:latest": ' + ", ".join(found) if found else ""


def _containers(spec: Obj) -> list[Obj]:
    return [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]


def _which(spec: Obj, bad: Callable[[Obj], Any]) -> str:
    """The containers of which something is true: ``containers "a", "b"``."""
    names = [f'"{c["name"]}"' for c in _containers(spec) if bad(c)]
    return f"container{'s' if len(names) > 1 else ''} {', '.join(names)}" if names else ""


def _host_namespaces(spec: Obj) -> str:
    used = [f"{k}=true" for k in ("hostNetwork", "hostPID", "hostIPC") if spec.get(k)]
    return f"host namespaces ({', '.join(used)})" if used else ""


def _host_paths(spec: Obj) -> str:
    names = [f'"{v["name"]}"' for v in spec.get("volumes") or () if "hostPath" in v]
    return f"hostPath volumes (volume{'s' if len(names) > 1 else ''} {', '.join(names)})" if names else ""


def _host_ports(spec: Obj) -> str:
    def ports(container: Obj) -> list[str]:
        return [str(p["hostPort"]) for p in container.get("ports") or () if p.get("hostPort")]

    who = _which(spec, ports)
    used = [port for container in _containers(spec) for port in ports(container)]
    plural = "s" if len(used) > 1 else ""
    return (
        f"hostPort ({who} use{'' if who.startswith('containers') else 's'} hostPort{plural} {', '.join(used)})"
        if who
        else ""
    )


def _privileged(spec: Obj) -> str:
    who = _which(spec, lambda c: at(c, "securityContext.privileged"))
    return f"privileged ({who} must not set securityContext.privileged=true)" if who else ""


def _added(spec: Obj, allowed: set[str]) -> str:
    def more(container: Obj) -> list[str]:
        return [c for c in at(container, "securityContext.capabilities.add") or () if c not in allowed]

    who = _which(spec, more)
    listed = ", ".join(f'"{c}"' for c in sorted({c for container in _containers(spec) for c in more(container)}))
    return f"{who} must not include {listed} in securityContext.capabilities.add" if who else ""


def _capabilities(spec: Obj) -> str:
    words = _added(spec, _CAPABILITIES)
    return f"non-default capabilities ({words})" if words else ""


def _unconfined(spec: Obj) -> str:
    words = []
    if at(spec, "securityContext.seccompProfile.type") == "Unconfined":
        words.append("pod")
    if who := _which(spec, lambda c: at(c, "securityContext.seccompProfile.type") == "Unconfined"):
        words.append(who)
    if not words:
        return ""
    return f'seccompProfile ({" and ".join(words)} must not set securityContext.seccompProfile.type to "Unconfined")'


def _escalation(spec: Obj) -> str:
    who = _which(spec, lambda c: at(c, "securityContext.allowPrivilegeEscalation") is not False)
    words = f"{who} must set securityContext.allowPrivilegeEscalation=false"
    return f"allowPrivilegeEscalation != false ({words})" if who else ""


def _dropped(spec: Obj) -> str:
    words = []
    if who := _which(spec, lambda c: "ALL" not in (at(c, "securityContext.capabilities.drop") or ())):
        words.append(f'{who} must set securityContext.capabilities.drop=["ALL"]')
    if more := _added(spec, {"NET_BIND_SERVICE"}):
        words.append(more)
    return f"unrestricted capabilities ({'; '.join(words)})" if words else ""


def _volume_types(spec: Obj) -> str:
    bad = [(v["name"], next(iter({*v} - {"name"} - _OPEN_VOLUMES), "")) for v in spec.get("volumes") or ()]
    found = [(name, kind) for name, kind in bad if kind]
    if not found:
        return ""
    names, kinds = ", ".join(f'"{n}"' for n, _ in found), sorted({k for _, k in found})
    listed = ", ".join(f'"{k}"' for k in kinds)
    who = f"volume{'s' if len(found) > 1 else ''} {names} use{'' if len(found) > 1 else 's'}"
    return f"restricted volume types ({who} restricted volume type{'s' if len(kinds) > 1 else ''} {listed})"


def _non_root(spec: Obj) -> str:
    if at(spec, "securityContext.runAsNonRoot"):
        return ""
    who = _which(spec, lambda c: not at(c, "securityContext.runAsNonRoot"))
    return f"runAsNonRoot != true (pod or {who} must set securityContext.runAsNonRoot=true)" if who else ""


def _confined(spec: Obj) -> str:
    if words := _unconfined(spec):
        return words
    if at(spec, "securityContext.seccompProfile.type") in _PROFILES:
        return ""
    who = _which(spec, lambda c: at(c, "securityContext.seccompProfile.type") not in _PROFILES)
    words = f'pod or {who} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return f"seccompProfile ({words})" if who else ""


_BASELINE = (_host_namespaces, _host_paths, _host_ports, _privileged, _capabilities, _unconfined)
_RESTRICTED = (
    _host_namespaces, _host_ports, _privileged, _escalation, _dropped, _volume_types, _non_root, _confined,
)  # fmt: skip
