"""Policies change by one member at a time, everything else in them stays, and a stale etag is read again."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.gcp import Google, iam
from core.gcp.errors import Conflict, InvalidRequest
from core.run.clock import VirtualClock
from tests.gcp.fake_google import Fake, refusal

GET, SET = (f"/cloudresourcemanager/v1/projects/proj-one:{verb}" for verb in ("getIamPolicy", "setIamPolicy"))
ROLES = st.sampled_from(["roles/a", "roles/b", "roles/c"])
MEMBERS = st.sampled_from([f"user:{n}@example.com" for n in "xyz"])
CONDITIONS = st.sampled_from([None, {"title": "for a day", "expression": "true"}])


@st.composite
def policies(draw: st.DrawFn) -> iam.Policy:
    bindings = []
    for role, condition in draw(st.sets(st.tuples(ROLES, st.booleans()), max_size=5)):
        binding: dict[str, Any] = {"role": role, "members": sorted(draw(st.sets(MEMBERS, min_size=1)))}
        bindings.append({**binding, "condition": {"title": "for a day"}} if condition else binding)
    return {"bindings": bindings, "etag": "1"}


def flat(policy: iam.Policy) -> set[tuple[str, str, bool]]:
    return {(b["role"], m, "condition" in b) for b in policy["bindings"] for m in b["members"]}


@given(policy=policies(), role=ROLES, member=MEMBERS)
def test_adding_adds_that_one_and_no_other(policy: iam.Policy, role: str, member: str) -> None:
    before = copy.deepcopy(policy)
    changed = iam.add(policy, role, member)
    assert flat(policy) == flat(before) | {(role, member, False)}
    assert changed == ((role, member, False) not in flat(before))
    assert iam.has(policy, role, member)


@given(policy=policies(), role=ROLES, member=MEMBERS)
def test_removing_takes_that_one_and_no_other(policy: iam.Policy, role: str, member: str) -> None:
    before = copy.deepcopy(policy)
    changed = iam.remove(policy, role, member)
    assert flat(policy) == flat(before) - {(role, member, False)}
    assert changed == ((role, member, False) in flat(before))
    assert all(b["members"] for b in policy["bindings"])


@given(policy=policies(), role=ROLES, member=MEMBERS)
def test_what_is_added_and_taken_away_leaves_no_trace(policy: iam.Policy, role: str, member: str) -> None:
    before = flat(policy)
    if iam.add(policy, role, member):
        iam.remove(policy, role, member)
    assert flat(policy) == before


async def test_a_concurrent_change_is_read_again_with_its_new_etag(fake: Fake, google: Google, clock: VirtualClock) -> None:
    fake.will(GET, {"etag": "1", "bindings": []}, {"etag": "2", "bindings": [{"role": "roles/b", "members": ["user:them"]}]})
    fake.will(SET, refusal(409, "There were concurrent policy changes.", "ABORTED"), {"etag": "3"})
    assert await iam.grant_on_project(google, "roles/a", "user:me")
    assert b'"etag": "2"' in fake.bodies[-1]
    assert b"user:them" in fake.bodies[-1]
    assert clock.waits


async def test_a_member_that_is_not_known_yet_is_waited_for(fake: Fake, google: Google) -> None:
    fake.will(GET, {"etag": "1", "bindings": []})
    unknown = refusal(400, "Service account x@p.iam.gserviceaccount.com does not exist.", "INVALID_ARGUMENT")
    fake.will(SET, unknown, unknown, {"etag": "2"})
    assert await iam.grant_on_project(google, "roles/a", "serviceAccount:x@p.iam.gserviceaccount.com")


async def test_what_stays_refused_is_told(fake: Fake, google: Google) -> None:
    fake.will(GET, {"etag": "1", "bindings": []})
    fake.will(SET, refusal(409, "There were concurrent policy changes.", "ABORTED"))
    with pytest.raises(Conflict):
        await iam.grant_on_project(google, "roles/a", "user:me")
    fake.will(SET, refusal(400, "Role roles/a is not supported for this resource.", "INVALID_ARGUMENT"))
    with pytest.raises(InvalidRequest):
        await iam.grant_on_project(google, "roles/a", "user:me")


async def test_what_is_there_already_is_not_written(fake: Fake, google: Google) -> None:
    fake.will(GET, {"etag": "1", "bindings": [{"role": "roles/a", "members": ["user:me"]}]})
    assert not await iam.grant_on_project(google, "roles/a", "user:me")
    assert fake.count(SET) == 0


async def test_conditions_survive_a_change(fake: Fake, google: Google) -> None:
    bound = {"role": "roles/a", "members": ["user:them"], "condition": {"title": "t", "expression": "true"}}
    fake.will(GET, {"etag": "1", "version": 1, "bindings": [bound]})
    fake.will(SET, {})
    await iam.grant_on_project(google, "roles/a", "user:me")
    assert b'"version": 3' in fake.bodies[-1]
    assert b'"condition"' in fake.bodies[-1]


@pytest.mark.parametrize(
    ("account", "member"),
    [
        ("me@example.com", "user:me@example.com"),
        ("x@p.iam.gserviceaccount.com", "serviceAccount:x@p.iam.gserviceaccount.com"),
        ("1@cloudbuild.gserviceaccount.com", "serviceAccount:1@cloudbuild.gserviceaccount.com"),
    ],
)
def test_accounts_are_members_of_their_kind(account: str, member: str) -> None:
    assert iam.member_of(account) == member
