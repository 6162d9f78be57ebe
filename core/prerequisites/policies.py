"""Whether an organization's policies allow what is to be made: what would be refused in mid-way is named beforehand.

Each constraint is asked for as the Organization Policy API has it, with its managed twin where there is one; where that API
is off, Resource Manager still knows the older ones. Who may not see policies is told so, and stopped by none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.gcp import Google
from core.gcp.errors import ApiError, NotFound, PermissionDenied, ServiceDisabled
from core.names import Names
from core.prerequisites.check import Check, Subject
from core.prerequisites.constraints import CONSTRAINTS, Constraint, Ours
from core.prerequisites.rules import Rules
from core.prerequisites.there import parts, parts_there
from core.run.together import together

POLICIES = "The organization's policies allow it"


async def check(subject: Subject) -> list[Check]:
    """One check for each constraint that stands in the way, or may; one for those that can't be looked at; else one pass."""
    google = subject.google
    if not google.project or subject.standing:
        return []
    ours = _ours(subject)
    asked = [c for c in CONSTRAINTS if c.concerns(ours)]
    try:
        found = await together(_look(google, constraint) for constraint in asked)
    except ServiceDisabled as error:
        return [Check("policies", POLICIES, "skip", google.project, f"{error.service} is off", "Looked at once it is on.")]
    except (PermissionDenied, NotFound):
        why = "this account may not see the project's policies (orgpolicy.policy.get)"
        return [Check("policies", POLICIES, "skip", google.project, why, "A policy that forbids something shows later.")]
    told, unknown = _told(google, found, ours)
    if told and subject.names is not None:
        ours = replace(ours, parts=ours.parts - await parts_there(subject, ours.names))
        told, unknown = _told(google, found, ours)
    return [*told, *_unknown(unknown)] or [Check("policies", POLICIES, "pass", f"{len(asked)} constraints")]


def _ours(subject: Subject) -> Ours:
    values = subject.values
    names = subject.places or Names.of(values, environment=str(values["name_prefix"]), id="")
    return Ours(values, subject.google.project, names, parts(values))


@dataclass(frozen=True, slots=True)
class _Looked:
    """A constraint and the rules that hold by each of its names: None where only an API knows them that is off."""

    constraint: Constraint
    rules: Mapping[str, Rules | None]


def _unknown(names: list[str]) -> list[Check]:
    if not names:
        return []
    seen = f"{len(names)} constraints, constraints/{names[0]} among them"
    why = "orgpolicy.googleapis.com is off, and nothing else knows them"
    return [Check("policies", POLICIES, "skip", seen, why, "Looked at once it is on.")]


async def _look(google: Google, constraint: Constraint) -> _Looked:
    names = [constraint.id, *([constraint.twin] if constraint.twin else [])]
    return _Looked(constraint, dict(zip(names, await together(_rules(google, name) for name in names), strict=True)))


def _told(google: Google, found: Sequence[_Looked], ours: Ours) -> tuple[list[Check], list[str]]:
    """A check for each constraint that stands in the way of what is to be made, or may; and the names that none can tell."""
    told, unknown = [], []
    for each in found:
        if not each.constraint.concerns(ours):
            continue
        if (check := _check(google, each, ours)) is not None:
            told.append(check)
        else:
            unknown += [name for name, rules in each.rules.items() if rules is None][:1]
    return told, unknown


def _check(google: Google, looked: _Looked, ours: Ours) -> Check | None:
    constraint, id = looked.constraint, f"policy.{looked.constraint.id}"
    answers = {name: False if rules is None else constraint.breaks(rules, ours) for name, rules in looked.rules.items()}
    name = next((name for name, answer in answers.items() if answer is True), "")
    if name:
        culprits = constraint.culprits(looked.rules[name] or (), ours) if constraint.culprits else ()
        why = f"{constraint.why.format(what=', '.join(culprits))} (constraints/{name})"
        command, seen = _by_hand(google, name), f"constraints/{name}"
        return Check(id, POLICIES, "block", seen, why, constraint.hint, command, answers=constraint.answers)
    name = next((name for name, answer in answers.items() if answer is None), "")
    if name:
        why = f"{constraint.why}: whether this environment meets it can't be told from here"
        return Check(id, POLICIES, "warn", f"constraints/{name}", why, constraint.hint, _by_hand(google, name))
    return None


def _by_hand(google: Google, constraint: str) -> str:
    return f"gcloud org-policies describe {constraint} --project={google.project} --effective"


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
