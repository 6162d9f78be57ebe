"""Setting one variable in a settings text, and taking it back so that the text is again what it was, byte for byte.

A variable stands in the object that a setting is, as in ``containers.environment``; without one, a setting is the value
itself.

Each way of putting it in leaves a trace of its own, so that taking it out needs no memory: spaces inside the braces mean
that the object was made for it, and a comma before it goes again unless the user's own style ends with one.
"""

from __future__ import annotations

import json

from core.workstation.vscode.jsonc import JsoncError, Member, Value, comment_end, parse

_INDENT = "    "


class NotAnObject(ValueError):
    """Raised where something that is no object stands in the place of one; ``what`` names it, empty for the whole text."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def created(key: str, variable: str, value: str) -> str:
    """A settings file that was not there before."""
    return f"{{\n  {json.dumps(key)}: {_own(variable, value)}\n}}\n"


def current(text: str, key: str, variable: str) -> str | None:
    """The value that the variable has; None where it has none, and a text that is no string as it is written."""
    text_of_it = written(text, key, variable)
    if text_of_it is None or not text_of_it.startswith('"'):
        return text_of_it
    return str(json.loads(text_of_it))


def written(text: str, key: str, variable: str) -> str | None:
    """The variable's value as it is written, quotes and all; None where it has none."""
    found = _found(text, key, variable)
    return None if found is None else text[found.start : found.end]


def restore(text: str, key: str, variable: str, before: str) -> str:
    """The text with a value that is there as it was ``written`` before."""
    found = _found(text, key, variable)
    assert found is not None
    return text[: found.start] + before + text[found.end :]


def put(text: str, key: str, variable: str, value: str) -> str:
    """The text with the variable set; raises `JsoncError`, or `NotAnObject`."""
    root = parse(text)
    if root is None:
        return text + _whole(key, variable, value, after_comment=_ends_in_comment(text))
    _demand_object(root, "")
    held = root.member(key)
    if held is None:
        return _insert(text, root, f"{json.dumps(key)}: {_own(variable, value)}")
    if not variable:
        return text[: held.value.start] + json.dumps(value) + text[held.value.end :]
    _demand_object(held.value, key)
    inner = held.value.member(variable)
    if inner is None:
        return _insert(text, held.value, f"{json.dumps(variable)}: {json.dumps(value)}")
    return text[: inner.value.start] + json.dumps(value) + text[inner.value.end :]


def take(text: str, key: str, variable: str, value: str) -> str | None:
    """The text without the variable if it has that value; None where nothing would be left of a file that `put` made."""
    if current(text, key, variable) != value:
        return text
    if text == created(key, variable, value):
        return None
    root = parse(text)
    assert root is not None
    held = root.member(key)
    assert held is not None
    if variable and text[held.value.start : held.value.end] != _own(variable, value):
        inner = held.value.member(variable)
        assert inner is not None
        return _cut(text, held.value, inner)
    for after_comment in (True, False):
        whole = _whole(key, variable, value, after_comment=after_comment)
        if text.endswith(whole):
            return text.removesuffix(whole)
    return _cut(text, root, held)


def _own(variable: str, value: str) -> str:
    """What a setting is that was made for one variable, or for a value alone."""
    if not variable:
        return json.dumps(value)
    return f"{{ {json.dumps(variable)}: {json.dumps(value)} }}"


def _whole(key: str, variable: str, value: str, *, after_comment: bool) -> str:
    """An object for a text that has none; a last line that is a comment is ended first, which a second space tells."""
    return ("\n{  " if after_comment else "{ ") + f"{json.dumps(key)}: {_own(variable, value)} }}"


def _ends_in_comment(text: str) -> bool:
    """Whether a text of blanks and comments ends in one that only a line's end would end."""
    position = 0
    while position < len(text):
        end = comment_end(text, position)
        if end == len(text) and text.startswith("//", position):
            return True
        position = max(end, position + 1)
    return False


def _found(text: str, key: str, variable: str) -> Value | None:
    """The value of a variable, or of a setting that is one itself."""
    root = parse(text)
    held = root.member(key) if root is not None and root.kind == "object" else None
    if held is None or not variable:
        return held.value if held is not None else None
    inner = held.value.member(variable) if held.value.kind == "object" else None
    return inner.value if inner is not None else None


def _demand_object(value: Value, what: str) -> None:
    if value.kind != "object":
        raise NotAnObject(what)


def _insert(text: str, into: Value, member: str) -> str:
    """The text with one more member at an object's end, laid out as the others are."""
    if not into.members:
        lines = "\n" in text[into.start : into.end]
        joint = _line_end(text) + _INDENT if lines else ""
        return text[: into.start + 1] + joint + member + text[into.start + 1 :]
    last = into.members[-1].value.end
    has_comma = into.trailing_comma >= 0
    anchor = into.trailing_comma + 1 if has_comma else last
    joint, at = _layout(text, into, anchor)
    added = joint + member + ("," if has_comma else "")
    if has_comma:
        return text[:at] + added + text[at:]
    return text[:last] + "," + text[last:at] + added + text[at:]


def _layout(text: str, into: Value, anchor: int) -> tuple[str, int]:
    """What stands before a new last member, and where: on a line of its own, after what the line before says at its end."""
    first = into.members[0].start
    indent = len(text[:first]) - len(text[:first].rstrip(" \t"))
    before = text[: first - indent]
    if not before.endswith(("\n", "\r")) or into.start >= len(before):
        return " ", anchor
    joint, at = _line_end(text) + text[first - indent : first], anchor
    while at < into.end and text[at] not in "\r\n":
        end = comment_end(text, at)
        if end > at and "\n" not in text[at:end] and "\r" not in text[at:end]:
            at = end
        elif end == at and text[at] in " \t":
            at += 1
        else:
            return joint, anchor
    return joint, at


def _cut(text: str, of: Value, member: Member) -> str:
    """The text without one member: its comma and its line go with it, and no comment does."""
    index = of.members.index(member)
    start, end = _run_before(text, member.start), member.value.end
    if index + 1 < len(of.members):
        following, comma = of.members[index + 1].start, _comma_after(text, end)
        left = text[end:comma] + text[comma + 1 : following]
        if not left.strip():
            return text[: member.start] + text[following:]
        alone = left.lstrip(" \t").startswith(("\r", "\n"))  # else its line goes on, maybe after one that a comment ends
        return text[: start if alone else member.start] + left + text[following:]
    if of.trailing_comma >= 0:
        return text[:start] + text[end : of.trailing_comma] + text[of.trailing_comma + 1 :]
    if index == 0:
        return text[:start] + text[end:]
    comma = _comma_after(text, of.members[index - 1].value.end)
    return text[:comma] + text[comma + 1 : max(comma + 1, start)] + text[end:]


def _run_before(text: str, position: int) -> int:
    """Where the blanks before a position begin: those of its line, and that line's beginning."""
    start = position
    while start and text[start - 1] in " \t":
        start -= 1
    for ending in ("\r\n", "\n", "\r"):
        if text[:start].endswith(ending):
            return start - len(ending)
    return start


def _comma_after(text: str, position: int) -> int:
    while text[position] != ",":
        position = max(comment_end(text, position), position + 1)
    return position


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


__all__ = ["JsoncError", "NotAnObject", "created", "current", "put", "restore", "take", "written"]
