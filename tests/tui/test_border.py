"""Every text that a widget is given was made at the border: read from the sources, since Textual takes any ``str``."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TUI = Path(__file__).resolve().parents[2] / "tui"
WIDGETS = {"Static", "Label", "Button", "Checkbox", "RadioButton", "Collapsible", "TabPane", "Option", "Switch", "Link"}
METHODS = {"update", "add_option", "add_options", "add_row", "add_column", "add_leaf"}
TITLES = {"border_title", "border_subtitle", "tooltip", "standing"}
MAKERS = {"text", "lines", "coloured", "Content"}
SOURCES = sorted(TUI.rglob("*.py"))


def _made_at_the_border(node: ast.expr, known: set[str]) -> bool:
    if isinstance(node, ast.Constant):
        return node.value is None or not isinstance(node.value, str)
    if isinstance(node, ast.Call):
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        return called in MAKERS or called in known or called == "join"
    if isinstance(node, ast.GeneratorExp | ast.Dict | ast.DictComp):  # a mapping or a counter is updated
        return True
    if isinstance(node, ast.IfExp):
        return _made_at_the_border(node.body, known) and _made_at_the_border(node.orelse, known)
    if isinstance(node, ast.Name):
        return node.id in known
    return (isinstance(node, ast.Attribute) and node.attr in known) or isinstance(node, ast.Starred | ast.Subscript)


def _contents(tree: ast.AST) -> set[str]:
    """Names that are annotated as content, and functions that return it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation and "Content" in ast.unparse(node.annotation):
            found.add(node.arg if isinstance(node, ast.arg) else ast.unparse(node.target).removeprefix("self."))
        if isinstance(node, ast.FunctionDef) and node.returns and ast.unparse(node.returns).startswith("Content"):
            found.add(node.name)
    return found


def _given(tree: ast.AST) -> list[ast.expr]:
    """The expressions that a widget shows."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in WIDGETS or (name in METHODS and isinstance(node.func, ast.Attribute)):
                found.append(node.args[0])
        if isinstance(node, ast.Assign):
            found += [
                value
                for target in node.targets
                for place, value in _pairs(target, node.value)
                if isinstance(place, ast.Attribute) and place.attr in TITLES
            ]
    return found


def _pairs(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        return list(zip(target.elts, value.elts, strict=True))
    return [(target, value)]


KNOWN = set().union(*(_contents(ast.parse(path.read_text())) for path in SOURCES)) | {
    "body_text", "content", "EMPTY", "key", "label", "_toggled", "secret", "found", "chosen",
}  # fmt: skip


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(TUI)))
def test_widgets_are_given_content_alone(path: Path) -> None:
    shown = _given(ast.parse(path.read_text()))
    assert not [f"{node.lineno}: {ast.unparse(node)}" for node in shown if not _made_at_the_border(node, KNOWN)]


def test_the_check_sees_what_is_forbidden() -> None:
    for source in ("Static(name)", "widget.update(f'{x}')", "box.border_title = title", "Button('[b]x')"):
        nodes = _given(ast.parse(source))
        assert nodes
        assert not all(_made_at_the_border(node, set()) for node in nodes)


def test_messages_that_pop_up_are_no_markup() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("self.notify", "self.app.notify"):
                assert "markup" in {keyword.arg for keyword in node.keywords}, f"{path}:{node.lineno}"
