"""One table of keys, one meaning each, on every screen and in every widget of ours."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import pytest
from textual.binding import BindingsMap
from textual.dom import DOMNode

import tui
from tui import keys
from tui.screens.base import Acting

for _module in pkgutil.walk_packages(tui.__path__, "tui."):
    importlib.import_module(_module.name)


def _ours(cls: type[Any]) -> list[type[Any]]:
    found = []
    for sub in cls.__subclasses__():
        found += [sub] if sub.__module__.startswith("tui.") else []
        found += _ours(sub)
    return list(dict.fromkeys(found))


SCREENS = [cls for cls in _ours(Acting) if cls.__name__ not in ("BaseScreen", "Dialog")]
NODES = _ours(DOMNode)
MOVING = {
    "up", "down", "left", "right", "pageup", "pagedown", "home", "end", "tab", "shift+tab", "enter", "space", "backspace",
    "ctrl+pageup", "ctrl+pagedown", "delete",
}  # fmt: skip


def test_every_key_has_one_meaning() -> None:
    meanings: dict[str, set[str]] = {}
    for key in keys.TABLE:
        for name in key.keys:
            meanings.setdefault(name, set()).add(key.action)
    assert {name: found for name, found in meanings.items() if len(found) > 1} == {}


def test_every_binding_of_ours_stands_in_the_table_or_moves() -> None:
    table = {name: key.action for key in keys.TABLE for name in key.keys}
    for node in NODES:
        for name, bindings in BindingsMap(node.__dict__.get("BINDINGS", [])).key_to_bindings.items():
            if name in MOVING:
                continue
            assert {b.action.rpartition(".")[2] for b in bindings} == {table.get(name)}, f"{node.__name__}: {name}"


@pytest.mark.parametrize("screen", SCREENS, ids=lambda cls: cls.__name__)
def test_every_action_of_a_screen_can_be_done(screen: type[Acting[Any]]) -> None:
    for action in screen.ACTIONS:
        assert action in keys.BY_ACTION
        assert callable(getattr(screen, f"action_{action}", None)), action


@pytest.mark.parametrize("key", keys.TABLE, ids=lambda key: key.action)
def test_no_action_hangs_on_a_key_that_something_takes(key: keys.Key) -> None:
    assert set(key.keys) - keys.TAKEN


@pytest.mark.parametrize("key", keys.TABLE, ids=lambda key: key.action)
def test_what_starts_or_destroys_is_a_capital_and_small_letters_do_neither(key: keys.Key) -> None:
    letters = [name for name in key.keys if len(name) == 1]
    assert all(letter.isupper() == (key.asks or key.action == "all_again") for letter in letters)


def test_esc_has_a_letter_beside_it() -> None:
    assert "b" in keys.BY_ACTION["back"].keys


@pytest.mark.parametrize("cells", [20, 40, 60, 80, 120])
def test_the_footer_is_short_and_help_and_quit_go_last(cells: int) -> None:
    shown = keys.ranked([key.action for key in keys.TABLE], cells)
    assert len(shown) <= keys.MOST
    assert sum(len(k.shown) + len(k.label) + 3 for k in shown) <= cells
    assert [key.action for key in shown][-2:] == ["quit", "help"]
