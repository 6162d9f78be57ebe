"""The objects of one simulated cluster: create, update, patch, apply, delete, and what every change sets off.

They lie in the world's store, keyed by the cluster's uid, and are gone with it. `managedFields` is the truth about field
managers, so nothing has to be kept beside an object. The history that watches read is in memory alone: after a restart a
watch from before gets the 410 that the real server gives when it forgot.
"""

from __future__ import annotations

import secrets
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.rehearsal.clock import SimulatedClock
from core.rehearsal.kubernetes import checking, defaults, fields, merging, shapes, validation
from core.rehearsal.kubernetes.resources import BUILTIN, Resource, of_definition
from core.rehearsal.kubernetes.status import ApiError, Obj, bad_request, conflict, forbidden, no_resource, not_found
from core.rehearsal.store import Store

KIND = "kubernetes.objects"
HISTORY = 20_000
Warnings = list[str]
Objects = list[Obj]
Resources = list[Resource]
Listener = Callable[[Resource, str, Obj], None]
Guard = Callable[[Resource, Obj], None]
_VOLATILE = ("resourceVersion", "managedFields", "generation")


@dataclass(frozen=True, slots=True)
class Options:
    """What a request says about how to write."""

    manager: str = "unknown"
    subresource: str = ""
    dry_run: bool = False
    force: bool = False
    validation: str = "Warn"


CONTROLLER = Options(manager="kube-controller-manager", validation="Ignore")


class Cluster:
    """All objects of the cluster ``uid``."""

    def __init__(self, *, store: Store, clock: SimulatedClock, uid: str) -> None:
        self.store, self.clock, self.uid = store, clock, uid
        self.listeners: list[Listener] = []
        self.guards: list[Guard] = []
        """What may refuse an object that is about to be written, by raising `ApiError`."""
        self.history: deque[tuple[int, Resource, str, Obj]] = deque(maxlen=HISTORY)
        self.custom: dict[tuple[str, str, str], Resource] = {}
        self._objects: dict[str, dict[tuple[str, str], Obj]] = {}
        self.version = 1000
        self._load()
        self.oldest = self.version

    def _load(self) -> None:
        for name, obj in self.store.items(KIND, f"{self.uid}/"):
            _, group, plural, namespace, object_name = name.split("/", 4)
            self._objects.setdefault(f"{group}/{plural}", {})[namespace, object_name] = obj
            self.version = max(self.version, int(obj["metadata"]["resourceVersion"]))
            if plural == "customresourcedefinitions":
                self._define(obj)
        self.version += 1000 if self._objects else 0

    # -- what is served

    def resources(self) -> Resources:
        """Every resource in every version."""
        return [*BUILTIN.values(), *self.custom.values()]

    def resource(self, group: str, version: str, plural: str) -> Resource:
        """A resource by its path; raises the 404 of a path that serves nothing."""
        found = BUILTIN.get((group, version, plural)) or self.custom.get((group, version, plural))
        if found is None:
            raise no_resource()
        return found

    def _define(self, crd: Obj) -> None:
        for resource in of_definition(crd):
            self.custom[resource.group, resource.version, resource.plural] = resource

    def _undefine(self, crd: Obj) -> None:
        for resource in of_definition(crd):
            self.custom.pop((resource.group, resource.version, resource.plural), None)
            for namespace, name in list(self._objects.get(resource.key, {})):
                self._drop(resource, namespace, name)

    # -- reading

    def find(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        """The object, or None."""
        return self._objects.get(resource.key, {}).get((namespace if resource.namespaced else "", name))

    def get(self, resource: Resource, namespace: str, name: str) -> Obj:
        """The object; raises 404."""
        found = self.find(resource, namespace, name)
        if found is None:
            raise not_found(resource.plural, resource.group, name)
        return found

    def list(self, resource: Resource, namespace: str = "", match: Callable[[Obj], bool] | None = None) -> Objects:
        """The objects of a resource, in the order of namespaces and names."""
        found = sorted(self._objects.get(resource.key, {}).items())
        return [o for (ns, _), o in found if (not namespace or ns == namespace) and (match is None or match(o))]

    # -- writing

    def create(self, resource: Resource, namespace: str, given: Obj, options: Options = CONTROLLER) -> tuple[Obj, Warnings]:
        """Makes an object; returns it with the warnings that the client is to be given."""
        obj = self._identified(resource, namespace, given)
        shape = shapes.of(resource)
        obj, warnings = checking.decoded(shape, resource, obj, options.validation)
        name = obj["metadata"].get("name")
        if not name and (prefix := obj["metadata"].get("generateName")):
            name = prefix + "".join(secrets.choice("bcdfghjklmnpqrstvwxz2456789") for _ in range(5))
            obj["metadata"]["name"] = name
        if name and self.find(resource, namespace, name) is not None:
            what = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
            details = {"name": name, "group": resource.group, "kind": resource.plural}
            raise ApiError(409, "AlreadyExists", f'{what} "{name}" already exists', details)
        managed = {(options.manager, "Update", ""): set(fields.owned(shape, obj))}
        return self._new(resource, namespace, obj, managed, options), warnings

    def _identified(self, resource: Resource, namespace: str, given: Obj) -> Obj:
        metadata = given.get("metadata")
        if not isinstance(metadata, dict | None):
            raise bad_request("metadata is no object")
        metadata = {k: v for k, v in (metadata or {}).items() if v is not None}
        for key, wanted in (("apiVersion", resource.api_version), ("kind", resource.kind)):
            if given.get(key, wanted) != wanted:
                raise bad_request(
                    f"the object's {key} ({given[key]}) does not match what the request's path says ({wanted})"
                )
        if resource.namespaced:
            if metadata.get("namespace", namespace) != namespace:
                raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
            metadata["namespace"] = namespace
        return {**given, "apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata}

    def _new(self, resource: Resource, namespace: str, obj: Obj, managed: Managed, options: Options) -> Obj:
        self._admit(resource, namespace)
        if "status" in resource.subresources and options.manager != CONTROLLER.manager:
            obj = {k: v for k, v in obj.items() if k != "status"}
        obj = defaults.fill(resource, obj)
        validation.check(shapes.of(resource), resource, obj)
        own = {"uid": str(uuid.uuid4()), "creationTimestamp": self.clock.timestamp(), "generation": 1}
        for key in ("resourceVersion", "deletionTimestamp", "managedFields", "selfLink"):
            obj["metadata"].pop(key, None)
        obj = {**obj, "metadata": {**obj["metadata"], **own}}
        return self._commit(resource, obj, managed, "ADDED", options)

    def _admit(self, resource: Resource, namespace: str) -> None:
        if not resource.namespaced:
            return
        found = self._objects.get("core/namespaces", {}).get(("", namespace))
        if found is None:
            raise not_found("namespaces", "", namespace)
        if found["metadata"].get("deletionTimestamp"):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise forbidden(resource.plural, resource.group, "", why)

    def update(
        self, resource: Resource, namespace: str, name: str, given: Obj, options: Options = CONTROLLER
    ) -> tuple[Obj, Warnings]:
        """Replaces an object, or its status."""
        live = self.get(resource, namespace, name)
        obj = self._identified(resource, namespace, given)
        if obj["metadata"].get("name", name) != name:
            raise bad_request(
                f"the name of the object ({obj['metadata']['name']}) does not match the name on the URL ({name})"
            )
        shape = shapes.of(resource)
        obj, warnings = checking.decoded(shape, resource, obj, options.validation)
        expected = obj["metadata"].get("resourceVersion")
        if expected and expected != live["metadata"]["resourceVersion"]:
            why = "the object has been modified; please apply your changes to the latest version and try again"
            raise conflict(resource.plural, resource.group, name, why)
        return self._updated(resource, shape, live, obj, options), warnings

    def _updated(self, resource: Resource, shape: shapes.Shape, live: Obj, obj: Obj, options: Options) -> Obj:
        status = options.subresource == "status"
        new = self._parted(resource, live, obj, status=status)
        new = defaults.fill(resource, new)
        before, after = fields.owned(shape, live, status=status), fields.owned(shape, new, status=status)
        changed = {path for path, value in after.items() if before.get(path, ...) != value}
        gone = set(before) - set(after)
        managed = {who: paths - changed - gone for who, paths in read_managed(live).items()}
        if changed:
            mine = (options.manager, "Update", options.subresource)
            managed[mine] = managed.get(mine, set()) | changed
        return self._replace(resource, live, new, managed, options)

    @staticmethod
    def _parted(resource: Resource, live: Obj, obj: Obj, *, status: bool) -> Obj:
        """The live object with the part of the new one that this request may write."""
        if status:
            new = {**live, "status": obj.get("status", {})}
            return new if obj.get("status") is not None else {k: v for k, v in live.items() if k != "status"}
        if "status" not in resource.subresources:
            return obj
        new = {k: v for k, v in obj.items() if k != "status"}
        return {**new, "status": live["status"]} if "status" in live else new

    def patch(
        self, resource: Resource, namespace: str, name: str, kind: str, patch: Any, options: Options
    ) -> tuple[Obj, Warnings]:
        """Patches an object: ``kind`` is ``json``, ``merge`` or ``strategic``."""
        live = self.get(resource, namespace, name)
        if kind == "json":
            new = merging.json_patch(live, patch)
        elif kind == "merge":
            new = merging.merge_patch(live, patch)
        elif resource.custom:
            words = "the body of the request was in an unknown format: strategic merge patches are not for custom objects"
            raise ApiError(415, "UnsupportedMediaType", words)
        else:
            new = merging.strategic(shapes.of(resource), live, patch)
        return self.update(resource, namespace, name, new, options)

    def apply(self, resource: Resource, namespace: str, name: str, given: Obj, options: Options) -> tuple[Obj, bool]:
        """Server-side apply; returns the object and whether it was created."""
        given = {**given, "metadata": {**(given.get("metadata") or {}), "name": name}}
        if given["metadata"].get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        obj = self._identified(resource, namespace, given)
        shape = shapes.of(resource)
        _typed(resource, shape, obj)
        status = options.subresource == "status"
        mine = set(fields.owned(shape, obj, status=status))
        who = (options.manager, "Apply", options.subresource)
        live = self.find(resource, namespace, name)
        if live is None:
            if expected := obj["metadata"].get("uid"):
                words = f"uid mismatch: the provided object specified uid {expected}, and no existing object was found"
                raise conflict(resource.plural, resource.group, name, words)
            return self._new(resource, namespace, obj, {who: mine}, options), True
        managed = self._settled(shape, live, obj, who, options)
        new = merging.apply(shape, live, self._applied(resource, live, obj, status=status))
        others = set().union(*(paths for owner, paths in managed.items() if owner != who))
        for path in fields.dropped(managed.get(who, set()), mine | others):
            new = fields.remove(shape, new, path)
        managed[who] = mine
        return self._replace(resource, live, defaults.fill(resource, new), managed, options), False

    @staticmethod
    def _applied(resource: Resource, live: Obj, obj: Obj, *, status: bool) -> Obj:
        if status:
            return {k: v for k, v in obj.items() if k in ("status", "apiVersion", "kind")}
        kept = {k: v for k, v in obj.items() if k != "status" or "status" not in resource.subresources}
        if stringy := kept.pop("stringData", None):
            kept = defaults.fill(resource, {**kept, "stringData": stringy})
        return kept

    def _settled(self, shape: shapes.Shape, live: Obj, obj: Obj, who: Owner, options: Options) -> Managed:
        """The managers after a conflict was settled; raises 409 where it is not to be settled by force."""
        status = options.subresource == "status"
        has, wants = fields.owned(shape, live, status=status), fields.owned(shape, obj, status=status)
        differ = {path for path, value in wants.items() if path in has and has[path] != value}
        managed = read_managed(live)
        clashes = {owner: differ & paths for owner, paths in managed.items() if owner != who and differ & paths}
        if clashes and not options.force:
            raise _clash(clashes, live)
        return {owner: paths if owner == who else paths - differ for owner, paths in managed.items()}

    def _replace(self, resource: Resource, live: Obj, new: Obj, managed: Managed, options: Options) -> Obj:
        kept = ("uid", "creationTimestamp", "name", "namespace", "generation", "deletionTimestamp", "resourceVersion")
        metadata = {k: v for k, v in new["metadata"].items() if k not in ("selfLink",)}
        metadata.update({k: live["metadata"][k] for k in kept if k in live["metadata"]})
        new = {**new, "metadata": metadata}
        validation.check(shapes.of(resource), resource, new)
        validation.check_change(resource, live, new)
        managed = {owner: paths for owner, paths in managed.items() if paths}
        if _settled_part(new) == _settled_part(live) and managed == read_managed(live):
            return live
        if _desired(new) != _desired(live):
            metadata["generation"] = live["metadata"].get("generation", 1) + 1
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers") and not self._held(resource):
            self._drop(resource, metadata.get("namespace", ""), metadata["name"])
            return new
        return self._commit(resource, new, managed, "MODIFIED", options)

    @staticmethod
    def _held(resource: Resource) -> bool:
        """Whether a controller has work to do before the object may go."""
        return resource.kind in ("Namespace", "Pod", "PersistentVolume")

    def delete(self, resource: Resource, namespace: str, name: str, *, dry_run: bool = False, orphan: bool = False) -> Obj:
        """Deletes an object, or marks it where something still has to happen first."""
        live = self.get(resource, namespace, name)
        if resource.kind == "Namespace" and name in ("default", "kube-system", "kube-public", "kube-node-lease"):
            raise forbidden("namespaces", "", name, "this namespace may not be deleted")
        if dry_run or live["metadata"].get("deletionTimestamp"):
            return live
        if live["metadata"].get("finalizers") or self._held(resource):
            metadata = {**live["metadata"], "deletionTimestamp": self.clock.timestamp()}
            marked = {**live, "metadata": metadata}
            if resource.kind == "Namespace":
                marked["status"] = {**live.get("status", {}), "phase": "Terminating"}
            return self._commit(resource, marked, read_managed(live), "MODIFIED", CONTROLLER)
        return self._drop(resource, namespace, name, orphan=orphan)

    def finish(self, resource: Resource, namespace: str, name: str) -> None:
        """Removes an object at last, whatever holds it: the word of the controller that held it."""
        if self.find(resource, namespace, name) is not None:
            self._drop(resource, namespace, name)

    def _drop(self, resource: Resource, namespace: str, name: str, *, orphan: bool = False) -> Obj:
        key = (namespace if resource.namespaced else "", name)
        live = self._objects[resource.key].pop(key)
        self.store.delete(KIND, f"{self.uid}/{resource.key}/{key[0]}/{name}")
        self.version += 1
        gone = {**live, "metadata": {**live["metadata"], "resourceVersion": str(self.version)}}
        if resource.kind == "CustomResourceDefinition":
            self._undefine(live)
        self._emit(resource, "DELETED", gone)
        if not orphan:
            self._collect(live["metadata"]["uid"])
        return gone

    def _collect(self, owner: str) -> None:
        """Deletes what the owner that is gone owned."""
        for resource in self.resources():
            for (namespace, name), obj in list(self._objects.get(resource.key, {}).items()):
                references = obj["metadata"].get("ownerReferences") or ()
                if references and all(r.get("uid") == owner for r in references):
                    if self.find(resource, namespace, name) is not None:
                        self.delete(resource, namespace, name)

    def _commit(self, resource: Resource, obj: Obj, managed: Managed, event: str, options: Options) -> Obj:
        for guard in self.guards:
            guard(resource, obj)
        obj["metadata"]["managedFields"] = write_managed(resource, managed, obj, self.clock.timestamp())
        if options.dry_run:
            return obj
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        key = (obj["metadata"].get("namespace", "") if resource.namespaced else "", obj["metadata"]["name"])
        self._objects.setdefault(resource.key, {})[key] = obj
        self.store.put(KIND, f"{self.uid}/{resource.key}/{key[0]}/{key[1]}", obj)
        if resource.kind == "CustomResourceDefinition":
            self._define(obj)
        self._emit(resource, event, obj)
        return obj

    def _emit(self, resource: Resource, event: str, obj: Obj) -> None:
        if len(self.history) == self.history.maxlen:
            self.oldest = self.history[0][0]
        self.history.append((self.version, resource, event, obj))
        for listener in list(self.listeners):
            listener(resource, event, obj)

    # -- for controllers

    def set_status(self, resource: Resource, obj: Obj, status: Obj) -> Obj:
        """Writes an object's status where it differs."""
        live = self.find(resource, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        if live is None or live.get("status") == status:
            return live or obj
        new = {**live, "status": status, "metadata": dict(live["metadata"])}
        return self._commit(resource, new, read_managed(live), "MODIFIED", CONTROLLER)

    def edit(self, resource: Resource, obj: Obj, new: Obj) -> Obj:
        """Writes an object as a controller changed it, managers left as they are."""
        if new == obj:
            return obj
        return self._commit(resource, {**new, "metadata": dict(new["metadata"])}, read_managed(obj), "MODIFIED", CONTROLLER)


Owner = tuple[str, str, str]
Managed = dict[Owner, set[fields.Path]]


def read_managed(obj: Obj) -> Managed:
    """The field managers of an object."""
    found: Managed = {}
    for entry in obj["metadata"].get("managedFields") or ():
        owner = (entry.get("manager", ""), entry.get("operation", ""), entry.get("subresource", ""))
        found[owner] = fields.read(entry.get("fieldsV1") or {})
    return found


def write_managed(resource: Resource, managed: Managed, before: Obj, now: str) -> list[Obj]:
    """The ``managedFields`` that say so; a manager whose fields are as they were keeps its time."""
    times = {
        (e.get("manager", ""), e.get("operation", ""), e.get("subresource", "")): (e.get("time"), e.get("fieldsV1"))
        for e in before["metadata"].get("managedFields") or ()
    }
    entries = []
    for owner, paths in managed.items():
        manager, operation, subresource = owner
        form = fields.write(sorted(paths))
        time, known = times.get(owner, (now, None))
        entry = {
            "manager": manager,
            "operation": operation,
            "apiVersion": resource.api_version,
            "time": time if known == form else now,
            "fieldsType": "FieldsV1",
            "fieldsV1": form,
        }
        entries.append({**entry, "subresource": subresource} if subresource else entry)
    return entries


def _settled_part(obj: Obj) -> Obj:
    return {**obj, "metadata": {k: v for k, v in obj["metadata"].items() if k not in _VOLATILE}}


def _desired(obj: Obj) -> Obj:
    return {k: v for k, v in obj.items() if k not in ("metadata", "status")}


def _typed(resource: Resource, shape: shapes.Shape, obj: Obj) -> None:
    """Refuses what can't be made a typed value, as a bare 500, which is what the real server answers."""
    bad = [
        f".{path}: {words}"
        for kind, path, words in checking.problems(shape, obj)
        if kind in (checking.UNKNOWN, checking.MISTYPED)
    ]
    if not bad:
        return
    metadata = obj["metadata"]
    what = (
        f"{metadata.get('namespace', '')}/{metadata.get('name')}; {resource.group}/{resource.version}, Kind={resource.kind}"
    )
    shown = bad[0] if len(bad) == 1 else "errors:\n" + "\n".join(f"  {b}" for b in bad)
    raise ApiError(500, "", f"failed to create typed patch object ({what}): {shown}")


def _clash(clashes: dict[Owner, set[fields.Path]], live: Obj) -> ApiError:
    causes = []
    for (manager, operation, _), paths in clashes.items():
        how = f'conflict with "{manager}"' + (f" using {live['apiVersion']}" if operation == "Update" else "")
        causes += [{"reason": "FieldManagerConflict", "message": how, "field": fields.shown(path)} for path in sorted(paths)]
    by = "; ".join(f"{c['message']}: {c['field']}" for c in causes)
    words = f"Apply failed with {len(causes)} conflict{'s' if len(causes) > 1 else ''}: {by}"
    return ApiError(409, "Conflict", words, {"causes": causes})
