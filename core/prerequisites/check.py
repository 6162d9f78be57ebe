"""One check: what was looked at, how it stands, and what to do about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from core.environment import Home
from core.names import Names

if TYPE_CHECKING:
    from core.gcp import Google

State = Literal["pass", "warn", "block", "skip"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A value of a parameter with which a check would not block: ``why`` says what it changes, in a few words."""

    key: str
    value: Any
    why: str


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one check. ``skip`` means that it could not be looked at (yet), which is never a pass.

    ``looked_at`` says what was seen; ``why`` what is wrong with it; ``hint`` and ``command`` what helps. ``key`` is the
    parameter whose value is wrong, where it is one's: then it is no lack of the machine's or the project's. ``answers`` are
    other values that would do, the best one first.
    """

    id: str
    title: str
    state: State
    looked_at: str = ""
    why: str = ""
    hint: str = ""
    command: str = ""
    url: str = ""
    key: str = ""
    allowed: str = ""
    answers: tuple[Answer, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The check as ``check --output json`` and the step's log carry it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked: the values of one environment, on this machine, with this sign-in.

    ``names`` are those that it gives to what it makes; None where only values are looked at. ``made`` are the values that
    the last installation ended with, if there was one; ``doubted``: a run that did not come to its end may have changed it.
    """

    google: Google
    values: Mapping[str, Any]
    home: Home
    made: Mapping[str, Any] = field(default_factory=dict)
    names: Names | None = None
    doubted: bool = False

    @property
    def standing(self) -> bool:
        """Whether all of it was made before, so that quotas and policies have been passed, and names and ranges taken."""
        wanted = {key: _plain(value) for key, value in self.values.items()}
        return bool(self.made) and not self.doubted and self.made == wanted

    @property
    def places(self) -> Names | None:
        """The names, with the project and the zone that are meant where none was chosen yet."""
        from core.prerequisites.places import usual_zone

        names = self.names
        if names is None:
            return None
        return replace(names, project=self.google.project, zone=names.zone or usual_zone(names.region))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


Checker = Callable[[Subject], Awaitable[list[Check]]]
"""What looks at a subject: nothing where it does not concern these values, else one check or several."""
