"""What the screens before an installation share: the draft, what was looked at, and a typed password, in memory alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from core.install.choices import Choices, choices
from core.install.draft import Draft
from core.prerequisites import Check
from core.prerequisites.concerns import CONCERNS, Concern, Phase
from core.run.estimate import Estimate
from tui.background import in_thread
from tui.offstage import offstage


class Preparing:
    """One draft on its way to an installation."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.found: dict[str, list[Check]] = {}
        self.looking: dict[str, int] = {}
        self.password = ""
        self.project = ""
        self._looks = 0

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.draft.environment.name

    @property
    def rehearsal(self) -> bool:
        """Whether it is on a simulated cloud."""
        return self.draft.environment.cloud == "rehearsal"

    async def open(self) -> None:
        """Makes ready to look."""
        await in_thread(self.draft.open)

    async def look(self, concern: Concern) -> None:
        """Looks at one concern; of several looks under way, the last one begun counts."""
        self._looks += 1
        mine = self.looking[concern.id] = self._looks
        try:
            found = await offstage(self.draft.look(concern))
        except BaseException:
            if self.looking.get(concern.id) == mine:
                del self.looking[concern.id]
            raise
        if self.looking.get(concern.id) == mine:
            del self.looking[concern.id]
            self.found[concern.id] = found

    def concerned(self, keys: Iterable[str]) -> list[Concern]:
        """The concerns whose outcome depends on these parameters."""
        wanted = set(keys)
        return [concern for concern in CONCERNS if wanted & set(concern.keys)]

    def checks(self, *phases: Phase) -> list[Check]:
        """What was seen in these phases, in order."""
        return [c for concern in CONCERNS if concern.phase in phases for c in self.found.get(concern.id, [])]

    def open_ones(self, *phases: Phase) -> list[str]:
        """The concerns of these phases that were not looked at yet."""
        return [c.title for c in CONCERNS if c.phase in phases and (c.id not in self.found or c.id in self.looking)]

    def blocking(self, *phases: Phase) -> list[Check]:
        """What keeps the screen behind these phases shut."""
        return [check for check in self.checks(*phases) if check.state == "block"]

    def may_go_on(self, *phases: Phase) -> bool:
        """Whether everything of these phases was looked at, and nothing blocks."""
        return not self.open_ones(*phases) and not self.blocking(*phases)

    async def choices(self, key: str) -> Choices:
        """What can be chosen for a parameter."""
        return await offstage(choices(self.draft.installation, key))

    async def find_project(self) -> str:
        """The project that is meant where none is given."""
        if not self.project:
            self.project = await offstage(self.draft.project())
        return self.project

    async def ask_prices(self) -> None:
        """Finds out today's prices, for whoever shows a cost."""
        await offstage(self.draft.ask_prices())

    async def expected(self) -> Estimate:
        """How long an installation takes."""
        return await in_thread(self.draft.expected)

    async def preview(self, progress: Callable[[str], None]) -> dict[str, Any]:
        """Everything that would be done; ``progress`` is told what goes on, from another thread."""
        return await offstage(self.draft.preview(Telling(progress)))

    async def start(self) -> str:
        """Starts the installation with what was typed; the password is gone from here then."""
        secrets = {"sql_password": self.password} if self.password else {}
        run = await in_thread(self.draft.start, secrets)
        self.password = ""
        return run

    async def end(self) -> None:
        """Forgets what was made only to look."""
        self.password = ""
        await offstage(self.draft.close())
        await in_thread(self.draft.discard)


class Telling:
    """A `core.run.step.Reporter` of whose words only the progress is shown."""

    def __init__(self, progress: Callable[[str], None]) -> None:
        self._progress = progress

    def log(self, text: str) -> None:
        """Details are for the logs of runs."""

    def progress(self, message: str, fraction: float | None = None) -> None:
        """Tells what goes on."""
        self._progress(message)

    def resource(self, kind: str, id: str, action: str, state: str, seconds: float = 0.0) -> None:
        """What is only looked at changes nothing."""


def concern(id: str) -> Concern:
    """The concern of that id."""
    return next(c for c in CONCERNS if c.id == id)
