"""The recipes of the images: what Workbench demands of a container, and versions that stay what they were."""

from __future__ import annotations

import re

import pytest

from core.workstation.devcontainer import Template, templates


@pytest.mark.parametrize("template", templates(), ids=lambda t: t.name)
def test_what_workbench_demands_of_a_container_is_kept(template: Template) -> None:
    lines = template.recipe()["Dockerfile"].splitlines()
    (base,) = (line for line in lines if line.startswith("FROM "))
    assert re.fullmatch(
        r"FROM us-docker\.pkg\.dev/workbench-images/gcr\.io/workbench-container(-slim)?-\d{4}:\d{8}[\w.-]+", base
    )
    assert not [line for line in lines if re.match(r"\s*(ENTRYPOINT|CMD|USER|EXPOSE)\b", line)]
    assert any("test -x /run_jupyter.sh" in line for line in lines)
    path = next(line for line in lines if line.startswith("ENV PATH="))
    assert path.startswith("ENV PATH=$PATH:"), "JupyterLab's own programs must be found first"


@pytest.mark.parametrize("template", templates(), ids=lambda t: t.name)
def test_every_package_has_one_version(template: Template) -> None:
    lines = template.recipe()["requirements.txt"].splitlines()
    assert all(re.fullmatch(r"[a-z0-9.-]+==[^\s=;]+", line) for line in lines)
    names = [line.partition("==")[0] for line in lines]
    assert len(names) == len(set(names))
    wanted = (template.folder / "image" / "requirements.in").read_text().splitlines()
    for line in (line for line in wanted if line and not line.startswith("#")):
        name, separator, version = line.partition("==")
        plain = name.partition("[")[0]
        assert plain in names
        assert not separator or f"{plain}=={version}" in lines
    assert "jupyterlab" not in names


@pytest.mark.parametrize("template", templates(), ids=lambda t: t.name)
def test_attaching_finds_the_programs_of_the_environment(template: Template) -> None:
    recipe = template.recipe()["Dockerfile"]
    assert f"{template.programs}/python" in recipe
    assert "LABEL devcontainer.metadata=" in recipe
