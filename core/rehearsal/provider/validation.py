"""What the provider refuses before anything is planned, in the real one's words:
choices, and arguments that exclude or need others.

Required and unknown arguments are Terraform's own to refuse, by the schema.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from core.rehearsal.provider.plan import Path
from core.rehearsal.provider.schema import Argument, Attribute, Block
from core.rehearsal.provider.values import UNKNOWN, State


class Refusal(NamedTuple):
    """One thing that is wrong in a configuration."""

    summary: str
    detail: str
    at: Path


def refusals(block: Block, config: State) -> Iterator[Refusal]:
    """Everything that is wrong with the configuration of one resource."""
    yield from _in_block(block, config, config, ())


def _in_block(block: Block, value: State, top: State, at: Path) -> Iterator[Refusal]:
    for argument in block.arguments():
        given = value.get(argument.name)
        if isinstance(argument, Attribute) and isinstance(given, str) and argument.choices and given not in argument.choices:
            allowed = " ".join(f'"{choice}"' for choice in argument.choices)
            yield Refusal(
                f"expected {_dotted((*at, argument.name))} to be one of [{allowed}], got {given}", "", (*at, argument.name)
            )
        yield from _relations(argument, value, top, at)
    for name, nested in block.blocks.items():
        items = value.get(name)
        for index, item in enumerate(items if isinstance(items, list) else []):
            if isinstance(item, dict):
                yield from _in_block(nested.block, item, top, (*at, name, index))


def _relations(argument: Argument, value: State, top: State, at: Path) -> Iterator[Refusal]:
    here = (*at, argument.name)
    name = _dotted(here)
    for other in argument.conflicts:
        scope = top if other.startswith("/") else value
        clash = _is_set(value, argument.name) and _is_set(scope, other.strip("/"))
        # What is not known yet may turn out not to be set: the real library looks again once it is.
        if clash and value.get(argument.name) is not UNKNOWN and scope.get(other.strip("/")) is not UNKNOWN:
            other_name = other.strip("/") if other.startswith("/") else _dotted((*at, other))
            yield Refusal("Conflicting configuration arguments", f'"{name}": conflicts with {other_name}', here)
    unknown = any(value.get(n) is UNKNOWN for n in (*argument.exactly_one, *argument.at_least_one, *argument.required_with))
    if unknown:
        return
    named = {argument.name, *(argument.exactly_one or argument.at_least_one or argument.required_with)}
    group = ",".join(sorted(_dotted((*at, n)) for n in named))
    if argument.exactly_one:
        chosen = [n for n in argument.exactly_one if _is_set(value, n)]
        if not chosen:
            yield Refusal("Invalid combination of arguments", f'"{name}": one of `{group}` must be specified', here)
        elif len(chosen) > 1:
            both = ",".join(_dotted((*at, n)) for n in chosen)
            detail = f'"{name}": only one of `{group}` can be specified, but `{both}` were specified.'
            yield Refusal("Invalid combination of arguments", detail, here)
    if argument.at_least_one and not any(_is_set(value, n) for n in argument.at_least_one):
        yield Refusal("Missing required argument", f'"{name}": one of `{group}` must be specified', here)
    if argument.required_with and _is_set(value, argument.name):
        if not all(_is_set(value, n) for n in named):
            yield Refusal("Missing required argument", f'"{name}": all of `{group}` must be specified', here)


def _is_set(value: State, name: str) -> bool:
    given: Any = value.get(name)
    return given is UNKNOWN or (given is not None and given != [] and given != "")


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))
