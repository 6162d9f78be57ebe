"""Where Terraform's providers come from: one unpacked mirror a machine, filled once under a lock.

Terraform's own plugin cache is not safe when two runs fill it at once, and a download in every environment would be
slow. The mirror is filled by ``terraform providers mirror`` with the user's own CLI configuration in force, so a company's
mirror is where it comes from. In a rehearsal the simulated cloud brings a mirror with a stand-in provider.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import zipfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from core.environment.cloud import Cloud
from core.environment.home import Home
from core.errors import PermanentError, TemporaryError
from core.run.step import Reporter
from core.terraform import process

COMPLETE = ".complete"


async def providers_mirror(
    cloud: Cloud, home: Home, *, command: Sequence[str], environment: Mapping[str, str], source: Path, reporter: Reporter
) -> Path:
    """The folder for ``init -plugin-dir``; filled first, where it is not yet, with what the module ``source`` asks for."""
    if cloud.simulator is not None:
        return Path(json.loads((cloud.simulator / "endpoints.json").read_text())["provider_mirror"])
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
    (work / "packed").mkdir(parents=True, mode=0o700)
    (work / "versions.tf").write_text(versions)
    reporter.progress("Fetching Terraform's Google provider, once for this machine")
    lines: list[str] = []

    def heard(line: str) -> None:
        lines.append(line)
        reporter.log(line)

    code = await process.run(
        [*command, "providers", "mirror", "-no-color", str(work / "packed")],
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
    await asyncio.to_thread(_unpack, work / "packed", mirror)
    shutil.rmtree(work)


def _unpack(packed: Path, mirror: Path) -> None:
    """``HOST/NAMESPACE/TYPE/terraform-provider-TYPE_VERSION_OS_ARCH.zip`` to ``HOST/NAMESPACE/TYPE/VERSION/OS_ARCH/``."""
    found = sorted(packed.rglob("terraform-provider-*.zip"))
    if not found:
        raise PermanentError("Terraform mirrored no provider.", code="providers")
    for archive in found:
        _, version, system, machine = archive.stem.rsplit("_", 3)
        target = mirror / archive.parent.relative_to(packed) / version / f"{system}_{machine}"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True, mode=0o700)
        with zipfile.ZipFile(archive) as content:
            content.extractall(target)
        for file in target.iterdir():
            file.chmod(0o755)


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
