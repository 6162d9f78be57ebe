"""One variable set in a user's settings and taken back: every other byte stays, whatever the file looks like."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.workstation.vscode.edit import JsoncError, NotAnObject, created, current, put, restore, take, written
from core.workstation.vscode.jsonc import parse

KEY, VARIABLE = "containers.environment", "DOCKER_CONTEXT"

BLANKS = st.sampled_from(
    ["", " ", "  ", "\n", "\r\n", "\n    ", "\t", "\r", "\n\n", " // a, b\n", "/* { */", "/* \n */ ", "//}\r\n"]
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=6)
).map(json.dumps)
KEYS = st.one_of(st.sampled_from([KEY, VARIABLE, "docker.environment", "a", "editor.fontSize", "//"]), st.text(max_size=4))


@st.composite
def objects(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    """An object with odd spacing, comments, doubled keys, and perhaps a trailing comma."""
    text, first = "{" + draw(BLANKS), True
    for key in draw(st.lists(KEYS, max_size=4)):
        if not first:
            text += "," + draw(BLANKS)
        first = False
        text += json.dumps(key) + draw(BLANKS) + ":" + draw(BLANKS) + draw(inner) + draw(BLANKS)
    if not first and draw(st.booleans()):
        text += "," + draw(BLANKS)
    return text + "}"


@st.composite
def arrays(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    return "[" + ",".join(draw(BLANKS) + item + draw(BLANKS) for item in draw(st.lists(inner, max_size=3))) + "]"


VALUES = st.recursive(SCALARS, lambda inner: st.one_of(objects(inner), arrays(inner)), max_leaves=8)


@st.composite
def files(draw: st.DrawFn) -> str:
    body = draw(st.one_of(objects(VALUES), objects(VALUES), st.just("")))
    end = draw(st.one_of(BLANKS, st.just("// no line end")))
    return draw(st.sampled_from(["", "\ufeff"])) + draw(BLANKS) + body + end


def _plain(text: str) -> object:
    """The value as another reader sees it: comments and trailing commas taken out by the places `parse` found."""
    import re

    masked = re.sub(
        r'("(?:[^"\\]|\\.)*")|//[^\r\n]*|/\*.*?\*/', lambda m: m[1] or " ", text.removeprefix("\ufeff"), flags=re.S
    )
    masked = re.sub(r'("(?:[^"\\]|\\.)*")|,(?=[ \t\r\n]*[}\]])', lambda m: m[1] or "", masked, flags=re.S)
    return json.loads(masked) if masked.strip() else {}


@settings(max_examples=250, deadline=None)
@given(files(), st.text(min_size=1, max_size=12))
def test_set_and_removed_it_is_the_same_byte_for_byte(text: str, value: str) -> None:
    had = current(text, KEY, VARIABLE)
    try:
        after = put(text, KEY, VARIABLE, value)
    except NotAnObject:
        return
    assert current(after, KEY, VARIABLE) == value
    before, seen = _plain(text), _plain(after)
    assert isinstance(before, dict)
    assert isinstance(seen, dict)
    assert {k: v for k, v in seen.items() if k != KEY} == {k: v for k, v in before.items() if k != KEY}
    assert seen[KEY] == {**before.get(KEY, {}), VARIABLE: value}
    if had is None:
        assert take(after, KEY, VARIABLE, value) == text


@settings(max_examples=100, deadline=None)
@given(files(), st.text(min_size=1, max_size=6))
def test_removing_keeps_what_is_anothers(text: str, value: str) -> None:
    had = current(text, KEY, VARIABLE)
    if had is None or had != value:
        assert take(text, KEY, VARIABLE, value) == text
        return
    after = take(text, KEY, VARIABLE, value)
    assert after is not None
    assert current(after, KEY, VARIABLE) != value or text.count(json.dumps(VARIABLE)) > 1


@settings(max_examples=250, deadline=None)
@given(files(), st.text(min_size=1, max_size=12))
def test_a_setting_that_is_the_value_itself_comes_and_goes_byte_for_byte(text: str, value: str) -> None:
    had = written(text, "editor.fontSize", "")
    after = put(text, "editor.fontSize", "", value)
    assert current(after, "editor.fontSize", "") == value
    before, seen = _plain(text), _plain(after)
    assert isinstance(before, dict)
    assert seen == {**before, "editor.fontSize": value}
    if had is None:
        assert take(after, "editor.fontSize", "", value) == text
    else:
        assert restore(after, "editor.fontSize", "", had) == text


@settings(max_examples=150, deadline=None)
@given(files(), st.text(min_size=1, max_size=12))
def test_a_value_that_had_to_make_way_comes_back_byte_for_byte(text: str, value: str) -> None:
    had = written(text, KEY, VARIABLE)
    if had is not None:
        assert restore(put(text, KEY, VARIABLE, value), KEY, VARIABLE, had) == text


LAID_OUT = [
    ('{\n    "a": 1\n}\n', '{\n    "a": 1,\n    "containers.environment": { "DOCKER_CONTEXT": "demo" }\n}\n'),
    ('{\n  "a": 1, // last\n}', '{\n  "a": 1, // last\n  "containers.environment": { "DOCKER_CONTEXT": "demo" },\n}'),
    ('{\n  "a": 1 // last\n}', '{\n  "a": 1, // last\n  "containers.environment": { "DOCKER_CONTEXT": "demo" }\n}'),
    ("{}", '{"containers.environment": { "DOCKER_CONTEXT": "demo" }}'),
    ("{\n}", '{\n    "containers.environment": { "DOCKER_CONTEXT": "demo" }\n}'),
    ('{"containers.environment": {"A": "b"}}', '{"containers.environment": {"A": "b", "DOCKER_CONTEXT": "demo"}}'),
    ("", '{ "containers.environment": { "DOCKER_CONTEXT": "demo" } }'),
]


@pytest.mark.parametrize(("before", "after"), LAID_OUT)
def test_it_is_laid_out_as_its_neighbours_are(before: str, after: str) -> None:
    assert put(before, KEY, VARIABLE, "demo") == after


def test_a_file_that_was_not_there_is_not_there_again() -> None:
    assert parse(created(KEY, VARIABLE, "demo")) is not None
    assert take(created(KEY, VARIABLE, "demo"), KEY, VARIABLE, "demo") is None


def test_it_goes_from_where_the_user_moved_it() -> None:
    moved = '{\n  "containers.environment": {\n    "DOCKER_CONTEXT": "demo", // mine\n    "A": "b"\n  },\n  "c": 1\n}\n'
    after = take(moved, KEY, VARIABLE, "demo")
    assert after is not None
    assert _plain(after) == {KEY: {"A": "b"}, "c": 1}


SET = '"containers.environment": { "DOCKER_CONTEXT": "demo" }'


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ('{\n  "a": 1,\n  %s,\n  // of b\n  "b": 2\n}', '{\n  "a": 1,\n  // of b\n  "b": 2\n}'),
        ('{\r\n  %s,\r\n\r\n  /* of b */\r\n  "b": 2\r\n}', '{\r\n\r\n  /* of b */\r\n  "b": 2\r\n}'),
        ('{\n  "a": 1, // of a\n  %s, // mine\n  "b": 2\n}', '{\n  "a": 1, // of a\n   // mine\n  "b": 2\n}'),
        ('{\n  "a": 1, // of a\n  %s, /* of b */ "b": 2\n}', '{\n  "a": 1, // of a\n   /* of b */ "b": 2\n}'),
        ('{%s /* x, y */, "b": 2}', '{ /* x, y */ "b": 2}'),
        ('{"a": 1, %s, "b": 2}', '{"a": 1, "b": 2}'),
    ],
)
def test_comments_that_came_after_it_stay_when_it_goes(text: str, after: str) -> None:
    assert take(text.replace("%s", SET), KEY, VARIABLE, "demo") == after
    parse(after)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [('{\n  "a": 1\n  "b": 2\n}', 3, 3), ('{"a": }', 1, 7), ("{'a': 1}", 1, 2), ('{"a": 1} x', 1, 10), ('{"a": "\n"}', 1, 7),
     ("{/* ", 1, 2), ('{"a" 1}', 1, 6), ("[" * 300, 1, 202)],
)  # fmt: skip
def test_what_is_no_json_with_comments_is_told_by_line_and_column(text: str, line: int, column: int) -> None:
    with pytest.raises(JsoncError) as told:
        put(text, KEY, VARIABLE, "demo")
    assert (told.value.line, told.value.column) == (line, column)


@pytest.mark.parametrize(("text", "what"), [("[]", ""), ('{"containers.environment": null}', KEY)])
def test_what_is_no_object_is_left_alone(text: str, what: str) -> None:
    with pytest.raises(NotAnObject) as told:
        put(text, KEY, VARIABLE, "demo")
    assert told.value.what == what
