"""What all of Compute Engine's resources share: names, links, operations, lists, and what uses what.

A resource is the document ``PROJECT/SCOPE/COLLECTION/NAME`` (scope ``global``, ``regions/R`` or ``zones/Z``) of the kind
``compute.COLLECTION``; global addresses share the collection ``addresses`` and are kept as ``globalAddresses``.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from typing import Any

from core.rehearsal.google import operations
from core.rehearsal.google.calls import Call, page
from core.rehearsal.google.errors import ApiError
from core.rehearsal.store import Document
from core.rehearsal.world import World

LINK = "https://www.googleapis.com/compute/v1/"
_NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
_SINGULAR = {"networks": "network", "subnetworks": "subnetwork", "routers": "router", "firewalls": "firewall",
             "globalAddresses": "address", "addresses": "address", "disks": "disk",
             "machineTypes": "machineType"}  # fmt: skip


def kind(collection: str) -> str:
    """The kind in the store of a collection's documents."""
    return f"compute.{collection}"


def path(project: str, scope: str, collection: str, name: str) -> str:
    """A resource's path, as links and messages hold it."""
    shown = "addresses" if collection == "globalAddresses" else collection
    return f"projects/{project}/{scope}/{shown}/{name}"


def key(project: str, scope: str, collection: str, name: str) -> str:
    """A document's name in the store."""
    return path(project, scope, collection, name).removeprefix("projects/")


def scope_of(call: Call) -> str:
    """Where a call's resource stands."""
    if call.get("zone"):
        return f"zones/{call['zone']}"
    return f"regions/{call['region']}" if call.get("region") else "global"


def document(world: World, collection: str, scope: str, resource: Document) -> Document:
    """Writes a new resource with what every one has, and returns it."""
    link = LINK + path(world.project, scope, collection, resource["name"])
    full: Document = {
        "kind": f"compute#{_SINGULAR.get(collection, collection.removesuffix('s'))}",
        "id": new_id(world),
        "creationTimestamp": compute_time(world),
        **resource,
        "selfLink": link,
    }
    where, _, place = scope.partition("/")
    if place:
        full[where.removesuffix("s")] = f"{LINK}projects/{world.project}/{scope}"
    if collection in ("networks", "subnetworks"):
        full["selfLinkWithId"] = link.rpartition("/")[0] + "/" + full["id"]
    if collection == "subnetworks":
        full["fingerprint"] = fingerprint(full)
    return world.store.put(kind(collection), key(world.project, scope, collection, resource["name"]), full)


def fetch(call: Call, collection: str, name: str, scope: str | None = None) -> Document:
    """The resource of that name in the call's scope; 404 where there is none."""
    where = scope_of(call) if scope is None else scope
    found = call.store.get(kind(collection), key(call.project, where, collection, name))
    if found is None:
        raise ApiError(404, f"The resource '{path(call.project, where, collection, name)}' was not found")
    return found


def linked(call: Call, link: str) -> tuple[str, str, Document]:
    """The collection, store name and document that a link (or a partial one) means; 400 where there is none."""
    short = re.sub(r"^https?://[^/]+/(?:compute/)?(?:v1/|beta/)?", "", link)
    parts = short.split("/")
    collection, name = parts[-2], parts[-1]
    scope = "/".join(parts[2:-2])
    store_name = key(parts[1], scope, collection, name) if len(parts) > 4 else ""
    found = call.store.get(kind(collection), store_name)
    if found is None:
        raise ApiError(400, f"The referenced {_SINGULAR.get(collection, collection)} resource '{short}' cannot be found.",
                       reason="invalid")  # fmt: skip
    return collection, store_name, found


def check_new(call: Call, collection: str) -> str:
    """The name of a resource that is to be made; raises where it is not allowed or taken."""
    name = str(call.body.get("name", ""))
    if not _NAME.fullmatch(name):
        raise ApiError(
            400,
            f"Invalid value for field 'resource.name': '{name}'. Must be a match of regex "
            "'(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'",
        )
    where = scope_of(call)
    if call.store.get(kind(collection), key(call.project, where, collection, name)) is not None:
        raise ApiError(
            409, f"The resource '{path(call.project, where, collection, name)}' already exists", reason="alreadyExists"
        )
    return name


def operate(
    call: Call,
    collection: str,
    name: str,
    *,
    effect: str = "",
    target: Document | None = None,
    error: Document | None = None,
    **args: Any,
) -> Document:
    """Starts the long operation of a call on a resource and answers it."""
    world, scope = call.world, scope_of(call)
    verb = call.method.id.rpartition(".")[2]
    op_name = f"operation-{int(world.clock.now() * 1000)}-{secrets.token_hex(6)}-{secrets.token_hex(4)}"
    operation = operations.begin(
        world,
        f"compute/{scope}/{op_name}",
        call=call.method.id,
        effect=effect,
        error=error,
        id=new_id(world),
        name=op_name,
        scope=scope,
        type={"insert": "insert", "delete": "delete"}.get(verb, f"compute.{call.method.id.split('.')[1]}.{verb}"),
        target=LINK + path(call.project, scope, collection, name),
        target_id=(target or {}).get("id", ""),
        user=call.email,
        kind=kind(collection),
        resource=key(call.project, scope, collection, name),
        args=args,
    )
    return shown(world, operation)


def shown(world: World, operation: Document) -> Document:
    """An operation as Compute shows it."""
    scope = operation["scope"]
    base = f"{LINK}projects/{world.project}/{scope}"
    start = compute_time(world, operation["start"])
    answer: Document = {
        "kind": "compute#operation",
        "id": operation["id"],
        "name": operation["name"],
        "operationType": operation["type"],
        "targetLink": operation["target"],
        "targetId": operation["target_id"] or "0",
        "status": "DONE" if operation["done"] else "RUNNING",
        "user": operation["user"],
        "progress": int(operations.progress(world, operation) * 100),
        "insertTime": start,
        "startTime": start,
        "selfLink": f"{base}/operations/{operation['name']}",
    }
    where, _, place = scope.partition("/")
    if place:
        answer[where.removesuffix("s")] = base
    if operation["done"]:
        answer["endTime"] = compute_time(world, operation["end"])
        if "error" in operation:
            error = operation["error"]
            answer["error"] = {"errors": [{"code": _code(error.get("reason", "")), "message": error["message"]}]}
            answer["httpErrorStatusCode"] = error.get("http", 400)
            answer["httpErrorMessage"] = _HTTP.get(error.get("http", 400), "SERVICE UNAVAILABLE")
    return answer


def items(call: Call, collection: str, scope: str | None = None) -> Document:
    """A collection's list in the call's scope, filtered and in pages."""
    where = scope_of(call) if scope is None else scope
    found = [d for _, d in call.store.items(kind(collection), key(call.project, where, collection, ""))]
    return answer_list(call, collection, [d for d in found if matches(d, str(call.get("filter", "")))], where)


def answer_list(call: Call, collection: str, found: list[Document], scope: str) -> Document:
    """A list's answer."""
    part, token = page(call, found, "maxResults")
    name = _SINGULAR.get(collection, collection.removesuffix("s"))
    answer: Document = {
        "kind": f"compute#{name}List",
        "id": f"projects/{call.project}/{scope}/{collection}",
        "selfLink": f"{LINK}projects/{call.project}/{scope}/{collection}",
    }
    if part:
        answer["items"] = part
    if token:
        answer["nextPageToken"] = token
    return answer


def aggregated(call: Call, collection: str) -> Document:
    """A collection's list over all scopes."""
    found: dict[str, Document] = {}
    for name, resource in call.store.items(kind(collection), f"{call.project}/"):
        if not matches(resource, str(call.get("filter", ""))):
            continue
        parts = name.split("/")
        scope = "/".join(parts[1:-2])
        found.setdefault(scope, {collection: []})[collection].append(resource)
    singular = _SINGULAR.get(collection, collection.removesuffix("s"))
    return {
        "kind": f"compute#{singular}AggregatedList",
        "id": f"projects/{call.project}/aggregated/{collection}",
        "items": found,
    }


_TERM = re.compile(r'\(?\s*([\w.-]+)\s*(=|!=|eq|ne|:)\s*(?:"([^"]*)"|([^\s()"]+))\s*\)?')


def matches(resource: Document, text: str) -> bool:
    """Whether a resource fits a filter: comparisons of fields with values, joined by AND."""
    for term in _TERM.finditer(text):
        value: Any = resource
        for part in term[1].split("."):
            value = value.get(part, "") if isinstance(value, dict) else ""
        wanted = term[3] if term[3] is not None else term[4]
        seen = str(value).lower() if isinstance(value, bool) else str(value)
        if term[2] == "eq":
            same = re.fullmatch(wanted, seen) is not None
        elif term[2] == "ne":
            same = re.fullmatch(wanted, seen) is None
        else:
            same = (seen == wanted or (wanted.endswith("*") and seen.startswith(wanted[:-1]))) != (term[2] == "!=")
            if term[2] == ":":
                same = wanted.strip("*").lower() in seen.lower()
        if not same:
            return False
    return True


def in_use(resource_path: str, user_path: str) -> ApiError:
    """400: something else still stands on the resource."""
    return ApiError(
        400,
        f"The {_SINGULAR.get(resource_path.split('/')[-2], 'resource')} resource '{resource_path}' is already being used by "
        f"'{user_path}'",
        reason="resourceInUseByAnotherResource",
    )


def new_id(world: World) -> str:
    """A numeric id that never repeats."""
    return str(4_800_000_000_000_000_000 + world.store.next("compute.ids") * 7_919_003)


def fingerprint(resource: Document) -> str:
    """A value that changes with the resource, for optimistic locking."""
    seed = repr(sorted((k, repr(v)) for k, v in resource.items() if k != "fingerprint"))
    return base64.b64encode(hashlib.sha256(seed.encode()).digest()[:8]).decode()


def compute_time(world: World, at: float | None = None) -> str:
    """A time as Compute writes it: with milliseconds and an offset."""
    return world.clock.timestamp(at).replace("Z", ".000-00:00")


def short(link: str) -> str:
    """A link without its host and version."""
    return link.removeprefix(LINK)


_HTTP = {400: "BAD REQUEST", 403: "FORBIDDEN"}


def _code(reason: str) -> str:
    if reason == "resourceInUseByAnotherResource":
        return "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE"
    return reason if reason.isupper() else re.sub(r"(?<=[a-z])([A-Z])", r"_\1", reason).upper() or "INTERNAL_ERROR"
