"""The objects of one simulated cluster: create, update, patch, apply, delete, and what every change sets off.

They lie in the world's store, keyed by the cluster's uid, and are gone with it. The history that watches read is in memory
alone: after a restart a watch from before gets the 410 that the real server gives when it forgot.
"""

from __future__ import annotations

import secrets
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.rehearsal.clock import SimulatedClock
from core.rehearsal.kubernetes import (
    admission,
    canonical,
    checking,
    defaults,
    merging,
    ownership,
    shapes,
    structural,
    validation,
)
from core.rehearsal.kubernetes.ownership import Managed, Writer
from core.rehearsal.kubernetes.resources import BUILTIN, Resource, of_definition
from core.rehearsal.kubernetes.status import ApiError, Obj, bad_request, conflict, forbidden, invalid, no_resource, not_found
from core.rehearsal.store import Store

KIND = "kubernetes.objects"
HISTORY = 20_000
Warnings = list[str]
Names = list[str]
Objects = list[Obj]
Resources = list[Resource]
Listener = Callable[[Resource, str, Obj], None]
Guard = Callable[[Resource, Obj], None]
_MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"
FINALIZERS = {"Orphan": "orphan", "Foreground": "foregroundDeletion"}
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
        self.litter = True
        """Whether something went, or is to go, that may have owned something: the garbage collector's sign to look."""
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
        if resource.custom:
            obj = structural.without_nulls(resource.schema or {}, obj)
        obj = self._without_status(resource, obj, options)
        obj = defaults.fill(resource, self._kept(resource, obj))
        managed = ownership.updated(shape, shapes.skeleton(shape), obj, Managed(), self._writer(resource, "Update", options))
        return self._new(resource, namespace, obj, managed, options), warnings

    def _writer(self, resource: Resource, operation: str, options: Options) -> Writer:
        owner = (options.manager, operation, options.subresource)
        return Writer(owner, resource.api_version, self.clock.timestamp(), _ignored(resource, options.subresource))

    @staticmethod
    def _kept(resource: Resource, obj: Obj) -> Obj:
        """The object as it comes out of the server's own types."""
        if resource.custom:
            kept = {**obj, "metadata": canonical.canonical(shapes.METADATA, obj["metadata"])}
            return {
                **kept,
                **structural.defaulted(resource.schema or {}, {k: v for k, v in kept.items() if k != "metadata"}),
            }
        known: Obj = canonical.canonical(shapes.of(resource), obj)
        return known

    @staticmethod
    def _without_status(resource: Resource, obj: Obj, options: Options) -> Obj:
        """A status is written by its own request alone."""
        if "status" in resource.subresources and options.manager != CONTROLLER.manager:
            return {k: v for k, v in obj.items() if k != "status"}
        return obj

    def _identified(self, resource: Resource, namespace: str, given: Obj) -> Obj:
        metadata = given.get("metadata")
        if not isinstance(metadata, dict | None):
            raise bad_request("metadata is no object")
        metadata = {k: v for k, v in (metadata or {}).items() if v is not None}
        _refuse_kind(resource, given)
        if resource.namespaced:
            if metadata.get("namespace", namespace) != namespace:
                raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
            metadata["namespace"] = namespace
        return {**given, "apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata}

    def _new(self, resource: Resource, namespace: str, obj: Obj, managed: Managed, options: Options) -> Obj:
        metadata = obj["metadata"]
        name = metadata.get("name") or metadata.get("generateName", "")
        admission.refuse_absent_namespace(self, resource, namespace, name)
        named = {**obj, "metadata": {**metadata, "name": name}}
        obj = defaults.prepared(resource, {**admission.completed(self, resource, namespace, named), "metadata": metadata})
        if not metadata.get("name") and (prefix := metadata.get("generateName")):
            name = prefix + "".join(secrets.choice("bcdfghjklmnpqrstvwxz2456789") for _ in range(5))
            obj["metadata"] = {**metadata, "name": name}
        validation.check(resource, obj)
        admission.check(self, resource, namespace, obj)
        self._refuse_known(resource, namespace, name)
        own: Obj = {"uid": str(uuid.uuid4()), "creationTimestamp": self.clock.timestamp()}
        if defaults.counted(resource):
            own["generation"] = 1
        for key in ("resourceVersion", "deletionTimestamp", "managedFields", "selfLink"):
            obj["metadata"].pop(key, None)
        obj = {**obj, "metadata": {**obj["metadata"], **own}}
        return self._commit(resource, obj, managed, "ADDED", options)

    def _refuse_known(self, resource: Resource, namespace: str, name: str) -> None:
        if (live := self.find(resource, namespace, name)) is None:
            return
        what = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
        going = "object is being deleted: " if live["metadata"].get("deletionTimestamp") else ""
        details = {"name": name, "group": resource.group, "kind": resource.plural}
        raise ApiError(409, "AlreadyExists", f'{going}{what} "{name}" already exists', details)

    def update(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        given: Obj,
        options: Options = CONTROLLER,
        *,
        patched: bool = False,
    ) -> tuple[Obj, Warnings]:
        """Replaces an object, or its status; ``patched``: by what a patch has made of it."""
        live = self.get(resource, namespace, name)
        if patched and (given.get("apiVersion"), given.get("kind")) != (resource.api_version, resource.kind):
            words = f'no kind "{given.get("kind")}" is registered for version "{given.get("apiVersion")}" in scheme'
            raise checking.refused_patch(given, f'{words} "pkg/runtime/scheme.go:111"')
        obj = self._identified(resource, namespace, given)
        if obj["metadata"].get("name", name) != name:
            raise bad_request(
                f"the name of the object ({obj['metadata']['name']}) does not match the name on the URL ({name})"
            )
        shape = shapes.of(resource)
        obj, warnings = checking.decoded(shape, resource, obj, options.validation, patched=patched)
        expected = obj["metadata"].get("resourceVersion")
        if not expected and resource.custom:
            words = "Invalid value: 0: must be specified for an update"
            what = f"{resource.plural}.{resource.group}"
            cause = {"reason": "FieldValueInvalid", "message": words, "field": "metadata.resourceVersion"}
            details = {"name": name, "group": resource.group, "kind": resource.plural, "causes": [cause]}
            raise ApiError(422, "Invalid", f'{what} "{name}" is invalid: metadata.resourceVersion: {words}', details)
        if expected and expected != live["metadata"]["resourceVersion"]:
            raise conflict(resource.plural, resource.group, name, _MODIFIED)
        return self._updated(resource, shape, live, obj, options, patched=patched), warnings

    def _updated(
        self, resource: Resource, shape: shapes.Shape, live: Obj, obj: Obj, options: Options, *, patched: bool
    ) -> Obj:
        new = self._parted(resource, live, obj, status=options.subresource == "status")
        new = defaults.fill(resource, self._kept(resource, new))
        if patched and obj["metadata"].get("uid", live["metadata"]["uid"]) != live["metadata"]["uid"]:
            raise _fixed_uid(resource, obj)
        given = new["metadata"].get("managedFields")
        managed = Managed() if given in ([], [{}]) else Managed.of(new if given else live)
        # whose managers were taken away is tracked no more until somebody applies it
        if live["metadata"].get("managedFields"):
            managed = ownership.updated(shape, live, new, managed, self._writer(resource, "Update", options))
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
        else:
            new = merging.strategic(shapes.of(resource), live, patch)
        return self.update(resource, namespace, name, new, options, patched=True)

    def apply(self, resource: Resource, namespace: str, name: str, given: Obj, options: Options) -> tuple[Obj, bool]:
        """Server-side apply; returns the object and whether it was created."""
        _refuse_applied(resource, given, name)
        obj = self._identified(resource, namespace, given)
        obj["metadata"]["name"] = name
        shape = shapes.of(resource)
        checking.typed(resource, shape, obj, given)
        writer = self._writer(resource, "Apply", options)
        live = self.find(resource, namespace, name)
        if live is None:
            if expected := obj["metadata"].get("uid"):
                words = f"uid mismatch: the provided object specified uid {expected}, and no existing object was found"
                raise conflict(resource.plural, resource.group, name, words)
            new, managed = ownership.applied(shape, shapes.skeleton(shape), obj, Managed(), writer, force=options.force)
            new = defaults.fill(resource, self._kept(resource, self._without_status(resource, new, options)))
            return self._new(resource, namespace, new, managed, options), True
        expected = obj["metadata"].pop("resourceVersion", None)
        if expected and expected != live["metadata"]["resourceVersion"]:
            raise conflict(resource.plural, resource.group, name, _MODIFIED)
        if obj["metadata"].get("uid", live["metadata"]["uid"]) != live["metadata"]["uid"]:
            words = f"Precondition failed: UID in precondition: {obj['metadata']['uid']}, UID in object meta: "
            raise conflict(resource.plural, resource.group, name, words + live["metadata"]["uid"])
        new, managed = ownership.applied(shape, live, obj, Managed.of(live), writer, force=options.force)
        new = self._parted(resource, live, new, status=options.subresource == "status")
        new = defaults.fill(resource, self._kept(resource, new))
        return self._replace(resource, live, new, managed, options), False

    def _replace(self, resource: Resource, live: Obj, new: Obj, managed: Managed, options: Options) -> Obj:
        kept = ("uid", "creationTimestamp", "name", "namespace", "generation", "deletionTimestamp", "resourceVersion")
        metadata = {k: v for k, v in new["metadata"].items() if k not in ("selfLink",)}
        metadata.update({k: live["metadata"][k] for k in kept if k in live["metadata"]})
        new = {**new, "metadata": metadata}
        validation.check_change(resource, live, new)
        if _settled_part(new) == _settled_part(live) and managed.sets == Managed.of(live).sets:
            return live
        if defaults.counted(resource) and _desired(resource, new) != _desired(resource, live):
            metadata["generation"] = live["metadata"].get("generation", 1) + 1
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers") and not self._held(resource):
            self._drop(resource, metadata.get("namespace", ""), metadata["name"])
            metadata.pop("managedFields", None)
            return {**new, "metadata": {**metadata, **({"managedFields": e} if (e := managed.entries()) else {})}}
        return self._commit(resource, new, managed, "MODIFIED", options)

    @staticmethod
    def _held(resource: Resource) -> bool:
        """Whether a controller has work to do before the object may go."""
        return resource.kind in ("Namespace", "Pod", "PersistentVolume")

    def delete(self, resource: Resource, namespace: str, name: str, *, dry_run: bool = False, policy: str = "") -> Obj:
        """Deletes an object, or marks it where something still has to happen first; what it was at last.

        ``policy`` is how what it owns goes: ``Foreground`` before it, ``Orphan`` not at all, else after it. The garbage
        collector sees to that.
        """
        live = self.get(resource, namespace, name)
        if resource.kind == "Namespace" and name in ("default", "kube-system", "kube-public", "kube-node-lease"):
            raise forbidden("namespaces", "", name, "this namespace may not be deleted")
        finalizers = list(live["metadata"].get("finalizers") or ())
        if policy:
            finalizers = [f for f in finalizers if f not in FINALIZERS.values()]
        if policy in FINALIZERS:
            finalizers.append(FINALIZERS[policy])
        if live["metadata"].get("deletionTimestamp"):
            return self._told_again(resource, live, finalizers, dry_run=dry_run)
        if not finalizers and not self._held(resource):
            gone = live if dry_run else self._drop(resource, namespace, name)
            return self._cleaned(resource, gone)
        marked = self._marked(resource, live, finalizers)
        options = Options(manager=CONTROLLER.manager, validation="Ignore", dry_run=dry_run)
        self.litter = True
        return self._commit(resource, marked, Managed.of(live), "MODIFIED", options)

    def _told_again(self, resource: Resource, live: Obj, finalizers: Names, *, dry_run: bool) -> Obj:
        """What is to go already, told another way to: the last word holds."""
        if finalizers == list(live["metadata"].get("finalizers") or ()):
            return live
        if not finalizers and not self._held(resource):
            metadata = live["metadata"]
            return live if dry_run else self._drop(resource, metadata.get("namespace", ""), metadata["name"])
        kept = {k: v for k, v in live["metadata"].items() if k != "finalizers"}
        self.litter = True
        new = {**live, "metadata": kept | ({"finalizers": finalizers} if finalizers else {})}
        return new if dry_run else self.edit(resource, live, new)

    def _marked(self, resource: Resource, live: Obj, finalizers: Names) -> Obj:
        metadata = {**live["metadata"], "deletionTimestamp": self.clock.timestamp()}
        if finalizers:
            metadata["finalizers"] = finalizers
        if resource.kind == "Namespace":
            return {**live, "metadata": metadata, "status": {**live.get("status", {}), "phase": "Terminating"}}
        metadata["deletionGracePeriodSeconds"] = self._grace(resource, live)
        if "generation" in metadata:
            metadata["generation"] += 1
        return {**live, "metadata": metadata}

    def _cleaned(self, resource: Resource, gone: Obj) -> Obj:
        """What is answered for a CRD: that its objects go first."""
        if resource.kind != "CustomResourceDefinition":
            return gone
        words = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon"
        terminating = {
            "type": "Terminating",
            "status": "True",
            "lastTransitionTime": self.clock.timestamp(),
            "reason": "InstanceDeletionPending",
            "message": words,
        }
        status = gone.get("status") or {}
        status = {**status, "conditions": [*(status.get("conditions") or ()), terminating]}
        own = {"deletionTimestamp": self.clock.timestamp(), "finalizers": ["customresourcecleanup.apiextensions.k8s.io"]}
        return {**gone, "metadata": {**gone["metadata"], **own}, "status": status}

    @staticmethod
    def _grace(resource: Resource, live: Obj) -> int:
        """A pod that runs nowhere goes at once."""
        if resource.kind != "Pod" or not live["spec"].get("nodeName"):
            return 0
        return int(live["spec"].get("terminationGracePeriodSeconds", 30))

    def finish(self, resource: Resource, namespace: str, name: str) -> None:
        """Removes an object at last, whatever holds it: the word of the controller that held it."""
        if self.find(resource, namespace, name) is not None:
            self._drop(resource, namespace, name)

    def _drop(self, resource: Resource, namespace: str, name: str) -> Obj:
        key = (namespace if resource.namespaced else "", name)
        live = self._objects[resource.key].pop(key)
        self.store.delete(KIND, f"{self.uid}/{resource.key}/{key[0]}/{name}")
        self.version += 1
        gone = {**live, "metadata": {**live["metadata"], "resourceVersion": str(self.version)}}
        if resource.kind == "CustomResourceDefinition":
            self._undefine(live)
        self._emit(resource, "DELETED", gone)
        self.litter = True
        return gone

    def _commit(self, resource: Resource, obj: Obj, managed: Managed, event: str, options: Options) -> Obj:
        for guard in self.guards:
            guard(resource, obj)
        obj["metadata"].pop("managedFields", None)
        if entries := managed.entries():
            obj["metadata"]["managedFields"] = entries
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

    def set_status(self, resource: Resource, obj: Obj, status: Obj, manager: str = "") -> Obj:
        """Writes an object's status where it differs; in a manager's name, where one is given."""
        live = self.find(resource, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        if live is None or live.get("status") == status:
            return live or obj
        new = {**live, "status": status, "metadata": dict(live["metadata"])}
        managed = Managed.of(live)
        if manager:
            writer = self._writer(resource, "Update", Options(manager=manager, subresource="status"))
            managed = ownership.updated(shapes.of(resource), live, new, managed, writer)
        return self._commit(resource, new, managed, "MODIFIED", CONTROLLER)

    def release(self, resource: Resource, obj: Obj, finalizer: str) -> None:
        """Takes a finalizer from an object that is to go; the last one lets it go."""
        metadata = obj["metadata"]
        left = [f for f in metadata.get("finalizers") or () if f != finalizer]
        if left or self._held(resource):
            kept = {k: v for k, v in metadata.items() if k != "finalizers"}
            self.edit(resource, obj, {**obj, "metadata": kept | ({"finalizers": left} if left else {})})
        else:
            self._drop(resource, metadata.get("namespace", ""), metadata["name"])

    def edit(self, resource: Resource, obj: Obj, new: Obj) -> Obj:
        """Writes an object as a controller changed it, managers left as they are."""
        if new == obj:
            return obj
        return self._commit(resource, {**new, "metadata": dict(new["metadata"])}, Managed.of(obj), "MODIFIED", CONTROLLER)


def _fixed_uid(resource: Resource, obj: Obj) -> ApiError:
    words = f'Invalid value: "{obj["metadata"]["uid"]}": field is immutable'
    return invalid(resource.kind, resource.group, obj["metadata"]["name"], [("metadata.uid", "FieldValueInvalid", words)])


def _refuse_kind(resource: Resource, given: Obj) -> None:
    """Refuses an object that says it is something else than its path does; nothing said is the path's."""
    version, kind = given.get("apiVersion"), given.get("kind")
    if (version or resource.api_version, kind or resource.kind) == (resource.api_version, resource.kind):
        return
    if resource.custom:
        if version is not None and version != resource.api_version:
            words = f"the API version in the data ({version}) does not match the expected API version"
            raise bad_request(f"{words} ({resource.api_version})")
        raise bad_request(f"the kind in the data ({kind}) does not match the expected kind ({resource.kind})")
    version, kind = version or resource.api_version, kind or resource.kind
    what = f'{kind} in version "{version.rpartition("/")[2]}" cannot be handled as a {resource.kind}: '
    raise bad_request(f'{what}no kind "{kind}" is registered for version "{version}" in scheme "pkg/runtime/scheme.go:111"')


def _refuse_applied(resource: Resource, given: Obj, name: str) -> None:
    """Refuses a configuration that says it is something else, or holds what only the server writes."""
    if (given.get("apiVersion"), given.get("kind")) != (resource.api_version, resource.kind):
        group, _, version = str(given.get("apiVersion") or "").rpartition("/")
        raise bad_request(f"invalid object type: {group}/{version}, Kind={given.get('kind') or ''}")
    metadata = given.get("metadata") or {}
    if metadata.get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    if metadata.get("name", name) != name:
        raise bad_request(f"the name of the object ({metadata['name']}) does not match the name on the URL ({name})")


def _ignored(resource: Resource, subresource: str) -> tuple[tuple[str, ...], ...]:
    """What a request leaves alone, whatever it says."""
    if "status" not in resource.subresources:
        return ()
    return (("f:spec",),) if subresource == "status" else (("f:status",),)


def _settled_part(obj: Obj) -> Obj:
    return {**obj, "metadata": {k: v for k, v in obj["metadata"].items() if k not in _VOLATILE}}


def _desired(resource: Resource, obj: Obj) -> Obj:
    desired = {k: v for k, v in obj.items() if k not in ("metadata", "status")}
    # of a Deployment its annotations count too
    return {**desired, "": obj["metadata"].get("annotations")} if resource.kind == "Deployment" else desired
