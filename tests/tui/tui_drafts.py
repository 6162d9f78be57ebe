"""Drafts for tests: an environment whose id is always the same, on a cloud that says what a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from core.environment import Environment, Home
from core.errors import MlopsError
from core.install.choices import Choice, Choices
from core.install.draft import Draft
from core.prerequisites import Check
from core.prerequisites.concerns import CONCERNS, Concern
from core.run.estimate import Estimate
from tui.preparing import Preparing

HOSTILE = "a[each.key] [/red] \x1b]52;c;Zm9v\x07\x1b[2J 日本語"
"""What no program of ours wrote: markup, a clipboard sequence, a cleared screen, and wide characters."""

FOUND: dict[str, list[Check]] = {
    "tool.terraform": [
        Check("tool.terraform", "terraform is there and new enough", "pass", "terraform 1.15.5 (bundled)"),
    ],
    "tool.kubectl": [Check("tool.kubectl", "kubectl is there and new enough", "pass", "kubectl 1.35.2 (/usr/bin/kubectl)")],
    "tool.git": [Check("tool.git", "git is there and new enough", "pass", "git 2.47.1 (/usr/bin/git)")],
    "disk": [Check("disk", "There is room on the disk", "pass", "41236 MB free at /home/me/.local/state/mlops-env")],
    "reach": [
        Check("github", "GitHub can be reached", "pass", "github.com"),
        Check("registries", "The registries that images come from answer", "pass", "gcr.io, ghcr.io, quay.io"),
    ],
    "sign-in": [Check("sign-in", "Signed in", "pass", "me@example.com (file)")],
    "clock": [Check("clock", "This machine's clock goes right", "pass", "within a minute of Google's")],
    "project": [Check("project", "The project is there and active", "pass", "acme-ml-prod (number 481516234200)")],
    "billing": [Check("billing", "Billing is on", "pass", "billingAccounts/01A2B3-C4D5E6-F70819")],
    "apis": [Check("apis", "The APIs that looking needs are on", "pass", "all of 8")],
    "places": [Check("region", "The region is one of Google's", "pass", "us-central1")],
    "sizes": [
        Check("node_machine_type", "The zone offers the nodes' machines", "pass", "e2-standard-4 in us-central1-a"),
        Check("gke", "GKE offers its regular channel", "pass", "1.35.7-gke.1222000 in us-central1-a"),
        Check("sql_tier", "Cloud SQL offers the tier in the region", "pass", "db-custom-1-3840 in us-central1"),
    ],
    "permissions": [Check("permissions", "The account may do what an installation does", "pass", "all of 79 permissions")],
    "policies": [Check("policies", "The organization's policies allow it", "pass", "2 constraints")],
    "quotas": [Check("quotas", "The quotas hold it", "pass", "6 to 18 vCPUs, 120 to 420 GB of SSD")],
    "names": [Check("names", "The names are free, or the environment's own", "pass", "15 names")],
    "ranges": [Check("ranges", "The address ranges are free", "pass", "4 ranges")],
    "builds": [Check("build-region", "Cloud Build takes builds in the region", "pass", "us-central1: 10 CPUs at a time")],
}
BLOCKED = Check(
    "sign-in", "Signed in", "block", "", "nobody is signed in", "Sign in; the page opens in your browser.",
    "gcloud auth application-default login", "https://cloud.google.com/docs/authentication",
)  # fmt: skip
ACCOUNT = "serviceAccount:demo-kfp-abcdef@acme.example"
PLAN: dict[str, Any] = {
    "services": ["compute.googleapis.com", "container.googleapis.com", "sqladmin.googleapis.com"],
    "roles": [
        {"role": "roles/aiplatform.user", "member": ACCOUNT, "resource": "acme-ml-prod"},
        {"role": "roles/bigquery.jobUser", "member": ACCOUNT, "resource": "acme-ml-prod"},
    ],
    "terraform": {
        "add": 2, "change": 0, "destroy": 0, "import": 1,
        "resources": [
            {"address": f"module.network.google_compute_subnetwork.{HOSTILE}", "type": "google_compute_subnetwork",
             "action": "create", "name": "this"},
            {"address": "google_container_cluster.this", "type": "google_container_cluster", "action": "create",
             "name": "this"},
            {"address": "google_storage_bucket.build", "type": "google_storage_bucket", "action": "import",
             "name": "build"},
        ],
    },
    "kubernetes": [
        {"kind": "Deployment", "namespace": "kubeflow", "name": "ml-pipeline", "label": "Deployment ml-pipeline",
         "action": "create"},
        {"kind": "Service", "namespace": "kubeflow", "name": "ml-pipeline", "label": "Service ml-pipeline",
         "action": "create"},
    ],
    "files": ["/home/me/.local/state/mlops-env/environments/demo/kubeconfig"],
    "cost": {
        "currency": "USD", "monthly": {"low": 147.15, "high": 366.51}, "date": "2025-03-06", "unknown": [],
        "lines": [
            {"what": "Nodes", "detail": "1 to 3 e2-standard-4", "low": 97.84, "high": 293.51},
            {"what": "Cloud SQL", "detail": "db-custom-1-3840, in one zone", "low": 49.31, "high": 49.31},
        ],
    },
}  # fmt: skip
CRITICAL = ("prerequisites", "services", "platform", "pipelines", "verify")


class Told(Preparing):
    """A `Preparing` that looks at nothing: it is told what it sees."""

    def __init__(self, draft: Draft, *, plan: Mapping[str, Any] | MlopsError | None = None, **found: list[Check]) -> None:
        super().__init__(draft)
        self.told = {**FOUND, **{key.replace("_", "-"): checks for key, checks in found.items()}}
        self.plan = PLAN if plan is None else plan
        self.looked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.started: list[tuple[dict[str, Any], str]] = []
        self.listed: dict[str, Choices] = {}
        self.ended = 0

    async def open(self) -> None:
        return None

    async def look(self, concern: Concern) -> None:
        self.looked.append(concern.id)
        self.looking[concern.id] = 1
        await self.gate.wait()
        self.looking.pop(concern.id, None)
        self.found[concern.id] = self.told.get(concern.id, [])

    def see_all(self) -> Told:
        """Everything was looked at."""
        self.found = {concern.id: self.told.get(concern.id, []) for concern in CONCERNS}
        return self

    async def choices(self, key: str) -> Choices:
        await self.gate.wait()
        return self.listed.get(key, Choices((Choice("us-west4", "Las Vegas"), Choice("europe-west4"), Choice("us-east1"))))

    async def find_project(self) -> str:
        self.project = "acme-ml-prod"
        return self.project

    async def ask_prices(self) -> None:
        await self.gate.wait()

    async def expected(self) -> Estimate:
        return Estimate(1440.0, CRITICAL)

    async def preview(self, progress: Callable[[str], None]) -> dict[str, Any]:
        progress("planning")
        await self.gate.wait()
        if isinstance(self.plan, MlopsError):
            raise self.plan
        return dict(self.plan)

    async def start(self) -> str:
        self.started.append((dict(self.draft.environment.given), self.password))
        raise MlopsError("Another run holds demo.", hint="Watch it.")

    async def end(self) -> None:
        self.ended += 1


def draft(home: Home, name: str = "demo", *, cloud: str = "google", **given: Any) -> Draft:
    """A draft of an environment that is nowhere yet."""
    made = replace(Environment.new(home, name, cloud=cloud, given=given), id="abcdef")
    return Draft(made.with_resolved(project_id="rehearsal-abcdef") if cloud == "rehearsal" else made)


def preparing(home: Home, *, cloud: str = "google", plan: Any = None, **found: list[Check]) -> Told:
    """One that is told what it sees; ids of checks are written with underscores."""
    return Told(draft(home, cloud=cloud), plan=plan, **found)
