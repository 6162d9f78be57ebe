"""Every request is held against Google's documents, its token and its project, before anything is done for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from simulated_project import NUMBER, PROJECT, Project

ACCOUNTS = "iam.projects.serviceAccounts"


async def test_a_call_without_a_token_or_with_one_that_ran_out_is_refused(make: Callable[..., Project]) -> None:
    project = make({"sign_in": {"token_seconds": 100}})
    short = project.world.identity.mint("you@rehearsal.example")[0]
    params: dict[str, Any] = {"projectId": PROJECT}
    assert (await project.call("cloudresourcemanager.projects.get", token="", **params)).status == 401
    assert (await project.call("cloudresourcemanager.projects.get", token="made-up", **params)).status == 401
    assert (await project.call("cloudresourcemanager.projects.get", token=short, **params)).status == 200
    project.pass_time(101)
    assert (await project.call("cloudresourcemanager.projects.get", token=short, **params)).status == 401


async def test_what_no_document_knows_is_not_found(project: Project) -> None:
    assert (await project.request("GET", f"/iam/v1/projects/{PROJECT}/serviceAccountz")).status == 404
    assert (await project.request("PUT", f"/iam/v1/projects/{PROJECT}/serviceAccounts")).status == 404
    assert (await project.request("GET", "/nothing/v1/x")).status == 404


async def test_a_documented_method_that_is_not_simulated_says_so(project: Project) -> None:
    answer = await project.call("compute.acceleratorTypes.list", project=PROJECT, zone="us-central1-a")
    assert answer.status == 501
    assert "compute.acceleratorTypes.list" in answer.message


async def test_an_unknown_parameter_is_refused_in_the_real_words(project: Project) -> None:
    answer = await project.request("GET", f"/iam/v1/projects/{PROJECT}/serviceAccounts?bogus=1")
    assert answer.status == 400
    assert answer.message == (
        'Invalid JSON payload received. Unknown name "bogus": Cannot bind query parameter. '
        "Field 'bogus' could not be found in request message."
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"acountId": "x"}, 'Invalid JSON payload received. Unknown name "acountId": Cannot find field.'),
        (
            {"accountId": "good-account", "serviceAccount": {"label": "x"}},
            "Invalid JSON payload received. Unknown name \"label\" at 'service_account': Cannot find field.",
        ),
        ({"accountId": 7}, "Invalid value at 'account_id' (TYPE_STRING), 7"),
        (
            {"serviceAccount": {"disabled": "perhaps"}},
            "Invalid value at 'service_account.disabled' (TYPE_BOOL), \"perhaps\"",
        ),
    ],
)
async def test_unknown_and_mistyped_fields_are_refused(project: Project, body: Any, message: str) -> None:
    answer = await project.call(f"{ACCOUNTS}.create", body, name=f"projects/{PROJECT}")
    assert (answer.status, answer.message) == (400, message)
    assert answer.json["error"]["details"][0]["@type"] == "type.googleapis.com/google.rpc.BadRequest"


async def test_an_unknown_value_of_an_enumeration_is_refused(project: Project) -> None:
    body = {"format": "DOCKERR"}
    answer = await project.call(
        "artifactregistry.projects.locations.repositories.create", body,
        parent=f"projects/{PROJECT}/locations/us-central1", repositoryId="r",
    )  # fmt: skip
    assert answer.status == 400
    assert '"DOCKERR"' in answer.message


async def test_names_may_be_spelt_as_in_protocol_buffers(project: Project) -> None:
    made = await project.good(
        f"{ACCOUNTS}.create", {"account_id": "with-underscore", "service_account": {"display_name": "Shown"}},
        name=f"projects/{PROJECT}",
    )  # fmt: skip
    assert made["displayName"] == "Shown"


async def test_a_body_that_is_no_json_is_refused(project: Project) -> None:
    answer = await project.request("POST", f"/iam/v1/projects/{PROJECT}/serviceAccounts", b"{")
    assert answer.status == 400


async def test_a_part_of_an_answer_can_be_asked_for(project: Project) -> None:
    answer = await project.good("compute.regions.get", project=PROJECT, region="us-central1", fields="name,quotas(metric)")
    assert set(answer) == {"name", "quotas"}
    assert set(answer["quotas"][0]) == {"metric"}


async def test_a_service_that_is_off_answers_in_the_true_structure(make: Callable[..., Project]) -> None:
    project = make(enabled=False)
    answer = await project.call("compute.networks.list", project=PROJECT)
    assert answer.status == 403
    info = next(d for d in answer.json["error"]["details"] if d["@type"].endswith("ErrorInfo"))
    assert info["reason"] == "SERVICE_DISABLED"
    assert info["metadata"]["service"] == "compute.googleapis.com"
    assert info["metadata"]["consumer"] == f"projects/{NUMBER}"
    assert answer.reason == "accessNotConfigured"
    assert answer.message.startswith(f"Compute Engine API has not been used in project {NUMBER} before or it is disabled.")


async def test_a_fresh_project_can_be_looked_at_only_without_the_quota_project(make: Callable[..., Project]) -> None:
    project = make(enabled=False)
    assert (await project.call("cloudresourcemanager.projects.get", projectId=PROJECT)).status == 403
    assert (await project.call("cloudresourcemanager.projects.get", projectId=PROJECT, quota=None)).status == 200


@pytest.mark.parametrize(
    ("id", "params"),
    [
        ("orgpolicy.projects.policies.getEffectivePolicy", {"name": f"projects/{PROJECT}/policies/x"}),
        ("cloudbilling.projects.getBillingInfo", {"name": f"projects/{PROJECT}"}),
        (
            "servicenetworking.services.connections.list",
            {"parent": "services/servicenetworking.googleapis.com", "network": f"projects/{NUMBER}/global/networks/default"},
        ),
    ],
)
async def test_apis_that_are_charged_to_the_caller_need_a_quota_project(project: Project, id: str, params: Any) -> None:
    refused = await project.call(id, quota=None, **dict(params))
    assert refused.status == 403
    assert "requires a quota project, which is not set by default" in refused.message
    assert (await project.call(id, **dict(params))).status == 200


async def test_a_project_that_the_caller_may_not_use_is_refused_as_quota_project(project: Project) -> None:
    email = project.account("nobody", "roles/compute.viewer")
    answer = await project.call("compute.networks.list", project=PROJECT, token=project.token_of(email))
    assert answer.status == 403
    assert "serviceusage.services.use" in answer.message
    assert (await project.call("compute.networks.list", project=PROJECT, quota="another-project")).status == 403
    assert (
        await project.call("compute.networks.list", project=PROJECT, token=project.token_of(email), quota=None)
    ).status == 200
