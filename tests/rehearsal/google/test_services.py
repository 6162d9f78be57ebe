"""Enabling services: atomic, slow to take effect, and followed by service agents that lag behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from simulated_project import NUMBER, PROJECT, Project

PARENT = f"projects/{PROJECT}"
COMPUTE = "compute.googleapis.com"


async def enable(project: Project, *services: str) -> Any:
    return await project.call("serviceusage.services.batchEnable", {"serviceIds": list(services)}, parent=PARENT, quota=None)


async def test_an_enabled_service_answers_only_after_operation_and_delay(make: Callable[..., Project]) -> None:
    project = make({"delays": {"services": 30}, "durations": {"serviceusage.services.batchEnable": 90}}, enabled=False)
    operation = (await enable(project, COMPUTE)).json
    assert "done" not in operation
    project.pass_time(91)
    assert (await project.good("serviceusage.operations.get", name=operation["name"]))["done"] is True
    assert (await project.good("serviceusage.services.get", name=f"{PARENT}/services/{COMPUTE}"))["state"] == "ENABLED"
    assert (await project.call("compute.networks.list", project=PROJECT)).status == 403
    project.pass_time(31)
    assert (await project.call("compute.networks.list", project=PROJECT)).status == 200


async def test_a_batch_is_all_or_nothing(make: Callable[..., Project]) -> None:
    project = make(enabled=False)
    assert (await enable(project, COMPUTE, "no-such-thing.googleapis.com")).status == 403
    project.pass_time(1000)
    assert (await project.good("serviceusage.services.get", name=f"{PARENT}/services/{COMPUTE}"))["state"] == "DISABLED"


async def test_a_batch_holds_twenty(make: Callable[..., Project]) -> None:
    from core.rehearsal.google.services import TITLES

    project = make(enabled=False)
    assert (await enable(project, *list(TITLES)[:21])).status == 400
    assert (await enable(project)).status == 400
    assert (await enable(project, *list(TITLES)[:20])).status == 200


async def test_what_is_on_already_takes_no_time(project: Project) -> None:
    operation = (await enable(project, COMPUTE)).json
    assert operation["done"] is True
    assert operation["response"]["services"][0]["state"] == "ENABLED"


async def test_nothing_that_costs_is_enabled_without_billing(make: Callable[..., Project]) -> None:
    project = make({"project": {"billing_enabled": False}}, enabled=False)
    answer = await enable(project, COMPUTE)
    assert answer.status == 400
    assert "Billing must be enabled" in answer.message


async def test_a_restricted_service_refuses_the_batch(make: Callable[..., Project]) -> None:
    policies = {"constraints/gcp.restrictServiceUsage": ["compute.googleapis.com"]}
    project = make({"project": {"policies": policies}}, enabled=False)
    assert (await enable(project, COMPUTE)).status == 200
    answer = await enable(project, "iam.googleapis.com", COMPUTE)
    assert (answer.status, "gcp.restrictServiceUsage" in answer.message) == (403, True)


async def test_service_agents_get_their_roles_later(make: Callable[..., Project]) -> None:
    project = make(enabled=False)
    await enable(project, "servicenetworking.googleapis.com", "cloudresourcemanager.googleapis.com")
    agent = f"serviceAccount:service-{NUMBER}@service-networking.iam.gserviceaccount.com"

    async def members() -> list[str]:
        policy = await project.good("cloudresourcemanager.projects.getIamPolicy", {}, resource=PROJECT, quota=None)
        return [m for b in policy["bindings"] if b["role"] == "roles/servicenetworking.serviceAgent" for m in b["members"]]

    project.pass_time(95)
    assert await members() == []
    project.pass_time(60)
    assert await members() == [agent]


async def test_a_service_identity_can_be_asked_for(project: Project) -> None:
    answer = await project.good(
        "serviceusage.services.generateServiceIdentity",
        version="v1beta1",
        parent=f"projects/{NUMBER}/services/sqladmin.googleapis.com",
    )
    assert answer["done"] is True
    assert answer["response"]["email"] == f"service-{NUMBER}@gcp-sa-cloud-sql.iam.gserviceaccount.com"


async def test_compute_brings_a_default_network_and_an_editor(project: Project) -> None:
    networks = await project.good("compute.networks.list", project=PROJECT)
    assert [n["name"] for n in networks["items"]] == ["default"]
    rules = await project.good("compute.firewalls.list", project=PROJECT)
    assert {"default-allow-ssh", "default-allow-rdp"} <= {r["name"] for r in rules["items"]}
    policy = await project.good("cloudresourcemanager.projects.getIamPolicy", {}, resource=PROJECT)
    editors = next(b["members"] for b in policy["bindings"] if b["role"] == "roles/editor")
    assert editors == [f"serviceAccount:{NUMBER}-compute@developer.gserviceaccount.com"]


async def test_an_organization_secure_by_default_forbids_both(make: Callable[..., Project]) -> None:
    project = make(
        {
            "project": {
                "policies": {
                    "constraints/compute.skipDefaultNetworkCreation": True,
                    "constraints/iam.automaticIamGrantsForDefaultServiceAccounts": True,
                }
            }
        }
    )
    assert "items" not in await project.good("compute.networks.list", project=PROJECT)
    policy = await project.good("cloudresourcemanager.projects.getIamPolicy", {}, resource=PROJECT)
    assert "roles/editor" not in [b["role"] for b in policy["bindings"]]


@pytest.mark.parametrize(
    ("value", "rules"),
    [(True, [{"enforce": True}]), (["in:us-locations"], [{"values": {"allowedValues": ["in:us-locations"]}}])],
)
async def test_effective_policies_are_what_the_scenario_says(make: Callable[..., Project], value: Any, rules: Any) -> None:
    project = make({"project": {"policies": {"constraints/a.b": value}}})
    answer = await project.good("orgpolicy.projects.policies.getEffectivePolicy", name=f"{PARENT}/policies/a.b")
    assert answer["spec"]["rules"] == rules
    other = await project.good("orgpolicy.projects.policies.getEffectivePolicy", name=f"{PARENT}/policies/c.d")
    assert other["spec"] == {}


@pytest.mark.parametrize("on", [True, False])
async def test_billing_is_what_the_scenario_says(make: Callable[..., Project], on: bool) -> None:
    project = make({"project": {"billing_enabled": on}})
    assert (await project.good("cloudbilling.projects.getBillingInfo", name=PARENT))["billingEnabled"] is on
