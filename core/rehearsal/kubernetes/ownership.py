"""Field managers: what a write by one of them does to the sets of all, conflicts, and what a manager lets go of.

`managedFields` is the truth about them, so nothing is kept beside an object. A manager is its name, its operation and its
subresource; an update takes what it changes from whoever had it, an apply asks first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from core.rehearsal.kubernetes import fields, merging
from core.rehearsal.kubernetes.fields import Path, Paths
from core.rehearsal.kubernetes.shapes import Shape, skeleton
from core.rehearsal.kubernetes.status import ApiError, Obj

Owner = tuple[str, str, str]
"""(manager, ``Apply`` or ``Update``, subresource)"""
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
MOST_UPDATERS = 10
"""Managers that update are kept apart up to this many; older ones are then put together."""


@dataclass
class Managed:
    """The managers of one object: their sets, their times, and the version in which each wrote."""

    sets: dict[Owner, Paths] = field(default_factory=dict)
    times: dict[Owner, str] = field(default_factory=dict)
    versions: dict[Owner, str] = field(default_factory=dict)

    @classmethod
    def of(cls, obj: Obj) -> Managed:
        """The managers that an object names."""
        found = cls()
        for entry in obj["metadata"].get("managedFields") or ():
            owner = (entry.get("manager", ""), entry.get("operation", ""), entry.get("subresource", ""))
            found.sets[owner] = fields.read(entry.get("fieldsV1") or {})
            found.times[owner] = entry.get("time", "")
            found.versions[owner] = entry.get("apiVersion", "")
        return found

    def entries(self) -> list[Obj]:
        """The ``managedFields`` that say so."""
        order = sorted(self.sets, key=lambda o: (o[1], self.times.get(o, ""), o[0], self.versions.get(o, ""), o[2]))
        return [self._entry(owner) for owner in order if self.sets[owner]]

    def _entry(self, owner: Owner) -> Obj:
        manager, operation, subresource = owner
        entry: Obj = {"manager": manager, "operation": operation, "apiVersion": self.versions[owner]}
        if time := self.times.get(owner):
            entry["time"] = time
        entry |= {"fieldsType": "FieldsV1", "fieldsV1": fields.write(self.sets[owner])}
        return {**entry, "subresource": subresource} if subresource else entry


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, in which version, when, and which paths his request leaves alone whatever it says."""

    owner: Owner
    version: str
    now: str
    ignored: tuple[Path, ...] = ()


def updated(shape: Shape, live: Obj, new: Obj, managed: Managed, writer: Writer) -> Managed:
    """The managers after an update (or, ``live`` being a skeleton, a creation) by a writer."""
    difference = fields.compare(shape, live, new).without(writer.ignored)
    changed = difference.modified | difference.added
    sets = {owner: paths - changed - difference.removed for owner, paths in managed.sets.items()}
    times, versions = dict(managed.times), dict(managed.versions)
    if changed:
        sets[writer.owner] = sets.get(writer.owner, set()) | changed
        times[writer.owner], versions[writer.owner] = writer.now, writer.version
    return _capped(Managed({o: s for o, s in sets.items() if s}, times, versions))


def _capped(managed: Managed) -> Managed:
    """Puts the oldest updaters together, where there are more than are kept apart."""
    updaters = sorted((managed.times[o], o) for o in managed.sets if o[1] == "Update")
    if len(updaters) <= MOST_UPDATERS:
        return managed
    together: Owner = ("ancient-changes", "Update", "")
    for time, owner in updaters[: len(updaters) - MOST_UPDATERS + 1]:
        managed.sets[together] = managed.sets.get(together, set()) | managed.sets.pop(owner)
        managed.times[together], managed.versions[together] = time, managed.versions[owner]
    return managed


def applied(shape: Shape, live: Obj, config: Obj, managed: Managed, writer: Writer, *, force: bool) -> tuple[Obj, Managed]:
    """The object with a configuration applied, without defaults, and its managers; raises 409 on a conflict."""
    if not managed.sets and live.get("metadata", {}).get("uid"):
        first: Owner = ("before-first-apply", "Update", "")
        managed = updated(shape, skeleton(shape), live, managed, Writer(first, writer.version, writer.now, writer.ignored))
    try:
        return _apply(shape, live, config, managed, writer, force=force)
    except Clash as clash:
        left = clash.without(_client_side(shape, live)) if writer.owner[0] == "kubectl" else clash
        if not left.paths:
            return _apply(shape, live, config, managed, writer, force=True)
        raise left.error(managed) from None


def _apply(shape: Shape, live: Obj, config: Obj, managed: Managed, writer: Writer, *, force: bool) -> tuple[Obj, Managed]:
    new = merging.apply(shape, live, config)
    last = managed.sets.get(writer.owner, set())
    mine = {p for p in fields.field_set(shape, config) if not any(p[: len(i)] == i for i in writer.ignored)}
    if last:
        whole = fields.field_set(shape, config, whole=True)
        new = _pruned(shape, new, {**managed.sets, writer.owner: whole}, last)
    sets = {**managed.sets, writer.owner: mine}
    difference = fields.compare(shape, live, new).without(writer.ignored)
    changed = difference.modified | difference.added
    clashes = {owner: changed & paths for owner, paths in sets.items() if owner != writer.owner and changed & paths}
    if clashes and not force:
        raise Clash(clashes)
    sets = {o: s if o == writer.owner else s - changed - difference.removed for o, s in sets.items()}
    # who only says what is so already has no time of his own
    times = {**managed.times, writer.owner: writer.now} if new != live else managed.times
    return new, Managed(
        {o: s for o, s in sets.items() if s},
        times,
        {**managed.versions, writer.owner: writer.version},
    )


def _pruned(shape: Shape, merged: Obj, sets: dict[Owner, Paths], last: Paths) -> Obj:
    """Without what the manager applied before, applies no longer, and nobody else owns."""

    def members(value: Any) -> Paths:
        return fields.with_named(shape, fields.field_set(shape, value or {}, whole=True))

    last = fields.with_named(shape, last)
    everybody = fields.with_named(shape, set().union(*sets.values()))
    has = members(merged)
    gone = has - (members(fields.remove(shape, merged, last)) | everybody)
    kept = fields.remove(shape, merged, gone) or {}
    dropped: Obj = fields.remove(shape, merged, (has - members(kept)) & last) or {}
    return dropped


class Clash(Exception):
    """Raised where an apply would take what others own."""

    def __init__(self, paths: dict[Owner, Paths]) -> None:
        super().__init__()
        self.paths = paths

    def without(self, allowed: Paths) -> Clash:
        """The clash, but for paths that may be taken."""
        left = {owner: paths - allowed for owner, paths in self.paths.items()}
        return Clash({owner: paths for owner, paths in left.items() if paths})

    def error(self, managed: Managed) -> ApiError:
        """The 409, with a cause for each field."""
        found = [(_named(owner, managed), path) for owner in sorted(self.paths) for path in sorted(self.paths[owner])]
        causes = [
            {"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": fields.shown(path)}
            for who, path in found
        ]
        if len(found) == 1:
            words = f"Apply failed with 1 conflict: {causes[0]['message']}: {causes[0]['field']}"
        else:
            lines: list[str] = []
            for who in sorted({who for who, _ in found}):
                lines.append(f"conflicts with {who}:")
                lines += [f"- {fields.shown(path)}" for other, path in found if other == who]
            words = f"Apply failed with {len(found)} conflicts: " + "\n".join(lines)
        return ApiError(409, "Conflict", words, {"causes": causes})


def _named(owner: Owner, managed: Managed) -> str:
    manager, operation, subresource = owner
    text = json.dumps(manager) + (f" with subresource {json.dumps(subresource)}" if subresource else "")
    return f"{text} using {managed.versions[owner]}" if operation == "Update" else text


def _client_side(shape: Shape, live: Obj) -> Paths:
    """What kubectl applied from the client's side and is as it was: it may take that over without a conflict."""
    text = (live["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    if not text:
        return set()
    try:
        config = json.loads(text)
    except ValueError:
        return set()
    difference = fields.compare(shape, config, live)
    return fields.field_set(shape, config) - difference.modified - difference.added - difference.removed
