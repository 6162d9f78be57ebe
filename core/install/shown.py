"""What was shown before a run, and that the run does it or stops.

A plan is shown by ``plan``, by the Review screen, or by ``install`` before it asks. What of it a run can be held to is kept
with the environment (``shown.json``): each change of Terraform's by address and action, with the arguments that an update
changes, and the names of the Kubernetes objects; no value, so no secret. The run plans again, on its own state, and goes on
if every change is one that was shown, or takes over what is there already and is the environment's own. A retry finds less
to do, and is held to the same. Where nothing was shown (``--yes``), the run's first plan is told, and counts from then on.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from core.environment import Environment, Home
from core.environment import rehearsal as rehearsals
from core.environment.files import write_atomically
from core.errors import COPY, RETRY, PermanentError
from core.install.addresses import PROTECTED

if TYPE_CHECKING:
    from core.install.installation import Installation
    from core.kubernetes.client import Cluster
    from core.kubernetes.resources import Object
    from core.run.step import Context
    from core.terraform import Change, Plan, Terraform

FILE, FORMAT = "shown.json", 1
ANY = "*"
"""In place of an update's arguments: whichever they are."""
FOUND_OUT = ("project_id", "zone")
"""Parameters that are found out where they are not given; what was shown does not depend on when."""
MOST_TOLD = 6

Entries = Mapping[str, Mapping[str, Sequence[str]]]
"""Address → action → the arguments that change."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown: ``terraform`` by module, ``objects`` as ``Kind namespace/name``, ``services`` (None: they were not).

    ``alike`` are the objects that were to be left alone, since what runs is as it should be. ``follows`` are the values that
    nobody set and that followed by themselves: the run takes them as they were shown.
    """

    id: str
    cloud: str
    values: str
    by: Literal["plan", "run"]
    time: str
    terraform: Mapping[str, Entries] = field(default_factory=dict)
    objects: tuple[str, ...] | None = None
    services: tuple[str, ...] | None = None
    alike: tuple[str, ...] = ()
    follows: Mapping[str, Any] = field(default_factory=dict)

    def holds_for(self, environment: Environment) -> bool:
        """Whether it was shown of this environment, with the parameters that it has now."""
        there = environment.with_resolved(**self.follows)
        return (self.id, self.cloud, self.values) == (there.id, there.cloud, _values(there))

    def save(self, environment: Environment) -> Shown:
        """Keeps it with the environment, in place of what was kept before; returns it."""
        environment.home.ensure("environments", environment.name)
        write_atomically(path(environment.home, environment.name), json.dumps({"format": FORMAT, **asdict(self)}) + "\n")
        return self


def of_plan(environment: Environment, document: Mapping[str, Any]) -> Shown:
    """What the document of a plan shows."""
    modules: dict[str, dict[str, dict[str, Sequence[str]]]] = {"platform": {}, "notebook": {}}
    for item in document["terraform"]["resources"]:
        module = modules["notebook" if item.get("step") == "notebook" else "platform"]
        actions = module.setdefault(item["address"], {})
        actions[item["action"]] = [*actions.get(item["action"], ()), *item.get("fields", ())]
    objects = tuple(str(item["label"]) for item in document["kubernetes"])
    follows = {item["key"]: item["value"] for item in document.get("follows", ())}
    there = environment.with_resolved(**follows)
    alike = tuple(str(item["label"]) for item in document["kubernetes"] if item.get("action") == "none")
    return replace(
        _new(there, "plan"), terraform=modules, objects=objects, services=tuple(document["services"]), alike=alike,
        follows=follows,
    )  # fmt: skip


def digest(document: Mapping[str, Any]) -> str:
    """A checksum of everything that a plan would change: two plans with the same one do the same."""
    lists = {key: document[key] for key in ("services", "roles", "direct", "kubernetes")}
    lists["terraform"] = document["terraform"]["resources"]
    parts = {key: sorted(json.dumps(item, sort_keys=True) for item in items) for key, items in lists.items()}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def path(home: Home, name: str) -> Path:
    """Where it is kept; of an environment that does not exist yet, too."""
    return home.environments / name / FILE


def kept(home: Home, name: str) -> Shown | None:
    """What was shown last of an environment of that name; None where nothing was, or it can't be read."""
    try:
        data = json.loads(path(home, name).read_bytes())
        if data.pop("format") != FORMAT:
            return None
        names = {key: None if data[key] is None else tuple(data[key]) for key in ("objects", "services", "alike")}
        return Shown(**{**data, **names})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def id_of(home: Home, name: str, *, cloud: str, but: str = "") -> str:
    """The id with which an environment that is to be made was shown, so that it gets the names that were; else empty."""
    found = kept(home, name)
    return found.id if found is not None and found.cloud == cloud and found.id != but else ""


def of(environment: Environment) -> Shown | None:
    """What a run of the environment is held to: what was shown of it as it is now."""
    found = kept(environment.home, environment.name)
    return found if found is not None and found.holds_for(environment) else None


def forget(environment: Environment) -> None:
    """It was done, or counts no more."""
    path(environment.home, environment.name).unlink(missing_ok=True)


def sweep(home: Home) -> None:
    """Forgets what commands that only looked and were killed left behind: their clouds, and all but what was shown."""
    for name in rehearsals.sweep(home):
        leave_only(home, name)


def leave_only(home: Home, name: str) -> None:
    """Forgets all else that looking left of an environment that is nowhere yet."""
    folder, stays = home.environments / name, path(home, name)
    for found in folder.iterdir() if folder.is_dir() else ():
        if found.is_dir():
            shutil.rmtree(found, ignore_errors=True)
        elif found != stays:
            found.unlink(missing_ok=True)
    if not stays.exists():
        shutil.rmtree(folder, ignore_errors=True)


async def hold(installation: Installation, context: Context, terraform: Terraform, plan: Plan) -> None:
    """Raises `PermanentError` where a plan would do what was not shown; takes it for shown where nothing was."""
    module, seen = terraform.workspace.module, installation.shown
    for change in plan.changes:
        context.log(f"to {change.action}: {change.address}")
    if seen is None or module not in seen.terraform:
        installation.shown = _first(installation.environment, seen, module, plan).save(installation.environment)
        if plan.changes:
            context.progress(f"the plan: {_counted(plan)}")
        return
    if plan.of("update"):
        plan, _ = await terraform.detailed(plan, context)
    entries = seen.terraform[module]
    more = [text for change in plan.changes if (text := _beyond(entries, change))]
    if more:
        raise _differs(installation.environment, more)


def hold_objects(installation: Installation, labels: Iterable[str]) -> None:
    """Raises `PermanentError` where Kubernetes objects were built that were not shown."""
    if installation.shown is not None:
        _hold_names(installation.environment, "apply", labels, installation.shown.objects)


async def hold_alike(installation: Installation, cluster: Cluster, objects: Iterable[Object]) -> None:
    """Raises `PermanentError` where objects that were to be left alone are not as they should be any more."""
    if installation.shown is None or not installation.shown.alike:
        return
    from core.kubernetes.apply import same
    from core.kubernetes.resources import label
    from core.run.together import together

    asked = [obj for obj in objects if label(obj) in installation.shown.alike]
    unchanged = await together(same(cluster, obj) for obj in asked)
    changed = [label(obj) for obj, is_same in zip(asked, unchanged, strict=True) if not is_same]
    _hold_names(installation.environment, "apply", changed, ())


def hold_services(installation: Installation, names: Iterable[str]) -> None:
    """Raises `PermanentError` where APIs are off that were not shown as such."""
    if installation.shown is not None:
        _hold_names(installation.environment, "enable", names, installation.shown.services)


def _hold_names(environment: Environment, verb: str, names: Iterable[str], seen: Sequence[str] | None) -> None:
    more = [f"{verb} {name} (not shown)" for name in names if seen is not None and name not in seen]
    if more:
        raise _differs(environment, more)


def _first(environment: Environment, seen: Shown | None, module: str, plan: Plan) -> Shown:
    """What a run without one shows by itself; the protection at its end is no surprise to it."""
    found: dict[str, dict[str, Sequence[str]]] = {}
    last = list(PROTECTED) if module == "platform" else []
    for address, action in [*((c.address, c.action) for c in plan.changes), *((a, "update") for a in last)]:
        found.setdefault(address, {})[action] = [ANY]
    seen = seen or _new(environment, "run")
    return replace(seen, terraform={**seen.terraform, module: found})


def _beyond(entries: Entries, change: Change) -> str:
    """What of a change was not shown, in words; empty where all of it was.

    What was to be made may be there by now: taken over, or half made by an earlier run and brought to its end.
    """
    shown = entries.get(change.address, {})
    if change.action in ("import", "move", "read") or (change.import_id and change.action == "update"):
        return ""
    ours = {"create", "replace"} & set(shown)
    if ours and (change.action in ("create", "update") or "taint" in change.reason):
        return ""
    if change.action not in shown:
        return f"{change.action} {change.address} ({'shown was: ' + ', '.join(shown) if shown else 'not shown'})"
    fields = [f for f in change.fields if ANY not in shown[change.action] and f not in shown[change.action]]
    return f"{change.action} {change.address} (not shown: {', '.join(fields)})" if fields else ""


def _differs(environment: Environment, more: Sequence[str]) -> PermanentError:
    told = "; ".join(more[:MOST_TOLD]) + (f"; and {len(more) - MOST_TOLD} more" if len(more) > MOST_TOLD else "")
    return PermanentError(
        "What is to be done now is more than what was shown.",
        code="plan-differs",
        cause=f"Something changed in between. It would {told}.",
        hint="Nothing of it was done. Look at it as it is now, with plan or the app's review; then go on with: "
        f"mlops-env retry {environment.name}",
        command=f"mlops-env plan {environment.name}",
        actions=(RETRY, COPY),
    )


def _counted(plan: Plan) -> str:
    found = {action: len(plan.of(action)) for action in ("create", "update", "replace", "delete")}
    taken = sum(1 for change in plan.changes if change.import_id)
    parts = [f"{number} to {action}" for action, number in found.items() if number]
    return ", ".join([*parts, *([f"{taken} of them or more to take over"] if taken else [])]) or "nothing"


def _new(environment: Environment, by: Literal["plan", "run"]) -> Shown:
    from core.run.journal import timestamp

    return Shown(environment.id, environment.cloud, _values(environment), by, timestamp())


def _values(environment: Environment) -> str:
    values = {k: v for k, v in environment.values.items() if k not in FOUND_OUT or k in environment.given}
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=list).encode()).hexdigest()
