"""Whether Cloud Build takes builds from this project in the region: in some it gives a project of little history no CPUs.

Nothing tells it but a quota of that region, which is then 0, and the refusal of a build. There are a few regions in which
every project may build; and ``global`` is always one more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.gcp import Google
from core.gcp.errors import ApiError, quota_page
from core.prerequisites.check import Answer, Check, Subject
from core.prerequisites.rules import CONTINENTS

BUILDS = "Cloud Build takes builds in the region"
SERVICE = "cloudbuild.googleapis.com"
METRIC = f"{SERVICE}/concurrent_public_pool_build_cpus"
EVERYWHERE = "global"
UNRESTRICTED = ("us-central1", "us-west2", "europe-west1", "asia-east1", "australia-southeast1", "southamerica-east1")
"""Where projects may build that are restricted elsewhere, as Google documents it."""


async def check(subject: Subject) -> list[Check]:
    """Whether the image can be built where it is to be; nothing where no image is."""
    google, values = subject.google, subject.values
    if not google.project or values["image"] == "none":
        return []
    region = str(values["build_region"])
    if region == EVERYWHERE:
        return [Check("build-region", BUILDS, "pass", f"builds in {EVERYWHERE} are not bound to a region's quota")]
    try:
        limit = await _limit(google)
    except ApiError as error:
        why = "this account may not see Cloud Build's quotas (serviceusage.quotas.get)" if error.status == 403 else ""
        return [Check("build-region", BUILDS, "skip", region, why or error.message.rstrip("."), _page(google))]
    if limit is None:
        return [Check("build-region", BUILDS, "skip", region, f"Google tells no quota named {METRIC}", _page(google))]
    cpus = _of(limit, region)
    if cpus:
        return [Check("build-region", BUILDS, "pass", f"{region}: {cpus} CPUs at a time")]
    return [_refused(google, region, [r for r in UNRESTRICTED if _of(limit, r)])]


async def _limit(google: Google) -> dict[str, Any] | None:
    parent = f"projects/{google.project}/services/{SERVICE}"
    metrics = await google.list(
        "serviceusage", "v1beta1", "services.consumerQuotaMetrics.list", items="metrics", parent=parent
    )
    found = next((m for m in metrics if m.get("metric") == METRIC), None)
    limits: list[dict[str, Any]] = (found or {}).get("consumerQuotaLimits") or []
    return limits[0] if limits else None


def _of(limit: Mapping[str, Any], region: str) -> int:
    """The CPUs that may build at once in a region: its own limit, or the one for all regions; 0 where it builds nothing."""
    places = limit.get("supportedLocations") or (region,)
    if region not in places:
        return 0
    general, own = 0, None
    for bucket in limit.get("quotaBuckets") or ():
        where = (bucket.get("dimensions") or {}).get("region", "")
        if not where:
            general = int(bucket.get("effectiveLimit") or 0)
        elif where == region:
            own = max(own or 0, int(bucket.get("effectiveLimit") or 0))
    return general if own is None else own


def _refused(google: Google, region: str, others: list[str]) -> Check:
    near = [r for r in others if _continent(r) == _continent(region)]
    offered = [*near[:2], EVERYWHERE]
    why = f"Cloud Build takes no builds in {region} from this project: {METRIC} is 0 there"
    hint = f"Set build_region to {' or '.join(offered)}, or ask for that quota (IAM & Admin, Quotas)."
    command = f"gcloud beta services quota list --service={SERVICE}"
    command += f" --consumer=projects/{google.project} --filter=metric={METRIC}"
    answers = tuple(Answer("build_region", place, "Cloud Build takes this project's builds there") for place in offered)
    return Check("build-region", BUILDS, "block", region, why, hint, command, _url(google), answers=answers)


def _continent(region: str) -> str:
    return next((name for name, prefix in CONTINENTS.items() if region.startswith(prefix)), region.partition("-")[0])


def _url(google: Google) -> str:
    return quota_page(google.project, SERVICE)


def _page(google: Google) -> str:
    return f"Should a build be refused, see {_url(google)}."
