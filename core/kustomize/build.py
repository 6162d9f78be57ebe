"""Building an overlay with kubectl's kustomize: two folders, side by side, to objects.

The folders are complete (see `core.kustomize.overlay`), so kustomize is shut off from every network: a reference that was
missed is an error at once, and never a wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.errors import PermanentError
from core.kustomize import mends
from core.kustomize.checksums import annotate
from core.kustomize.overlay import Layout, Values, lay_out
from core.kustomize.parts import Manifests, Object, split
from core.kustomize.source import Release
from core.run.clock import Clock

DEADLINE = 120.0
"""Seconds in which kustomize builds what takes it less than one."""
NOWHERE = "http://127.0.0.1:9"
SHUT_OFF = {"GIT_ALLOW_PROTOCOL": "none", "KUBECONFIG": os.devnull, "HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE}


async def build(
    release: Release, values: Values, work: Path, *, kubectl: Sequence[str], without: Iterable[str] = ()
) -> Manifests:
    """The objects of one environment; ``work`` is filled with what they are built from.

    ``without`` leaves out mends, by number or name.
    """
    left_out = mends.without(without)
    layout = await asyncio.to_thread(lay_out, work, release.folder, values, without=left_out)
    return await render(layout, release, kubectl=kubectl, checksums=mends.CHECKSUMS not in left_out)


async def render(
    layout: Layout,
    release: Release,
    *,
    kubectl: Sequence[str],
    clock: Clock | None = None,
    environment: Mapping[str, str] | None = None,
    checksums: bool = True,
) -> Manifests:
    """The objects that a folder laid out by `lay_out` stands for; ``environment`` is what kubectl runs with."""
    folders = (layout.cluster, layout.namespaced)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_kustomize(kubectl, f, clock or Clock(), environment)) for f in folders]
    except ExceptionGroup as failed:  # the first to fail ended the other
        raise failed.exceptions[0] from None
    objects = [o for task in tasks for o in task.result()]
    manifests = Manifests(release.source, release.version, release.commit, split(objects))
    return manifests.replaced(annotate) if checksums else manifests


async def _kustomize(kubectl: Sequence[str], folder: Path, clock: Clock, given: Mapping[str, str] | None) -> list[Object]:
    inherited = {k: v for k, v in (os.environ if given is None else given).items() if not _leads_out(k)}
    process = await asyncio.create_subprocess_exec(
        *kubectl,
        "kustomize",
        str(folder),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**inherited, **SHUT_OFF},
    )
    try:
        async with clock.deadline(DEADLINE):
            out, error = await process.communicate()
    except TimeoutError:
        raise PermanentError(
            f"Building the manifests did not end within {DEADLINE:.0f} seconds.",
            code="kustomize-timeout",
            cause=f"{kubectl[0]} kustomize {folder} was still at work, and was ended.",
            command=f"kubectl kustomize {folder}",
        ) from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        raise PermanentError(
            "The manifests can't be built.",
            code="kustomize",
            cause=_sentence(error.decode(errors="replace")),
            hint="The release's manifests may be another version's, or incomplete.",
            command=f"kubectl kustomize {folder}",
        )
    return await asyncio.to_thread(parse, out)


def parse(text: bytes) -> list[Object]:
    """The objects of a stream of YAML documents, with dates as the strings that they are in JSON."""
    import yaml

    return [document for document in yaml.load_all(text, Loader=_loader()) if document]


def _loader() -> Any:
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    timestamp = "tag:yaml.org,2002:timestamp"
    resolvers = {k: [(tag, r) for tag, r in v if tag != timestamp] for k, v in base.yaml_implicit_resolvers.items()}
    return type("Loader", (base,), {"yaml_implicit_resolvers": resolvers})


def _leads_out(variable: str) -> bool:
    return variable.startswith("GIT_") or variable.lower() in ("http_proxy", "https_proxy", "no_proxy", "all_proxy")


def _sentence(text: str) -> str:
    """What kubectl said was wrong, on one line, without its warnings and its way of logging."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("# Warning")]
    said = re.sub(r'^(E\d{4} .*?\] "command failed" err=|error: )', "", " ".join(lines)).strip(' <>"')
    return said[:600] or "kubectl said nothing."
