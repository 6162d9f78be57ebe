"""JSON with comments, read so that it can be edited in place: where each member of each object stands in the text.

Nothing is ever written anew from the values: whoever edits cuts and inserts text at the places found here, so comments,
order, spacing and line ends stay as their owner left them. Trailing commas are taken, as VS Code takes them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

_BLANK = " \t\r\n"
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_DEEPEST = 200


class JsoncError(ValueError):
    """Raised where a text is no JSON with comments; ``line`` and ``column`` begin at 1."""

    def __init__(self, text: str, position: int, why: str) -> None:
        before = text[:position]
        self.line = before.count("\n") + 1
        self.column = position - (before.rfind("\n") + 1) + 1
        self.why = why
        super().__init__(f"line {self.line}, column {self.column}: {why}")


@dataclass(slots=True)
class Value:
    """One value: where its text begins and ends, and its members where it is an object."""

    start: int
    end: int
    kind: str
    members: list[Member] = field(default_factory=list)
    trailing_comma: int = -1
    """Where a comma stands after the last member; -1 where none does."""

    def member(self, key: str) -> Member | None:
        """The member of that key; the last, where there are several, as VS Code takes it."""
        return next((m for m in reversed(self.members) if m.key == key), None)


@dataclass(slots=True)
class Member:
    """One member of an object: its key, where the key's text begins, and its value."""

    key: str
    start: int
    value: Value


def parse(text: str) -> Value | None:
    """The value of a text; None where it holds nothing but blanks and comments. Raises `JsoncError`."""
    reader = _Reader(text)
    start = reader.skip(0)
    if start == len(text):
        return None
    value = reader.value(start, 0)
    rest = reader.skip(value.end)
    if rest != len(text):
        raise JsoncError(text, rest, "there is more after the end")
    return value


def comment_end(text: str, position: int) -> int:
    """Where the comment that begins at a position ends; the position itself where none does."""
    if text.startswith("//", position):
        ends = [e for e in (text.find("\n", position), text.find("\r", position)) if e >= 0]
        return min(ends, default=len(text))
    if text.startswith("/*", position):
        end = text.find("*/", position + 2)
        if end < 0:
            raise JsoncError(text, position, "a comment has no end")
        return end + 2
    return position


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text

    def skip(self, position: int) -> int:
        """The first position from here that is neither blank nor in a comment."""
        while position < len(self.text):
            if self.text[position] in _BLANK or (position == 0 and self.text[0] == "\ufeff"):
                position += 1
                continue
            end = comment_end(self.text, position)
            if end == position:
                return position
            position = end
        return position

    def value(self, position: int, depth: int) -> Value:
        if depth > _DEEPEST:
            raise JsoncError(self.text, position, "it is nested too deep")
        character = self.text[position : position + 1]
        if character == "{":
            return self._object(position, depth)
        if character == "[":
            return self._array(position, depth)
        if character == '"':
            return Value(position, self._string(position), "string")
        for word in ("true", "false", "null"):
            if self.text.startswith(word, position) and not self.text[position + len(word) :][:1].isalnum():
                return Value(position, position + len(word), word)
        number = _NUMBER.match(self.text, position)
        if number is None:
            raise JsoncError(self.text, position, "a value is missing")
        return Value(position, number.end(), "number")

    def _string(self, position: int) -> int:
        found = _STRING.match(self.text, position)
        if found is None:
            raise JsoncError(self.text, position, "a string has no end, or a character that may not stand in it")
        return found.end()

    def _object(self, position: int, depth: int) -> Value:
        made = Value(position, position, "object")
        at = self.skip(position + 1)
        while self.text[at : at + 1] != "}":
            if self.text[at : at + 1] != '"':
                raise JsoncError(self.text, at, "a key in double quotes is missing, or the object's end")
            end = self._string(at)
            colon = self.skip(end)
            if self.text[colon : colon + 1] != ":":
                raise JsoncError(self.text, colon, "a colon is missing")
            value = self.value(self.skip(colon + 1), depth + 1)
            made.members.append(Member(json.loads(self.text[at:end]), at, value))
            at, made.trailing_comma = self._after(value.end, "}")
        made.end = at + 1
        return made

    def _array(self, position: int, depth: int) -> Value:
        at = self.skip(position + 1)
        while self.text[at : at + 1] != "]":
            at, _ = self._after(self.value(at, depth + 1).end, "]")
        return Value(position, at + 1, "array")

    def _after(self, position: int, close: str) -> tuple[int, int]:
        """What follows a value: where the next begins or the end stands, and where the comma is if the end follows it."""
        at = self.skip(position)
        if self.text[at : at + 1] == ",":
            following = self.skip(at + 1)
            return following, at if self.text[following : following + 1] == close else -1
        if self.text[at : at + 1] != close:
            raise JsoncError(self.text, at, f"a comma is missing, or {close}")
        return at, -1
