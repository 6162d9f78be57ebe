"""A cluster's maintenance policy: in the API the exclusions are a map by name, and a window is one of several kinds."""

from __future__ import annotations

from core.rehearsal.provider.client import Json
from core.rehearsal.provider.values import State


def maintenance_body(blocks: list[State]) -> Json:
    """The policy as the API takes it."""
    policy = blocks[0]
    window: Json = {
        "maintenanceExclusions": {e["exclusion_name"]: _exclusion(e) for e in policy.get("maintenance_exclusion") or []}
    }
    for daily in policy.get("daily_maintenance_window") or []:
        window["dailyMaintenanceWindow"] = {"startTime": daily["start_time"]}
    for recurring in policy.get("recurring_window") or []:
        times = {"startTime": recurring["start_time"], "endTime": recurring["end_time"]}
        window["recurringWindow"] = {"window": times, "recurrence": recurring["recurrence"]}
    return {"window": window}


def maintenance_state(policy: Json) -> list[State]:
    """The policy as the state has it; none where no window is set."""
    window = policy.get("window") or {}
    daily, recurring, exclusions = (
        window.get(k) for k in ("dailyMaintenanceWindow", "recurringWindow", "maintenanceExclusions")
    )
    if not (daily or recurring or exclusions):
        return []
    return [
        {
            "daily_maintenance_window": [{"start_time": daily.get("startTime"), "duration": daily.get("duration")}]
            if daily
            else [],
            "recurring_window": [_recurring(recurring)] if recurring else [],
            "maintenance_exclusion": [_excluded(name, e) for name, e in (exclusions or {}).items()],
        }
    ]


def _exclusion(given: State) -> Json:
    found = {"startTime": given["start_time"], "endTime": given.get("end_time")}
    for options in given.get("exclusion_options") or []:
        found["maintenanceExclusionOptions"] = {
            "scope": options["scope"],
            "endTimeBehavior": options.get("end_time_behavior"),
        }
    return {k: v for k, v in found.items() if v is not None}


def _recurring(given: Json) -> State:
    times = given.get("window") or {}
    return {"start_time": times.get("startTime"), "end_time": times.get("endTime"), "recurrence": given.get("recurrence")}


def _excluded(name: str, given: Json) -> State:
    options = given.get("maintenanceExclusionOptions")
    shown = [{"scope": options.get("scope"), "end_time_behavior": options.get("endTimeBehavior")}] if options else []
    times = {"start_time": given.get("startTime"), "end_time": given.get("endTime")}
    return {"exclusion_name": name, **times, "exclusion_options": shown}
