"""Long operations: each service's own form of them, polled every ten seconds of the simulated cloud.

The waiters of Compute, Kubernetes Engine and Artifact Registry look at whether Terraform asked to stop; those of Cloud SQL
and Service Networking never do (``heeds_stop``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from core.rehearsal.provider.client import Google, Json
from core.rehearsal.provider.errors import ApiError, WaitFailed
from core.rehearsal.provider.links import last_part
from core.rehearsal.provider.pace import Pace

EVERY = 10.0


class Operations:
    """Waits for operations with one client."""

    def __init__(self, google: Google, pace: Pace, stop: threading.Event) -> None:
        self._google, self._pace, self._stop = google, pace, stop

    def compute(self, project: str, operation: Json, activity: str, timeout: float) -> Json:
        """Waits for a global or regional operation of Compute Engine."""
        region = operation.get("region")
        place = f"regions/{last_part(region)}" if region else "global"
        path = f"projects/{project}/{place}/operations/{operation['name']}"
        return self._wait(operation, "compute", path, activity, timeout, heeds_stop=True)

    def container(self, project: str, location: str, operation: Json, activity: str, timeout: float) -> Json:
        """Waits for an operation of Kubernetes Engine."""
        path = f"projects/{project}/locations/{location}/operations/{operation['name']}"
        return self._wait(operation, "container", path, activity, timeout, heeds_stop=True)

    def sql(self, project: str, operation: Json, activity: str, timeout: float) -> Json:
        """Waits for an operation of Cloud SQL, whatever Terraform is asked."""
        path = f"projects/{project}/operations/{operation['name']}"
        return self._wait(operation, "sql", path, activity, timeout, heeds_stop=False)

    def common(self, service: str, operation: Json, activity: str, timeout: float, *, heeds_stop: bool = True) -> Json:
        """Waits for an operation of the services that share one form of it."""
        path = str(operation.get("name", ""))
        return self._wait(operation, service, path, activity, timeout, heeds_stop=heeds_stop)

    def _wait(self, operation: Json, service: str, path: str, activity: str, timeout: float, *, heeds_stop: bool) -> Json:
        stop = self._stop if heeds_stop else None
        try:
            done = self._poll(operation, lambda: self._google.call(service, "GET", path), timeout, stop)
        except WaitFailed as failed:
            raise WaitFailed(f"Error waiting for {activity}: {failed}", stopped=failed.stopped) from failed
        except ApiError as error:
            raise WaitFailed(f"Error waiting for {activity}: error while retrieving operation: {error}") from error
        problem = problem_of(done)
        if problem:
            raise WaitFailed(f"Error waiting for {activity}: {problem}")
        return done

    def _poll(self, operation: Json, look: Callable[[], Json], timeout: float, stop: threading.Event | None) -> Json:
        deadline, following = self._pace.deadline(timeout), time.monotonic()
        while not is_done(operation):
            if stop is not None and stop.is_set():
                raise WaitFailed("context canceled", stopped=True)
            if time.monotonic() > deadline:
                state = operation.get("status", "pending")
                raise WaitFailed(
                    f"timeout while waiting for state to become 'done' "
                    f"(last state: '{state}', timeout: {timeout / 60:.0f}m0s)"
                )
            following = max(following + self._pace.real(EVERY), time.monotonic())
            self._pace.sleep_until(following, stop)
            try:
                operation = look()
            except ApiError as error:
                if error.status != 404:
                    raise
        return operation


def is_done(operation: Json) -> bool:
    """Whether the operation has ended, in any of the services' forms."""
    return bool(operation.get("done")) or operation.get("status") == "DONE"


def problem_of(operation: Json) -> str:
    """How a failed operation's error reads; empty where it did not fail."""
    error: Any = operation.get("error")
    if operation.get("statusMessage") and operation.get("status") == "DONE":
        return str(operation["statusMessage"])
    if not isinstance(error, dict) or not error:
        return ""
    if error.get("errors"):
        return "\n".join(str(e.get("message") or e.get("code")) for e in error["errors"])
    return f"Error code {error.get('code')}, message: {error.get('message')}"
