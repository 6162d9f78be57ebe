"""The faults of a scenario, counted: each strikes as often as it says, also over a restart of the process."""

from __future__ import annotations

import fnmatch

from core.rehearsal.scenario import Fault, Scenario
from core.rehearsal.store import Store


class Faults:
    """Which call or pod goes wrong now."""

    def __init__(self, scenario: Scenario, store: Store) -> None:
        self._faults = scenario.fault
        self._store = store

    def take(self, call: str, when: str) -> Fault | None:
        """The fault that strikes this call now (``when``: ``before`` or ``after`` its effect), counted; or None.

        ``*`` in a fault's call stands for anything.
        """
        for index, fault in enumerate(self._faults):
            if fault.call and not fault.operation and fault.when == when and fnmatch.fnmatchcase(call, fault.call):
                if self._spend(f"{index}:{call}" if "*" in fault.call else str(index), fault):
                    return fault
        return None

    def operation(self, call: str) -> Fault | None:
        """The fault that makes the long operation of this call fail, counted; or None."""
        for index, fault in enumerate(self._faults):
            if fault.call and fault.operation and fnmatch.fnmatchcase(call, fault.call):
                if self._spend(str(index), fault):
                    return fault
        return None

    def pod(self, workload: str) -> Fault | None:
        """The fault that strikes a pod of this workload now, counted; or None."""
        for index, fault in enumerate(self._faults):
            if fault.pod and fnmatch.fnmatchcase(workload, fault.pod) and self._spend(str(index), fault):
                return fault
        return None

    def _spend(self, key: str, fault: Fault) -> bool:
        if fault.times == 0:
            return True
        spent = int((self._store.get("faults", key) or {"spent": 0})["spent"])
        if spent >= fault.times:
            return False
        self._store.put("faults", key, {"spent": spent + 1})
        return True
