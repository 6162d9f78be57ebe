"""A resource's state as the JSON of its API, and back, by its table; what a table can't say stands in `resources`."""

from __future__ import annotations

from typing import Any

from core.rehearsal.provider.links import completed, last_part
from core.rehearsal.provider.schema import Attribute, Block, Nested
from core.rehearsal.provider.values import UNKNOWN, State

Json = dict[str, Any]
LABELS = "effective_labels"
"""The one computed attribute that is sent: the labels of the configuration, the provider and what was there before."""


def expand(block: Block, value: State, *, inner: bool = False) -> Json:
    """The API's JSON of what is set, without nulls, unknowns, what only the server sets, and empty lists inside blocks."""
    found: Json = {}
    for attribute in block.attributes.values():
        given = value.get(attribute.name)
        if attribute.api and (attribute.given or attribute.name == LABELS) and given is not UNKNOWN:
            if given is None and attribute.zero:
                _put(found, attribute.api, zero(attribute.type))
            elif (
                given is not None and given != "" and (given or not attribute.nonzero) and not (inner and given in ([], {}))
            ):
                _put(found, attribute.api, _expanded(attribute, given))
    for nested in block.blocks.values():
        items = value.get(nested.name)
        if nested.api and items and items is not UNKNOWN:
            made = [expand(nested.block, item, inner=True) for item in items]
            _put(found, nested.api, made[0] if nested.single else made)
    return found


def flatten(block: Block, api: Json, prior: State, *, applied: bool = False) -> State:
    """The state of what the API says; what only the provider knows stays as it was.

    ``applied``: it follows a change, and a collection that the plan left null stays so where there is nothing in it.
    """
    state: State = {}
    for attribute in block.attributes.values():
        before = prior.get(attribute.name)
        read = attribute.api and not attribute.unread
        state[attribute.name] = _flattened(attribute, find(api, attribute.api), before, applied) if read else before
    for nested in block.blocks.values():
        before = prior.get(nested.name) or []
        state[nested.name] = _elements(nested, find(api, nested.api), before, applied) if nested.api else before
    return state


def find(api: Any, path: tuple[str, ...]) -> Any:
    """What stands at a path of a JSON document; None where nothing does."""
    for part in path:
        api = api.get(part) if isinstance(api, dict) else None
    return api


def _put(target: Json, path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        target = target.setdefault(part, {})
    target[path[-1]] = value


def _expanded(attribute: Attribute, given: Any) -> Any:
    if attribute.int64:
        return str(given)
    if attribute.type == "int" and isinstance(given, float):
        return int(given)
    return completed(given, attribute.link) if attribute.link else given


def _flattened(attribute: Attribute, got: Any, before: Any, applied: bool) -> Any:
    if attribute.block is not None:
        items = got if isinstance(got, list) else [got] if isinstance(got, dict) else []
        return [flatten(attribute.block, item, {}) for item in items]
    if got is None:
        return _absent(attribute, before, applied)
    if attribute.last:
        return last_part(got)
    if attribute.type == "string":
        return got if isinstance(got, str) else str(got).lower() if isinstance(got, bool) else str(got)
    if attribute.type == "int":
        return int(got)
    return {k: str(v) for k, v in got.items()} if attribute.type == "map" else got


def zero(type: str) -> Any:
    """The value of a type that says nothing."""
    kinds: dict[str, Any] = {"string": "", "bool": False, "int": 0, "float": 0, "map": {}}
    return kinds.get(type, [])


def _absent(attribute: Attribute, before: Any, applied: bool) -> Any:
    """A field that the API leaves out has its default, or its type's zero: the library below the provider has no null."""
    if attribute.kept:
        return before
    if attribute.default is not None or attribute.absent is not None:
        return attribute.absent if attribute.absent is not None else attribute.default
    empty = zero(attribute.type)
    return None if applied and before is None and not attribute.computed and empty in ([], {}) else empty


def _elements(nested: Nested, got: Any, before: list[State], applied: bool) -> list[State]:
    items = got if isinstance(got, list) else [got] if isinstance(got, dict) else []
    if applied and nested.nesting == "set" and len(before) == len(items) and all(_known(nested.block, b) for b in before):
        return before
    if nested.shown:
        return [flatten(nested.block, item, {}, applied=applied) for item in items or [{}]]
    twins, applied = (before, applied) if nested.nesting == "list" else ([], False)
    made = [flatten(nested.block, item, twins[i] if i < len(twins) else {}, applied=applied) for i, item in enumerate(items)]
    if nested.single and not before and not nested.exactly_one and not any(speaks(nested.block, item) for item in items):
        return []
    return made


def _known(block: Block, planned: State) -> bool:
    """Whether nothing of a planned member of a set was left to the API: then the plan is the state."""
    return all(planned.get(a.name) is not None for a in block.attributes.values() if a.computed)


def speaks(block: Block, api: Json) -> bool:
    """Whether the API says anything of a block, be it only that something is off."""
    if any(a.api and find(api, a.api) is not None for a in block.attributes.values()):
        return True
    if any(b.exactly_one and find(api, b.api) is not None for b in block.blocks.values()):
        return True
    inner = [(b.block, find(api, b.api)) for b in block.blocks.values() if b.api]
    return any(
        speaks(b, item) for b, got in inner for item in (got if isinstance(got, list) else [got]) if isinstance(item, dict)
    )
