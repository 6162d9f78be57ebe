"""What can go wrong, as one tree; each error knows its cause, what to do next, and the exit code it ends a command with.

    MlopsError                    1   anything below
    ├── UsageError                2   bad usage or parameters, found before anything is made
    │   ├── ParameterError            one parameter: its key, the value, what is allowed
    │   └── UnknownEnvironment        a NAME that does not exist
    ├── PrerequisiteError         3   what the machine, the account or the project lacks or forbids
    ├── CancelledByUser           4   the run was asked to stop, and did
    ├── VerificationError         5   everything was made, and a check of it failed
    ├── BusyError                 6   another run holds the environment
    ├── PersonNeeded              7   a sign-in or a password only a person can give
    └── StepError                 1   a step failed
        ├── TemporaryError            worth another try after ``delay`` seconds of the run's clock
        └── PermanentError            another try alone would end the same way

Raise `TemporaryError` only where waiting can help: the engine retries it with backoff until the step's deadline. A
library's exception is chained (``raise … from``), never shown. Every text passes the run's redactor before a sink.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

RETRY, SKIP, CONSOLE, COPY = "retry", "skip", "open-console", "copy-command"
FULL = (errno.ENOSPC, errno.EDQUOT)
"""What a system says where a disk is full, or a person's share of it."""


class MlopsError(Exception):
    """The base of all errors that a user meets.

    ``message`` is one sentence that says what failed; ``cause`` why, as far as it is known; ``hint`` what to do about
    it. ``command`` is a command line that helps, ready to be copied, never with a secret. ``actions`` are the words the
    app offers (`RETRY`, `SKIP`, `CONSOLE`, `COPY`); ``url`` is the page `CONSOLE` opens.
    """

    exit_code: ClassVar[int] = 1
    temporary: ClassVar[bool] = False
    default_actions: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        cause: str = "",
        hint: str = "",
        command: str = "",
        url: str = "",
        actions: Sequence[str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or _kebab(type(self).__name__)
        self.cause = cause
        self.hint = hint
        self.command = command
        self.url = url
        self.actions = tuple(self.default_actions if actions is None else actions)

    def to_dict(self) -> dict[str, Any]:
        """The error as events and ``status`` carry it."""
        return {
            "code": self.code,
            "message": self.message,
            "cause": self.cause,
            "hint": self.hint,
            "actions": list(self.actions),
            "command": self.command,
            "url": self.url,
            "temporary": self.temporary,
            "exit_code": self.exit_code,
        }

    def __str__(self) -> str:
        return self.message


class UsageError(MlopsError):
    """Raised when a command line or a file of the user's is wrong, before anything is made."""

    exit_code = 2


class ParameterError(UsageError):
    """Raised when the value of one parameter is wrong; composes its sentence from the key, the value and what is allowed."""

    def __init__(self, key: str, value: object, allowed: str, *, hint: str = "") -> None:
        self.key, self.value, self.allowed = key, value, allowed
        super().__init__(f"{key} = {_shown(value)} is not allowed: {allowed}.", code="parameter", hint=hint)


class UnknownEnvironment(UsageError):
    """Raised when no environment of that name is kept on this machine."""

    def __init__(self, name: str, *, nearest: str = "") -> None:
        hint = f"Did you mean {nearest}?" if nearest else "mlops-env list shows the environments of this machine."
        super().__init__(f"There is no environment named {name}.", code="unknown-environment", hint=hint)


class PrerequisiteError(MlopsError):
    """Raised when the machine, the account or the project lacks or forbids something that an installation needs."""

    exit_code = 3
    default_actions = (RETRY,)


class CancelledByUser(MlopsError):
    """Raised when a run ends because it was asked to."""

    exit_code = 4
    default_actions = (RETRY,)


class VerificationError(MlopsError):
    """Raised when what was installed does not do what it is for; ``checks`` are all that were done, with their results."""

    exit_code = 5
    default_actions = (RETRY,)
    checks: Sequence[Mapping[str, str]] = ()

    def __init__(self, message: str, *, checks: Sequence[Mapping[str, str]] = (), **details: Any) -> None:
        super().__init__(message, **details)
        self.checks = tuple(checks)


class BusyError(MlopsError):
    """Raised when another run holds the environment."""

    exit_code = 6


class PersonNeeded(MlopsError):
    """Raised when only a person can go on (``kind``: ``sign-in`` or ``sql-password``) and the wait for one has ended."""

    exit_code = 7
    default_actions = (RETRY,)

    def __init__(self, kind: str, message: str, **details: Any) -> None:
        self.kind = kind
        super().__init__(message, code=f"needs-{kind}", **details)


class StepError(MlopsError):
    """Raised when a step of a run can't do its work."""


class TemporaryError(StepError):
    """Raised when the same call may work later; ``delay`` is the least wait in seconds of the run's clock."""

    temporary = True
    default_actions = (RETRY,)

    def __init__(self, message: str, *, delay: float = 0.0, **details: Any) -> None:
        super().__init__(message, **details)
        self.delay = delay


class PermanentError(StepError):
    """Raised when trying again without a change would fail again."""

    default_actions = (RETRY,)


def no_room(error: BaseException) -> PrerequisiteError | None:
    """What a person is told of a disk that is full, or of a quota on it that is used up; None where it was anything else."""
    if not isinstance(error, OSError) or error.errno not in FULL:
        return None
    where = f": {error.filename}" if error.filename else ""
    return PrerequisiteError(
        "There is no room left on the disk.",
        code="disk-full",
        cause=f"{error.strerror}{where}",
        hint="Delete what is not needed, and do it again: what was done stays done.",
    )


def from_dict(data: Mapping[str, Any]) -> MlopsError:
    """The error that `MlopsError.to_dict` wrote, as far as a screen or an exit code needs it."""
    kinds = (UsageError, PrerequisiteError, CancelledByUser, VerificationError, BusyError, PersonNeeded)
    cls = {c.exit_code: c for c in kinds}.get(int(data.get("exit_code", 1)), MlopsError)
    error = MlopsError.__new__(cls)
    if isinstance(error, PersonNeeded):
        error.kind = str(data.get("code", "")).removeprefix("needs-")
    MlopsError.__init__(
        error,
        str(data.get("message", "")),
        code=str(data.get("code", "")),
        cause=str(data.get("cause", "")),
        hint=str(data.get("hint", "")),
        command=str(data.get("command", "")),
        url=str(data.get("url", "")),
        actions=[str(a) for a in data.get("actions", ())],
    )
    return error


def _shown(value: object) -> str:
    text = repr(value) if not isinstance(value, bool) else str(value).lower()
    return text if len(text) <= 80 else text[:77] + "…"


def _kebab(name: str) -> str:
    return "".join(f"-{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))
