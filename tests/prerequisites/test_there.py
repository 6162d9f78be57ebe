"""What is there already is neither counted twice nor held against a policy; what a stranger has is not there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.environment import Home
from core.gcp import Google
from core.names import Names
from core.prerequisites import Subject, policies, quotas
from core.prerequisites.existing import expected, of_notebook
from core.prerequisites.there import IMAGE, KEY, NAT, NETWORK, NOTEBOOK, NOTHING, PLATFORM, Machines, parts_there, there
from core.rehearsal.google import strangers
from core.rehearsal.world import World
from tests.prerequisites.checked import ALL, ID, cloud, subject

ZONE = "us-central1-a"
GROUP = f"https://www.googleapis.com/compute/v1/projects/rehearsal-abcdef/zones/{ZONE}/instanceGroupManagers/gke-pool-grp"
NOTEBOOK_NAME = f"projects/rehearsal-abcdef/locations/{ZONE}/instances/demo-notebook"
ON = (*ALL, "orgpolicy")
KINDS = {
    "network": "compute.networks", "subnetwork": "compute.subnetworks", "router": "compute.routers",
    "firewall rule": "compute.firewalls", "address range": "compute.globalAddresses", "cluster": "container.clusters",
    "Cloud SQL instance": "sql.instances", "bucket": "storage.buckets", "service account": "iam.serviceAccounts",
    "repository": "artifactregistry.repositories", "notebook": "notebooks.instances",
}  # fmt: skip
POOL = {"name": "demo-pool", "config": {"machineType": "e2-standard-4", "diskSizeGb": 100}, "initialNodeCount": 2,
        "networkConfig": {"enablePrivateNodes": True}, "instanceGroupUrls": [GROUP]}  # fmt: skip


def plant(world: World, found: Subject, *, own: bool = True, notebook: bool = True) -> None:
    """A platform and a notebook as far as they are looked at; those of somebody else where they are not the own."""
    assert found.places is not None
    labels = {"mlops-env-id": ID if own else "others"}
    mark = found.places.mark if own else ""
    items = [*expected(found.places).values(), *(of_notebook(found.places) if notebook else [])]
    network = f"https://www.googleapis.com/compute/v1/projects/{world.project}/global/networks/{found.places.network}"
    more: dict[str, dict[str, Any]] = {
        "network": {"peerings": [{"name": "servicenetworking-googleapis-com"}]},
        "router": {"scope": "regions/us-central1", "nats": [{"name": found.places.nat}]},
        "subnetwork": {"scope": "regions/us-central1", "ipCidrRange": "10.0.0.0/20", "network": network},
        "cluster": {"location": ZONE, "resourceLabels": labels, "nodePools": [{**POOL, "name": found.places.node_pool}]},
        "Cloud SQL instance": {"settings": {"userLabels": labels}},
        "bucket": {"project": world.project, "labels": labels},
        "repository": {"labels": labels},
        "notebook": {"name": NOTEBOOK_NAME, "state": "ACTIVE", "labels": labels,
                     "gceSetup": {"machineType": f"projects/p/zones/{ZONE}/machineTypes/e2-standard-4"}},
    }  # fmt: skip
    for item in items:
        if item.what in KINDS:
            resource = {"type": KINDS[item.what], "name": item.name, "description": mark, **more.get(item.what, {})}
            strangers.plant(world, resource, 1)


def names_of(found: Subject) -> Names:
    assert found.places is not None
    return found.places


async def looked(google: Google, found: Subject) -> tuple[dict[str, str], dict[str, str]]:
    """How policies and quotas stand."""
    return (
        {c.id: c.state for c in await policies.check(found)},
        {c.id: c.state for c in await quotas.check(found)},
    )


async def test_what_is_the_environments_own_is_there_and_what_is_a_strangers_is_not(tmp_path: Path, home: Home) -> None:
    async with cloud(tmp_path, on=ON) as (simulated, google):
        found = subject(google, home, zone=ZONE, notebook="vm")
        assert found.places is not None
        assert await there(google, found.places, notebook=True) == NOTHING
        plant(simulated.world, found, own=False)
        assert await there(google, found.places, notebook=True) == NOTHING
        assert await parts_there(found, found.places) == frozenset()


async def test_nodes_are_counted_by_their_group_and_a_notebook_that_stands_still_has_no_machine(
    tmp_path: Path, home: Home
) -> None:
    async with cloud(tmp_path, on=ON) as (simulated, google):
        found = subject(google, home, zone=ZONE, notebook="vm")
        assert found.places is not None
        plant(simulated.world, found)
        seen = await there(google, found.places, notebook=True)
        assert (seen.network, seen.router, seen.cluster) == (True, True, True)
        assert seen.nodes == Machines(2, "e2-standard-4", 100, private=True)
        assert seen.notebook == Machines(1, "e2-standard-4")
        simulated.world.store.put(
            "notebooks.instances",
            NOTEBOOK_NAME,
            {**(simulated.world.store.get("notebooks.instances", NOTEBOOK_NAME) or {}), "state": "STOPPED"},
        )
        assert (await there(google, found.places, notebook=True)).notebook == Machines(0, "e2-standard-4")


FORBIDDEN = {"policies": {"constraints/iam.disableServiceAccountCreation": True,
                          "constraints/iam.disableServiceAccountKeyCreation": True,
                          "constraints/compute.vmExternalIpAccess": {"denyAll": True},
                          "constraints/storage.retentionPolicySeconds": ["86400"],
                          "constraints/ainotebooks.disableRootAccess": True},
             "quotas": {"CPUS": {"limit": 8}}}  # fmt: skip
ACCOUNTS, KEYS = "policy.iam.disableServiceAccountCreation", "policy.iam.disableServiceAccountKeyCreation"
ROOT, PUBLIC = "policy.ainotebooks.disableRootAccess", "policy.compute.vmExternalIpAccess"


@pytest.mark.parametrize(
    ("notebook", "made", "given", "policies_say", "quotas_say"),
    [
        # a change that makes nothing: its two nodes hold all the CPUs that there are, and what forbids it came later
        (False, {}, {"labels": {"a": "b"}}, {"policies": "pass"}, {"quota.CPUS": "warn"}),
        (False, {}, {"notebook": "vm"}, {ACCOUNTS: "block", ROOT: "block"}, {"quota.CPUS": "block"}),
        (True, {"notebook": "vm"}, {"notebook": "vm", "labels": {"a": "b"}}, {"policies": "pass"}, {"quota.CPUS": "warn"}),
        (False, {}, {"user_gcp_sa": True}, {KEYS: "block"}, {"quota.CPUS": "warn"}),
        (False, {"user_gcp_sa": True}, {"user_gcp_sa": True, "labels": {"a": "b"}}, {"policies": "pass"},
         {"quota.CPUS": "warn"}),
        (False, {}, {"node_machine_type": "e2-standard-8"}, {"policies": "pass"}, {"quota.CPUS": "block"}),
        (False, {}, {"private_nodes": False}, {PUBLIC: "block"}, {"quota.CPUS": "warn"}),
        # an installation that never came to its end is held to all that it may have to make
        (False, None, {"user_gcp_sa": True}, {KEYS: "block"}, {"quota.CPUS": "warn"}),
    ],
)  # fmt: skip
async def test_only_what_is_made_anew_can_be_refused(
    tmp_path: Path, home: Home, notebook: bool, made: dict[str, Any] | None, given: dict[str, Any],
    policies_say: dict[str, str], quotas_say: dict[str, str],
) -> None:  # fmt: skip
    place = {"zone": ZONE, "image": "none"}
    async with cloud(tmp_path, {"project": FORBIDDEN}, on=ON) as (simulated, google):
        found = subject(google, home, made=None if made is None else {**place, **made}, **place, **given)
        plant(simulated.world, found, notebook=notebook)
        assert await looked(google, found) == (policies_say, quotas_say)


async def test_the_same_again_is_passed_over_unless_a_run_may_have_changed_it(tmp_path: Path, home: Home) -> None:
    async with cloud(tmp_path, {"project": FORBIDDEN}, on=ON) as (_, google):
        found = subject(google, home, made={"zone": ZONE}, zone=ZONE)
        assert await looked(google, found) == ({}, {})
        policies_say, quotas_say = await looked(google, replace(found, doubted=True))
        assert policies_say[ACCOUNTS] == "block"
        assert quotas_say["quota.CPUS"] == "warn"


async def test_what_misses_one_of_its_resources_is_made_anew(tmp_path: Path, home: Home) -> None:
    async with cloud(tmp_path, on=ON) as (simulated, google):
        found = subject(google, home, zone=ZONE, notebook="vm", made={"user_gcp_sa": True, "image": "none"})
        assert found.places is not None
        plant(simulated.world, found)
        assert await parts_there(found, found.places) == {PLATFORM, NETWORK, NAT, NOTEBOOK, KEY}
        simulated.world.store.delete("artifactregistry.repositories", expected(found.places)[
            "module.registry[0].google_artifact_registry_repository.this"].import_id)  # fmt: skip
        assert PLATFORM not in await parts_there(found, found.places)


async def test_a_way_out_that_a_new_notebook_needs_makes_nothing_else_anew(tmp_path: Path, home: Home) -> None:
    project = {"policies": {"constraints/compute.restrictCloudNATUsage": {"denyAll": True},
                            "constraints/compute.vmExternalIpAccess": {"denyAll": True}}}  # fmt: skip
    place = {"zone": ZONE, "image": "none", "private_nodes": False}
    async with cloud(tmp_path, {"project": project}, on=ON) as (simulated, google):
        found = subject(google, home, made=place, **place, notebook="vm")
        plant(simulated.world, found, notebook=False)
        ((router, _),) = simulated.world.store.items("compute.routers")
        simulated.world.store.delete("compute.routers", router)
        assert await parts_there(found, names_of(found)) == {PLATFORM, NETWORK, IMAGE}
        policies_say = {c.id: c.state for c in await policies.check(found)}
        assert policies_say == {"policy.compute.restrictCloudNATUsage": "block"}


async def test_the_way_out_of_a_short_quota_is_what_was_there_before_and_never_smaller_nodes(
    tmp_path: Path, home: Home
) -> None:
    async with cloud(tmp_path, {"project": FORBIDDEN}, on=ON) as (simulated, google):
        found = subject(google, home, made={"zone": ZONE}, zone=ZONE, notebook="vm")
        plant(simulated.world, found, notebook=False)
        (short,) = await quotas.check(found)
        assert short.hint.startswith("Leave notebook at none, or ask for more on the quota page")
        assert [(a.key, a.value) for a in short.answers] == [("notebook", "none")]
        unfinished = subject(google, home, zone=ZONE, notebook="vm")
        (short,) = await quotas.check(unfinished)
        assert short.hint.startswith("Ask for more on the quota page")
        assert short.answers == ()
        store = simulated.world.store
        name = expected(names_of(found))["module.cluster.google_container_cluster.this"].import_id
        store.put("container.clusters", name, {**(store.get("container.clusters", name) or {}), "nodePools": []})
        (short,) = await quotas.check(subject(google, home, zone=ZONE, profile="standard"))
        assert [(a.key, a.value) for a in short.answers] == [("profile", "trial")], "no node is there that it would resize"
