"""Terraform's errors, as the one error that a failed command ends with.

A diagnostic carries the text of Google's answer and no status apart from it, so the text is what is looked at. Several
resources fail at once as a rule; what will not pass by itself is what a person must hear of.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import CONSOLE, RETRY, MlopsError, PermanentError, TemporaryError
from core.terraform.meanings import Meaning, meaning

EXISTS = re.compile(r"Error 409|alreadyExists|ALREADY_EXISTS|[Ee]xisting object already found|already exists")
DENIED = re.compile(r"Error 403|PERMISSION_DENIED|forbidden", re.IGNORECASE)
LOCKED = re.compile(r"Error acquiring the state lock|Lock Info:")
RESUMED = re.compile(r"Error waiting for resuming ")
"""How the provider tells that what it was asked to stop waiting for has not come about: at each look at it, for ever."""
PREAMBLE = re.compile(r"^Terraform encountered problems during initiali[sz]ation")
PERMISSION = re.compile(
    r"[Rr]equired '?\"?([\w./]+)'?\"? permission|[Pp]ermissions? '?\"?([\w./]+)'?\"? (?:denied|required)|"
    r"does not have ([\w.]+) (?:access|permission)"
)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One error or warning of Terraform's; ``address`` is the resource it is about, if any."""

    severity: str
    summary: str
    detail: str = ""
    address: str = ""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Diagnostic:
        """The diagnostic of a ``diagnostic`` event."""
        return cls(
            str(data.get("severity", "")),
            str(data.get("summary", "")),
            str(data.get("detail", "")),
            str(data.get("address") or ""),
        )

    @property
    def text(self) -> str:
        """Summary and detail in one line."""
        return re.sub(r"\s+", " ", f"{self.summary} {self.detail}").strip()

    @property
    def conflict(self) -> bool:
        """Whether something of that name is there already, and nothing more special is known of it."""
        return meaning(self.text) is None and bool(EXISTS.search(self.text))


class AlreadyThere(PermanentError):
    """Raised when resources can't be made since something of their name is there; ``addresses`` are theirs."""

    def __init__(self, addresses: Sequence[str], cause: str) -> None:
        self.addresses = tuple(addresses)
        super().__init__(f"There is something already where {', '.join(addresses)} should be.", code="exists", cause=cause)


class MadeInVain(PermanentError):
    """Raised when resources whose making went on after a run was stopped have failed since; ``addresses`` are theirs.

    Terraform can't look at them any more, and so can neither change nor destroy anything, until its state forgets them.
    """

    def __init__(self, addresses: Sequence[str], cause: str) -> None:
        self.addresses = tuple(addresses)
        super().__init__(
            f"{', '.join(addresses)} was being made when a run was stopped, and has failed since.",
            code="made-in-vain",
            cause=cause,
            hint="Retry the run, or destroy the environment: either looks at what is there anew.",
        )


class StateLocked(PermanentError):
    """Raised when another Terraform holds the state's lock; ``who`` is its ``user@host``, ``created`` as it says."""

    def __init__(self, id: str, who: str, created: str, cause: str) -> None:
        self.id, self.who, self.created = id, who, created
        super().__init__(
            f"Terraform's state is locked by {who or 'someone'} since {created or 'an unknown time'}.",
            code="state-locked",
            cause=cause,
            hint="Wait until that Terraform ends. If it is surely dead, unlock the state in the work directory.",
            command=f"terraform force-unlock {id}" if id else "",
        )


def error_of(diagnostics: Sequence[Diagnostic], *, plain: Sequence[str] = (), code: int = 1) -> MlopsError:
    """The error of a failed command: the worst of its diagnostics, with the cause in Google's words.

    A lock comes first, then what can't be looked at, then what does not pass, then what is there already, then what passes.
    """
    errors = [d for d in diagnostics if d.severity == "error"]
    errors = [d for d in errors if not PREAMBLE.search(d.text)] or errors
    if not errors:
        return _unspoken(plain, code)
    locked = next((d for d in errors if LOCKED.search(d.text)), None)
    if locked is not None:
        return _locked(locked)
    known = [(d, meaning(d.text)) for d in errors]
    vain = [d for d, known_as in known if d.address and RESUMED.search(d.text) and not (known_as and known_as.temporary)]
    if vain:
        return MadeInVain([d.address for d in vain], vain[0].text)
    for found, known_as in known:
        if not found.conflict and (known_as is None or not known_as.temporary):
            return _permanent(found, known_as)
    conflicts = [d for d in errors if d.conflict]
    if conflicts:
        return AlreadyThere([d.address for d in conflicts], conflicts[0].text)
    return _temporary([(d, m) for d, m in known if m is not None])


def _permanent(found: Diagnostic, known: Meaning | None) -> PermanentError:
    what = found.address or "Terraform"
    if known is None:
        return _refused(found, what)
    return PermanentError(
        f"{what}: {known.message}",
        code=f"terraform-{known.code}",
        cause=found.text,
        hint=known.hint,
        url=known.url,
        actions=(RETRY, CONSOLE) if known.url else None,
    )


def _temporary(known: Sequence[tuple[Diagnostic, Meaning]]) -> TemporaryError:
    found, longest = max(known, key=lambda pair: pair[1].delay)
    return TemporaryError(
        f"{found.address or 'Terraform'}: {longest.message}",
        code=f"terraform-{longest.code}",
        cause=found.text,
        delay=longest.delay,
    )


def _refused(found: Diagnostic, what: str) -> PermanentError:
    if not DENIED.search(found.text):
        return PermanentError(f"{what}: {found.summary}", code="terraform", cause=found.text)
    named = PERMISSION.search(found.text)
    permission = next((g for g in named.groups() if g), "") if named else ""
    lacks = f"the account lacks the permission {permission}" if permission else "the account may not do that"
    return PermanentError(
        f"{what}: {lacks}.",
        code="terraform-denied",
        cause=found.text,
        hint="Ask an owner of the project for a role that holds it; a grant takes a minute or two, at times seven.",
    )


def _locked(found: Diagnostic) -> StateLocked:
    def field(name: str) -> str:
        match = re.search(rf"^\s*{name}:\s*(\S.*?)\s*$", f"{found.summary}\n{found.detail}", re.MULTILINE)
        return match.group(1) if match else ""

    return StateLocked(field("ID"), field("Who"), field("Created"), found.text)


def _unspoken(plain: Sequence[str], code: int) -> MlopsError:
    """A command that failed without a diagnostic: a crash, or a signal that was not ours."""
    cause = " ".join(line.strip() for line in plain[-5:])[:500]
    if code < 0:
        return TemporaryError(f"Terraform was ended by signal {-code}.", code="terraform-killed", cause=cause)
    return PermanentError("Terraform failed without saying why.", code="terraform", cause=cause or f"exit code {code}")
