from __future__ import annotations

import re

from house_files import ROOT

README = (ROOT / "README.md").read_text()


def test_it_opens_with_what_it_is_and_exactly_two_commands() -> None:
    title, _, rest = README.partition("\n")
    assert title == "# mlops-env"
    before, block = rest.split("```sh\n", 2)[:2]
    assert "Kubeflow Pipelines" in before
    commands = [line.split("#")[0].strip() for line in block.split("```")[0].splitlines()]
    assert commands == ["make run", "make test"]


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)", README):
        if "://" not in target:
            assert (ROOT / target).exists(), target


def test_every_command_it_shows_is_one() -> None:
    from core.cli.parser import build

    shown = set(re.findall(r"mlops-env ([a-z][a-z-]*) ", README))
    assert shown
    assert shown <= set(re.findall(r"^    ([a-z][a-z-]*) ", build().format_help(), re.MULTILINE))


def test_the_changelog_is_one_sentence_a_line() -> None:
    lines = [line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("- ")]
    assert lines
    for line in lines:
        assert line.endswith("."), line
        assert len(line) <= 200, line
