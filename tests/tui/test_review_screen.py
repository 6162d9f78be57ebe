"""Review: everything that will be done, counts that add up, and one key that does it after a question."""

from __future__ import annotations

from pathlib import Path

import pytest
import tui_drafts
from textual.pilot import Pilot
from textual.widgets import Static
from tui_pilot import focused, press, shown, until, until_shown

from core.environment import Home
from core.errors import PermanentError
from tui import planned
from tui.app import MlopsApp
from tui.screens.review import ReviewScreen
from tui.widgets.tree import Node, Tree


async def opened(pilot: Pilot[int], preparing: tui_drafts.Told) -> ReviewScreen:
    screen = ReviewScreen(preparing.see_all())
    await pilot.app.push_screen(screen)
    return screen


def test_the_counts_add_up() -> None:
    roots = planned.tree(tui_drafts.PLAN, namespace="kubeflow")
    assert [(root.label, root.note) for root in roots] == [
        ("APIs to switch on", "3"), ("Roles to grant", "2"), ("Google Cloud, by Terraform", "3"),
        ("Kubernetes, namespace kubeflow", "2"), ("On this machine", "1"),
        ("Cost a month, USD", "147-367"),
    ]  # fmt: skip
    for root in roots[:-1]:
        leaves = [leaf for node in root.below for leaf in (node.below or [node])]
        assert len(leaves) == int(root.note)
    assert planned.counts(tui_drafts.PLAN) == {"make": 4, "take over": 1}


async def test_it_shows_what_will_be_done_what_it_takes_and_where_the_password_is(app: MlopsApp, home: Home) -> None:
    preparing = tui_drafts.preparing(home)
    async with app.run_test(size=(120, 36)) as pilot:
        preparing.gate.clear()
        await opened(pilot, preparing)
        await until_shown(pilot, "Planning…", "Nothing of this has been made yet.", "about 24 min")
        assert "Install" not in shown(app).splitlines()[-1]
        preparing.gate.set()
        screen = await until_shown(pilot, "4 to make · 1 to take over", "I Install", "Roles to grant")
        assert "demo-sql-password-abcdef" in screen
        assert "made by the run" in screen


async def test_the_tree_unfolds_searches_and_shows_foreign_text_as_text(app: MlopsApp, home: Home) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, tui_drafts.preparing(home))
        await until_shown(pilot, "Roles to grant")
        assert "roles/aiplatform.user" not in shown(app)
        await press(pilot, "down", "enter", "down", "enter")
        await until_shown(pilot, "roles/aiplatform.user", "on acme-ml-prod")
        await press(pilot, "slash", *"subnetwork")
        screen = await until_shown(pilot, "a[each.key] [/red]")
        assert "APIs to switch on" not in screen
        assert "\x1b" not in screen
        await press(pilot, "enter")
        assert isinstance(focused(app), Tree)
        await press(pilot, "b")
        await until_shown(pilot, "APIs to switch on")


async def test_installing_asks_and_then_starts_with_what_was_typed(app: MlopsApp, home: Home) -> None:
    preparing = tui_drafts.preparing(home)
    preparing.password = "Tr0ub4dor-and-3"
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, preparing)
        await until_shown(pilot, "as typed", "I Install")
        await press(pilot, "I")
        await until_shown(pilot, "Install?", "costs money")
        assert focused(app).id == "stay"
        await press(pilot, "I", "enter")
        await until(pilot, lambda: isinstance(app.screen, ReviewScreen))
        assert not preparing.started
        await press(pilot, "I", "tab", "enter")
        await until_shown(pilot, "Another run holds demo.")
    assert preparing.started == [({}, "Tr0ub4dor-and-3")]


async def test_what_the_cloud_refuses_is_an_error_and_can_be_looked_at_again(app: MlopsApp, home: Home) -> None:
    preparing = tui_drafts.preparing(home, plan=PermanentError("The plan can't be made.", cause="403", hint="Ask an owner."))
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, preparing)
        await until_shown(pilot, "The plan can't be made.", "Ask an owner.")
        await press(pilot, "escape")
        await until_shown(pilot, "could not be found out")
        assert "Install" not in shown(app).splitlines()[-1]
        preparing.plan = tui_drafts.PLAN
        await press(pilot, "i")
        await until_shown(pilot, "I Install")


async def test_the_whole_tree_is_saved_as_text(
    app: MlopsApp, home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    async with app.run_test() as pilot:
        await opened(pilot, tui_drafts.preparing(home))
        await until_shown(pilot, "I Install")
        await press(pilot, "s")
        await until(pilot, lambda: (tmp_path / "demo-review.txt").exists())
    saved = (tmp_path / "demo-review.txt").read_text()
    assert "roles/bigquery.jobUser  on acme-ml-prod" in saved
    assert "\x1b" not in saved


@pytest.mark.parametrize("cells", [20, 40, 80])
async def test_a_row_of_the_tree_is_as_wide_as_its_list(app: MlopsApp, cells: int) -> None:
    tree = Tree()
    tree.roots = [Node("a" * 100, "12", [Node("b" * 90, "make")], unfolded=True)]
    async with app.run_test() as pilot:
        await pilot.app.screen.mount(tree)
        tree.show(tree.roots)
        assert tree.row(0, cells).cell_len == cells
        assert tree.row(0, cells).plain.endswith("12 ")
        assert "b" * 90 in tree.row(1, cells).plain


@pytest.mark.parametrize(
    ("left", "says"),
    [
        (0, ("Everything is as it should be", "a few minutes: everything is looked at again", "nothing to do")),
        (1, ("What is there already stays", "at most about 24 min", "1 to make")),
    ],
)
async def test_of_an_environment_that_exists_it_says_what_is_left(
    app: MlopsApp, home: Home, left: int, says: tuple[str, ...]
) -> None:
    plan = {**tui_drafts.PLAN, "services": [], "roles": [], "terraform": {"resources": []}}
    plan["kubernetes"] = [
        {**each, "action": "create" if number < left else "none"} for number, each in enumerate(plan["kubernetes"])
    ]
    preparing = tui_drafts.preparing(home, plan=plan).see_all()
    preparing.draft.saved = True
    async with app.run_test(size=(140, 40)) as pilot:
        await app.push_screen(ReviewScreen(preparing))
        await until_shown(pilot, says[2])
        summary = " ".join(str(app.screen.query_one("#summary", Static).render()).split())
    assert says[0] in summary
    assert says[1] in summary
    assert "unless one is kept already" in summary
    assert "Nothing of this has been made yet" not in summary
