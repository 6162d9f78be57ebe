"""Clients that others wrote against a rehearsed environment: the ``kfp`` SDK through its port-forward, Google's library for
Cloud Storage in its bucket, the official ``kubernetes`` client and the newest kubectl that PyPI has on its cluster.

The SDK has an environment of its own, made once from the pinned ``requirements.txt``. What is expected is what these clients
do on the real services; there is none here, so it stands written below, each as a first day with it goes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tests.conformance.clients import kubectl
from tests.conformance.clients.environment import NotToBeHad, environment
from tests.conformance.clients.rehearsed import Failed, Rehearsed, rehearsed
from tests.conformance.frame import Check, LeftOut, Outcome, Place

PIPELINES = {
    "health": None,
    "experiment": True,
    "experiment again": True,
    "pipeline": True,
    "versions": [1, 2],
    "pipeline again": 409,
    "run": {"state": "SUCCEEDED", "error": "", "finished": True},
    "runs": ["conformance run"],
    "archived": "ARCHIVED",
    "run of a file": "SUCCEEDED",
    "deleted": None,
}
OBJECTS = {
    "bucket": [True, "STANDARD"],
    "listed": [
        ["conformance/large.bin", 9437184, "application/octet-stream"],
        ["conformance/small.txt", 9, "text/plain"],
    ],
    "read": ["few words", "words"],
    "whole": True,
    "folders": True,
    "copy": [{"who": "sdk"}, 9],
    "precondition": 412,
    "left": [],
    "gone": 404,
    "permissions": ["storage.objects.create", "storage.buckets.delete"],
}
WATCHING = {
    "version": True,
    "deployments": [True, True],
    "watched": [["ADDED", {"word": "one"}], ["MODIFIED", {"word": "two"}], ["DELETED", {"word": "two"}]],
    "gone": [404, "NotFound"],
    "log": True,
}


def checks(place: Place) -> Iterator[Outcome]:
    """Every check of the part; the clients that can't be had are left out."""
    place.say("clients: a rehearsal is installed")
    with rehearsed(place.scratch) as cloud:
        try:
            python = str(environment(place))
        except NotToBeHad as error:
            needing = ("kfp: *", "google-cloud-storage: *", "kubernetes 30: *")
            yield LeftOut("the SDK's environment", str(error), checks=needing)
        else:
            yield from _seen(place, "kfp", PIPELINES, cloud, [python, "pipelines.py", *cloud.pipelines()])
            yield from _seen(place, "google-cloud-storage", OBJECTS, cloud, [python, "objects.py", *cloud.objects()])
            yield from _seen(place, "kubernetes 30", WATCHING, cloud, [python, "watching.py", "kubeflow"])
        yield from _seen(place, "kubernetes 37", WATCHING, cloud, [sys.executable, "watching.py", "kubeflow"])
        yield from kubectl.checks(place, cloud)


def _seen(place: Place, name: str, expected: dict[str, object], cloud: Rehearsed, command: list[str]) -> Iterator[Outcome]:
    place.say(f"clients: {name}")
    try:
        found = cloud.seen(command)
    except Failed as error:
        yield Check(f"{name}: runs", "", str(error))
        return
    for key in (*expected, *(k for k in found if k not in expected)):
        yield Check(f"{name}: {key}", expected.get(key), found.get(key))
