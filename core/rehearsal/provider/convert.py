"""A resource's state as the JSON of its API, and back, by its table; what a table can't say stands in `resources`."""

from __future__ import annotations

from typing import Any

from core.rehearsal.provider.links import completed, last_part
from core.rehearsal.provider.schema import Attribute, Block, Nested
from core.rehearsal.provider.values import UNKNOWN, State, vacant

Json = dict[str, Any]
LABELS = "effective_labels"
"""The one computed attribute that is sent: the labels of the configuration, the provider and what was there before."""


def expand(block: Block, value: State) -> Json:
    """The API's JSON of what is set; nulls, unknowns and what only the server sets are left out."""
    found: Json = {}
    for attribute in block.attributes.values():
        given = value.get(attribute.name)
        if attribute.api and (attribute.given or attribute.name == LABELS) and given is not None and given is not UNKNOWN:
            if given != "":
                _put(found, attribute.api, _expanded(attribute, given))
    for nested in block.blocks.values():
        items = value.get(nested.name)
        if nested.api and items and items is not UNKNOWN:
            made = [expand(nested.block, item) for item in items]
            _put(found, nested.api, made[0] if nested.single else made)
    return found


def flatten(block: Block, api: Json, prior: State) -> State:
    """The state of what the API says; what only the provider knows stays as it was."""
    state: State = {}
    for attribute in block.attributes.values():
        before = prior.get(attribute.name)
        state[attribute.name] = _flattened(attribute, find(api, attribute.api), before) if attribute.api else before
    for nested in block.blocks.values():
        before = prior.get(nested.name) or []
        state[nested.name] = _elements(nested, find(api, nested.api), before) if nested.api else before
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


def _flattened(attribute: Attribute, got: Any, before: Any) -> Any:
    if attribute.block is not None:
        items = got if isinstance(got, list) else [got] if isinstance(got, dict) else []
        return [flatten(attribute.block, item, {}) for item in items]
    if got is None:
        return _absent(attribute, before)
    if attribute.last:
        return last_part(got)
    if attribute.type == "string":
        return got if isinstance(got, str) else str(got).lower() if isinstance(got, bool) else str(got)
    if attribute.type == "int":
        return int(got)
    return {k: str(v) for k, v in got.items()} if attribute.type == "map" else got


def _absent(attribute: Attribute, before: Any) -> Any:
    """A field that the API leaves out has its default, and is null where it was null."""
    if attribute.default is not None:
        return attribute.default
    if before is None or vacant(before):
        return before
    kinds: dict[str, Any] = {"string": "", "bool": False, "int": 0, "float": 0, "map": {}}
    return kinds.get(attribute.type, [])


def _elements(nested: Nested, got: Any, before: list[State]) -> list[State]:
    items = got if isinstance(got, list) else [got] if isinstance(got, dict) else []
    twins = before if nested.nesting == "list" else []
    made = [flatten(nested.block, item, twins[i] if i < len(twins) else {}) for i, item in enumerate(items)]
    if nested.single and not before and not nested.exactly_one and not any(speaks(nested.block, item) for item in items):
        return []
    return made


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
