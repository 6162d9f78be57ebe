"""Cloud SQL's MySQL users. Their passwords lie here, in the simulated cloud's own store, since it plays the server.

A user is the document ``PROJECT/INSTANCE/NAME@HOST`` of the kind `USERS`: ``name``, ``host``, ``password`` (None: there is
none) and ``plugin``, which is ``caching_sha2_password`` on 8.4 and later and which no call of this API can name; the
simulated MySQL server changes it when it is told to by ``ALTER USER``. A password that is set anew by this API, as by the
console, brings the version's own plugin back.
"""

from __future__ import annotations

import hashlib

from core.rehearsal.google import operations
from core.rehearsal.google.calls import Call, answers
from core.rehearsal.google.errors import ApiError
from core.rehearsal.google.sql import KIND, USERS, fetch, idle, key, operate
from core.rehearsal.store import Document
from core.rehearsal.world import World


def keep(world: World, instance: str, name: str, host: str, password: str | None) -> None:
    """Writes a user and its password, with the password plugin that is its version's own."""
    user = f"{instance}/{name}@{host}"
    version = (world.store.get(KIND, instance) or {}).get("databaseVersion", "")
    plugin = "mysql_native_password" if version == "MYSQL_8_0" else "caching_sha2_password"
    world.store.put(USERS, user, {"name": name, "host": host, "instance": instance, "password": password, "plugin": plugin})


@answers("sql.users.insert")
def insert(call: Call) -> Document:
    """Makes a user."""
    fetch(call, "cloudsql.users.create")
    _running(call)
    idle(call)
    name, host = str(call.body.get("name", "")), str(call.body.get("host") or "%")
    if not name or len(name) > 32:
        raise ApiError(400, "Invalid request: User name is missing or too long.", reason="invalid")
    if call.store.get(USERS, f"{key(call)}/{name}@{host}") is not None:
        raise ApiError(409, f"The user {name}@{host} already exists.", reason="alreadyExists")
    return _operate(call, "CREATE_USER", "sql.user-kept", name, host, call.body.get("password") or None)


@answers("sql.users.update")
def update(call: Call) -> Document:
    """Gives a user another password."""
    fetch(call, "cloudsql.users.update")
    idle(call)
    name, host = _named(call)
    return _operate(call, "UPDATE_USER", "sql.user-kept", name, host, call.body.get("password") or None)


@answers("sql.users.delete")
def delete(call: Call) -> Document:
    """Removes a user."""
    fetch(call, "cloudsql.users.delete")
    idle(call)
    name, host = _named(call)
    return _operate(call, "DELETE_USER", "sql.user-gone", name, host, None)


@answers("sql.users.list")
def users(call: Call) -> Document:
    """An instance's users, without their passwords."""
    fetch(call, "cloudsql.users.list")
    _running(call)
    return {"kind": "sql#usersList", "items": [_shown(call, u) for _, u in call.store.items(USERS, f"{key(call)}/")]}


@answers("sql.users.get")
def get(call: Call) -> Document:
    """One user."""
    fetch(call, "cloudsql.users.get")
    found = call.store.get(USERS, f"{key(call)}/{call['name']}@{call.get('host', '%')}")
    if found is None:
        raise ApiError(404, "The user does not exist.", reason="userDoesNotExist")
    return _shown(call, found)


@operations.effect("sql.user-kept")
def _kept(world: World, operation: Document) -> None:
    args = operation["args"]
    keep(world, operation["instance"], args["name"], args["host"], args["password"])


@operations.effect("sql.user-gone")
def _gone(world: World, operation: Document) -> None:
    world.store.delete(USERS, f"{operation['instance']}/{operation['args']['name']}@{operation['args']['host']}")


def _operate(call: Call, kind: str, effect: str, name: str, host: str, password: str | None) -> Document:
    return operate(
        call.world, kind, key(call), effect, call=call.method.id, user=call.email, name=name, host=host, password=password
    )


def _named(call: Call) -> tuple[str, str]:
    """The user that a call means; without a host it is the one there is of that name."""
    name, host = str(call.get("name", "")), call.get("host")
    found = [
        u
        for _, u in call.store.items(USERS, f"{key(call)}/")
        if u["name"] == name and (host in (None, "") or u["host"] == host)
    ]
    if not found:
        raise ApiError(404, "The user does not exist.", reason="userDoesNotExist")
    return name, str(found[0]["host"])


def _running(call: Call) -> None:
    state = (call.store.get(KIND, key(call)) or {}).get("state")
    if state != "RUNNABLE":
        raise ApiError(400, "Invalid request: Invalid request since instance is not running.", reason="invalid")


def _shown(call: Call, user: Document) -> Document:
    etag = hashlib.sha256(f"{user['name']}@{user['host']}".encode()).hexdigest()[:32]
    return {
        "kind": "sql#user",
        "name": user["name"],
        "host": user["host"],
        "instance": call["instance"],
        "project": call.project,
        "etag": etag,
    }
