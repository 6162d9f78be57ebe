"""The quotas of a service as Service Usage tells them: of Cloud Build's, how many CPUs may build at once in a region.

A project with little history has none of them in some regions. Nothing else says so before a build is refused there.
"""

from __future__ import annotations

from core.rehearsal.google import offers
from core.rehearsal.google.calls import Call, answers, listing
from core.rehearsal.google.compute_catalogue import REGIONS
from core.rehearsal.store import Document

BUILD_CPUS = "cloudbuild.googleapis.com/concurrent_public_pool_build_cpus"
_USUAL = "10"


@answers("serviceusage.services.consumerQuotaMetrics.list")
def metrics(call: Call) -> Document:
    """A service's metrics with their limits, a bucket for all regions first and one for each that has a limit of its own."""
    call.require("serviceusage.quotas.get", f"projects/{call.world.project}")
    service = call.full("parent").split("/")[3]
    return listing(call, "metrics", [_build_cpus(call)] if service == "cloudbuild.googleapis.com" else [])


def _build_cpus(call: Call) -> Document:
    service = f"projects/{call.world.number}/services/cloudbuild.googleapis.com"
    name = f"{service}/consumerQuotaMetrics/{BUILD_CPUS.replace('/', '%2F')}"
    refused = [region for region in sorted(REGIONS) if offers.lacks(call.world, region, offers.BUILDS)]
    limit: Document = {
        "name": f"{name}/limits/%2Fproject%2Fregion%2Fbuild_origin",
        "metric": BUILD_CPUS,
        "unit": "1/{project}/{region}/{build_origin}",
        "supportedLocations": sorted(REGIONS),
        "quotaBuckets": [
            {"effectiveLimit": _USUAL, "defaultLimit": _USUAL},
            *({"effectiveLimit": "0", "defaultLimit": _USUAL, "dimensions": {"region": r}} for r in refused),
        ],
    }
    title = "Concurrent Build CPUs (Regional Public Pool)"
    return {"name": name, "metric": BUILD_CPUS, "displayName": title, "unit": "1", "consumerQuotaLimits": [limit]}
