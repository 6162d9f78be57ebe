"""``google_workbench_instance``: stopped for what only a stopped one takes, and brought to the state that is asked for.

Of the metadata the provider passes over what the service sets by itself, on whichever side it stands: it never sends it, and
its loss is no change. The rest that the service adds is a change for ever. Kinds of disk and a VM's image are not read back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.rehearsal.provider.client import Json
from core.rehearsal.provider.convert import LABELS, expand, flatten
from core.rehearsal.provider.errors import ResourceFailed, WaitFailed
from core.rehearsal.provider.resources.base import FAILURES, Resource
from core.rehearsal.provider.schema import Block
from core.rehearsal.provider.session import Session
from core.rehearsal.provider.values import UNKNOWN, State, known

PASSED_OVER = frozenset({"enable-guest-attributes", "enable-oslogin", "framework", "proxy-mode", "shutdown-script"})
"""Of the metadata that the real provider passes over, what a module here or the simulated service sets."""
UPDATED = ("enableDeletionProtection", "enableManagedEuc", "enableThirdPartyIdentity", "labels")
"""What a change sends beside the setup, where it says something."""
SHIELDED = ("enable_secure_boot", "enable_vtpm", "enable_integrity_monitoring")


class Instance(Resource):
    """See the module."""

    label, kind, service = "Instance", "WorkbenchInstance", "workbench"
    collection = "projects/{project}/locations/{location}/instances"
    path = id = "projects/{project}/locations/{location}/instances/{name}"
    imports = (
        "projects/{project}/locations/{location}/instances/{name}",
        "{project}/{location}/{name}",
        "{location}/{name}",
    )
    create_params = {"name": "instanceId"}  # noqa: RUF012
    timeout_minutes = 40.0

    def customize(self, session: Session, prior: State | None, plan: State, config: State) -> None:
        super().customize(session, prior, plan, config)
        setup, given = _setup(plan), _setup(config).get("metadata")
        if given and known(given):
            setup["metadata"] = _metadata(_setup(prior or {}).get("metadata") or {}, given)

    def create(self, session: Session, plan: State, config: State) -> State:
        state = super().create(session, plan, config)
        if state.get("desired_state") != "STOPPED":
            return state
        self._turn(session, state, "stop", "Error stopping Workbench Instance")
        return self.read_again(session, state)

    def encode(self, session: Session, body: Json, plan: State, config: State) -> Json:
        if disks := _setup(plan).get("data_disks"):
            body["gceSetup"]["dataDisks"] = [expand(self._disks(), disk, inner=True) for disk in disks]
        return body

    def finish(self, session: Session, found: State, answer: Json, prior: State) -> State | None:
        parts = str(answer.get("name", "")).split("/")
        if len(parts) == 6:
            found["location"], found["name"] = parts[3], parts[5]
        disks, before = (answer.get("gceSetup") or {}).get("dataDisks") or [], _setup(prior).get("data_disks") or []
        for setup in found.get("gce_setup") or []:
            setup["data_disks"] = [flatten(self._disks(), d, before[n] if before[n:] else {}) for n, d in enumerate(disks)]
            setup["vm_image"] = [{k: v or "" for k, v in image.items()} for image in _setup(prior).get("vm_image") or []]
            for disk in (*setup["data_disks"], *setup["boot_disk"]):
                disk["disk_type"] = disk["disk_type"] or ""
        return super().finish(session, found, answer, prior)

    def update(self, session: Session, prior: State, plan: State, config: State) -> State:
        state = self.settled(plan)
        masks = dict(_masks(prior, state))
        stop, active = any(masks.values()), prior.get("state")
        if stop and active != "STOPPED":
            self._turn(session, prior, "stop", "Error stopping Workbench Instance")
        if masks:
            self._patch(session, prior, state, config, list(masks))
        if stop or active != state.get("desired_state"):
            verb = "stop" if state.get("desired_state") == "STOPPED" else "start"
            self._turn(session, prior, verb, "Error waiting to modify Workbench Instance state")
        return self.read_again(session, state)

    def _disks(self) -> Block:
        """The table of a data disk: there is at most one, and the API has a list of them all the same."""
        return self.block.blocks["gce_setup"].block.blocks["data_disks"].block

    def _patch(self, session: Session, prior: State, state: State, config: State, masks: list[str]) -> None:
        values = self.values(session, state)
        body = self._whole(session, state, config)
        if "labels" in masks:
            body["labels"] = _with_removed(prior.get(LABELS), state.get(LABELS))
        if "gceSetup.metadata" in masks:
            body["gceSetup"]["metadata"] = _with_removed(_setup(prior).get("metadata"), _setup(state).get("metadata"))
        query = {"updateMask": ",".join(masks)}
        try:
            answer = session.google.call("workbench", "PATCH", self.path.format_map(values), body=body, query=query)
        except FAILURES as error:
            raise ResourceFailed(f'Error updating Instance "{prior["id"]}": {error}', prior) from error
        try:
            self.wait(session, values, answer, "Updating Instance", self.timeout(state, "update"))
        except WaitFailed as failed:
            raise ResourceFailed(str(failed), prior) from failed

    def _whole(self, session: Session, state: State, config: State) -> Json:
        """The body of a change, whatever its mask names: all that says something, also of what was only read."""
        body = self.encode(session, expand(self.block, state), state, config)
        setup = body["gceSetup"]
        setup["instanceId"] = _setup(state).get("compute_instance_id")
        for sent, account in zip(setup.get("serviceAccounts", []), _setup(state)["service_accounts"], strict=True):
            sent["scopes"] = account.get("scopes")
        spoken = {**_spoken(setup), "metadata": setup.get("metadata", {})}
        return {"gceSetup": spoken} | {k: v for k, v in body.items() if k in UPDATED and v}

    def _turn(self, session: Session, state: State, verb: str, failed: str) -> None:
        """Stops or starts the instance, and waits for it; ``failed`` begins what is told of a wait that fails."""
        values = self.values(session, state)
        try:
            answer = session.google.call("workbench", "POST", f"{self.path.format_map(values)}:{verb}")
        except FAILURES as error:
            raise ResourceFailed(f'Unable to "{verb}" google_workbench_instance "{state["id"]}": {error}', state) from error
        try:
            self.wait(session, values, answer, "Modifying Workbench Instance state", self.timeout(state, "update"))
        except WaitFailed as error:
            raise ResourceFailed(f"{failed}: {error}", state) from error

    def wait(self, session: Session, values: dict[str, str], answer: Json, activity: str, timeout: float) -> None:
        if "/operations/" in str(answer.get("name", "")):
            session.operations.common("workbench", answer, activity, timeout, heeds_stop=False)


def _setup(state: State) -> State:
    """The one element of ``gce_setup``."""
    given = state.get("gce_setup")
    found: State = given[0] if isinstance(given, list) and given and given[0] is not UNKNOWN else {}
    return found


def _metadata(before: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    """The metadata that is planned: what was there, with every change that is not passed over."""
    left = {k: v for k, v in before.items() if k in given or k in PASSED_OVER}
    return {**left, **{k: v for k, v in given.items() if k not in PASSED_OVER}}


def _masks(prior: State, state: State) -> Iterator[tuple[str, bool]]:
    """The masks of what changes, each with whether the instance has to be stopped for it."""
    old, new = _setup(prior), _setup(state)

    def differs(name: str) -> bool:
        return bool(old.get(name) != new.get(name))

    if differs("machine_type"):
        yield "gce_setup.machine_type", True
    for name in SHIELDED:
        before, after = (_first(found.get("shielded_instance_config")).get(name) or False for found in (old, new))
        if before != after:
            yield f"gce_setup.shielded_instance_config.{name}", True
    if differs("metadata"):
        yield "gceSetup.metadata", False
    if prior.get(LABELS) != state.get(LABELS):
        yield "labels", False
    if (prior.get("enable_deletion_protection") or False) != (state.get("enable_deletion_protection") or False):
        yield "enable_deletion_protection", False
    if differs("container_image"):
        yield "gce_setup.container_image", True
    if differs("min_cpu_platform"):
        yield "gce_setup.min_cpu_platform", False


def _spoken(value: Any) -> Any:
    """A part of a body without what says nothing: nulls, zeros and what is empty."""
    if isinstance(value, dict):
        return {k: v for k, v in ((k, _spoken(v)) for k, v in value.items()) if v not in (None, "", False, 0, [], {})}
    return [_spoken(v) for v in value] if isinstance(value, list) else value


def _first(items: Any) -> State:
    return items[0] if items else {}


def _with_removed(before: dict[str, str] | None, after: dict[str, str] | None) -> dict[str, str]:
    """A map for a change: what is no longer there stands as empty, which removes it."""
    return {**dict.fromkeys(before or {}, ""), **(after or {})}
