"""What all resources share: made, read, changed and deleted by one collection of a REST API, with a table's fields.

A subclass says where the resource stands and how the real provider treats it where that is more than the table. ``id``
and the import formats are the documented ones. State is a dict in the shape of the table.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from core.rehearsal.provider.client import Json
from core.rehearsal.provider.convert import LABELS, expand, find, flatten
from core.rehearsal.provider.errors import ApiError, ResourceFailed, Unreachable, WaitFailed
from core.rehearsal.provider.links import last_part, seconds
from core.rehearsal.provider.plan import Path
from core.rehearsal.provider.schema import ResourceType
from core.rehearsal.provider.session import Session
from core.rehearsal.provider.values import UNKNOWN, State, known

FAILURES = (ApiError, Unreachable)


class Resource:
    """One resource type; see the module."""

    label: ClassVar[str]
    kind: ClassVar[str] = ""
    """The resource in the sentence of a read that failed, where that is not its label."""
    service: ClassVar[str]
    collection: ClassVar[str]
    path: ClassVar[str]
    id: ClassVar[str]
    imports: ClassVar[tuple[str, ...]]
    create_params: ClassVar[dict[str, str]] = {}
    """Query parameters of the create call, by the argument whose value they carry."""
    labels: ClassVar[str] = "labels"
    timeout_minutes: ClassVar[float] = 20.0
    timeouts_alone: ClassVar[bool] = False
    """Whether other timeouts are a change by themselves."""
    imported_values: ClassVar[State] = {}
    """What an import sets that no API knows."""

    def __init__(self, type: ResourceType) -> None:
        self.type = type
        self.block = type.block

    # What Terraform asks for.

    def customize(self, session: Session, prior: State | None, plan: State, config: State) -> None:
        """Completes a plan in place with what depends on the provider's own configuration."""
        if "project" in plan and plan["project"] is UNKNOWN and session.project:
            plan["project"] = session.project
        if prior is None and plan.get("deletion_policy") is UNKNOWN:
            plan["deletion_policy"] = "DELETE"
        if LABELS in plan:
            self._plan_labels(session, prior, plan)

    def create(self, session: Session, plan: State, config: State) -> State:
        """Makes the resource; answers its state."""
        values = self.values(session, plan)
        body = self.encode(session, expand(self.block, plan), plan, config)
        params = {param: str(plan[argument]) for argument, param in self.create_params.items()}
        try:
            answer = session.google.call(self.service, "POST", self.collection.format_map(values), body=body, query=params)
        except FAILURES as error:
            raise ResourceFailed(f"Error creating {self.label}: {error}") from error
        state = {**self.settled(plan), "id": self.id.format_map(values)}
        self.made(session, state, values, answer)
        return self.read_again(session, state)

    def made(self, session: Session, state: State, values: dict[str, str], answer: Json) -> None:
        """Waits for what the create call began; raises what a failed wait leaves behind."""
        try:
            self.wait(session, values, answer, f"Creating {self.label}", self.timeout(state, "create"))
        except WaitFailed as failed:
            raise ResourceFailed(f"Error waiting to create {self.label}: {failed}") from failed

    def read(self, session: Session, state: State, *, applied: bool = False) -> State | None:
        """The resource as it is now; None where it is gone. ``applied``: it was just made or changed."""
        values = self.values(session, state)
        try:
            answer = self.fetch(session, values)
        except FAILURES as error:
            if isinstance(error, ApiError) and error.status == 404:
                return None
            raise ResourceFailed(self.not_read(state, error)) from error
        if answer is None:
            return None
        found = {**state, **flatten(self.block, self.decode(session, answer, state), state, applied=applied)}
        found["id"] = self.id.format_map({**{k: v for k, v in found.items() if isinstance(v, str)}, **values})
        self._read_labels(found, answer, state)
        return self.finish(session, found, answer, state)

    def read_again(self, session: Session, state: State) -> State:
        """The resource just made or changed; one that can't be read stays in the state as it was asked for."""
        try:
            found = self.read(session, state, applied=True)
        except ResourceFailed as failed:
            raise ResourceFailed(str(failed), failed.state or state) from failed
        if found is None:
            raise ResourceFailed(f"Error reading {self.label}: it was made, and is gone again")
        return found

    def update(self, session: Session, prior: State, plan: State, config: State) -> State:
        """Changes the resource in place; answers its state."""
        state = self.settled(plan)
        changes = self.changes(prior, state)
        if changes:
            try:
                self.change(session, prior, state, changes, config)
            except WaitFailed as failed:
                raise ResourceFailed(str(failed), prior) from failed
            except FAILURES as error:
                raise ResourceFailed(self.not_changed(prior, error), prior) from error
        return self.read_again(session, state)

    def delete(self, session: Session, state: State) -> None:
        """Deletes the resource; that it is gone already is no error."""
        if state.get("deletion_policy") == "ABANDON":
            return
        if state.get("deletion_policy") == "PREVENT":
            raise ResourceFailed(f'cannot destroy {self.label} with deletion_policy "PREVENT"', state)
        values = self.values(session, state)
        try:
            answer = self.remove(session, state, values)
            self.wait(session, values, answer, f"Deleting {self.label}", self.timeout(state, "delete"))
        except WaitFailed as failed:
            raise ResourceFailed(self.deletion_failed(state, failed), state) from failed
        except FAILURES as error:
            if not (isinstance(error, ApiError) and error.status == 404):
                raise ResourceFailed(self.not_deleted(state, error), state) from error

    def imported(self, session: Session, given: str) -> State:
        """The state with which an import begins, before it is read."""
        state = {**self.block.empty(), **self.imported_values}
        if "deletion_policy" in state:
            state["deletion_policy"] = "DELETE"
        for form in self.imports:
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(form))
            found = re.fullmatch(pattern, given)
            if found:
                state.update(found.groupdict())
                return {**state, "id": self.id.format_map(self.values(session, state))}
        raise ResourceFailed(f'Import id "{given}" doesn\'t match any of the accepted formats: [{" ".join(self.imports)}]')

    # What a subclass may do differently.

    def replaces(self, prior: State, plan: State) -> list[Path]:
        """Changes that need a new resource though no argument says so."""
        return []

    def values(self, session: Session, state: State) -> dict[str, str]:
        """What stands for the names in paths."""
        found = {k: v for k, v in state.items() if isinstance(v, str) and v}
        found.setdefault("project", session.project)
        if not found.get("region"):
            found["region"] = session.region
        return found

    def encode(self, session: Session, body: Json, plan: State, config: State) -> Json:
        """The body as it is sent."""
        return body

    def decode(self, session: Session, answer: Json, state: State) -> Json:
        """The answer as the table takes it."""
        return answer

    def finish(self, session: Session, found: State, answer: Json, prior: State) -> State | None:
        """The state as it is kept; None where the answer means that the resource is gone."""
        if "project" in found and not found["project"]:
            found["project"] = session.project
        if "deletion_policy" in found and not found["deletion_policy"]:
            found["deletion_policy"] = "DELETE"
        for attribute in self.block.attributes.values():
            if not attribute.api and attribute.default is not None and found.get(attribute.name) is None:
                found[attribute.name] = attribute.default
        return found

    def fetch(self, session: Session, values: dict[str, str]) -> Json | None:
        """The resource's representation."""
        return session.google.call(self.service, "GET", self.path.format_map(values))

    def remove(self, session: Session, state: State, values: dict[str, str]) -> Json:
        """Asks for the deletion; answers its operation, if there is one."""
        return session.google.call(self.service, "DELETE", self.path.format_map(values))

    def change(self, session: Session, prior: State, state: State, changes: set[str], config: State) -> None:
        """Sends the changes of an update."""
        values = self.values(session, state)
        body = self.partial(session, prior, state, changes, config)
        answer = session.google.call(
            self.service, "PATCH", self.path.format_map(values), body=body, query=self.update_params(changes)
        )
        self.wait(session, values, answer, f"Updating {self.label}", self.timeout(state, "update"))

    def update_params(self, changes: set[str]) -> dict[str, str]:
        """Query parameters of an update."""
        return {}

    def wait(self, session: Session, values: dict[str, str], answer: Json, activity: str, timeout: float) -> None:
        """Waits for the operation in the answer; a service without operations has nothing to wait for."""

    def not_read(self, state: State, error: Exception) -> str:
        """What is told of a read that failed."""
        return f'Error when reading or editing {self.kind or self.label} "{state["id"]}": {error}'

    def not_changed(self, prior: State, error: Exception) -> str:
        """What is told of a change that was refused."""
        return f'Error updating {self.label} "{prior["id"]}": {error}'

    def not_deleted(self, state: State, error: Exception) -> str:
        """What is told of a deletion that was refused."""
        return f"Error when reading or editing {self.label}: {error}"

    def deletion_failed(self, state: State, failed: WaitFailed) -> str:
        """What is told of a deletion that was begun, and failed."""
        return str(failed)

    # Helpers.

    def changes(self, prior: State, state: State) -> set[str]:
        """The arguments that an update has to send."""
        sent = [a for a in self.block.arguments() if a.api and (a.given or a.name == LABELS)]
        return {a.name for a in sent if prior.get(a.name) != state.get(a.name)}

    def partial(self, session: Session, prior: State, state: State, changes: set[str], config: State) -> Json:
        """The changed fields alone, with null for what is to go."""
        full = self.encode(session, expand(self.block, state), state, config)
        body: Json = {}
        for name in changes:
            argument = self.block.attributes.get(name) or self.block.blocks[name]
            top = argument.api[0]
            body[top] = find(full, (top,))
        return body

    def settled(self, plan: State) -> State:
        """The plan with null where something is not known yet."""
        return {k: _settled(v) for k, v in plan.items()}

    def timeout(self, state: State, operation: str) -> float:
        """The seconds that an operation may take: those of the configuration, else the real provider's default."""
        given = (state.get("timeouts") or {}).get(operation)
        return (seconds(given) if given else None) or self.timeout_minutes * 60

    def _plan_labels(self, session: Session, prior: State | None, plan: State) -> None:
        given = plan.get(self.labels)
        if not known(given):
            plan["terraform_labels"] = plan[LABELS] = UNKNOWN
            return
        before = prior or {}
        wanted = session.labels(given or {}, prior)
        old, kept = before.get("terraform_labels") or {}, before.get(LABELS) or {}
        plan["terraform_labels"] = wanted
        plan[LABELS] = {**{k: v for k, v in kept.items() if k not in old or k in wanted}, **wanted}

    def _read_labels(self, found: State, answer: Json, state: State) -> None:
        if LABELS not in found:
            return
        labels = find(answer, self.block.attributes[LABELS].api) or {}
        found[LABELS] = dict(labels)
        for name in (self.labels, "terraform_labels"):
            found[name] = (
                {k: labels[k] for k in (state.get(name) or {}) if k in labels} if state.get(name) is not None else None
            )


def _settled(value: Any) -> Any:
    if value is UNKNOWN:
        return None
    if isinstance(value, dict):
        return {k: _settled(v) for k, v in value.items()}
    return [_settled(v) for v in value] if isinstance(value, list) else value


def name_of(link: Any) -> str:
    """The name at the end of a link, empty where there is none."""
    return last_part(link) if isinstance(link, str) else ""
