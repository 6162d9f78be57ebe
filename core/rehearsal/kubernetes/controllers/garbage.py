"""The garbage collector: what is owned goes with its owner, before it, or stays, as the deletion said.

A deletion only marks its object for this. Whoever owns nothing is let go at once; whoever is to go last waits until what it
owns, and says that it blocks, is gone.
"""

from __future__ import annotations

from core.rehearsal.kubernetes.controllers.context import Context
from core.rehearsal.kubernetes.objects import FINALIZERS
from core.rehearsal.kubernetes.resources import Resource
from core.rehearsal.kubernetes.status import Obj

_FOREGROUND, _ORPHAN = FINALIZERS["Foreground"], FINALIZERS["Orphan"]
Found = list[tuple[Resource, Obj]]


def garbage(ctx: Context) -> None:
    """Looks through everything, where something went or is to go."""
    if not ctx.cluster.litter:
        return
    ctx.cluster.litter = False
    everything = [(resource, obj) for resource in _kinds(ctx) for obj in ctx.cluster.list(resource)]
    owned = [item for item in everything if item[1]["metadata"].get("ownerReferences")]
    for resource, obj in everything:
        finalizers = _policies(obj)
        if _ORPHAN in finalizers:
            _disown(ctx, obj, owned)
            _let_go(ctx, resource, obj, _ORPHAN)
        elif _FOREGROUND in finalizers and not _going(ctx, obj, owned):
            _let_go(ctx, resource, obj, _FOREGROUND)
    alive = {obj["metadata"]["uid"] for _, obj in everything}
    for resource, obj in owned:
        if not any(owner.get("uid") in alive for owner in obj["metadata"]["ownerReferences"]):
            _delete(ctx, resource, obj)


def _kinds(ctx: Context) -> list[Resource]:
    """Each kind once, whatever versions it is served in."""
    return list({r.key: r for r in ctx.cluster.resources() if r.storage}.values())


def _policies(obj: Obj) -> list[str]:
    metadata = obj["metadata"]
    return metadata.get("finalizers") or [] if metadata.get("deletionTimestamp") else []


def _of(owner: Obj, owned: Found) -> Found:
    uid = owner["metadata"]["uid"]
    return [item for item in owned if any(r.get("uid") == uid for r in item[1]["metadata"]["ownerReferences"])]


def _disown(ctx: Context, owner: Obj, owned: Found) -> None:
    """Takes an owner's name from what it owned."""
    for resource, obj in _of(owner, owned):
        live = _live(ctx, resource, obj)
        if live is not None:
            left = [r for r in live["metadata"]["ownerReferences"] if r.get("uid") != owner["metadata"]["uid"]]
            metadata = {k: v for k, v in live["metadata"].items() if k != "ownerReferences"}
            ctx.cluster.edit(resource, live, {**live, "metadata": metadata | ({"ownerReferences": left} if left else {})})


def _going(ctx: Context, owner: Obj, owned: Found) -> bool:
    """Deletes what is owned alone; whether something that blocks the owner is still there."""
    uid, blocking = owner["metadata"]["uid"], False
    for resource, obj in _of(owner, owned):
        references = obj["metadata"]["ownerReferences"]
        if all(r.get("uid") == uid for r in references):
            _delete(ctx, resource, obj, policy="Foreground")
        blocks = any(r.get("uid") == uid and r.get("blockOwnerDeletion") for r in references)
        blocking = blocking or (blocks and _live(ctx, resource, obj) is not None)
    return blocking


def _delete(ctx: Context, resource: Resource, obj: Obj, *, policy: str = "") -> None:
    if (live := _live(ctx, resource, obj)) is not None and not live["metadata"].get("deletionTimestamp"):
        metadata = live["metadata"]
        ctx.cluster.delete(resource, metadata.get("namespace", ""), metadata["name"], policy=policy)


def _let_go(ctx: Context, resource: Resource, obj: Obj, finalizer: str) -> None:
    if (live := _live(ctx, resource, obj)) is not None:
        ctx.cluster.release(resource, live, finalizer)


def _live(ctx: Context, resource: Resource, obj: Obj) -> Obj | None:
    """The object as it is now, if it is still the same one."""
    found = ctx.cluster.find(resource, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
    return found if found is not None and found["metadata"]["uid"] == obj["metadata"]["uid"] else None
