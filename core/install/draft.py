"""An environment while it is being thought of: its values, checks, lists and preview, before anything is made.

Nothing of it is kept until it is started: what only looking made (a simulated cloud, a plan's scratch files) is gone with
`discard`. The methods that await belong to one event loop; the others may block, and belong in a thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.environment import Environment, Home
from core.environment import rehearsal as rehearsals
from core.environment.lock import Lock
from core.errors import MlopsError, ParameterError, UnknownEnvironment
from core.install import following, outside, shown
from core.install.changes import changed, fixed
from core.install.following import Following
from core.install.installation import Installation
from core.prerequisites.check import Check, Subject
from core.prerequisites.concerns import CONCERNS, Concern, look
from core.run.estimate import Estimate
from core.run.step import Reporter

if TYPE_CHECKING:
    from core.install.cost import Cost


class Draft:
    """One environment that is being thought of; ``environment`` carries the values as they are now."""

    def __init__(self, environment: Environment, *, scenario: Path | None = None) -> None:
        self.environment = environment
        self.saved = (environment.folder / "environment.toml").exists()
        self.fixed = fixed(environment) if self.saved else frozenset()
        self._before = environment
        self._record = environment.kept
        self._scenario = scenario
        self._installation: Installation | None = None
        self._borrowed: Lock | None = None
        self._shown: shown.Shown | None = None
        self._followed: dict[str, list[Following]] = {}
        self._looked: set[str] = set()

    @classmethod
    def new(cls, home: Home, name: str, *, cloud: str, scenario: Path | None = None) -> Draft:
        """A draft of an environment that is nowhere yet; raises `ParameterError` where its name can't be."""
        try:
            known = Environment.load(home, name)
        except UnknownEnvironment:
            return cls(Environment.new(home, name, cloud=cloud, given={}), scenario=scenario)
        raise ParameterError(
            "NAME", known.name, "a name that no environment on this machine has", hint="Choose another name."
        )

    @classmethod
    def of(cls, known: Environment) -> Draft:
        """A draft of an environment that exists."""
        return cls(changed(known, {}))

    # -- values

    def give(self, given: Mapping[str, Any]) -> None:
        """Takes the values that were given, in place of all that were given before; they are right in themselves."""
        kept = {key: value for key, value in given.items() if value is not None}
        if self.saved:
            changed(self._before, kept)
        self.environment = replace(self.environment, given=kept)
        if self._installation is not None:
            self._installation.environment = self.environment
            self._installation.google.project = str(self.environment.values["project_id"] or "")

    def resolved(self, key: str) -> Any:
        """The value that a parameter has when nothing is given for it."""
        given = {k: v for k, v in self.environment.given.items() if k != key}
        return replace(self.environment, given=given).values[key]

    # -- looking

    def open(self) -> None:
        """Makes the adapters; a rehearsal's simulated cloud is started where it does not run. May block."""
        if self._installation is not None:
            return
        environment = self.environment
        if environment.cloud == "rehearsal":
            if not self.saved:
                rehearsals.borrow(environment).release()  # what another window looks at is left alone
                rehearsals.forget(environment.home, environment.name)
                self._borrowed = rehearsals.borrow(environment)
            given = self._scenario if not self.saved else None
            rehearsals.ensure(environment, scenario=given)
        self._installation = outside.opened(environment)

    @property
    def installation(self) -> Installation:
        """The environment with its adapters; for after `open`."""
        if self._installation is None:
            raise MlopsError("The draft was not opened yet.")
        return self._installation

    async def look(self, concern: Concern) -> list[Check]:
        """How one concern stands for the values as they are now, and with what follows from it by itself."""
        if concern.id in self._looked:  # a person may have mended something: pointed a version manager elsewhere, say
            from core.toolchain import forget

            forget(concern.id.removeprefix("tool."))
        self._looked.add(concern.id)
        environment = self._without(concern.id)
        checks, found = await following.settle(
            environment, await self._look(environment, concern), partial(self._look, concern=concern)
        )
        self.followed(concern.id, found)
        return checks

    def followed(self, concern: str, found: list[Following]) -> None:
        """Takes what follows from one concern, in place of what followed from it before."""
        before = self._without(concern)
        self._followed[concern] = found
        self.environment = following.taken(before, found)
        if self._installation is not None:
            self._installation.environment = self.environment

    async def _look(self, environment: Environment, concern: Concern) -> list[Check]:
        return await look(self._subject(environment), concern)

    def _subject(self, environment: Environment) -> Subject:
        from core.install.prerequisites import subject_of

        return subject_of(self.installation, environment)

    def _without(self, concern: str) -> Environment:
        """The environment as it is now, but for what followed from one concern."""
        gone = {each.key for each in self._followed.get(concern, ())}
        resolved = {k: v for k, v in self.environment.resolved.items() if k not in gone}
        return replace(
            self.environment, resolved={**resolved, **{k: v for k, v in self._before.resolved.items() if k in gone}}
        )

    def follows(self, key: str) -> str:
        """What the value of a parameter follows from that nobody gave; empty where it is a plain default."""
        if key in self.environment.given:
            return ""
        return next((f.source for found in self._followed.values() for f in found if f.key == key), "")

    def offers(self, checks: Iterable[Check]) -> list[Following]:
        """What could be given instead, so that these checks would not block."""
        return following.offers(checks, self.environment)

    async def project(self) -> str:
        """The project that is meant: the given one, else what the sign-in or the machine names."""
        await self.look(next(c for c in CONCERNS if c.id == "project"))
        return self.installation.google.project

    async def preview(self, reporter: Reporter) -> dict[str, Any]:
        """Everything that an installation would do; see `core.install.preview`."""
        from core.install.preview import preview

        google = self.installation.google
        if google.project and not self.environment.values["project_id"]:
            self.environment = self.installation.environment = self.environment.with_resolved(project_id=google.project)
        document = await preview(self.installation, reporter)
        document["follows"] = [*(f.to_dict() for found in self._followed.values() for f in found), *document["follows"]]
        self._shown = shown.of_plan(self.environment, document)
        return document

    def expected(self) -> Estimate:
        """How long an installation from nothing takes, and which steps decide it."""
        from core.install.expected import expected

        return expected(self.installation)

    def cost(self) -> Cost:
        """What the environment would cost a month, for the values as they are now; by the catalogue once it was asked."""
        from core.install import catalogue
        from core.install.cost import estimate

        environment = self.environment
        prices = catalogue.of_today(environment.home, environment.cloud, str(environment.values["region"]))
        return estimate({**environment.resolved, **environment.given}, environment=environment.name, prices=prices)

    async def ask_prices(self) -> None:
        """Asks Google's catalogue for today's prices, of every region; where it does not answer, the table's stay."""
        from core.install import catalogue

        environment = self.environment
        await catalogue.ask(self.installation.google, environment.home, str(environment.values["region"]))

    def renewed(self, config: str = "") -> None:
        """A person signed in: the credentials are read anew."""
        self.installation.google.renewed(config=config)

    async def switch_on(self) -> None:
        """Switches on the APIs that looking needs, and nothing else; raises what Google refuses."""
        from core.prerequisites import apis

        await apis.switch_on(self._subject(self.environment))

    def fetch(self, tool: str) -> None:
        """Fetches a program that is missing, as was agreed to; may block, and raises `PrerequisiteError`."""
        from core.toolchain import bring

        bring(tool, self.environment.home, ask=lambda _: True)

    # -- the end

    def start(self, secrets: Mapping[str, str]) -> str:
        """Keeps the environment and starts its installation; returns the run's id. May block.

        Raises what `demand_as_begun` does.
        """
        from core.install.start import demand_as_begun, start

        demand_as_begun(self.environment, self._record)
        self.environment.save()
        self.saved, self._record = True, self.environment.kept
        if self._shown is not None and self._shown.holds_for(self.environment):
            self._shown.save(self.environment)
        else:
            shown.forget(self.environment)
        return start(self.environment, "install", secrets=secrets)

    async def close(self) -> None:
        """Ends what the adapters keep open."""
        if self._installation is not None:
            await self._installation.close()
            self._installation = None

    def discard(self) -> None:
        """Forgets what was made only to look, where nothing was started. May block."""
        if self._borrowed is not None:
            self._borrowed.release()
        if self.saved or (self.environment.folder / "environment.toml").exists():
            return
        if self.environment.cloud == "rehearsal":
            rehearsals.forget(self.environment.home, self.environment.name)
        shown.leave_only(self.environment.home, self.environment.name)


def password() -> str:
    """A password for the database that Cloud SQL takes."""
    from core.install.state import generate

    return generate()
