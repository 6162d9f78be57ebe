"""The form: made from the specification, wrong values told beside the field, the command in sight, the password nowhere."""

from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path

import pytest
import tui_drafts
from textual.pilot import Pilot
from tui_pilot import focused, press, shown, until, until_shown

from core.environment import Home
from core.install import catalogue, prices
from core.install.following import Following
from core.parameters import PARAMETERS
from core.prerequisites import Answer, Check
from core.prerequisites.concerns import CONCERNS, Concern
from tui.app import MlopsApp
from tui.planned import monthly
from tui.preparing import Preparing
from tui.screens.choose import Choose
from tui.screens.parameters import ParametersScreen
from tui.screens.review import ReviewScreen
from tui.widgets.field import Field
from tui.widgets.parameter import ParameterRow
from tui.widgets.password import PasswordField

PASSWORD = "Tr0ub4dor-and-3"


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was sent to a clipboard."""
    found: list[str] = []

    def send(_: object, chosen: str) -> str:
        found.append(chosen)
        return "Sent."

    monkeypatch.setattr("tui.clipboard.send", send)
    return found


async def opened(pilot: Pilot[int], preparing: tui_drafts.Told) -> ParametersScreen:
    screen = ParametersScreen(preparing.see_all())
    await pilot.app.push_screen(screen)
    await until_shown(pilot, "mlops-env install demo", "acme-ml-prod")
    return screen


async def typed(pilot: Pilot[int], screen: ParametersScreen, key: str, words: str) -> None:
    screen.query_one(f"#in-{key}").focus()
    await pilot.pause()
    await press(pilot, *({"-": "minus", ".": "full_stop", "/": "slash", "=": "equals_sign"}.get(c, c) for c in words))


async def test_every_parameter_has_a_row_and_the_seldom_ones_are_folded(app: MlopsApp, home: Home) -> None:
    async with app.run_test() as pilot:
        screen = await opened(pilot, tui_drafts.preparing(home))
        assert set(screen.rows) == {p.key for p in PARAMETERS}
        assert "sql_tier" not in shown(app)
        await press(pilot, "ctrl+l")
        await until_shown(pilot, "Advanced", "name_prefix")
        for spec in PARAMETERS:
            row = screen.rows[spec.key]
            assert row.is_on_screen or row.parent is not None
            assert spec.help in row.help


async def test_the_command_follows_what_is_typed(app: MlopsApp, home: Home) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await opened(pilot, tui_drafts.preparing(home))
        await typed(pilot, screen, "zone", "us-central1-b")
        await until_shown(pilot, "mlops-env install demo --set zone=us-central1-b")
        screen.query_one("#in-profile").focus()
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await until_shown(pilot, "fits a free trial's quota")
        await press(pilot, *"trial", "enter")
        await until_shown(pilot, "--set zone=us-central1-b --set profile=trial", "profile trial")
        assert screen.preparing.draft.environment.given == {"zone": "us-central1-b", "profile": "trial"}
        assert screen.rows["node_machine_type"].default == "e2-standard-2"


async def test_what_is_wrong_stands_beside_the_field_as_one_types(app: MlopsApp, home: Home) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await opened(pilot, tui_drafts.preparing(home))
        await typed(pilot, screen, "zone", "europe-west4-a")
        await until_shown(pilot, "✗ a zone of the region us-central1", "1 to mend")
        assert not screen.allowed("review")
        assert screen.query_one("#do-review").disabled
        await typed(pilot, screen, "region", "europe-west4")
        await until_shown(pilot, "all right")
        assert screen.allowed("review")


async def test_the_key_for_the_review_says_what_stands_in_its_way(app: MlopsApp, home: Home) -> None:
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = ParametersScreen(tui_drafts.preparing(home).see_all())
        await app.push_screen(screen)
        await until_shown(pilot, "mlops-env install demo")
        screen.query_one("#in-zone", Field).value = "nowhere"
        await until_shown(pilot, "1 to mend")
        await press(pilot, "ctrl+r")
        await until_shown(pilot, "To be mended first: zone.")
        assert app.screen is screen


@pytest.mark.parametrize(
    ("key", "words", "said"),
    [("node_min", "x", "whole number"), ("labels", "team", "NAME=VALUE"), ("sql_tier", "big", "ENTERPRISE tier"),
     ("pods_cidr", "10.0.0.0/16", "overlaps")],
)  # fmt: skip
async def test_each_kind_of_value_is_held_to_its_rule(app: MlopsApp, home: Home, key: str, words: str, said: str) -> None:
    async with app.run_test(size=(140, 50)) as pilot:
        screen = await opened(pilot, tui_drafts.preparing(home))
        await press(pilot, "ctrl+l")
        await typed(pilot, screen, key, words)
        await until(pilot, lambda: any(said in row.problem for row in screen.rows.values()))
        assert not screen.allowed("review")


async def test_at_sixty_columns_an_error_is_still_told(app: MlopsApp, home: Home) -> None:
    async with app.run_test(size=(60, 20)) as pilot:
        screen = await opened(pilot, tui_drafts.preparing(home))
        await typed(pilot, screen, "zone", "europe-west4-a")
        await until_shown(pilot, "✗ a zone of the region")


async def test_a_value_is_chosen_from_what_the_cloud_lists(app: MlopsApp, home: Home) -> None:
    async with app.run_test() as pilot:
        screen = await opened(pilot, tui_drafts.preparing(home))
        screen.query_one("#list-region").focus()
        await press(pilot, "enter")
        await until_shown(pilot, "us-west4", "Las Vegas", "europe-west4")
        await press(pilot, *"vegas", "enter")
        await until_shown(pilot, "--set region=us-west4")


async def test_where_listing_is_not_permitted_any_value_can_be_typed(app: MlopsApp, home: Home) -> None:
    from core.install.choices import Choices

    preparing = tui_drafts.preparing(home)
    preparing.listed["project_id"] = Choices((), "This account may not list projects.")
    async with app.run_test() as pilot:
        screen = await opened(pilot, preparing)
        screen.query_one("#list-project_id").focus()
        await press(pilot, "enter")
        await until_shown(pilot, "may not list projects", "Any value can be")
        await press(pilot, *"acme", "minus", *"other", "enter")
        await until_shown(pilot, "--set project_id=acme-other")


async def test_checks_that_depend_on_a_value_run_again_beside_the_form(app: MlopsApp, home: Home) -> None:
    preparing = tui_drafts.preparing(home)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await opened(pilot, preparing)
        preparing.told["places"] = [Check("region", "The region", "block", "us-central9", "there is no such region")]
        preparing.looked.clear()
        await typed(pilot, screen, "region", "us-central9")
        await until_shown(pilot, "✗ blocks region: us-central9: there is no such region.")
        assert sorted(preparing.looked) == sorted(c.id for c in CONCERNS if "region" in c.keys)
        assert not screen.allowed("review")


async def test_edits_that_follow_quickly_are_all_looked_at(app: MlopsApp, home: Home) -> None:
    preparing = tui_drafts.preparing(home)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await opened(pilot, preparing)
        preparing.looked.clear()
        screen.rows["region"].choose("europe-west4")
        await pilot.pause()
        screen.rows["namespace"].choose("ml")
        wanted = {c.id for c in CONCERNS if {"region", "namespace"} & set(c.keys)}
        await until(pilot, lambda: set(preparing.looked) == wanted)


async def test_answers_that_are_loaded_are_looked_at(app: MlopsApp, home: Home, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('region = "us-central9"\n')
    preparing = tui_drafts.preparing(home)
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, preparing)
        preparing.told["places"] = [Check("region", "The region", "block", "us-central9", "there is no such region")]
        await press(pilot, "ctrl+o")
        await until_shown(pilot, "Load answers")
        app.screen.query_one("#value", Field).value = str(tmp_path / "mine.toml")
        await press(pilot, "enter")
        await until_shown(pilot, "✗ blocks region: us-central9: there is no such region.")


async def test_answers_that_are_saved_have_what_is_fixed_now(
    app: MlopsApp, home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    preparing = tui_drafts.Told(tui_drafts.draft(home, region="europe-west4", namespace="ml"))
    preparing.draft.fixed = frozenset({"region"})
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, preparing)
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: (tmp_path / "demo.toml").exists())
    assert tomllib.loads((tmp_path / "demo.toml").read_text()) == {"region": "europe-west4", "namespace": "ml"}


async def test_a_list_stands_in_the_command_as_a_command_line_takes_it(app: MlopsApp, home: Home) -> None:
    preparing = tui_drafts.Told(tui_drafts.draft(home, docker_users=["user:a@x.example", "user:b@x.example"]))
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, preparing)
        await until_shown(pilot, "--set docker_users=user:a@x.example,user:b@x.example")


async def test_the_password_is_masked_and_reaches_no_file_command_or_clipboard(
    app: MlopsApp, home: Home, copied: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    preparing = tui_drafts.preparing(home)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await opened(pilot, preparing)
        screen.query_one("#password").focus()
        await press(pilot, *"short")
        await until_shown(pilot, "✗ 8 to 128 characters")
        assert not screen.allowed("review")
        screen.query_one("#password", PasswordField).value = PASSWORD
        await until_shown(pilot, "--sql-password-stdin", "•" * len(PASSWORD), "all right")
        await press(pilot, "home", "shift+end", "ctrl+x", "ctrl+c")
        await until_shown(pilot, "Leave mlops-env?")
        await press(pilot, "escape", "ctrl+s")
        await until(pilot, lambda: (tmp_path / "demo.toml").exists())
        await pilot.pause()
        assert PASSWORD not in shown(app)
        assert PASSWORD not in app.export_screenshot()
        screen.action_copy()
        await until(pilot, lambda: copied)
        assert preparing.password == PASSWORD
    assert not any(PASSWORD in text for text in copied)
    assert PASSWORD not in (tmp_path / "demo.toml").read_text()
    assert not [p for p in home.root.rglob("*") if p.is_file() and PASSWORD.encode() in p.read_bytes()]


async def test_a_password_can_be_made_and_it_is_said_where_it_will_be(app: MlopsApp, home: Home) -> None:
    preparing = tui_drafts.preparing(home)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await opened(pilot, preparing)
        screen.query_one("#password").focus()
        await until_shown(pilot, "kept in Secret Manager alone", "demo-sql-password-abcdef")
        await press(pilot, "ctrl+y")
        await until_shown(pilot, "--sql-password-stdin", "•" * 16)
        assert len(preparing.password) >= 16
        assert preparing.password not in shown(app)


async def test_a_password_stands_in_the_form_that_is_opened_again(app: MlopsApp, home: Home) -> None:
    preparing = tui_drafts.preparing(home)
    async with app.run_test() as pilot:
        screen = await opened(pilot, preparing)
        screen.query_one("#password", PasswordField).value = PASSWORD
        await until_shown(pilot, "--sql-password-stdin")
        screen.action_back()
        await until(pilot, lambda: app.screen is not screen)
        again = await opened(pilot, preparing)
        await until_shown(pilot, "•" * len(PASSWORD))
        again.query_one("#password", PasswordField).value = ""
        await until(pilot, lambda: not preparing.password)


async def test_answers_are_saved_and_loaded(
    app: MlopsApp, home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text('namespace = "ml"\nnode_max = 5\n\n[labels]\nteam = "a"\nstage = "b"\n')
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await opened(pilot, tui_drafts.preparing(home))
        await press(pilot, "ctrl+o")
        await until_shown(pilot, "Load answers")
        app.screen.query_one("#value").value = str(tmp_path / "mine.toml")  # type: ignore[attr-defined]
        await press(pilot, "enter")
        await until_shown(pilot, "--set namespace=ml --set node_max=5 --set labels=team=a,stage=b")
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: (tmp_path / "demo.toml").exists())
        assert screen.preparing.draft.environment.given["node_max"] == 5
    saved = tomllib.loads((tmp_path / "demo.toml").read_text())
    assert saved == {"namespace": "ml", "node_max": 5, "labels": {"team": "a", "stage": "b"}}


async def test_the_command_gives_several_accounts_as_the_command_line_takes_them(app: MlopsApp, home: Home) -> None:
    async with app.run_test(size=(140, 36)) as pilot:
        preparing = tui_drafts.preparing(home)
        preparing.draft.give({"docker_users": ["ada@example.com", "bob@example.com"]})
        screen = await opened(pilot, preparing)
        assert "--set docker_users=ada@example.com,bob@example.com" in screen.command()


async def test_answers_of_a_home_that_is_not_there_are_an_error_with_its_cause(app: MlopsApp, home: Home) -> None:
    async with app.run_test() as pilot:
        await opened(pilot, tui_drafts.preparing(home))
        await press(pilot, "ctrl+o")
        await until_shown(pilot, "Load answers")
        app.screen.query_one("#value", Field).value = "~nobody-of-that-name/a.toml"
        await press(pilot, "enter")
        await until_shown(pilot, "The answers file ~nobody-of-that-name/a.toml")


@pytest.mark.parametrize("content", ["namespace =", 'nodes = "many"\n', 'kms_key = "key"\n'])
async def test_a_file_that_is_wrong_is_an_error_with_its_cause(
    app: MlopsApp, home: Home, tmp_path: Path, content: str
) -> None:
    (tmp_path / "wrong.toml").write_text(content)
    async with app.run_test() as pilot:
        screen = await opened(pilot, tui_drafts.preparing(home))
        screen.run_worker(screen._load(tmp_path / "wrong.toml"), exit_on_error=False)
        await until_shown(pilot, "That did not work")


async def test_foreign_text_in_a_value_and_in_a_list_is_only_text(app: MlopsApp, home: Home) -> None:
    from core.install.choices import Choice, Choices

    preparing = tui_drafts.preparing(home)
    preparing.listed["region"] = Choices((Choice(tui_drafts.HOSTILE, tui_drafts.HOSTILE),), tui_drafts.HOSTILE)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await opened(pilot, preparing)
        screen.query_one("#list-region").focus()
        await press(pilot, "enter")
        await until_shown(pilot, "a[each.key] [/red]")
        await press(pilot, "enter")
        screen.rows["region"].tell(tui_drafts.HOSTILE)
        screen_ = await until_shown(pilot, "mlops-env install demo --set")
        assert "\x1b" not in screen_


async def test_what_can_be_reviewed_is_reviewed_with_the_values_as_they_are(app: MlopsApp, home: Home) -> None:
    preparing: Preparing = tui_drafts.preparing(home)
    async with app.run_test() as pilot:
        assert isinstance(preparing, tui_drafts.Told)
        screen = await opened(pilot, preparing)
        await typed(pilot, screen, "namespace", "ml")
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, ReviewScreen))
        assert preparing.draft.environment.given == {"namespace": "ml"}
        await press(pilot, "b")
        await until(pilot, lambda: app.screen is screen)
        assert focused(app).id == "in-namespace"


async def test_up_and_down_go_from_field_to_field(app: MlopsApp, home: Home) -> None:
    async with app.run_test() as pilot:
        await opened(pilot, tui_drafts.preparing(home))
        assert focused(app).id == "in-region"
        await press(pilot, "down")
        assert focused(app).id == "list-region"
        await press(pilot, "up", "up")
        assert focused(app).id == "list-project_id"


BLOCKED = Check(
    "policy.compute.vmExternalIpAccess", "The policies", "block", "constraints/compute.vmExternalIpAccess",
    "no machine may have a public address", answers=(Answer("private_nodes", True, "nodes reach out through Cloud NAT"),),
)  # fmt: skip
PASSED = Check("policies", "The policies", "pass", "12 constraints")


async def test_what_a_person_set_is_only_changed_by_the_button_that_offers_it(app: MlopsApp, home: Home) -> None:
    preparing = tui_drafts.preparing(home)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await opened(pilot, preparing)
        await press(pilot, "ctrl+l")
        preparing.told["policies"] = [BLOCKED]
        screen.query_one("#in-private_nodes").focus()
        await press(pilot, "enter")
        await until_shown(pilot, "Set private_nodes=true: nodes reach out through Cloud NAT", "--set private_nodes=false")
        assert screen.preparing.draft.environment.values["private_nodes"] is False
        assert not screen.allowed("review")
        preparing.told["policies"] = [PASSED]
        screen.query_one("#do-take").focus()
        await press(pilot, "enter")
        await until_shown(pilot, "--set private_nodes=true")
        await until(pilot, lambda: screen.allowed("review"))
        assert not screen.allowed("take")
        assert "Set private_nodes" not in shown(app)


async def test_the_button_that_offers_a_value_is_as_wide_as_what_it_says(app: MlopsApp, home: Home) -> None:
    short = Check("build-region", "Builds", "block", answers=(Answer("build_region", "global", "no quota"),))
    given = tui_drafts.draft(home, private_nodes=False, build_region="us-west8")
    preparing = tui_drafts.Told(given)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await opened(pilot, preparing)
        preparing.found["builds"] = [short]
        await until_shown(pilot, "Set build_region=global: no quota")
        button = screen.query_one("#do-take")
        width = button.region.width
        preparing.found.update(builds=[], policies=[BLOCKED])
        await until_shown(pilot, "Set private_nodes=true: nodes reach out through Cloud NAT")
        assert button.region.width > width
        preparing.found.update(builds=[short], policies=[PASSED])
        await until_shown(pilot, "Set build_region=global: no quota")
        await until(pilot, lambda: button.region.width == width)


async def test_what_nobody_set_follows_and_says_from_what(
    app: MlopsApp, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    preparing = tui_drafts.preparing(home)
    quota = Following("profile", "trial", "quota CPUS_ALL_REGIONS", "it fits a new project's quotas")

    async def look(concern: Concern) -> None:
        found = [quota] if concern.id == "quotas" and "profile" not in preparing.draft.environment.given else []
        preparing.draft.followed(concern.id, found)
        preparing.found[concern.id] = [*(each.to_check() for each in found), *preparing.told.get(concern.id, [])]

    monkeypatch.setattr(preparing, "look", look)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await opened(pilot, preparing)
        await typed(pilot, screen, "region", "us-west4")
        await until_shown(pilot, "follows from quota CPUS_ALL_REGIONS", "profile trial")
        assert screen.rows["node_machine_type"].default == "e2-standard-2"
        assert "profile" not in screen.given()
        screen.rows["profile"].set("small", "trial")
        screen.rows["profile"].post_message(ParameterRow.Edited(screen.rows["profile"]))
        await until_shown(pilot, "--set profile=small", "profile small")
        await until(pilot, lambda: "follows from quota" not in shown(app))


async def test_the_cost_stands_there_at_once_and_follows_the_catalogue_when_it_has_come(
    app: MlopsApp, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    preparing = tui_drafts.preparing(home)
    came = asyncio.Event()

    async def ask_prices() -> None:
        await came.wait()
        dear = {key: {"us-central1": 2 * price} for key, price in prices.of_region("us-central1").amounts.items()}
        catalogue._keep(home, "google", dear)

    monkeypatch.setattr(preparing, "ask_prices", ask_prices)
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, preparing)
        by_table = preparing.draft.cost()
        assert by_table.prices.source == "table"
        await until_shown(pilot, f"{monthly(by_table.low, by_table.high)} USD a month")
        came.set()
        await until(pilot, lambda: preparing.draft.cost().prices.source == "catalogue")
        dearer = preparing.draft.cost()
        assert dearer.high > 1.5 * by_table.high
        await until_shown(pilot, f"{monthly(dearer.low, dearer.high)} USD a month")
