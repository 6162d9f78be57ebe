"""What a configuration would change: the planned state, and which changes need a new resource.

The real provider is built on a library whose plans differ from Terraform's own rules, and Terraform lets them
(``legacy_type_system``): a null and a zero are the same, a block that only the server filled stays when the configuration
does not speak of it, and two ways to write a link are no change. A default holds only where the configuration is silent,
not where it is still unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.rehearsal.provider.links import same_resource, seconds
from core.rehearsal.provider.schema import Attribute, Block, Nested
from core.rehearsal.provider.values import UNKNOWN, State, same, vacant

Path = tuple[str | int, ...]


def planned(block: Block, config: State, prior: State | None) -> State:
    """The state that the configuration would lead to; ``prior`` is None for a new resource."""
    found: State = {n: _attribute(a, config.get(n), prior) for n, a in block.attributes.items()}
    found.update({n: _block(b, config.get(n), prior) for n, b in block.blocks.items()})
    return found


def replacing(block: Block, prior: State, plan: State, at: Path = ()) -> Iterator[Path]:
    """Where the plan differs in a way that only a new resource can have."""
    for name, attribute in block.attributes.items():
        before, after = prior.get(name), plan.get(name)
        if attribute.force_new and not _equal(attribute, before, after):
            yield (*at, name)
    for name, nested in block.blocks.items():
        before, after = prior.get(name) or [], plan.get(name)
        if after is UNKNOWN or not isinstance(after, list):
            continue
        if nested.force_new and len(before) != len(after):
            yield (*at, name)
        elif nested.nesting == "list":
            for index, (one, other) in enumerate(zip(before, after, strict=False)):
                if isinstance(one, dict) and isinstance(other, dict):
                    yield from replacing(nested.block, one, other, (*at, name, index))
        elif nested.force_new and not same(before, after, unordered=True):
            yield (*at, name)


def _attribute(attribute: Attribute, given: Any, prior: State | None) -> Any:
    before = prior.get(attribute.name) if prior is not None else None
    if "w" in attribute.flags:
        return None
    if given is UNKNOWN:
        return UNKNOWN
    if given is None or (attribute.computed and given in ("", [], {})):
        return _silent(attribute, before, prior is not None)
    return before if prior is not None and _equal(attribute, before, given) else given


def _silent(attribute: Attribute, before: Any, exists: bool) -> Any:
    if attribute.default is not None:
        return before if exists and _equal(attribute, before, attribute.default) else attribute.default
    if attribute.computed:
        return before if exists else UNKNOWN
    return before if vacant(before) or before == attribute.usual else None


def _equal(attribute: Attribute, before: Any, after: Any) -> bool:
    if vacant(before) and vacant(after):
        return True
    if (
        attribute.usual is not None
        and UNKNOWN not in (before, after)
        and (before or attribute.usual) == (after or attribute.usual)
    ):
        return True
    if attribute.link is not None and isinstance(before, str) and isinstance(after, str):
        return same_resource(before, after)
    if attribute.duration and isinstance(before, str) and isinstance(after, str):
        return seconds(before) == seconds(after)
    return same(before, after, unordered=attribute.unordered)


def _block(nested: Nested, given: Any, prior: State | None) -> Any:
    before = (prior.get(nested.name) or []) if prior is not None else []
    if given is UNKNOWN:
        return UNKNOWN
    if not given:
        silent = before if prior is not None else UNKNOWN
        return silent if nested.computed else before if nested.shown else []
    if nested.nesting == "list":
        return [_element(nested, item, before[i] if i < len(before) else None) for i, item in enumerate(given)]
    return _members(nested, given, before)


def _element(nested: Nested, item: Any, before: State | None) -> Any:
    return planned(nested.block, item, before) if isinstance(item, dict) else item


def _members(nested: Nested, given: list[Any], before: list[State]) -> list[Any]:
    """The elements of a set: each takes up the one before it that it would not change."""
    left, found = list(before), []
    for item in given:
        twin = next((old for old in left if isinstance(item, dict) and planned(nested.block, item, old) == old), None)
        if twin is not None:
            left.remove(twin)
        found.append(twin if twin is not None else _spelt_out(nested.block, _element(nested, item, None)))
    return found


def _spelt_out(block: Block, item: Any) -> Any:
    """A member of a set, in which the library below the real provider has no null but in numbers and truth values."""
    if not isinstance(item, dict):
        return item
    found = dict(item)
    for name, attribute in block.attributes.items():
        if found.get(name) is None and attribute.type not in ("bool", "int", "float"):
            found[name] = {} if attribute.type == "map" else "" if attribute.type == "string" else []
    for name, nested in block.blocks.items():
        if isinstance(found.get(name), list):
            found[name] = [_spelt_out(nested.block, inner) for inner in found[name]]
    return found
