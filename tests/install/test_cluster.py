"""The step ``cluster``: which endpoint, who gets in, and a kubeconfig that is written once."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from step_bench import StepBench

from core.errors import PermanentError, TemporaryError
from core.install import cluster as module
from core.install.cluster import endpoint, step

NAME = "projects/project-1/locations/us-central1-a/clusters/demo-cluster"
GET = "container.projects.locations.clusters.get"
DNS = {"dnsEndpointConfig": {"endpoint": "gke-abc.us-central1.gke.goog", "allowExternalTraffic": True}}
ADDRESS = {"endpoint": "1.2.3.4"}


@pytest.mark.parametrize(
    ("found", "url", "authority"),
    [
        ({"controlPlaneEndpointsConfig": DNS, "endpoint": "1.2.3.4"}, "https://gke-abc.us-central1.gke.goog", b""),
        (
            {
                "controlPlaneEndpointsConfig": {
                    "dnsEndpointConfig": {"endpoint": "gke-abc.us-central1.gke.goog", "allowExternalTraffic": False},
                    "ipEndpointsConfig": {"privateEndpoint": "10.0.0.2", "enablePublicEndpoint": False},
                },
                "endpoint": "1.2.3.4",
                "masterAuth": {"clusterCaCertificate": base64.b64encode(b"PEM").decode()},
            },
            "https://10.0.0.2",
            b"PEM",
        ),
        (
            {"controlPlaneEndpointsConfig": {"dnsEndpointConfig": {"endpoint": "gke-abc.us-central1.gke.goog"}}, **ADDRESS},
            "https://1.2.3.4",
            b"",
        ),
        (ADDRESS, "https://1.2.3.4", b""),
    ],
)
async def test_the_dns_endpoint_if_it_lets_us_in_else_the_clusters_own(
    bench: StepBench, found: dict[str, Any], url: str, authority: bytes
) -> None:
    bench.google.answers[GET] = found
    assert await endpoint(bench.installation, NAME) == (url, authority)
    assert bench.google.asked(GET) == [{"name": NAME}]


async def test_no_endpoint_yet_is_temporary(bench: StepBench) -> None:
    bench.google.answers[GET] = {"name": "demo-cluster", "status": "PROVISIONING"}
    with pytest.raises(TemporaryError, match="no endpoint"):
        await endpoint(bench.installation, NAME)


@pytest.fixture
def here(bench: StepBench, monkeypatch: pytest.MonkeyPatch) -> StepBench:
    """A cluster whose endpoint is the fake one."""
    bench.facts["cluster"] = NAME
    bench.google.answers[GET] = {}
    monkeypatch.setattr(module, "_endpoint", lambda _: (bench.fake.url, b""))
    return bench


async def test_a_kubeconfig_is_written_once(here: StepBench) -> None:
    outcome, context = await here.run(step)
    assert (outcome, context.published["cluster_endpoint"]) == ("done", here.fake.url)
    document = json.loads(here.environment.kubeconfig.read_text())
    assert document["current-context"] == "mlops-env-demo"
    assert document["clusters"][0]["cluster"]["server"] == here.fake.url
    outcome, _ = await here.run(step)
    assert outcome == "unchanged"


async def test_a_grant_that_does_not_work_yet_is_waited_for(here: StepBench) -> None:
    here.fake.refuse(403, path="/namespaces", times=4)
    outcome, context = await here.run(step)
    assert outcome == "done"
    assert context.clock.waits == [10] * 4


async def test_an_account_that_never_gets_in_learns_which_role(here: StepBench) -> None:
    here.fake.refuse(403, path="/namespaces", times=200)
    with pytest.raises(PermanentError, match="does not let this account in") as caught:
        await here.run(step)
    assert "container.admin" in caught.value.hint
    assert not here.environment.kubeconfig.exists()
