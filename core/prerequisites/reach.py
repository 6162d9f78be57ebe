"""Whether what an installation fetches can be reached: GitHub from here, and the registries that images come from.

Images are pulled by the cluster and by Cloud Build, not by this machine. So a registry that this machine does not reach is
only a hint that the network of a company may have none of them, or that a registry is down. A rehearsal pulls nothing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from core import kustomize
from core.environment import Cloud
from core.gcp import network
from core.prerequisites.check import Check, Subject
from core.run.together import together
from core.toolchain import MissingTool, find

if TYPE_CHECKING:
    import aiohttp

GITHUB, REGISTRIES = "GitHub can be reached", "The registries that images come from answer"
SECONDS = 5.0
"""Real seconds in which each must answer."""
IMAGES = ("gcr.io", "ghcr.io", "quay.io", "registry-1.docker.io")
"""Registries of Kubeflow Pipelines' images."""
BASES = "us-docker.pkg.dev"
"""The registry of the images that development images stand on."""


async def check(subject: Subject) -> list[Check]:
    """GitHub where the manifests come from there, and the registries; nothing of a rehearsal's, which pulls no image."""
    looks = [_github(subject), _registries(subject)]
    return [c for found in await together(looks) for c in found]


async def _github(subject: Subject) -> list[Check]:
    cloud, version = subject.google.cloud, str(subject.values["kfp_version"])
    if subject.values["kfp_manifests"] != "github" or cloud.rehearsal:
        return []
    if kustomize.fetched(subject.home.cache / "manifests", version):
        return [Check("github", GITHUB, "pass", f"Kubeflow Pipelines {version} is on this machine already")]
    try:
        tool = await asyncio.to_thread(find, "git", subject.home)
    except MissingTool:
        return []  # which is another check's to say
    git = kustomize.Git(tool.command, network.git_environment(cloud), subject.google.clock, lambda _: None)
    if await git.reachable(SECONDS):
        return [Check("github", GITHUB, "pass", "github.com")]
    why = f"github.com does not answer, and the manifests of Kubeflow Pipelines {version} come from there"
    hint = "Let it through the proxy (HTTPS_PROXY), or set kfp_manifests to a folder that holds the release."
    command = "git ls-remote https://github.com/kubeflow/pipelines HEAD"
    return [Check("github", GITHUB, "block", "github.com", why, hint, command)]


async def _registries(subject: Subject) -> list[Check]:
    if subject.google.cloud.rehearsal:
        return []
    hosts = [*IMAGES, *([BASES] if subject.values["image"] != "none" else [])]
    troubles = [t for t in await answers(subject.google.cloud, [f"https://{host}/v2/" for host in hosts]) if t]
    if not troubles:
        return [Check("registries", REGISTRIES, "pass", ", ".join(hosts))]
    hint = "The cluster pulls them itself, through Cloud NAT: what matters is whether it may. Else images must be mirrored."
    return [
        Check(
            "registries", REGISTRIES, "warn", ", ".join(hosts), "; ".join(troubles), hint, f"curl -I https://{hosts[0]}/v2/"
        )
    ]


async def answers(cloud: Cloud, urls: list[str]) -> list[str]:
    """Why each of the URLs can't be reached from here, through the proxy and with the trust that all clients have; or ""."""
    import aiohttp

    context = await asyncio.to_thread(network.ssl_context, cloud)
    connector = aiohttp.TCPConnector(ssl=context)
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:
        return await together(_why_not(session, url) for url in urls)


async def _why_not(session: aiohttp.ClientSession, url: str) -> str:
    import aiohttp

    host = url.split("/")[2]
    try:
        async with session.get(url, proxy=network.proxies().for_url(url), allow_redirects=False) as response:
            return f"{host} answers {response.status}" if response.status >= 500 else ""
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return f"{host} can't be reached from here: {str(error) or 'no answer in time'}"
