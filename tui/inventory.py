"""What environments this machine keeps and how each stands, kept up to date at the cost of a ``stat`` each."""

from __future__ import annotations

from dataclasses import dataclass

from core.environment import Environment, Home
from core.errors import MlopsError
from core.run import runs
from core.run.journal import seconds_between, timestamp
from tui.watching import Watched


@dataclass(frozen=True, slots=True)
class Entry:
    """One environment as a list shows it; ``broken`` says why its record can't be read."""

    name: str
    environment: Environment | None = None
    watched: Watched | None = None
    standing: str = "new"
    age: float | None = None
    broken: str = ""


class Inventory:
    """All environments of a home; `look` may block, and belongs in a thread."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._watched: dict[str, Watched] = {}

    def look(self) -> list[Entry]:
        """Every environment as it stands now."""
        return [self._entry(name) for name in Environment.all(self.home)]

    def _entry(self, name: str) -> Entry:
        try:
            environment = Environment.load(self.home, name)
        except MlopsError as error:
            return Entry(name, broken=error.message)
        held, found = runs.current(environment), runs.ids(environment)
        run = held.run if held is not None and held.run else found[-1] if found else ""
        if not run:
            return Entry(name, environment)
        watched = self._watched.get(name)
        if watched is None or watched.run != run or watched.environment.id != environment.id:
            watched = self._watched[name] = Watched(environment, run)
        watched.read()
        age = seconds_between(watched.state.last, timestamp()) if watched.state.last else None
        return Entry(name, environment, watched, watched.standing, age)
