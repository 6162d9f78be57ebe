"""The real ``hashicorp/google`` provider and the stand-in, one after the other against the same simulated Google APIs.

Where `MIRROR` names a folder of providers (as ``terraform providers mirror`` lays one out, unpacked), the platform and a
notebook of each kind are made, changed in place, imported and destroyed with the provider in it and with the stand-in. What
they plan, what they keep and what they ask of the cloud is held against each other, resource by resource.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from core.rehearsal.provider import mirror as stand_in
from tests.conformance.clients.rehearsed import NAME, Failed, rehearsed
from tests.conformance.frame import Check, LeftOut, Outcome, Place
from tests.conformance.terraform import notebook, plain, refusals, schemas, troubles
from tests.conformance.terraform.cloud import Cloud, simulated
from tests.conformance.terraform.story import Seen, story

Refused = tuple[str, list[str], dict[str, Any]]
Refusals = Callable[[Path, Path], Iterator[Refused]]
Story = Callable[[Path, Path, Cloud], Iterator[tuple[str, Seen]]]
MIRROR = "MLOPS_ENV_PROVIDER_MIRROR"


def checks(place: Place) -> Iterator[Outcome]:
    """Every check of the part, or the one word that the provider is not at hand."""
    given = os.environ.get(MIRROR, "")
    if not given:
        yield LeftOut("terraform", f"{MIRROR} names no folder that holds the provider hashicorp/google.", checks=("*",))
        return
    real, ours = Path(given), stand_in.write(place.scratch / "providers", rate=0)
    yield from schemas.checks(place.scratch, real, ours)
    with ThreadPoolExecutor(2) as side_by_side:
        for about, tell in _stories():
            told = [side_by_side.submit(_told, place, n, m, about, tell) for n, m in (("real", real), ("stand-in", ours))]
            for (phase, really), (_, here) in zip(*(t.result() for t in told), strict=True):
                yield from of_phase(f"{about}: {phase}" if about else phase, really, here)
        place.say("terraform: refusals")
        for tell in (refusals.told, troubles.told):
            folders = ((place.scratch / f"{n}-{tell.__module__}", m) for n, m in (("real", real), ("stand-in", ours)))
            refused = [side_by_side.submit(_all, tell, *both) for both in folders]
            for really, here in zip(*(r.result() for r in refused), strict=True):
                yield from _of_round(*really, here)
    yield from _whole(place, real)


def _whole(place: Place, real: Path) -> Iterator[Outcome]:
    """A rehearsal from nothing to nothing that runs the real provider, found by the user's own configuration."""
    place.say("terraform: a rehearsal with the real provider")
    own = place.scratch / "own.tfrc"
    own.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{real}"\n  }}\n}}\n')
    says = 'speed = 0\n\n[terraform]\nprovider = "hashicorp"\n'
    try:
        with rehearsed(place.scratch, says=says, TF_CLI_CONFIG_FILE=str(own)) as cloud:
            yield Check("rehearsal: installed", "installed", cloud.status["state"])
            code, said = cloud.command("destroy", NAME, "--delete-data", "--yes")
            yield Check("rehearsal: destroyed", (0, ""), (code, said if code else ""))
    except Failed as error:
        yield Check("rehearsal: installed", "installed", str(error))


def _all(tell: Refusals, folder: Path, mirror: Path) -> list[Refused]:
    return list(tell(folder, mirror))


def _stories() -> Iterator[tuple[str, Story]]:
    """What is gone through, and how it is named in front of its phases."""
    yield "", story
    for kind in notebook.KINDS:
        yield kind, partial(notebook.story, kind=kind)


def _told(place: Place, name: str, mirror: Path, about: str, tell: Story) -> list[tuple[str, Seen]]:
    found, folder = [], place.scratch / f"{name}-{about or 'platform'}"
    with simulated(folder / "cloud") as cloud:
        for phase, seen in tell(folder / "work", mirror, cloud):
            place.say(f"terraform: {name}: {about} {phase}")
            found.append((phase, seen))
    return found


def of_phase(phase: str, really: Seen, here: Seen) -> Iterator[Outcome]:
    """The checks of one phase, as two providers went through it."""
    yield from _each(f"{phase}: plan", plain.planned(really.plan), plain.planned(here.plan))
    yield from _each(f"{phase}: state", plain.kept(really), plain.kept(here))
    yield from _each(f"{phase}: requests", plain.asked(really.requests), plain.asked(here.requests))
    yield Check(f"{phase}: errors", plain.words(really.told), plain.words(here.told))
    yield Check(f"{phase}: outputs", plain.value(really.outputs), plain.value(here.outputs))
    yield Check(f"{phase}: left to do", really.left, here.left)


def _of_round(
    name: str, errors: list[str], state: dict[str, Any], here: tuple[str, list[str], dict[str, Any]]
) -> Iterator[Outcome]:
    yield Check(f"refused: {name}: errors", errors, here[1])
    yield Check(f"refused: {name}: state", state, here[2])


def _each(name: str, really: dict[str, Any], here: dict[str, Any]) -> Iterator[Outcome]:
    for key in sorted({*really, *here}):
        yield Check(f"{name}: {key}", really.get(key), here.get(key))
