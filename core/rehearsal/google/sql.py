"""What Cloud SQL's instances and users share: one operation at a time for an instance, and names that stay reserved."""

from __future__ import annotations

import uuid
from typing import Any

from core.rehearsal.google import operations
from core.rehearsal.google.calls import Call
from core.rehearsal.google.errors import ApiError
from core.rehearsal.store import Document
from core.rehearsal.world import World

KIND, USERS, RESERVED, DATABASES = "sql.instances", "sql.users", "sql.reserved", "sql.databases"
WEEK = 7 * 24 * 3600.0
_LINK = "https://sqladmin.googleapis.com/sql/v1beta4/"


def key(call: Call, instance: str = "") -> str:
    """The store's name of the instance that a call is about."""
    return f"{call.project}/{instance or call['instance']}"


def fetch(call: Call, permission: str) -> Document:
    """The instance that a call is about; 403 without the right, 404 where there is none."""
    call.require(permission, f"projects/{call.project}")
    found = call.store.get(KIND, key(call))
    if found is None:
        raise ApiError(404, "The Cloud SQL instance does not exist.", reason="instanceDoesNotExist")
    return found


def idle(call: Call) -> None:
    """Refuses a change while another operation of the instance goes on."""
    for _, operation in call.store.items(operations.KIND, "sql/"):
        if not operation["done"] and operation["instance"] == key(call):
            raise ApiError(
                409,
                "Operation failed because another operation was already in progress. Try your request after the current "
                "operation is complete.",
                reason="operationInProgress",
                status="ABORTED",
            )


def operate(
    world: World, kind: str, instance: str, effect: str, *, call: str, user: str, start: float | None = None, **args: Any
) -> Document:
    """Starts an operation of an instance (``PROJECT/NAME``) and answers it."""
    name = str(uuid.uuid4())
    operation = operations.begin(
        world,
        f"sql/{name}",
        call=call,
        effect=effect,
        start=start,
        name=name,
        type=kind,
        instance=instance,
        user=user,
        args=args,
    )
    return shown(world, operation)


def shown(world: World, operation: Document) -> Document:
    """An operation as Cloud SQL shows it."""
    project, _, instance = operation["instance"].partition("/")
    start = sql_time(world, operation["start"])
    answer: Document = {
        "kind": "sql#operation",
        "name": operation["name"],
        "operationType": operation["type"],
        "status": "DONE" if operation["done"] else "RUNNING",
        "user": operation["user"],
        "insertTime": start,
        "startTime": start,
        "targetId": instance,
        "targetProject": project,
        "targetLink": f"{_LINK}projects/{project}/instances/{instance}",
        "selfLink": f"{_LINK}projects/{project}/operations/{operation['name']}",
    }
    if operation["done"]:
        answer["endTime"] = sql_time(world, operation["end"])
        if "error" in operation:
            error = {"kind": "sql#operationError", "code": operation["error"].get("reason") or "INTERNAL_ERROR"}
            answer["error"] = {
                "kind": "sql#operationErrors",
                "errors": [{**error, "message": operation["error"]["message"]}],
            }
    return answer


def sql_time(world: World, at: float | None = None) -> str:
    """A time as Cloud SQL writes it."""
    return world.clock.timestamp(at).replace("Z", ".000Z")


def link(project: str, instance: str) -> str:
    """An instance's link."""
    return f"{_LINK}projects/{project}/instances/{instance}"
