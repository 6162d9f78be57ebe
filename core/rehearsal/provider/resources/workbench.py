"""``google_workbench_instance``: stopped for what only a stopped one takes, and brought to the state that is asked for.

What the service adds to the metadata shows as a change for ever; and no wait looks at a request to stop.
"""

from __future__ import annotations

from core.rehearsal.provider.client import Json
from core.rehearsal.provider.convert import expand, flatten
from core.rehearsal.provider.errors import ResourceFailed, WaitFailed
from core.rehearsal.provider.resources.base import FAILURES, Resource
from core.rehearsal.provider.schema import Block
from core.rehearsal.provider.session import Session
from core.rehearsal.provider.values import State

MASKS = {
    "effective_labels": "labels",
    "enable_deletion_protection": "enable_deletion_protection",
    "enable_managed_euc": "enable_managed_euc",
    "enable_third_party_identity": "enable_third_party_identity",
}
SETUP_MASKS = {
    "machine_type": "gce_setup.machine_type",
    "metadata": "gce_setup.metadata",
    "min_cpu_platform": "gce_setup.min_cpu_platform",
    "container_image": "gce_setup.container_image",
    "shielded_instance_config": "gce_setup.shielded_instance_config",
    "boot_disk": "gce_setup.boot_disk",
    "data_disks": "gce_setup.data_disks",
}
ONLY_STOPPED = ("machine_type", "shielded_instance_config")


class Instance(Resource):
    """See the module."""

    label, service = "Instance", "workbench"
    collection = "projects/{project}/locations/{location}/instances"
    path = id = "projects/{project}/locations/{location}/instances/{name}"
    imports = (
        "projects/{project}/locations/{location}/instances/{name}",
        "{project}/{location}/{name}",
        "{location}/{name}",
    )
    create_params = {"name": "instanceId"}  # noqa: RUF012
    timeout_minutes = 40.0

    def create(self, session: Session, plan: State, config: State) -> State:
        state = super().create(session, plan, config)
        return self._towards(session, state, state)

    def encode(self, session: Session, body: Json, plan: State, config: State) -> Json:
        planned = (plan.get("gce_setup") or [{}])[0]
        if planned.get("data_disks"):
            body["gceSetup"]["dataDisks"] = [expand(self._disks(), disk) for disk in planned["data_disks"]]
        return body

    def finish(self, session: Session, found: State, answer: Json, prior: State) -> State | None:
        parts = str(answer.get("name", "")).split("/")
        if len(parts) == 6:
            found["location"], found["name"] = parts[3], parts[5]
        disks = (answer.get("gceSetup") or {}).get("dataDisks") or []
        for setup in found.get("gce_setup") or []:
            setup["data_disks"] = [flatten(self._disks(), disk, {}) for disk in disks]
        return super().finish(session, found, answer, prior)

    def update(self, session: Session, prior: State, plan: State, config: State) -> State:
        state = self.settled(plan)
        masks = [mask for name, mask in MASKS.items() if prior.get(name) != state.get(name)]
        old, new = (found["gce_setup"][0] if found.get("gce_setup") else {} for found in (prior, state))
        changed = [name for name in SETUP_MASKS if old.get(name) != new.get(name)]
        masks += [SETUP_MASKS[name] for name in changed]
        if masks:
            if any(name in changed for name in ONLY_STOPPED) and prior.get("state") == "ACTIVE":
                self._turn(session, prior, "stop")
            self._patch(session, prior, state, config, masks)
        return self._towards(session, prior, self.read_again(session, state))

    def _disks(self) -> Block:
        """The table of a data disk: there is at most one, and the API has a list of them all the same."""
        return self.block.blocks["gce_setup"].block.blocks["data_disks"].block

    def _patch(self, session: Session, prior: State, state: State, config: State, masks: list[str]) -> None:
        values = self.values(session, state)
        body = self.encode(session, expand(self.block, state), state, config)
        try:
            answer = session.google.call(
                "workbench", "PATCH", self.path.format_map(values), body=body, query={"updateMask": ",".join(masks)}
            )
            self.wait(session, values, answer, "Updating Instance", self.timeout(state, "update"))
        except (*FAILURES, WaitFailed) as error:
            raise ResourceFailed(f'Error updating Instance "{prior["id"]}": {error}', prior) from error

    def _towards(self, session: Session, prior: State, state: State) -> State:
        """Stops or starts the instance where that is asked for."""
        wanted, now = state.get("desired_state"), state.get("state")
        verb = {("STOPPED", "ACTIVE"): "stop", ("ACTIVE", "STOPPED"): "start"}.get((str(wanted), str(now)))
        if verb is None:
            return state
        self._turn(session, prior, verb)
        return self.read_again(session, state)

    def _turn(self, session: Session, state: State, verb: str) -> None:
        values = self.values(session, state)
        try:
            answer = session.google.call("workbench", "POST", f"{self.path.format_map(values)}:{verb}", body={})
            self.wait(session, values, answer, f"{verb} Instance", self.timeout(state, "update"))
        except (*FAILURES, WaitFailed) as error:
            raise ResourceFailed(f'Error changing Instance "{state["id"]}": {error}', state) from error

    def wait(self, session: Session, values: dict[str, str], answer: Json, activity: str, timeout: float) -> None:
        if "/operations/" in str(answer.get("name", "")):
            session.operations.common("workbench", answer, activity, timeout, heeds_stop=False)
