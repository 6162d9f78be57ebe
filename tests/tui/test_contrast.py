"""Text stands out in every theme: what the tools print in colours of their own, too. Each picture is looked at as well."""

from __future__ import annotations

import pytest
import tui_runs
from rich.color import Color
from tui_contrast import contrast, faint
from tui_pilot import until_shown

from core.environment import Home
from tui.app import MlopsApp
from tui.screens.progress import ProgressScreen

COLOURS = (*range(30, 38), *range(90, 98))


@pytest.mark.parametrize(
    ("text", "background", "ratio"),
    [("#000000", "#ffffff", 21.0), ("#777777", "#ffffff", 4.48), ("#ff0000", "#ff0000", 1.0)],
)
def test_contrast_is_what_the_guidelines_say(text: str, background: str, ratio: float) -> None:
    assert contrast(Color.parse(text), Color.parse(background)) == pytest.approx(ratio, abs=0.005)


async def test_the_colours_of_tools_can_be_read_in_every_theme(app: MlopsApp, home: Home) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.halfway())
    lines = [f"\x1b[{style}{colour}mcolour {colour}\x1b[0m" for colour in COLOURS for style in ("", "1;", "2;")]
    own = "\x1b[38;5;236mgrey\x1b[0m \x1b[38;2;250;250;240mwhite\x1b[0m last"
    tui_runs.write_log(environment, "platform", [*lines, own])
    with tui_runs.alive(environment):
        async with app.run_test(size=(80, 60)) as pilot:
            await app.push_screen(ProgressScreen(environment))
            await until_shown(pilot, "colour 30", "colour 97", "last")
            assert await faint(pilot) == []
