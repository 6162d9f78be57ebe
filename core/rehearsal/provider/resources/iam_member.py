"""One member of one role in a resource's IAM policy: read, changed and written whole,
and again where somebody else was faster."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any, ClassVar

from core.rehearsal.provider.client import Json
from core.rehearsal.provider.errors import ApiError, ResourceFailed
from core.rehearsal.provider.links import relative
from core.rehearsal.provider.resources.base import FAILURES, Resource
from core.rehearsal.provider.session import Edit, Session
from core.rehearsal.provider.values import UNKNOWN, State

LONGEST_PAUSE = 30.0
SETTLING = 3.0
"""The real provider reads a policy three more times, a second apart, before it believes in a change."""
Bindings = list[dict[str, Any]]


class IamMember(Resource):
    """A ``google_…_iam_member``: ``parent`` is the argument that names the resource whose policy it is."""

    parent: ClassVar[str]
    what: ClassVar[str]
    """The resource in sentences."""
    quote: ClassVar[str] = '"'
    batched: ClassVar[bool] = False

    def owner(self, session: Session, state: State) -> str:
        """The path of the resource whose policy it is."""
        raise NotImplementedError

    def get_policy(self, session: Session, owner: str) -> Json:
        """The policy as it is."""
        raise NotImplementedError

    def set_policy(self, session: Session, owner: str, policy: Json) -> Json:
        """Writes the policy; raises `ApiError` 409 where it has changed since it was read."""
        raise NotImplementedError

    def create(self, session: Session, plan: State, config: State) -> State:
        state, owner = self.settled(plan), self.owner(session, plan)
        request = f"Create IAM Members {state['role']} {state['member']} for {self._shown(owner)}"
        self._change(session, owner, request, lambda policy: {**_edited(policy, state, _with), "version": 3})
        state["id"] = "/".join([owner, state["role"], state["member"], *_condition_part(state)])
        return self.read_again(session, state)

    def read(self, session: Session, state: State, *, applied: bool = False) -> State | None:
        owner = self.owner(session, state)
        try:
            policy = self.get_policy(session, owner)
        except FAILURES as error:
            if isinstance(error, ApiError) and error.status == 404:
                return None
            raise ResourceFailed(self._not_read(owner, state, error)) from error
        if not any(_is(b, state) and state["member"] in b.get("members", []) for b in policy.get("bindings", [])):
            return None
        found = {**state, "etag": policy.get("etag")}
        if "project" in found and not found["project"]:
            found["project"] = session.project
        if "location" in found and not found["location"]:
            found["location"] = session.region
        return found

    def delete(self, session: Session, state: State) -> None:
        owner = self.owner(session, state)
        request = f"Delete IAM Members {state['role']} {state['member']} for {json.dumps(self._shown(owner))}"
        try:
            self._change(session, owner, request, lambda policy: _edited(policy, state, _without))
        except ResourceFailed as failed:
            cause = failed.__cause__
            if not (isinstance(cause, ApiError) and cause.status == 404):
                member = f'(role "{state["member"]}", "{state["role"]}")'
                about = f"Resource {owner} for IAM Member {member}"
                raise ResourceFailed(f"Error when reading or editing {about}: {failed}", state) from failed

    def imported(self, session: Session, given: str) -> State:
        parts = given.split(maxsplit=3)
        if len(parts) < 3:
            raise ResourceFailed(
                f"Wrong number of parts to Member id {given}; expected 'resource_name role member [condition_title]'."
            )
        state = {**self.block.empty(), **self.imported_owner(session, parts[0]), "role": parts[1], "member": parts[2]}
        title = parts[3] if len(parts) == 4 else None
        if title:
            policy = self.get_policy(session, self.owner(session, state))
            found = [b["condition"] for b in policy.get("bindings", []) if b.get("condition", {}).get("title") == title]
            state["condition"] = [{"title": title, **_texts(found[0])}] if found else []
        owner = self.owner(session, state)
        return {**state, "id": "/".join([owner, parts[1], parts[2], *_condition_part(state)])}

    def imported_owner(self, session: Session, given: str) -> State:
        """The arguments that an import's first part stands for."""
        return {self.parent: given}

    def _change(self, session: Session, owner: str, request: str, edit: Edit) -> None:
        if self.batched:
            key = f"{self.service}-{owner}"
            session.edits.write(key, request, edit, lambda edits: self._rewrite(session, owner, edits))
        else:
            self._rewrite(session, owner, [edit])

    def _rewrite(self, session: Session, owner: str, edits: list[Edit]) -> None:
        pause = 1.0
        with session.locks.of(f"iam-{self.service}-{owner}"):
            while True:
                try:
                    policy = self.get_policy(session, owner)
                except FAILURES as error:
                    told = f"Error retrieving IAM policy for {self._shown(owner)}: {error}"
                    raise ResourceFailed(told) from error
                try:
                    self.set_policy(session, owner, functools.reduce(lambda found, edit: edit(found), edits, policy))
                    session.pace.sleep(SETTLING)
                    return
                except FAILURES as error:
                    changed = isinstance(error, ApiError) and error.status in (409, 412)
                    if not changed or pause * 2 > LONGEST_PAUSE:
                        raise ResourceFailed(self._failure(owner, error, given_up=changed)) from error
                session.pace.sleep(pause)
                pause *= 2

    def _shown(self, owner: str) -> str:
        return f"{self.what} {self.quote}{owner}{self.quote}"

    def _not_read(self, owner: str, state: State, error: Exception) -> str:
        shown = self._shown(owner)
        about = f'Resource {json.dumps(shown)} with IAM Member: Role "{state["role"]}" Member "{state["member"]}"'
        return f"Error when reading or editing {about}: Error retrieving IAM policy for {shown}: {error}"

    def _failure(self, owner: str, error: Exception, *, given_up: bool) -> str:
        shown = self._shown(owner)
        about = f"to {shown}: Too many conflicts.  Latest error" if given_up else f"for {shown}"
        return f"Error applying IAM policy {about}: Error setting IAM policy for {shown}: {error}"


class ProjectIamMember(IamMember):
    """``google_project_iam_member``."""

    service, parent, what = "resource_manager", "project", "project"
    batched = True

    def owner(self, session: Session, state: State) -> str:
        return str(state["project"]).removeprefix("projects/")

    def get_policy(self, session: Session, owner: str) -> Json:
        body = {"options": {"requestedPolicyVersion": 3}}
        return session.google.call(self.service, "POST", f"projects/{owner}:getIamPolicy", body=body)

    def set_policy(self, session: Session, owner: str, policy: Json) -> Json:
        body = {"policy": policy, "updateMask": "bindings,etag,auditConfigs"}
        return session.google.call(self.service, "POST", f"projects/{owner}:setIamPolicy", body=body)


class ServiceAccountIamMember(IamMember):
    """``google_service_account_iam_member``."""

    service, parent, what, quote = "iam", "service_account_id", "service account", "'"

    def owner(self, session: Session, state: State) -> str:
        return str(state["service_account_id"])

    def get_policy(self, session: Session, owner: str) -> Json:
        return session.google.call(
            self.service, "POST", f"{owner}:getIamPolicy", query={"options.requestedPolicyVersion": "3"}
        )

    def set_policy(self, session: Session, owner: str, policy: Json) -> Json:
        return session.google.call(self.service, "POST", f"{owner}:setIamPolicy", body={"policy": policy})


class BucketIamMember(IamMember):
    """``google_storage_bucket_iam_member``."""

    service, parent, what = "storage", "bucket", "storage bucket"

    def owner(self, session: Session, state: State) -> str:
        return "b/" + str(state["bucket"]).removeprefix("b/")

    def get_policy(self, session: Session, owner: str) -> Json:
        return session.google.call(self.service, "GET", f"{owner}/iam", query={"optionsRequestedPolicyVersion": "3"})

    def set_policy(self, session: Session, owner: str, policy: Json) -> Json:
        body = {k: v for k, v in policy.items() if k not in ("kind", "resourceId")}
        return session.google.call(self.service, "PUT", f"{owner}/iam", body=body)

    def read(self, session: Session, state: State, *, applied: bool = False) -> State | None:
        found = super().read(session, state, applied=applied)
        return found and {**found, "bucket": self.owner(session, state)}


class RepositoryIamMember(IamMember):
    """``google_artifact_registry_repository_iam_member``."""

    service, parent, what = "artifact_registry", "repository", "artifactregistry repository"

    def owner(self, session: Session, state: State) -> str:
        name = str(state["repository"])
        if name.startswith("projects/"):
            return name
        project, location = state.get("project") or session.project, state.get("location") or session.region
        return f"projects/{project}/locations/{location}/repositories/{name}"

    def get_policy(self, session: Session, owner: str) -> Json:
        return session.google.call(self.service, "GET", f"{owner}:getIamPolicy")

    def set_policy(self, session: Session, owner: str, policy: Json) -> Json:
        return session.google.call(self.service, "POST", f"{owner}:setIamPolicy", body={"policy": policy})

    def read(self, session: Session, state: State, *, applied: bool = False) -> State | None:
        found = super().read(session, state, applied=applied)
        return found and {**found, "repository": self.owner(session, state)}

    def customize(self, session: Session, prior: State | None, plan: State, config: State) -> None:
        super().customize(session, prior, plan, config)
        if prior is None and not config.get("project"):
            plan["project"] = UNKNOWN

    def imported_owner(self, session: Session, given: str) -> State:
        parts = relative(given).split("/")
        if len(parts) == 6:
            return {"project": parts[1], "location": parts[3], "repository": parts[5]}
        return {"repository": given, "project": session.project, "location": session.region}


def _is(binding: Json, state: State) -> bool:
    wanted = _texts((state.get("condition") or [{}])[0])
    return binding.get("role") == state["role"] and _texts(binding.get("condition") or {}) == wanted


def _texts(condition: Json) -> dict[str, str]:
    return {k: v for k, v in condition.items() if k in ("title", "description", "expression") and v}


def _edited(policy: Json, state: State, edit: Callable[[Bindings, State], Bindings]) -> Json:
    return {**policy, "bindings": edit(policy.get("bindings", []), state)}


def _with(bindings: Bindings, state: State) -> Bindings:
    found = [dict(b) for b in bindings]
    for binding in found:
        if _is(binding, state):
            binding["members"] = [*(m for m in binding.get("members", []) if m != state["member"]), state["member"]]
            return found
    new: dict[str, Any] = {"role": state["role"], "members": [state["member"]]}
    condition = _texts((state.get("condition") or [{}])[0])
    return [*found, {**new, "condition": condition} if condition else new]


def _without(bindings: Bindings, state: State) -> Bindings:
    found = [
        {**b, "members": [m for m in b.get("members", []) if not (_is(b, state) and m == state["member"])]} for b in bindings
    ]
    return [b for b in found if b["members"]]


def _condition_part(state: State) -> list[str]:
    return [c["title"] for c in state.get("condition") or []]
