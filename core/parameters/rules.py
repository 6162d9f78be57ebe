"""The rules that `specification` names: what the value of each parameter must be in itself, and against the others.

A rule says only whether a value holds; the sentence that a person reads comes from the specification's ``allowed``, so
that form, error and documentation never differ. Where a value breaks a narrower limit, `Broken` carries its own words.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.names import Names
from core.parameters.specification import LONGEST_PREFIX_LENGTH, SHORTEST_PREFIX_LENGTH

PRIVATE = tuple(ipaddress.IPv4Network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
DOCKER = ipaddress.IPv4Network("172.17.0.0/16")
"""Docker's bridge on every machine: Cloud SQL refuses it, and pods in it can't be reached."""
SQL_RESERVED = frozenset(
    {"cloudsqladmin", "cloudsqlsuperuser", "cloudsqlimport", "cloudsqlexport", "cloudsqlreplica", "cloudsqlapplier",
     "cloudsqlinactiveuser", "cloudsqlobservabilityadmin", "cloudiamgroup", "mysql", "event_scheduler"}
)  # fmt: skip
NAMESPACES_OF_OTHERS = ("kube-", "gke-", "gmp-")
LENGTHS: dict[str, tuple[int, int]] = {
    "network": (1, 63), "subnetwork": (1, 63), "pods_range": (1, 63), "services_range": (1, 63), "router": (1, 63),
    "nat": (1, 63), "sql_range": (1, 63), "firewall_iap": (1, 63), "firewall_dataflow": (1, 63), "cluster": (1, 40),
    "node_pool": (1, 40), "registry": (1, 63), "sql_instance": (1, 80), "sql_password_secret": (1, 255),
    "artifact_bucket": (3, 63), "build_bucket": (3, 63), "state_bucket": (3, 63), "pipelines_account_id": (6, 30),
    "nodes_account_id": (6, 30), "build_account_id": (6, 30), "notebook_account_id": (6, 30), "notebook": (1, 63),
    "storage_class": (1, 63),
}  # fmt: skip
"""How long Google lets each of the names of `Names` be."""
SQL_NAME_WITH_PROJECT = 98
"""The most characters of a Cloud SQL instance's name together with its project's."""


class Broken(Exception):
    """Raised where a value breaks a rule in a way that the parameter's general words don't say."""

    def __init__(self, why: str = "", *, hint: str = "") -> None:
        super().__init__(why)
        self.why, self.hint = why, hint


def _pattern(expression: str) -> Callable[[str, Any], None]:
    compiled = re.compile(expression)

    def check(_key: str, value: Any) -> None:
        if not compiled.fullmatch(value):
            raise Broken

    return check


def _name_prefix(_key: str, value: str) -> None:
    if (
        not re.fullmatch(r"[a-z][a-z0-9-]{1,15}", value)
        or value.startswith("goog")
        or "google" in value
        or "g00gle" in value
    ):
        raise Broken
    names = Names(value, "aaaaaa", "p", "r", "z", "e")
    for name, (least, most) in LENGTHS.items():
        if not least <= len(getattr(names, name)) <= most:
            raise Broken(f"it makes the name {getattr(names, name)}, and {name.replace('_', ' ')} takes {least} to {most}")


def _namespace(_key: str, value: str) -> None:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", value):
        raise Broken
    if value == "default" or value.startswith(NAMESPACES_OF_OTHERS):
        raise Broken


def _sql_tier(_key: str, value: str) -> None:
    if value in ("db-f1-micro", "db-g1-small"):
        return
    found = re.fullmatch(r"db-custom-(\d{1,3})-(\d{1,6})", value)
    if not found:
        raise Broken
    cpus, megabytes = int(found[1]), int(found[2])
    if not (cpus == 1 or (cpus % 2 == 0 and 2 <= cpus <= 96)):
        raise Broken("its CPUs must be 1, or an even number from 2 to 96")
    if megabytes % 256 or megabytes < 3840:
        raise Broken("its megabytes must be a multiple of 256, and 3840 at least")
    if not 0.9 * 1024 * cpus <= megabytes <= 6.5 * 1024 * cpus:
        raise Broken("it must have 0.9 to 6.5 GB (922 to 6656 megabytes) for each CPU")


def _sql_username(_key: str, value: str) -> None:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,31}", value):
        raise Broken
    if value.lower() in SQL_RESERVED:
        raise Broken("Cloud SQL keeps that name for itself")


def _labels(_key: str, value: Mapping[str, str]) -> None:
    if len(value) > 32:
        raise Broken
    for name, text in value.items():
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", name) or name.startswith(("mlops-env", "goog")):
            raise Broken(hint=f"The key {name!r} is wrong.")
        if not re.fullmatch(r"[a-z0-9_-]{0,63}", text):
            raise Broken(
                f"the value of {name}, {text!r}, must be at most 63 lower-case letters, digits, underscores and hyphens"
            )


def _cidr(key: str, value: str) -> None:
    if not re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}/\d{1,2}", value):
        raise Broken
    try:
        network = ipaddress.IPv4Network(value)
    except ValueError as error:
        try:
            right = ipaddress.IPv4Network(value, strict=False)
        except ValueError:
            raise Broken from error
        raise Broken(f"its address lies inside the range {right}", hint=f"Write {right}.") from error
    fits = SHORTEST_PREFIX_LENGTH[key] <= network.prefixlen <= LONGEST_PREFIX_LENGTH[key]
    if not fits or not any(network.subnet_of(p) for p in PRIVATE):
        raise Broken
    if network.overlaps(DOCKER):
        raise Broken("it overlaps 172.17.0.0/16, which Docker uses on every machine")


def _kfp_manifests(_key: str, value: str) -> None:
    if value == "github":
        return
    try:
        folder = Path(value).expanduser()
    except RuntimeError as error:  # ~NAME of a user whom this machine does not know
        raise Broken("there is no such folder") from error
    if not folder.is_dir():
        raise Broken("there is no such folder")
    for part in ("kubeflow/pipelines", "argoproj/argo-workflows"):
        if not (folder / part).is_dir():
            raise Broken(f"the folder has no {part} in it")


def _accounts(_key: str, value: Sequence[str]) -> None:
    for account in value:
        if not re.fullmatch(r"[^\s@,]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", account):
            raise Broken(hint=f"{account!r} is none.")


def _between(least: int, most: int) -> Callable[[str, Any], None]:
    def check(_key: str, value: Any) -> None:
        if not least <= value <= most:
            raise Broken

    return check


RULES: dict[str, Callable[[str, Any], None]] = {
    "project_id": _pattern(r"[a-z][a-z0-9-]{4,28}[a-z0-9]"),
    "region": _pattern(r"[a-z]+(-[a-z]+)+\d{1,2}"),
    "build_region": _pattern(r"[a-z]+(-[a-z]+)+\d{1,2}|global"),
    "zone": _pattern(r"[a-z]+(-[a-z]+)+\d{1,2}-[a-z]"),
    "name_prefix": _name_prefix,
    "namespace": _namespace,
    "accounts": _accounts,
    "machine_type": _pattern(r"[a-z][a-z0-9]*(-[a-z0-9]+){1,5}"),
    "node_min": _between(0, 100),
    "node_max": _between(1, 100),
    "sql_tier": _sql_tier,
    "sql_username": _sql_username,
    "labels": _labels,
    "cidr": _cidr,
    "kfp_manifests": _kfp_manifests,
}
"""Each rule by its name in the specification."""


def against_each_other(values: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What is wrong between parameters that are right in themselves: key, why, hint; for values with every default."""
    found: list[tuple[str, str, str]] = []
    if values["zone"] and not str(values["zone"]).startswith(f"{values['region']}-"):
        found.append(("zone", f"a zone of the region {values['region']}", f"Choose {values['region']}-a, say."))
    if values["node_min"] > values["node_max"]:
        found.append(("node_min", f"not above node_max, which is {values['node_max']}", ""))
    if values["notebook"] != "none" and values["image"] == "none":
        found.append(("image", "an image, since the notebook runs it", "Leave the notebook out, or choose an image."))
    found += _overlaps(values)
    return found + _rooms(values)


def _overlaps(values: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    ranges = [(key, ipaddress.IPv4Network(values[key])) for key in LONGEST_PREFIX_LENGTH]
    return [
        (key, f"it overlaps {other}, which is {second}", "")
        for i, (key, first) in enumerate(ranges)
        for other, second in ranges[:i]
        if first.overlaps(second)
    ]


def _rooms(values: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Each node takes a /24 of the pods' range and an address of the subnet's; one surge node comes on top."""
    nodes = values["node_max"] + 1
    pods = ipaddress.IPv4Network(values["pods_cidr"])
    subnet = ipaddress.IPv4Network(values["subnet_cidr"])
    rooms = {"pods_cidr": 2 ** (24 - pods.prefixlen), "subnet_cidr": subnet.num_addresses - 4}
    return [
        (key, f"it has room for {room} nodes, and node_max and a surge make {nodes}", "")
        for key, room in rooms.items()
        if room < nodes
    ]
