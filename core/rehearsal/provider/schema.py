"""The resource types as the tables in ``types/`` say them: their arguments, and where each stands in the API.

A table is text, so that it can be read beside Google's documentation and held against the real provider's schema. One line
is one argument, blocks are indented, and the first line of a type has its name, the version of its schema and the timeouts
that it takes::

    google_compute_router v0 create update delete
        name string rf                    r required, o optional, c computed, f forces a new one, s sensitive, w write-only
        network string of link=global/networks
        bgp list[..1] o
            asn int r
            advertise_mode string o =DEFAULT in:DEFAULT|CUSTOM

A name with no ``@`` is its own in camel case in the API; ``@a.b`` names another place, ``@-`` none. A block with at most one
element is an object there, else a list. ``int64`` is a number that travels as text; ``link=`` a reference to another
resource and how a bare name is completed; ``last`` a link of which only the name counts; ``duration`` a time with a unit;
``usual=`` a value that is no other than none; ``zero`` is sent as such where nothing is said, ``nonzero`` never is;
``unread`` is what the provider does not read back; where the API says nothing, ``kept`` stays as it was, ``absent=`` is
another value, and a block that is ``shown`` stands in the state all the same. ``not:`` ``one:`` ``any:`` ``with:`` are
conflicts, exactly one of, at least one of, and required together: siblings by name, ``/`` from the top, ``*`` all siblings.
``fragment`` begins a part that ``+`` puts in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

TYPES = Path(__file__).parent / "types"
_WIRE = {"string": "string", "bool": "bool", "int": "number", "float": "number"}


@dataclass(slots=True)
class Argument:
    """What arguments and blocks have in common."""

    name: str
    flags: str
    api: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    exactly_one: tuple[str, ...] = ()
    at_least_one: tuple[str, ...] = ()
    required_with: tuple[str, ...] = ()

    @property
    def required(self) -> bool:
        return "r" in self.flags

    @property
    def optional(self) -> bool:
        return "o" in self.flags

    @property
    def computed(self) -> bool:
        return "c" in self.flags

    @property
    def force_new(self) -> bool:
        return "f" in self.flags

    @property
    def given(self) -> bool:
        """Whether a configuration may set it."""
        return self.required or self.optional


@dataclass(slots=True)
class Attribute(Argument):
    """One argument or computed attribute that is no block."""

    type: str = "string"
    default: Any = None
    choices: tuple[str, ...] = ()
    int64: bool = False
    link: str | None = None
    last: bool = False
    duration: bool = False
    usual: str | None = None
    zero: bool = False
    nonzero: bool = False
    unread: bool = False
    kept: bool = False
    absent: str | None = None
    block: Block | None = None
    """The fields of a computed list of objects."""

    @property
    def unordered(self) -> bool:
        return self.type.startswith("set")

    @property
    def wire_type(self) -> Any:
        """The type as Terraform's JSON form of types has it."""
        if self.block is not None:
            return [self.type, ["object", {n: a.wire_type for n, a in self.block.attributes.items()}]]
        if self.type == "map":
            return ["map", "string"]
        kind, _, element = self.type.rstrip(")").partition("(")
        return [kind, _WIRE[element]] if element else _WIRE[kind]


@dataclass(slots=True)
class Nested(Argument):
    """A nested block type."""

    nesting: str = "list"
    least: int = 0
    most: int = 0
    shown: bool = False
    block: Block = field(default_factory=lambda: Block())

    @property
    def single(self) -> bool:
        """Whether it is one object in the API rather than a list."""
        return self.most == 1


@dataclass(slots=True)
class Block:
    """Attributes and nested blocks, by name."""

    attributes: dict[str, Attribute] = field(default_factory=dict)
    blocks: dict[str, Nested] = field(default_factory=dict)

    def arguments(self) -> Iterator[Argument]:
        """Everything of this block, without what is inside its blocks."""
        yield from self.attributes.values()
        yield from self.blocks.values()

    def empty(self) -> dict[str, Any]:
        """The value in which nothing is set."""
        return {**dict.fromkeys(self.attributes), **{name: [] for name in self.blocks}}


@dataclass(slots=True)
class ResourceType:
    """One resource type; ``timeouts`` are the operations whose timeout a configuration may set."""

    name: str
    version: int
    timeouts: tuple[str, ...]
    block: Block


@dataclass(slots=True)
class _Line:
    depth: int
    words: list[str]
    children: list[_Line] = field(default_factory=list)


@cache
def resource_types() -> dict[str, ResourceType]:
    """Every resource type, by name."""
    found: dict[str, ResourceType] = {}
    for file in sorted(TYPES.glob("*.types")):
        tops = _lines(file.read_text(encoding="utf-8"))
        fragments = {line.words[1]: line.children for line in tops if line.words[0] == "fragment"}
        for line in tops:
            if line.words[0] != "fragment":
                name, version, *timeouts = line.words
                block = _block(line.children, fragments)
                block.attributes.setdefault("id", Attribute("id", "oc"))
                found[name] = ResourceType(name, int(version[1:]), tuple(timeouts), block)
    return found


def _lines(text: str) -> list[_Line]:
    root = _Line(-1, [])
    open_lines = [root]
    for raw in text.splitlines():
        words = raw.partition("#")[0].split()
        if not words:
            continue
        line = _Line((len(raw) - len(raw.lstrip())) // 4, words)
        while open_lines[-1].depth >= line.depth:
            open_lines.pop()
        open_lines[-1].children.append(line)
        open_lines.append(line)
    return root.children


def _block(lines: list[_Line], fragments: dict[str, list[_Line]]) -> Block:
    block = Block()
    for line in lines:
        if line.words[0] == "+":
            part = _block(fragments[line.words[1]], fragments)
            block.attributes.update(part.attributes)
            block.blocks.update(part.blocks)
            continue
        argument = _argument(line, fragments)
        if isinstance(argument, Nested):
            block.blocks[argument.name] = argument
        else:
            block.attributes[argument.name] = argument
    for item in block.arguments():
        if item.at_least_one == ("*",):
            item.at_least_one = tuple(a.name for a in block.arguments() if a.at_least_one)
    return block


def _argument(line: _Line, fragments: dict[str, list[_Line]]) -> Attribute | Nested:
    name, kind, flags, *marks = line.words
    kind, _, size = kind.partition("[")
    least, _, most = size.rstrip("]").partition("..")
    item: Attribute | Nested
    if not line.children:
        item = Attribute(name, flags, type=kind)
    elif "c" in flags and "o" not in flags and "r" not in flags:
        item = Attribute(name, flags, type=kind, block=_block(line.children, fragments))
    else:
        item = Nested(name, flags, nesting=kind, block=_block(line.children, fragments))
        item.least, item.most = int(least or 0), int(most or 0)
        if item.required:
            item.least = max(1, item.least)
    item.api = (camel(name),)
    for mark in marks:
        _mark(item, mark)
    return item


def _mark(item: Attribute | Nested, mark: str) -> None:
    head, colon, rest = mark.partition(":")
    names = tuple(rest.split(","))
    if mark.startswith("@"):
        item.api = () if mark == "@-" else tuple(mark[1:].split("."))
    elif head == "not" and colon:
        item.conflicts = names
    elif head == "one" and colon:
        item.exactly_one = names
    elif head == "any" and colon:
        item.at_least_one = names
    elif head == "with" and colon:
        item.required_with = names
    elif isinstance(item, Attribute):
        _attribute_mark(item, mark)
    elif mark == "shown" and isinstance(item, Nested):
        item.shown = True
    else:
        raise ValueError(f"{item.name}: {mark} is no mark of a block")


def _attribute_mark(item: Attribute, mark: str) -> None:
    if mark.startswith("="):
        item.default = mark[1:] if item.type == "string" else json.loads(mark[1:])
    elif mark.startswith("in:"):
        item.choices = tuple(mark[3:].split("|"))
    elif mark.startswith("link="):
        item.link = mark[5:]
    elif mark.startswith("absent="):
        item.absent = mark[7:]
    elif mark.startswith("usual="):
        item.usual = mark[6:]
    elif mark in ("int64", "last", "duration", "zero", "nonzero", "unread", "kept"):
        setattr(item, mark, True)
    else:
        raise ValueError(f"{item.name}: {mark} is no mark")


def camel(name: str) -> str:
    """An argument's name in the form that Google's APIs use."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
