"""Step ``image``: the development image, built by Cloud Build under the environment's own account, its log told live.

An image whose tag the registry has is there, and is not built again. A build that an earlier run began, or whose answer
was lost, is found by its tag and followed; a run that is stopped cancels its own. In its first minutes a new account's roles
do not hold everywhere: a build that fails for the lack of one is begun anew.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Protocol

from core.environment import Cloud, Environment
from core.errors import CONSOLE, RETRY, SKIP, MlopsError, PermanentError, TemporaryError, UsageError
from core.gcp import cloud_build, storage
from core.gcp.errors import Conflict, InvalidRequest, NotFound, PermissionDenied, quota_page
from core.gcp.operations import Persistence
from core.install import outside
from core.install.image_sources import Sources, sources
from core.install.installation import Installation
from core.names import ID_LABEL
from core.run.step import Context, Reporter, Step

FRESH = 600.0
"""Seconds in which a new account's roles may not hold yet: they take a minute or two, and seven at times."""
STOPPING = 15.0
"""Real seconds that a run which is stopped may take to cancel its build: whoever stops it waits for that."""
TAG = "mlops-env"
"""The tag of every build of this program's."""
LAST_LINES = 12
TIMEOUTS = {"gpu-dl": 7200}
_TIMEOUT = 3600
_STEP = re.compile(r"^Step (\d+)/(\d+) : (.*)$", re.MULTILINE)
_LACKS = re.compile(r"does not have [\w.]+ access|denied: Permission|403: |PERMISSION_DENIED|does not exist", re.IGNORECASE)

Image = dict[str, str]
"""``{"template", "tag", "digest", "reference"}``; the reference names the image by its digest."""


class Work(Reporter, Persistence, Protocol):
    """What building needs of a run: someone to tell, and a memory for the build's name."""


def wanted(installation: Installation) -> bool:
    """Whether the environment has an image."""
    return bool(installation.values["image"] != "none")


def step(installation: Installation) -> Step:
    """The step for one run."""

    async def run(context: Context) -> None:
        image = await found(installation, installation.values["image"])
        if image is None:
            await context.wait_for("build_roles")
            began = installation.clock.now()
            image = await build(installation, context, fresh_until=_first(began) + FRESH)
            context.changed()
        context.publish("image", image)

    first: list[float] = []

    def _first(now: float) -> float:
        first.append(now)
        return first[0]

    return Step(
        "image",
        "Build the development image",
        run,
        needs=("registry", "build_bucket", "build_account"),
        publishes=("image",),
        seconds=600,
        deadline=10800,
        optional=True,
        retries=20,
    )


async def found(installation: Installation, template: str) -> Image | None:
    """The image of a template's sources as they are, where the registry has it."""
    tag = sources(template).tag
    try:
        tagged = await installation.google.call(
            "artifactregistry", "v1", "projects.locations.repositories.packages.tags.get",
            name=f"{_repository(installation)}/packages/{template}/tags/{tag}",
        )  # fmt: skip
    except NotFound:
        return None
    return _image(installation, template, tag, str(tagged["version"]).rpartition("/")[2])


async def listed(installation: Installation) -> list[dict[str, Any]]:
    """Every image that the registry has, the newest first; ``current`` is the one of the sources as they are."""
    found = await installation.google.list(
        "artifactregistry", "v1", "projects.locations.repositories.dockerImages.list", parent=_repository(installation)
    )
    images = []
    for item in found:
        template, _, digest = str(item["name"]).rpartition("/")[2].partition("@")
        tags = list(item.get("tags", []))
        images.append({
            "template": template, "tags": tags, "digest": digest, "reference": item["uri"],
            "uploaded": item.get("uploadTime", ""), "current": _is_current(template, tags),
        })  # fmt: skip
    return sorted(images, key=lambda image: str(image["uploaded"]), reverse=True)


async def of(environment: Environment, template: str, *, cloud: Cloud | None = None) -> dict[str, str]:
    """The newest image that an environment has of a template, its project and cloud; raises `UsageError` for none.

    ``cloud`` is given where another machine installed it: then no run here knows how far it is.
    """
    if cloud is None:
        outside.fact(environment, "registry")
    installation = outside.opened(environment, cloud=cloud)
    try:
        images = [image for image in await listed(installation) if image["template"] == template]
    except MlopsError:
        published = outside.facts(environment).get("image") or {}
        images = [published] if published.get("template") == template else []
        if not images:
            raise
    finally:
        await installation.close()
    if not images:
        raise UsageError(
            f"{environment.name} has no image {template}.",
            code="no-image",
            hint="Leave out --env: then it stands on a public base. Or give the environment that image and install again.",
            command=f"mlops-env install {environment.name} --set image={template}",
        )
    project = str(environment.values["project_id"])
    return {"reference": str(images[0]["reference"]), "project": project, "cloud": environment.cloud}


async def build(installation: Installation, work: Work, *, fresh_until: float = 0.0) -> Image:
    """Builds the environment's image, or follows a build of it that is under way; raises what it failed of.

    Where this is cancelled, the build is too.
    """
    packed = sources(installation.values["image"])
    key, lines = f"image-{packed.tag}", list[str]()
    try:
        name = await _under_way(installation, work, key, packed) or await _begin(
            installation, work, key, packed, fresh_until
        )
        ended = await cloud_build.follow(installation.google, name, on_text=_Told(work, lines))
    except asyncio.CancelledError:
        await _stop(installation, work, key, packed)
        raise
    work.operation_finished(key, f"cloudbuild/v1/{name}")
    if ended.get("status") != "SUCCESS":
        raise _failure(ended, lines, fresh=installation.clock.now() < fresh_until)
    digest = next(str(i["digest"]) for i in ended["results"]["images"] if str(i["name"]).endswith(f":{packed.tag}"))
    image = _image(installation, packed.template, packed.tag, digest)
    work.resource("images", image["reference"], "create", "done")
    return image


async def _under_way(installation: Installation, work: Work, key: str, packed: Sources) -> str:
    """The build of these sources that was begun before, by this run or one whose answer was lost; empty for none."""
    pending = work.pending_operation(key)
    if pending is not None:
        name = pending.removeprefix("cloudbuild/v1/")
        if await cloud_build.status(installation.google, name) not in ("", "CANCELLED"):
            return name
        work.operation_finished(key, pending)
    name = await cloud_build.active(installation.google, _place(installation), _tag(installation, packed))
    if name:
        work.operation_started(key, f"cloudbuild/v1/{name}")
    return name


async def _stop(installation: Installation, work: Work, key: str, packed: Sources) -> None:
    """Cancels the build of a run that is stopped; one that can't be cancelled in time is the next run's to take up."""
    google, pending = installation.google, work.pending_operation(key)
    try:
        async with asyncio.timeout(STOPPING):
            name = (pending or "").removeprefix("cloudbuild/v1/")
            name = name or await cloud_build.active(google, _place(installation), _tag(installation, packed))
            if name:
                await cloud_build.cancel(google, name)
                work.log("The build is cancelled.")
    except (MlopsError, TimeoutError) as error:
        work.log(f"The build could not be cancelled, and goes on: {error}")
        return
    if pending is not None:
        work.operation_finished(key, pending)


def _place(installation: Installation) -> str:
    """Where Cloud Build builds: in the environment's region, or another where it takes no builds there."""
    return str(installation.values["build_region"])


async def stop_builds(installation: Installation, context: Reporter) -> None:
    """Cancels what is still being built of an environment that is taken down: a run that died has left it at work."""
    prefix = f"{ID_LABEL}-{installation.names.id}-"
    try:
        found = await cloud_build.cancel_all(installation.google, _place(installation), TAG, prefix)
    except MlopsError as error:  # its API is off, or it may not be looked at: then it ends by itself, without its account
        context.log(f"No build was looked for: {error}")
        return
    if found:
        context.log(f"Cancelled {found} of the environment's builds.")


def _tag(installation: Installation, packed: Sources) -> str:
    """The tag by which a build of these sources for this environment is found."""
    return f"{ID_LABEL}-{installation.names.id}-{packed.tag}"


async def _begin(installation: Installation, work: Work, key: str, packed: Sources, fresh_until: float) -> str:
    google, names = installation.google, installation.names
    work.progress("uploading the image's sources")
    source = f"sources/{packed.template}-{packed.tag}.tar.gz"
    await storage.upload(google, names.build_bucket, source, packed.packed(), kind="application/gzip")
    try:
        name = await cloud_build.begin(google, _place(installation), _wish(installation, packed, source))
    except (InvalidRequest, NotFound, PermissionDenied) as error:
        if names.build_account_id in error.cause and installation.clock.now() < fresh_until:
            raise TemporaryError(error.message, code="build-account", cause=error.cause, delay=15) from error
        if "quota restrictions" in error.cause:
            raise PermanentError(
                f"Cloud Build takes no builds in {_place(installation)} from this project.",
                code="build-region", cause=error.cause,
                hint="Build elsewhere (build_region), ask for the quota, or skip the image.",
                actions=(RETRY, SKIP, CONSOLE), url=quota_page(names.project, "cloudbuild.googleapis.com"),
            ) from error  # fmt: skip
        raise
    except Conflict as error:
        raise TemporaryError(error.message, code="build", cause=error.cause, delay=10) from error
    work.operation_started(key, f"cloudbuild/v1/{name}")
    work.progress("the build waits for a machine")
    return name


def _wish(installation: Installation, packed: Sources, source: str) -> dict[str, Any]:
    """The build as Cloud Build is asked for it; a trial builds on the small machine, whose minutes are free."""
    names, account = installation.names, installation.names.account_email(installation.names.build_account_id)
    image = f"{installation.names.registry_path}/{packed.template}"
    large = packed.template == "gpu-dl"
    options: dict[str, Any] = {
        "logging": "GCS_ONLY", "logStreamingOption": "STREAM_ON", "diskSizeGb": "200" if large else "100",
    }  # fmt: skip
    if installation.values["profile"] != "trial":
        options["machineType"] = "E2_HIGHCPU_8"
    return {
        "source": {"storageSource": {"bucket": names.build_bucket, "object": source}},
        "steps": [{
            "name": "gcr.io/cloud-builders/docker",
            "args": ["build", "--tag", f"{image}:{packed.tag}", "--tag", f"{image}:latest", "."],
        }],
        "images": [f"{image}:{packed.tag}", f"{image}:latest"],
        "serviceAccount": f"projects/{names.project}/serviceAccounts/{account}",
        "logsBucket": f"gs://{names.build_bucket}",
        "options": options,
        "timeout": f"{TIMEOUTS.get(packed.template, _TIMEOUT)}s",
        "tags": [TAG, _tag(installation, packed)],
    }  # fmt: skip


class _Told:
    """Hands a log's lines on to the run, and keeps the last ones for the error that may come."""

    def __init__(self, work: Work, lines: list[str]) -> None:
        self._work, self._lines = work, lines

    def __call__(self, text: str) -> None:
        self._work.log(text)
        self._lines += [line for line in text.split("\n") if line.strip()]
        del self._lines[:-LAST_LINES]
        steps = _STEP.findall(text)
        if steps:
            number, of, what = steps[-1]
            self._work.progress(f"{number} of {of}: {what[:80]}", (int(number) - 1) / int(of))


def _failure(build: Mapping[str, Any], lines: list[str], *, fresh: bool) -> MlopsError:
    detail = str((build.get("failureInfo") or {}).get("detail") or build.get("statusDetail") or "")
    cause = "\n".join(part for part in (detail, *lines) if part)
    status = str(build.get("status"))
    if status in ("INTERNAL_ERROR", "EXPIRED"):
        return TemporaryError("Cloud Build could not run the build.", code="build", cause=cause or status, delay=30)
    if fresh and _LACKS.search(detail):
        return TemporaryError("The build's account may not do everything yet.", code="build-account", cause=cause, delay=20)
    said = {"TIMEOUT": "took longer than it may", "CANCELLED": "was cancelled by someone"}.get(status, "failed")
    return PermanentError(
        f"The image's build {said}.",
        code="build-failed",
        cause=cause,
        hint="The log has all of it. Skip the image to go on without it.",
        actions=(RETRY, SKIP, CONSOLE),
        url=str(build.get("logUrl", "")),
    )


def _image(installation: Installation, template: str, tag: str, digest: str) -> Image:
    reference = f"{installation.names.registry_path}/{template}@{digest}"
    return {"template": template, "tag": tag, "digest": digest, "reference": reference}


def _is_current(template: str, tags: list[str]) -> bool:
    try:
        return sources(template).tag in tags
    except OSError:
        return False


def _repository(installation: Installation) -> str:
    names = installation.names
    return f"projects/{names.project}/locations/{names.region}/repositories/{names.registry}"
