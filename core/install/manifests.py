"""The step ``manifests``: Kubeflow's objects, built for this environment and split into what goes where.

It needs nothing but the parameters, so it runs while the cloud is still at work. What was built is kept with the
environment, with a checksum of all that it was built from: nothing is built twice, and nothing is fetched twice.

Where the cloud has a set that stands in for the release, it is taken if GitHub can't be reached at once, and kept from
then on: another set would change what is installed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from core import kustomize
from core.errors import MlopsError
from core.gcp import network
from core.install import shown
from core.install.installation import Installation
from core.kubernetes.resources import label
from core.kustomize import mends
from core.run.step import Context, Outcome, Reporter, Step
from core.toolchain import MissingTool, Tool, find

FOLDER = "manifests"
GITHUB_SECONDS = 3.0
"""Real seconds in which GitHub must answer where a stand-in could take its place."""


def step(installation: Installation, *, without: Iterable[str] = ()) -> Step:
    """The step that builds the objects; it publishes ``manifests``. ``without`` leaves out mends: each is for something."""
    left_out = mends.without(without)

    async def run(context: Context) -> Outcome | None:
        manifests, folder = await _built(installation, context, left_out)
        shown.hold_objects(installation, map(label, manifests))
        context.publish("manifests", {"folder": str(folder), "digest": manifests.digest, "source": manifests.source})
        return None

    return Step("manifests", "Kubeflow's manifests", run, publishes=("manifests",), seconds=3, deadline=900)


async def for_database(installation: Installation, context: Context, built: kustomize.Manifests) -> kustomize.Manifests:
    """The objects for the database that there is: others where the instance that they name failed, and gave its name up."""
    if built.sql_instance == installation.names.sql_connection_name:
        return built
    return (await _built(installation, context, frozenset()))[0]


async def preview(installation: Installation, reporter: Reporter) -> list[kustomize.Object]:
    """The objects that the step would build, in the order in which they are applied; keeps nothing of a new environment."""
    manifests, _ = await _built(installation, _Looking(reporter), frozenset())
    return list(manifests)


class _Looking:
    """A reporter in a step's place: nothing waits for another step, and nothing counts as changed."""

    def __init__(self, reporter: Reporter) -> None:
        self.log, self.progress = reporter.log, reporter.progress

    async def wait_for(self, _: str) -> None:
        """Nothing else runs; what is missing is missing."""

    def changed(self) -> None:
        """A preview changes nothing."""


async def _built(
    installation: Installation, context: Context | _Looking, left_out: frozenset[str]
) -> tuple[kustomize.Manifests, Path]:
    environment = installation.environment
    folder = environment.home.ensure("environments", environment.name, FOLDER)
    kept = await asyncio.to_thread(kustomize.stored, folder)
    kubectl = await _kubectl(context)
    release = await _release(installation, context, kept[0] if kept else None)
    values = kustomize.Values.of(installation.names, inverse_proxy=installation.values["inverse_proxy"])
    layout = await asyncio.to_thread(kustomize.lay_out, folder / "overlay", release.folder, values, without=left_out)
    checksums = mends.CHECKSUMS not in left_out
    inputs = f"{layout.inputs} {release.source} {kubectl.version} {checksums}"
    if kept and kept[1] == inputs:
        return kept[0], folder
    await context.wait_for("services_accepted")  # building takes all processors, and until then they have better to do
    context.progress(f"Building Kubeflow Pipelines {release.version} ({_words(release)})")
    manifests = await kustomize.render(
        layout,
        release,
        kubectl=kubectl.command,
        clock=installation.clock,
        environment=network.child_environment(installation.cloud),
        checksums=checksums,
    )
    await asyncio.to_thread(manifests.store, folder, inputs)
    context.log(f"{sum(1 for _ in manifests)} objects, {_words(release)}")
    if values.inverse_proxy:
        context.log("The inverting proxy uses its node's network: the namespace's PodSecurity level is privileged for it.")
    if not kept or kept[0].digest != manifests.digest:
        context.changed()
    return manifests, folder


async def _kubectl(context: Context | _Looking) -> Tool:
    """kubectl, if need be the one that the prerequisites bring."""
    try:
        return await asyncio.to_thread(find, "kubectl")
    except MissingTool:
        await context.wait_for("prerequisites")
        return await asyncio.to_thread(find, "kubectl")


async def _release(
    installation: Installation, context: Context | _Looking, kept: kustomize.Manifests | None
) -> kustomize.Release:
    version, source = installation.values["kfp_version"], installation.values["kfp_manifests"]
    if source != "github":
        return kustomize.given(Path(source).expanduser().absolute(), version)
    instead = installation.cloud.manifests
    if instead and kept and (kept.source, kept.version) == ("stand-in", version):
        return kustomize.stand_in(instead, version)
    cache = installation.environment.home.ensure("cache", FOLDER)
    tool = await asyncio.to_thread(find, "git")
    git = kustomize.Git(tool.command, network.git_environment(installation.cloud), installation.clock, context.log)
    if not instead:
        return await kustomize.on_github(cache, version, git)
    try:
        if kustomize.fetched(cache, version) or await git.reachable(GITHUB_SECONDS):
            return await kustomize.on_github(cache, version, git)
        context.log("GitHub can't be reached from here: a stand-in set takes the release's place.")
    except MlopsError as error:
        context.log(f"{error.message} {error.cause} A stand-in set takes the release's place.")
    return kustomize.stand_in(instead, version)


def _words(release: kustomize.Release) -> str:
    if release.source == "github":
        return f"from GitHub, commit {release.commit[:12]}"
    return f"from {release.folder}" if release.source == "folder" else "from a stand-in set, since GitHub can't be reached"
