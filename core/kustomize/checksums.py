"""Checksums of what a pod reads, as annotations on its template.

The release's ConfigMaps and Secrets keep their names whatever they hold, so a Deployment would not notice that they
changed. A Secret's contents are not known here, and no hash of a secret is written anywhere: who applies the objects
hands in something else that changes with it, such as its resourceVersion.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Object = dict[str, Any]
ANNOTATION = "checksum/configuration"
SECRETS_ANNOTATION = "checksum/secrets"
Reference = tuple[str, str, str]
"""Kind, name and key of what a pod reads; an empty key stands for the whole."""


def annotate(objects: Iterable[Object], *, versions: Mapping[str, str] | None = None) -> list[Object]:
    """The objects, each Deployment's template annotated with a checksum of the ConfigMaps (among them) that it reads.

    ``versions`` (name of a Secret → what changes with it) adds a second annotation for the Secrets.
    """
    given = list(objects)
    data = {o["metadata"]["name"]: o.get("data") or {} for o in given if o["kind"] == "ConfigMap"}
    return [_annotated(o, data, versions or {}) if o["kind"] == "Deployment" else o for o in given]


def _annotated(deployment: Object, data: Mapping[str, Object], versions: Mapping[str, str]) -> Object:
    read = sorted(set(references(deployment["spec"]["template"]["spec"])))
    maps = [[n, k, data[n].get(k) if k else data[n]] for kind, n, k in read if kind == "ConfigMap" and n in data]
    secrets = sorted({(n, versions[n]) for kind, n, _ in read if kind == "Secret" and n in versions})
    found = {ANNOTATION: maps, SECRETS_ANNOTATION: secrets}
    marks = {name: _digest(value) for name, value in found.items() if value}
    if not marks:
        return deployment
    changed = copy.deepcopy(deployment)
    metadata = changed["spec"]["template"].setdefault("metadata", {})
    metadata["annotations"] = {**(metadata.get("annotations") or {}), **marks}
    return changed


def references(pod: Mapping[str, Any]) -> Iterator[Reference]:
    """What a pod's specification reads of ConfigMaps and Secrets."""
    for container in [*(pod.get("initContainers") or ()), *(pod.get("containers") or ())]:
        for variable in container.get("env") or ():
            source = variable.get("valueFrom") or {}
            for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                if field in source:
                    yield kind, source[field]["name"], source[field]["key"]
        for source in container.get("envFrom") or ():
            for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if field in source:
                    yield kind, source[field]["name"], ""
    for volume in pod.get("volumes") or ():
        for source in [volume, *((volume.get("projected") or {}).get("sources") or ())]:
            if "configMap" in source:
                yield "ConfigMap", source["configMap"]["name"], ""
            if "secret" in source:
                yield "Secret", source["secret"].get("secretName") or source["secret"]["name"], ""


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
