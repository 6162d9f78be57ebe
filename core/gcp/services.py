"""The APIs of a project: which are on, switching more on, and waiting until they answer.

``batchEnable`` is atomic: where one service is refused, none is on. So what is refused is looked for by halves, and
named. After it says that it is done an API refuses for a while longer, on some servers: `answer` asks each one until it
does not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from core.gcp.client import Google
from core.gcp.errors import ApiError, InvalidRequest, NotFound, PermissionDenied, PolicyViolation
from core.gcp.operations import Persistence
from core.run.together import together

BATCH = 20
"""Services a call of ``batchEnable`` takes."""
REFUSED = (InvalidRequest, PermissionDenied, PolicyViolation, NotFound)
"""What may be one service's fault, and not that of the others it is asked for with."""

PROBES: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "cloudresourcemanager.googleapis.com": ("cloudresourcemanager", "v1", "projects.get", {"projectId": "{p}"}),
    "cloudbilling.googleapis.com": ("cloudbilling", "v1", "projects.getBillingInfo", {"name": "projects/{p}"}),
    "iam.googleapis.com": ("iam", "v1", "projects.serviceAccounts.list", {"name": "projects/{p}", "pageSize": 1}),
    "compute.googleapis.com": ("compute", "v1", "projects.get", {"project": "{p}"}),
    "container.googleapis.com": (
        "container", "v1", "projects.locations.clusters.list", {"parent": "projects/{p}/locations/-"}),
    "sqladmin.googleapis.com": ("sqladmin", "v1", "instances.list", {"project": "{p}", "maxResults": 1}),
    "storage.googleapis.com": ("storage", "v1", "buckets.list", {"project": "{p}", "maxResults": 1}),
    "secretmanager.googleapis.com": (
        "secretmanager", "v1", "projects.secrets.list", {"parent": "projects/{p}", "pageSize": 1}),
    "artifactregistry.googleapis.com": (
        "artifactregistry", "v1", "projects.locations.repositories.list", {"parent": "projects/{p}/locations/{r}"}),
    "cloudbuild.googleapis.com": (
        "cloudbuild", "v1", "projects.locations.getDefaultServiceAccount",
        {"name": "projects/{p}/locations/{r}/defaultServiceAccount"}),
    "notebooks.googleapis.com": (
        "notebooks", "v2", "projects.locations.instances.list", {"parent": "projects/{p}/locations/-", "pageSize": 1}),
}  # fmt: skip
"""A call by which each API shows that it answers; what is not here has no call that needs nothing else."""


async def enabled(google: Google) -> set[str]:
    """The services that are on in the project."""
    found = google.list(
        "serviceusage", "v1", "services.list", items="services",
        parent=f"projects/{google.project}", filter="state:ENABLED", pageSize=200,
    )  # fmt: skip
    return {str(s.get("config", {}).get("name") or str(s["name"]).rpartition("/")[2]) async for s in found}


@contextmanager
def known(google: Google, on: Collection[str] | None) -> Iterator[None]:
    """While it lasts, what is not on counts as off without being asked; None: which are on is not known."""
    google.on = on
    try:
        yield
    finally:
        google.on = None


async def enable(
    google: Google,
    services: Sequence[str],
    context: Persistence | None = None,
    *,
    accepted: Callable[[], None] = lambda: None,
) -> dict[str, ApiError]:
    """Switches services on, `BATCH` a call; returns those that were refused, each with its refusal.

    ``accepted`` is called once Google has taken every one of them, long before they are on. Raises what is wrong with the
    project or the account as a whole (`BillingDisabled`, `PermissionDenied`).
    """
    batches = [services[i : i + BATCH] for i in range(0, len(services), BATCH)]
    found: dict[str, ApiError] = {}
    left = len(batches)

    def taken() -> None:
        nonlocal left
        left -= 1
        if not left:
            accepted()

    for refused in await together(_enable(google, batch, context, taken) for batch in batches):
        found |= refused
    google.enabled |= set(services) - set(found)
    return found


async def _enable(
    google: Google, batch: Sequence[str], context: Persistence | None, taken: Callable[[], None] = lambda: None
) -> dict[str, ApiError]:
    async def start() -> dict[str, Any]:
        body = {"serviceIds": list(batch)}
        begun = await google.call(
            "serviceusage", "v1", "services.batchEnable", parent=f"projects/{google.project}", body=body, quota_project=False
        )
        taken()
        return begun

    try:
        if context is None:
            await google.wait("serviceusage", "v1", await start())
        else:
            await google.operate("serviceusage", "v1", context, f"services.enable:{','.join(batch)}", start)
    except REFUSED as error:
        if isinstance(error, PermissionDenied) and error.permission:
            raise  # the account lacks it, for whichever service
        if len(batch) == 1:
            return {batch[0]: error}
        half = len(batch) // 2
        return {**await _enable(google, batch[:half], context), **await _enable(google, batch[half:], context)}
    return {}


async def answer(google: Google, services: Iterable[str], *, region: str) -> None:
    """Waits until each of these services answers the project's calls; raises `ServiceDisabled` where one never does."""
    await together(_answers(google, PROBES[s], region) for s in services if s in PROBES)


async def _answers(google: Google, probe: tuple[str, str, str, dict[str, Any]], region: str) -> None:
    api, version, method, params = probe
    filled: dict[str, Any] = {
        k: v.format(p=google.project, r=region) if isinstance(v, str) else v for k, v in params.items()
    }
    try:
        await google.call(api, version, method, **filled)
    except (PermissionDenied, NotFound, InvalidRequest):
        return  # it answers; whether this account may ask is another matter


async def identity(google: Google, service: str, number: str) -> str:
    """Makes a service's own account in the project, if it is not there yet; its address, as far as Google says it."""
    operation = await google.call(
        "serviceusage", "v1beta1", "services.generateServiceIdentity", parent=f"projects/{number}/services/{service}",
        quota_project=False,
    )  # fmt: skip
    response = await google.wait("serviceusage", "v1beta1", operation)
    return str(response.get("email", ""))
