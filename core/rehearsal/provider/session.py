"""The provider as one `provider "google"` block configured it: what every resource works with."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from core.rehearsal.provider.batch import Batches
from core.rehearsal.provider.client import Google
from core.rehearsal.provider.endpoints import SERVICES
from core.rehearsal.provider.operations import Operations
from core.rehearsal.provider.pace import Pace
from core.rehearsal.provider.values import State

Edit = Callable[[dict[str, Any]], dict[str, Any]]
"""A change of a policy."""
ATTRIBUTION = "goog-terraform-provisioned"


class Locks:
    """A lock for each thing that two resources must not write at once."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)

    def of(self, name: str) -> threading.RLock:
        """The lock of that name."""
        with self._guard:
            return self._locks[name]


@dataclass(slots=True)
class Session:
    """Defaults, client and waiters of a configured provider; ``stop`` is set when Terraform asks to stop."""

    project: str
    region: str
    zone: str
    default_labels: dict[str, str]
    attribution: bool
    proactive: bool
    google: Google
    pace: Pace
    stop: threading.Event
    operations: Operations
    edits: Batches[Edit]
    """Changes of policies that are written together."""
    locks: Locks = field(default_factory=Locks)

    @classmethod
    def open(cls, config: dict[str, Any], stop: threading.Event) -> Session:
        """The session that a provider's configuration asks for."""
        pace = Pace.from_environment()
        endpoints = {s: str(config[f"{s}_custom_endpoint"]) for s in SERVICES if config.get(f"{s}_custom_endpoint")}
        project = config.get("project") or os.environ.get("GOOGLE_PROJECT") or os.environ.get("GOOGLE_CLOUD_PROJECT") or ""
        charged = config.get("billing_project") or project if config.get("user_project_override") else None
        google = Google(pace, endpoints=endpoints, user_project=charged or None)
        google.sign_in(access_token=config.get("access_token"), credentials=config.get("credentials"))
        return cls(
            project=str(project),
            region=str(config.get("region") or os.environ.get("GOOGLE_REGION") or ""),
            zone=str(config.get("zone") or os.environ.get("GOOGLE_ZONE") or ""),
            default_labels=dict(config.get("default_labels") or {}),
            attribution=config.get("add_terraform_attribution_label") is not False,
            proactive=config.get("terraform_attribution_label_addition_strategy") == "PROACTIVE",
            google=google,
            pace=pace,
            stop=stop,
            operations=Operations(google, pace, stop),
            edits=Batches(pace),
        )

    def labels(self, given: dict[str, str], prior: State | None) -> dict[str, str]:
        """The labels that Terraform answers for: the provider's, the mark of Terraform's, and the resource's own."""
        found = dict(self.default_labels)
        marked = prior is not None and ATTRIBUTION in (prior.get("effective_labels") or {})
        if self.attribution and (prior is None or marked or self.proactive):
            found[ATTRIBUTION] = "true"
        return {**found, **given}
