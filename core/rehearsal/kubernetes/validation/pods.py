"""What a pod may say, in a pod and in every template of one."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from core.rehearsal.kubernetes.status import Obj
from core.rehearsal.kubernetes.validation import common
from core.rehearsal.kubernetes.validation.common import (
    Cause,
    at,
    between,
    duplicate,
    forbidden,
    invalid,
    not_found,
    required,
)
from core.rehearsal.kubernetes.validation.common import unsupported as not_supported

_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_FIELDS = re.compile(
    r"metadata\.(name|namespace|uid|annotations|labels)|metadata\.(labels|annotations)\['[^']+'\]|"
    r"spec\.(nodeName|serviceAccountName)|status\.(hostIP|hostIPs|podIP|podIPs)"
)
_UNITS: dict[str, int | Fraction] = {
    "": 1,
    "m": Fraction(1, 1000),
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
}
_UNITS |= {"Gi": 2**30, "Ti": 2**40}


def check(spec: Obj, path: str) -> list[Cause]:
    """What is wrong with a pod's spec."""
    causes = _volumes(spec, path)
    volumes = {v.get("name") for v in spec.get("volumes") or ()}
    if not spec.get("containers"):
        causes.append(required(f"{path}.containers"))
    for kind in ("initContainers", "containers"):
        names: list[str] = []
        for n, container in enumerate(spec.get(kind) or ()):
            causes += _container(container, f"{path}.{kind}[{n}]", volumes, names)
    return causes


def _volumes(spec: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    names: list[str] = []
    for n, volume in enumerate(spec.get("volumes") or ()):
        here, sources = f"{path}.volumes[{n}]", [k for k in volume if k != "name"]
        if not sources:
            causes.append(required(here, "must specify a volume type"))
        # the real server looks at them in the order in which its type has them
        order = ("emptyDir", "hostPath", "secret", "nfs", "persistentVolumeClaim", "configMap", "downwardAPI", "projected")
        ranked = sorted(sources, key=lambda k: order.index(k) if k in order else len(order))
        causes += [forbidden(f"{here}.{k}", "may not specify more than 1 volume type") for k in ranked[1:]]
        name = volume.get("name") or ""
        if not name:
            causes.append(required(f"{here}.name"))
        elif name in names:
            causes.append(duplicate(f"{here}.name", name))
        else:
            causes += common.named(f"{here}.name", name, common.LABEL, common.LABEL_WORDS, 63)
        names.append(name)
    return causes


def _container(container: Obj, path: str, volumes: set[Any], names: list[str]) -> list[Cause]:
    name = container.get("name") or ""
    causes: list[Cause] = []
    if not name:
        causes.append(required(f"{path}.name"))
    else:
        causes += common.named(f"{path}.name", name, common.LABEL, common.LABEL_WORDS, 63)
        if name in names:
            causes.append(duplicate(f"{path}.name", name))
    names.append(name)
    if not container.get("image"):
        causes.append(required(f"{path}.image"))
    causes += _ports(container, path)
    causes += _environment(container, path)
    causes += _mounts(container, path, volumes)
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        causes += _handlers(container.get(probe), f"{path}.{probe}")
    for hook in ("postStart", "preStop"):
        causes += _handlers(at(container, f"lifecycle.{hook}"), f"{path}.lifecycle.{hook}")
    policy = container.get("imagePullPolicy")
    if policy and policy not in ("Always", "IfNotPresent", "Never"):
        causes.append(not_supported(f"{path}.imagePullPolicy", policy, ("Always", "IfNotPresent", "Never")))
    return [*causes, *_resources(container, path)]


def _ports(container: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for n, port in enumerate(container.get("ports") or ()):
        here = f"{path}.ports[{n}]"
        if not port.get("containerPort"):
            causes.append(required(f"{here}.containerPort"))
        causes += between(f"{here}.containerPort", port.get("containerPort") or 1)
        if port.get("protocol", "TCP") not in ("SCTP", "TCP", "UDP"):
            causes.append(not_supported(f"{here}.protocol", port["protocol"], ("SCTP", "TCP", "UDP")))
    return causes


def _environment(container: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for n, item in enumerate(container.get("env") or ()):
        here = f"{path}.env[{n}]"
        if not item.get("name"):
            causes.append(required(f"{here}.name"))
        if (source := item.get("valueFrom")) is None:
            continue
        given = [k for k in _SOURCES if source.get(k) is not None]
        if not given:
            listed = ", ".join(f"`{k}`" for k in _SOURCES[:-1])
            words = f"must specify one of: {listed} or `{_SOURCES[-1]}`"
            causes.append(invalid(f"{here}.valueFrom", "", words))
        field = at(source, "fieldRef.fieldPath")
        if field and not _FIELDS.fullmatch(field):
            words = f"error converting fieldPath: field label not supported: {field}"
            causes.append(invalid(f"{here}.valueFrom.fieldRef.fieldPath", field, words))
        if given and item.get("value"):
            causes.append(invalid(f"{here}.valueFrom", "", "may not be specified when `value` is not empty"))
        elif len(given) > 1:
            causes.append(invalid(f"{here}.valueFrom", "", "may not have more than one field specified at a time"))
    return causes


def _mounts(container: Obj, path: str, volumes: set[Any]) -> list[Cause]:
    causes: list[Cause] = []
    paths: list[str] = []
    for n, mount in enumerate(container.get("volumeMounts") or ()):
        here = f"{path}.volumeMounts[{n}]"
        if not mount.get("name"):
            causes.append(required(f"{here}.name"))
        elif mount["name"] not in volumes:
            causes.append(not_found(f"{here}.name", mount["name"]))
        if not mount.get("mountPath"):
            causes.append(required(f"{here}.mountPath"))
        elif mount["mountPath"] in paths:
            causes.append(invalid(f"{here}.mountPath", mount["mountPath"], "must be unique"))
        paths.append(mount.get("mountPath", ""))
    return causes


def _handlers(holder: Obj | None, path: str) -> list[Cause]:
    if holder is None:
        return []
    given = [k for k in _HANDLERS if holder.get(k) is not None]
    more = [forbidden(f"{path}.{k}", "may not specify more than 1 handler type") for k in given[1:]]
    return more if given else [required(path, "must specify a handler type")]


def _resources(container: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    limits = at(container, "resources.limits") or {}
    for name, asked in (at(container, "resources.requests") or {}).items():
        if name in limits and _amount(asked) > _amount(limits[name]):
            words = f"must be less than or equal to {name} limit of {limits[name]}"
            causes.append(invalid(f"{path}.resources.requests", asked, words))
    return causes


def _amount(text: Any) -> Fraction:
    m = re.fullmatch(r"([0-9.]+)([a-zA-Z]*)", str(text))
    return Fraction(m[1]) * _UNITS.get(m[2], 1) if m else Fraction(0)
