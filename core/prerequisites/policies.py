"""Whether an organization's policies allow what is to be made: what would be refused in mid-way is named beforehand.

Each constraint is asked for as the Organization Policy API has it, with its managed twin where there is one; where that API
is off, Resource Manager still knows the older ones. Who may not see policies is told so, and stopped by none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.gcp import Google
from core.gcp.errors import ApiError, NotFound, PermissionDenied, ServiceDisabled
from core.prerequisites.check import Answer, Check, Subject
from core.run.together import together

POLICIES = "The organization's policies allow it"
Rules = Sequence[Mapping[str, Any]]
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Constraint:
    """``breaks`` says whether rules forbid what the values ask for; None: the rules can't be told from here."""

    id: str
    why: str
    hint: str
    concerns: Callable[[Values], bool]
    breaks: Callable[[Rules, Values], bool | None]
    managed: str = ""
    answer: Answer | None = None

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The way out that is a parameter's, where there is one."""
        return (self.answer,) if self.answer else ()


def _enforced(rules: Rules, _: Values) -> bool:
    return any(rule.get("enforce") is True or rule.get("denyAll") is True for rule in rules)


def _closed(rules: Rules, _: Values) -> bool | None:
    """Of a constraint that lists what is allowed: nothing is, or something that isn't ours to know."""
    if any(rule.get("denyAll") is True or rule.get("enforce") is True for rule in rules):
        return True
    return None if any("allowedValues" in rule.get("values", {}) for rule in rules) else False


def _elsewhere(rules: Rules, values: Values) -> bool | None:
    """Whether the region is none of the allowed locations; None where a group is named that is not known here."""
    region = str(values["region"])
    open_question = False
    for rule in rules:
        if rule.get("denyAll") is True or any(_within(region, v) for v in rule.get("values", {}).get("deniedValues", [])):
            return True
        allowed = rule.get("values", {}).get("allowedValues")
        if not allowed:
            continue
        found = [_within(region, value) for value in allowed]
        if not any(found):
            if None not in found:
                return True
            open_question = True
    return None if open_question else False


def _within(region: str, value: str) -> bool | None:
    """Whether a region is the location, or in the group of locations; None for a group that only Google can tell."""
    plain = value.removeprefix("is:")
    if not plain.startswith("in:"):
        return plain in (region, region.split("-")[0])
    group = plain.removeprefix("in:").removesuffix("-locations")
    if group == region:
        return True
    continents = {"us": "us-", "europe": "europe-", "asia": "asia-", "australia": "australia-", "africa": "africa-",
                  "southamerica": "southamerica-"}  # fmt: skip
    return region.startswith(continents[group]) if group in continents else None


CONSTRAINTS: tuple[Constraint, ...] = (
    Constraint(
        "iam.disableServiceAccountKeyCreation", "no keys of service accounts may be made, and user_gcp_sa needs one",
        "Turn user_gcp_sa off: with Workload Identity no pipeline needs a key.",
        lambda values: bool(values["user_gcp_sa"]), _enforced, managed="iam.managed.disableServiceAccountKeyCreation",
        answer=Answer("user_gcp_sa", False, "pipelines use Workload Identity, and no key"),
    ),
    Constraint(
        "iam.disableServiceAccountCreation", "no service accounts may be made, and the environment has its own",
        "Ask whoever keeps the organization's policies for an exception for this project.", lambda _: True, _enforced,
    ),
    Constraint(
        "compute.vmExternalIpAccess", "no machine may have a public address, and private_nodes is off",
        "Turn private_nodes on: nodes reach out through Cloud NAT then.",
        lambda values: not values["private_nodes"], _closed, managed="compute.managed.vmExternalIpAccess",
        answer=Answer("private_nodes", True, "nodes reach out through Cloud NAT, and have no public address"),
    ),
    Constraint(
        "gcp.resourceLocations", "nothing may be made in this region", "Choose a region that the policy allows.",
        lambda _: True, _elsewhere,
    ),
)  # fmt: skip


async def check(subject: Subject) -> list[Check]:
    """One check for each constraint that stands in the way, or may; one that passes where none does."""
    google = subject.google
    if not google.project or subject.standing:
        return []
    asked = [c for c in CONSTRAINTS if c.concerns(subject.values)]
    try:
        found = await together(_look(google, constraint, subject.values) for constraint in asked)
    except ServiceDisabled as error:
        return [Check("policies", POLICIES, "skip", google.project, f"{error.service} is off", "Looked at once it is on.")]
    except (PermissionDenied, NotFound):
        why = "this account may not see the project's policies (orgpolicy.policy.get)"
        return [Check("policies", POLICIES, "skip", google.project, why, "A policy that forbids something shows later.")]
    return [each for each in found if each] or [Check("policies", POLICIES, "pass", f"{len(asked)} constraints")]


async def _look(google: Google, constraint: Constraint, values: Values) -> Check | None:
    names = [constraint.id, *([constraint.managed] if constraint.managed else [])]
    rules = await together(_rules(google, name) for name in names)
    answers = [False if found is None else constraint.breaks(found, values) for found in rules]
    id = f"policy.{constraint.id}"
    if True in answers:
        name = names[answers.index(True)]
        why = f"{constraint.why} (constraints/{name})"
        return Check(id, POLICIES, "block", f"constraints/{name}", why, constraint.hint, answers=constraint.answers)
    if None in answers:
        why = f"constraints/{names[answers.index(None)]} allows only what is listed"
        return Check(id, POLICIES, "warn", why, "whether this is among it can't be told from here", constraint.hint)
    if None in rules:
        seen = f"constraints/{constraint.managed}"
        return Check(id, POLICIES, "skip", seen, "orgpolicy.googleapis.com is off", "Looked at once it is on.")
    return None


async def _rules(google: Google, constraint: str) -> Rules | None:
    """The rules that hold for the project by a constraint; none without such a constraint, None where none can say."""
    name = f"projects/{google.project}/policies/{constraint}"
    try:
        policy = await google.call("orgpolicy", "v2", "projects.policies.getEffectivePolicy", name=name)
    except ServiceDisabled:
        return await _older(google, constraint)
    except NotFound:
        return ()
    return tuple(policy.get("spec", {}).get("rules", ()))


async def _older(google: Google, constraint: str) -> Rules | None:
    """The same from Resource Manager, which needs no other API but knows no managed constraint."""
    if ".managed." in constraint:
        return None
    try:
        policy = await google.call(
            "cloudresourcemanager", "v1", "projects.getEffectiveOrgPolicy", quota_project=False,
            resource=f"projects/{google.project}", body={"constraint": f"constraints/{constraint}"},
        )  # fmt: skip
    except (ServiceDisabled, PermissionDenied):
        raise
    except ApiError:
        return ()
    if "booleanPolicy" in policy:
        return ({"enforce": bool(policy["booleanPolicy"].get("enforced"))},)
    listed = policy.get("listPolicy", {})
    if listed.get("allValues") == "DENY":
        return ({"denyAll": True},)
    values = {key: listed[key] for key in ("allowedValues", "deniedValues") if listed.get(key)}
    return ({"values": values},) if values else ()
