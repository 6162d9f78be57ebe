"""``google_service_networking_connection``: the peering that gives managed services addresses in one's own network.

The API knows the network by its project's number. A connection's state forgets nothing: with ``deletion_policy`` ABANDON
destroying it only drops it from the state.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from core.rehearsal.provider.client import Json
from core.rehearsal.provider.errors import ApiError, ResourceFailed, WaitFailed
from core.rehearsal.provider.links import last_part, relative
from core.rehearsal.provider.resources.base import FAILURES, Resource
from core.rehearsal.provider.session import Session
from core.rehearsal.provider.values import State

TAKEN = "Cannot modify allocated ranges in CreateConnection."
PEERING = "servicenetworking-googleapis-com"


class Connection(Resource):
    """See the module."""

    label, service = "Service Networking Connection", "service_networking"
    timeout_minutes = 10.0

    def create(self, session: Session, plan: State, config: State) -> State:
        state = self.settled(plan)
        body = {"network": self._network(session, state), "reservedPeeringRanges": state["reserved_peering_ranges"]}
        path = f"services/{state['service']}/connections"
        try:
            answer = session.google.call(self.service, "POST", path, body=body)
            self._wait(session, answer, "Create Service Networking Connection", self.timeout(state, "create"))
        except (*FAILURES, WaitFailed) as error:
            if TAKEN not in str(error) or not state.get("update_on_creation_fail"):
                raise ResourceFailed(str(error)) from error
            self._patch(session, state)
        state["id"] = f"{quote(relative(state['network']), safe='')}:{state['service']}"
        return self.read_again(session, state)

    def read(self, session: Session, state: State, *, applied: bool = False) -> State | None:
        try:
            network = self._network(session, state)
            answer = session.google.call(
                self.service, "GET", f"services/{state['service']}/connections", query={"network": network}
            )
        except FAILURES as error:
            if isinstance(error, ApiError) and error.status == 404:
                return None
            raise ResourceFailed(str(error)) from error
        found = next((c for c in answer.get("connections", []) if relative(c.get("network", "")) == network), None)
        if found is None:
            return None
        return {
            **state,
            "peering": found.get("peering"),
            "reserved_peering_ranges": [last_part(r) for r in found.get("reservedPeeringRanges", [])],
            "deletion_policy": state.get("deletion_policy") or "DELETE",
        }

    def update(self, session: Session, prior: State, plan: State, config: State) -> State:
        state = self.settled(plan)
        if prior["reserved_peering_ranges"] != state["reserved_peering_ranges"]:
            self._patch(session, state)
        return self.read_again(session, state)

    def remove(self, session: Session, state: State, values: dict[str, str]) -> Json:
        path = f"services/{state['service']}/connections/{PEERING}"
        body = {"consumerNetwork": self._network(session, state)}
        try:
            answer = session.google.call(self.service, "POST", path, body=body)
            self._wait(session, answer, "Delete Service Networking Connection", self.timeout(state, "delete"))
        except (*FAILURES, WaitFailed) as error:
            raise ResourceFailed(f"Unable to remove Service Networking Connection, err: {error}", state) from error
        return {}

    def imported(self, session: Session, given: str) -> State:
        network, _, service = unquote(given).rpartition(":")
        if not network:
            raise ResourceFailed(f"Failed to parse service networking connection id: {given}")
        state = {**self.block.empty(), "network": network, "service": service}
        return {**state, "id": given, "deletion_policy": "DELETE"}

    def _patch(self, session: Session, state: State) -> None:
        body = {"network": self._network(session, state), "reservedPeeringRanges": state["reserved_peering_ranges"]}
        path = f"services/{state['service']}/connections/-"
        try:
            answer = session.google.call(
                self.service, "PATCH", path, body=body, query={"updateMask": "reservedPeeringRanges", "force": "true"}
            )
            self._wait(session, answer, "Update Service Networking Connection", self.timeout(state, "update"))
        except (*FAILURES, WaitFailed) as error:
            raise ResourceFailed(str(error), state if state.get("id") else None) from error

    def _wait(self, session: Session, answer: Json, activity: str, timeout: float) -> None:
        session.operations.common(self.service, answer, activity, timeout, heeds_stop=False)

    def _network(self, session: Session, state: State) -> str:
        path = relative(state["network"])
        parts = path.split("/")
        project = parts[1] if len(parts) == 5 else session.project
        number = session.google.call("resource_manager", "GET", f"projects/{project}").get("projectNumber")
        return f"projects/{number}/global/networks/{last_part(path)}"
