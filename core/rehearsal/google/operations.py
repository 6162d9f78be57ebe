"""Long operations: what an API has begun and not finished, in absolute times, so that a killed process loses nothing.

An operation names an effect (a registered function of the world and the operation) that is applied when its time has
come: before the next call is looked at, and by `ticking` where nobody calls. An operation that is to fail, by the
scenario or because its effect raises, ends in an error, and the effect's counterpart leaves what a failure leaves.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

from core.rehearsal.google.errors import ApiError
from core.rehearsal.store import Document
from core.rehearsal.world import World

KIND, PENDING = "operations", "operations.pending"

Effect = Callable[[World, Document], Any]
_EFFECTS: dict[str, Effect] = {}
_FAILURES: dict[str, Effect] = {}

_RPC = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 412: 9, 429: 8, 500: 13, 503: 14, 504: 4}


def effect(name: str) -> Callable[[Effect], Effect]:
    """Registers what happens when an operation of that name ends well; what it returns is the operation's response."""

    def register(function: Effect) -> Effect:
        _EFFECTS[name] = function
        return function

    return register


def failure(name: str) -> Callable[[Effect], Effect]:
    """Registers what is left when an operation of that name fails."""

    def register(function: Effect) -> Effect:
        _FAILURES[name] = function
        return function

    return register


def begin(
    world: World,
    name: str,
    /,
    *,
    call: str,
    effect: str = "",
    seconds: float | None = None,
    start: float | None = None,
    error: Document | None = None,
    **details: Any,
) -> Document:
    """Starts an operation; ``name`` is the key under which its API finds it, ``details`` what its form needs.

    ``seconds`` is simulated, the scenario's duration of the call when left out; ``start`` is now, unless it follows on
    something that ended while nobody looked; ``error`` makes it fail at its end.
    """
    now = world.clock.now() if start is None else start
    fault = world.faults.operation(call)
    if fault is not None:
        error = {
            "code": 13,
            "reason": fault.reason or "INTERNAL_ERROR",
            "message": fault.message or "An internal error occurred.",
        }
    length = world.clock.duration(world.scenario.duration(call) if seconds is None else seconds)
    document: Document = {
        **details,
        "key": name,
        "call": call,
        "effect": effect,
        "start": now,
        "end": now + length,
        "done": False,
        "fails": error,
        "order": world.store.next("operations"),
    }
    world.store.put(PENDING, name, {"end": now + length, "order": document["order"]})
    return world.store.put(KIND, name, document)


def get(world: World, name: str) -> Document | None:
    """The operation of that key, or None."""
    return world.store.get(KIND, name)


def later(world: World, effect: str, seconds: float, *, start: float | None = None, **details: Any) -> None:
    """Lets something happen after simulated seconds that no API tells of."""
    name = f"later/{secrets.token_hex(8)}"
    begin(world, name, call="later", effect=effect, seconds=seconds, start=start, **details)


def settle(world: World) -> float | None:
    """Ends every operation whose time has come; returns the simulated time at which the next one's will, or None."""
    while True:
        waiting = world.store.items(PENDING)
        if not waiting:
            return None
        now = world.clock.now()
        due = sorted((d["end"], d["order"], n) for n, d in waiting if d["end"] <= now)
        if not due:
            return min(float(d["end"]) for _, d in waiting)
        for _, _, name in due:
            _finish(world, name)


async def ticking(world: World) -> None:
    """Ends operations as their time comes, for those who look into the store and call nothing; runs until cancelled."""
    while True:
        following = settle(world)
        if following is None or world.clock.speed == 0:
            await asyncio.sleep(0.05)
        else:
            await asyncio.sleep(min(0.25, max(0.005, (following - world.clock.now()) / world.clock.speed)))


def _finish(world: World, name: str) -> None:
    with world.store.together():
        world.store.delete(PENDING, name)
        operation = world.store.get(KIND, name)
        if operation is None:
            return
        result: Document = {"done": True}
        try:
            if operation["fails"]:
                raise _Failed(operation["fails"])
            if operation["effect"]:
                result["response"] = _EFFECTS[operation["effect"]](world, operation)
        except (_Failed, ApiError) as error:
            result["error"] = error.error if isinstance(error, _Failed) else _as_error(error)
            if operation["effect"] in _FAILURES:
                _FAILURES[operation["effect"]](world, {**operation, **result})
        if name.startswith("later/"):
            world.store.delete(KIND, name)
        else:
            world.store.put(KIND, name, {**_without_password(operation), **result})


def _without_password(operation: Document) -> Document:
    """A password is needed until the operation ends, and in its record no longer."""
    args = operation.get("args")
    return {**operation, "args": {k: v for k, v in args.items() if k != "password"}} if args else operation


class _Failed(Exception):
    def __init__(self, error: Document) -> None:
        super().__init__(error["message"])
        self.error = error


def _as_error(error: ApiError) -> Document:
    return {"code": _RPC.get(error.code, 2), "reason": error.reason, "message": error.message, "http": error.code}


def progress(world: World, operation: Document) -> float:
    """How far an operation is, from 0 to 1."""
    length = operation["end"] - operation["start"]
    if operation["done"] or length <= 0:
        return 1.0
    return float(min(0.99, max(0.0, (world.clock.now() - operation["start"]) / length)))


def long_running(world: World, operation: Document) -> Document:
    """The form of the newer APIs: ``done``, then ``response`` or ``error``."""
    answer: Document = {"name": operation["key"].partition("/")[2]}
    if operation.get("metadata"):
        answer["metadata"] = operation["metadata"]
    if not operation["done"]:
        return answer
    answer["done"] = True
    if "error" in operation:
        answer["error"] = {"code": operation["error"]["code"], "message": operation["error"]["message"]}
    else:
        answer["response"] = operation.get("response") or {}
    return answer
