"""Constraints that every environment obeys by what it is: all of them in force at once, an installation goes through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from core.environment import Home
from core.install import notebook
from core.prerequisites.constraints import OBEYED
from tests.install.predicted import Bench, bench, switch_on
from tests.install.test_predicted_notebook import beside_a_platform
from tests.kubernetes.fake_cluster import running

pytestmark = pytest.mark.asyncio(loop_scope="module")
IN_FORCE = {"project": {"policies": {f"constraints/{constraint}": True for constraint in OBEYED}}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand_in(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with bench(tmp_path_factory.mktemp("providers")) as found:
        yield found


async def test_the_platform_is_made(tmp_path: Path, home: Home, stand_in: Bench) -> None:
    async with stand_in.platform(tmp_path, home, IN_FORCE) as cloud:
        assert await cloud.platform()


@pytest.mark.parametrize("kind", ["vm", "container"])
async def test_a_notebook_is_made(
    tmp_path: Path, home: Home, stand_in: Bench, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(notebook, "rights", lambda *_: [])  # what it may do in the cluster no organization forbids
    async with beside_a_platform(stand_in, tmp_path, home, IN_FORCE, notebook=kind) as cloud, running() as cluster:
        run = cloud.installation
        await switch_on(cloud)
        cloud.told.facts |= {"namespace": run.names.namespace, "cluster_endpoint": cluster.url}
        await cloud.tried(lambda: notebook.bring_about(run, cloud.told))
    assert cloud.told.facts["notebook"]["name"] == run.names.notebook
