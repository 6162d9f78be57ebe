"""What a simulated cloud holds, read from its own store."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

KEPT = {
    "operations": "Google keeps the records of operations",
    "counters": "numbers that never repeat",
    "services": "an enabled service may be used by others by now",
    "cloudbuild.builds": "Cloud Build keeps the records of builds",
    "service-agents": "accounts of Google's services live on in the project",
    "sql.reserved": "the name of a Cloud SQL instance stays reserved for a week",
    "workload-identity": "a project's workload identity pool stays once it is there",
    "iam.deleted": "a deleted service account can be restored for 30 days",
    "tokens": "tokens that have not run out",
    "sign-in": "the sign-in",
    "sign-in.keys": "the sign-in",
    "faults": "how often the scenario has struck",
    "world": "the simulation's own",
}
"""Kinds that stay, and why."""


def documents(simulator: Path) -> dict[tuple[str, str], Any]:
    """Every document by its kind and name."""
    with sqlite3.connect(f"file:{simulator / 'store.sqlite'}?mode=ro", uri=True) as store:
        rows = store.execute("SELECT kind, name, value FROM documents").fetchall()
    return {(kind, name): json.loads(value) for kind, name, value in rows}


def of_kind(simulator: Path, kind: str) -> dict[str, Any]:
    """The documents of one kind by their names."""
    return {name: value for (found, name), value in documents(simulator).items() if found == kind}


def changes(before: dict[tuple[str, str], Any], after: dict[tuple[str, str], Any]) -> list[tuple[str, str]]:
    """What differs, apart from what stays and what enabling Compute brings into a project."""
    differing = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key) and key[0] not in KEPT]
    brought = ("default", "default-allow-ssh", "default-allow-rdp", "default-allow-internal", "default-allow-icmp")
    return [(k, n) for k, n in differing if not (k.startswith("compute.") and n.rsplit("/", 1)[-1] in brought)]


def left(before: dict[tuple[str, str], Any], after: dict[tuple[str, str], Any]) -> list[tuple[str, str]]:
    """What differs after everything was taken down, apart from the project's policy."""
    return [key for key in changes(before, after) if key[0] != "iam.policies"]
