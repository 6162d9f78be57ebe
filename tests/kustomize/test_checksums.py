"""Checksums: what a pod reads changes them, and nothing else does."""

from __future__ import annotations

import copy
import json
from typing import Any

from core.kustomize import annotate
from core.kustomize.checksums import ANNOTATION, SECRETS_ANNOTATION, references

MAP: dict[str, Any] = {"kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"read": "1", "unread": "1"}}
POD: dict[str, Any] = {
    "initContainers": [{"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "read"}}}]}],
    "containers": [
        {"env": [{"name": "B", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "one"}}}, {"name": "C", "value": "x"}]},
        {"envFrom": [{"secretRef": {"name": "all-keys"}}, {"configMapRef": {"name": "other"}}]},
    ],
    "volumes": [
        {"name": "v", "configMap": {"name": "files", "optional": True}},
        {"name": "w", "secret": {"secretName": "certificate"}},
        {"name": "p", "projected": {"sources": [{"configMap": {"name": "part"}}, {"secret": {"name": "part-key"}}]}},
        {"name": "e", "emptyDir": {}},
    ],
}


def deployment(pod: dict[str, Any] | None = None) -> dict[str, Any]:
    template = {"metadata": {"annotations": {"kept": "yes"}}, "spec": pod or POD}
    return {"kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": template}}


def marks(*objects: dict[str, Any], **options: Any) -> dict[str, str]:
    done = next(o for o in annotate(objects, **options) if o["kind"] == "Deployment")
    found: dict[str, str] = done["spec"]["template"]["metadata"]["annotations"]
    return found


def changed(**data: str) -> dict[str, Any]:
    return {**MAP, "data": {**MAP["data"], **data}}


def test_everything_that_a_pod_reads_is_found() -> None:
    assert set(references(POD)) == {
        ("ConfigMap", "settings", "read"), ("Secret", "keys", "one"), ("Secret", "all-keys", ""), ("ConfigMap", "other", ""),
        ("ConfigMap", "files", ""), ("Secret", "certificate", ""), ("ConfigMap", "part", ""), ("Secret", "part-key", ""),
    }  # fmt: skip


def test_a_key_that_is_read_changes_the_checksum() -> None:
    before = marks(MAP, deployment())
    assert before["kept"] == "yes"
    assert marks(changed(read="2"), deployment())[ANNOTATION] != before[ANNOTATION]


def test_a_key_that_is_not_read_changes_nothing() -> None:
    assert marks(changed(unread="2"), deployment()) == marks(MAP, deployment())


def test_the_whole_of_a_map_counts_where_it_is_mounted() -> None:
    files = {"kind": "ConfigMap", "metadata": {"name": "files"}, "data": {"a": "1"}}
    other = {**files, "data": {"a": "1", "b": "2"}}
    assert marks(files, deployment())[ANNOTATION] != marks(other, deployment())[ANNOTATION]


def test_a_secrets_version_counts_and_its_contents_are_never_asked_for() -> None:
    plain = marks(MAP, deployment())
    assert SECRETS_ANNOTATION not in plain
    first, second = (marks(MAP, deployment(), versions={"keys": v, "unread": "7"}) for v in ("1", "2"))
    assert first[SECRETS_ANNOTATION] != second[SECRETS_ANNOTATION]
    assert marks(MAP, deployment(), versions={"unread": "8"}) == plain


def test_what_reads_nothing_is_left_as_it_is() -> None:
    alone = deployment({"containers": [{"env": [{"name": "A", "value": "b"}]}]})
    assert annotate([MAP, alone]) == [MAP, alone]


def test_the_objects_themselves_are_not_changed() -> None:
    given = [copy.deepcopy(MAP), deployment()]
    before = json.dumps(given)
    annotate(given)
    assert json.dumps(given) == before


def test_again_is_the_same() -> None:
    once = annotate([MAP, deployment()])
    assert annotate(once) == once
