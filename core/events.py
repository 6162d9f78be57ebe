"""What happens in a run, as typed events.

A run's state is a fold of its events and nothing else, so an event carries all that a later reader needs. In the journal
each stands on one line as ``{"v","n","time","run","type","step",…}``: `Record` is that line read back, and each class
below is one ``type``. Unknown types and fields are kept out of the way when read, so that an older program can watch a
newer one's run.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, dataclass_transform

VERSION = 1


def _new(*, default_factory: Callable[[], Any]) -> Any:
    """A field whose default each event has to itself."""
    return default_factory


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(_new,))
class _Fields:
    """Its subclasses are frozen dataclasses to a type checker: an annotated attribute is a field, and each has a default.

    They are no real ones: `dataclasses` writes and compiles the code of every class anew at each start, and for twenty of
    them that is as much as all the rest that ``status`` does.
    """

    _defaults: ClassVar[dict[str, Any]] = {}
    _made: ClassVar[dict[str, Callable[[], Any]]] = {}

    def __init_subclass__(cls) -> None:
        own = {name: cls.__dict__[name] for name in cls.__annotations__ if name != "type"}
        cls._defaults = {**cls._defaults, **own}
        cls._made = {name: default for name, default in cls._defaults.items() if callable(default)}

    def __init__(self, **values: Any) -> None:
        fields = self.__dict__
        fields.update(self._defaults)
        fields.update(values)
        if len(fields) > len(self._defaults):
            raise TypeError(f"{type(self).__name__} has no field {min(values.keys() - self._defaults.keys())}")
        for name, make in self._made.items():
            if name not in values:
                fields[name] = make()

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} can't be changed")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    def __hash__(self) -> int:
        return hash((type(self), repr(self.__dict__)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.__dict__.items())})"


class Event(_Fields):
    """The base of all events; ``step`` is the id of the step it belongs to, empty for the run itself."""

    type: ClassVar[str] = ""
    step: str = ""

    def payload(self) -> dict[str, Any]:
        """The event's own fields, without the header that the journal adds."""
        return copy.deepcopy(self.__dict__)


class RunStarted(Event):
    """A run began. ``steps`` are ``{"id","title","needs","publishes","seconds","optional"}`` in order of display."""

    type = "run.started"
    action: str = "install"
    previous: str = ""
    pid: int = 0
    rate: float = 1.0
    options: dict[str, Any] = _new(default_factory=dict)
    steps: list[dict[str, Any]] = _new(default_factory=list)


class RunWaiting(Event):
    """The run waits for a person: ``kind`` is ``sign-in`` or ``sql-password``; as a run's last event: it ended so."""

    type = "run.waiting"
    kind: str = ""
    message: str = ""
    hint: str = ""
    command: str = ""
    account: str = ""


class RunResumed(Event):
    """The person came, and the run goes on."""

    type = "run.resumed"
    kind: str = ""


class RunStopping(Event):
    """The run was asked to stop, and brings to a safe end what is in flight."""

    type = "run.stopping"
    reason: str = ""


class RunFinished(Event):
    """Every step ended well; ``changed`` says whether any of them changed something."""

    type = "run.finished"
    seconds: float = 0.0
    changed: bool = True
    exit_code: int = 0


class RunFailed(Event):
    """The run ended with at least one step failed; ``error`` is the first one's."""

    type = "run.failed"
    seconds: float = 0.0
    error: dict[str, Any] = _new(default_factory=dict)
    exit_code: int = 1


class RunCancelled(Event):
    """The run was asked to stop, and did."""

    type = "run.cancelled"
    seconds: float = 0.0
    reason: str = ""
    exit_code: int = 4


class RunInterrupted(Event):
    """The machine told the run to stop (SIGTERM); what it had begun can be taken up again."""

    type = "run.interrupted"
    reason: str = ""


class StepStarted(Event):
    """A step has what it needs and begins."""

    type = "step.started"
    attempt: int = 1


class StepProgress(Event):
    """Something to show for a step that runs; ``fraction`` is 0 to 1 where it is known."""

    type = "step.progress"
    message: str = ""
    fraction: float | None = None


class StepRetrying(Event):
    """A temporary error; the step begins anew after ``delay`` seconds of the run's clock."""

    type = "step.retrying"
    attempt: int = 1
    delay: float = 0.0
    error: dict[str, Any] = _new(default_factory=dict)


class StepWaiting(Event):
    """A step waits, for a person or for another step's fact named in ``for_``."""

    type = "step.waiting"
    for_: str = ""


class StepFinished(Event):
    """A step ended well: ``state`` is ``done``, ``unchanged`` or ``skipped``."""

    type = "step.finished"
    state: str = "done"
    seconds: float = 0.0


class StepFailed(Event):
    """A step ended with an error."""

    type = "step.failed"
    seconds: float = 0.0
    error: dict[str, Any] = _new(default_factory=dict)


class StepCancelled(Event):
    """A step was stopped, or never began because something it needs will not come."""

    type = "step.cancelled"
    seconds: float = 0.0
    reason: str = ""


class ResourceChanged(Event):
    """One resource, as Terraform, Kubernetes or an API reports it.

    ``kind`` is its type in the words of its system (``google_container_cluster``, ``Deployment``, ``services``);
    ``id`` its address or name; ``action`` is ``create|update|delete|replace|import|read``; ``state`` is
    ``started|progress|done|failed``.
    """

    type = "resource.changed"
    kind: str = ""
    id: str = ""
    action: str = ""
    state: str = ""
    seconds: float = 0.0


class OperationStarted(Event):
    """A long operation of the cloud's was begun; ``name`` finds it again, ``key`` is what it is for."""

    type = "operation.started"
    key: str = ""
    name: str = ""


class OperationFinished(Event):
    """A long operation ended."""

    type = "operation.finished"
    key: str = ""
    name: str = ""
    seconds: float = 0.0


class FactPublished(Event):
    """A step made something known that others wait for; never a secret."""

    type = "fact.published"
    name: str = ""
    value: Any = None


class Record(NamedTuple):
    """One line of a journal: the event and its header. ``time`` is ISO 8601 in UTC."""

    n: int
    time: str
    run: str
    event: Event

    def to_dict(self) -> dict[str, Any]:
        """The line as it stands in ``events.jsonl``."""
        header = {"v": VERSION, "n": self.n, "time": self.time, "run": self.run, "type": self.event.type}
        payload = {k.rstrip("_"): v for k, v in self.event.payload().items()}
        return {**header, **payload}


TYPES: dict[str, type[Event]] = {cls.type: cls for cls in Event.__subclasses__()}
_FIELDS = {cls: {name.rstrip("_"): name for name in cls._defaults} for cls in TYPES.values()}


def parse(line: dict[str, Any]) -> Record | None:
    """The record of a journal's line; None for a type that this version does not know."""
    cls = TYPES.get(str(line.get("type")))
    if cls is None:
        return None
    names = _FIELDS[cls]
    event = cls(**{names[k]: v for k, v in line.items() if k in names})
    return Record(int(line["n"]), str(line["time"]), str(line["run"]), event)
