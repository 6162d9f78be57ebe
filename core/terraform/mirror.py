"""Where Terraform's providers come from: one unpacked mirror a machine, filled once under a lock.

Terraform's own plugin cache is not safe when two runs fill it at once, and a download in every environment would be
slow. The mirror is filled by a ``terraform init`` with the user's own CLI configuration in force, so that a company's mirror
is where it comes from: ``terraform providers mirror`` would ask the registry, whatever that configuration says. In a
rehearsal the simulated cloud brings a mirror with a stand-in provider, unless its scenario wants the real one.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from core.environment.cloud import Cloud
from core.environment.home import Home
from core.errors import PermanentError, TemporaryError
from core.run.step import Reporter
from core.terraform import process

COMPLETE = ".complete"
INSTALLED = Path(".terraform") / "providers"
"""Where ``init`` puts providers, in the layout of an unpacked mirror."""


async def providers_mirror(
    cloud: Cloud, home: Home, *, command: Sequence[str], environment: Mapping[str, str], source: Path, reporter: Reporter
) -> Path:
    """The folder for ``init -plugin-dir``; filled first, where it is not yet, with what the module ``source`` asks for."""
    if cloud.simulator is not None:
        if brought := json.loads((cloud.simulator / "endpoints.json").read_text())["provider_mirror"]:
            return Path(brought)
    versions = (source / "versions.tf").read_text()
    mirror = home.ensure("cache", "providers")
    marker = mirror / COMPLETE
    if marker.is_file() and marker.read_text() == versions:
        return mirror
    async with _alone(home.ensure("cache") / "providers.lock"):
        if not (marker.is_file() and marker.read_text() == versions):
            await _fill(mirror, versions, command=command, environment=environment, home=home, reporter=reporter)
            marker.write_text(versions)
    return mirror


async def _fill(
    mirror: Path, versions: str, *, command: Sequence[str], environment: Mapping[str, str], home: Home, reporter: Reporter
) -> None:
    work = home.ensure("cache", "providers.partial")
    shutil.rmtree(work)
    work.mkdir(mode=0o700)
    (work / "versions.tf").write_text(versions)
    reporter.progress("Fetching Terraform's Google provider, once for this machine")
    lines: list[str] = []

    def heard(line: str) -> None:
        lines.append(line)
        reporter.log(line)

    code = await process.run(
        [*command, "init", "-no-color", "-input=false", "-backend=false"],
        folder=work,
        environment=environment,
        on_line=heard,
    )
    if code != 0:
        raise TemporaryError(
            "Terraform's Google provider can't be fetched.",
            code="providers",
            cause=" ".join(line.strip() for line in lines[-6:] if line.strip()),
            hint="Terraform needs its registry, or a mirror named in your own .terraformrc.",
            delay=10,
        )
    await asyncio.to_thread(_keep, work / INSTALLED, mirror)
    shutil.rmtree(work)


def _keep(installed: Path, mirror: Path) -> None:
    """Copies ``HOST/NAMESPACE/TYPE/VERSION/OS_ARCH/``; what lies in the user's own mirror or cache, Terraform only links."""
    if not installed.is_dir():
        raise PermanentError("Terraform installed no provider.", code="providers")
    shutil.copytree(installed, mirror, dirs_exist_ok=True)


@contextlib.asynccontextmanager
async def _alone(path: Path) -> AsyncIterator[None]:
    """Holds a lock that every run of this user shares; waiting can be cancelled."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(0.2)
        yield
    finally:
        os.close(handle)
