"""What the end of a WebSocket means: the stream has ended, it goes on over a new one, or it is over with a reason.

The relay says so in the close frame, often only after it has accepted the WebSocket: a refusal comes as code 4033 after a
handshake that went well. A connection that goes without any frame is a network that went, and the session is still there.
"""

from __future__ import annotations

from enum import Enum

from core.errors import PermanentError, PrerequisiteError, StepError, TemporaryError


class Meaning(Enum):
    """What is to be done about a closed WebSocket."""

    END = "end"
    """The other side has closed the stream, as sshd does at the end of a session."""
    RESUME = "resume"
    """The session lives on: connect again, from where it was."""
    SIGN_IN = "sign-in"
    """The session lives on, and wants a new token."""
    FINAL = "final"
    """Nothing goes on here; `failure` says why."""


class RelayRefused(PrerequisiteError):
    """Raised when the relay does not let this account through to this machine."""


class MachineNotFound(RelayRefused):
    """Raised when the relay finds no such machine, or none that runs: one that starts again is found again."""


class RelayUnreachable(TemporaryError):
    """Raised when the relay, or the machine behind it, can't be reached."""


class SessionLost(TemporaryError):
    """Raised when a stream was cut and the relay no longer knows its session: a new stream must be opened."""


class RelayViolation(PermanentError):
    """Raised when relay and client do not understand each other."""


NORMAL, WENT_AWAY, ABNORMAL = 1000, 1001, 1006
UNKNOWN_SESSION, SESSION_IN_USE, NO_BACKEND, NEW_SIGN_IN = 4001, 4002, 4003, 4004
WRITE_FAILED, READ_FAILED, NOT_AUTHORIZED, LOOKUP_FAILED = 4009, 4010, 4033, 4047

_MEANINGS = {
    NORMAL: Meaning.END,
    WRITE_FAILED: Meaning.END,
    READ_FAILED: Meaning.END,
    NEW_SIGN_IN: Meaning.SIGN_IN,
    UNKNOWN_SESSION: Meaning.FINAL,
    NO_BACKEND: Meaning.FINAL,
    NOT_AUTHORIZED: Meaning.FINAL,
    LOOKUP_FAILED: Meaning.FINAL,
    **dict.fromkeys((1002, 1003, 1007, 1008, 1009, 4005, 4006, 4007, 4008, 4013), Meaning.FINAL),
}


def meaning(code: int) -> Meaning:
    """What a close code asks for; those that nobody has written down are taken for a network's or a server's trouble."""
    return _MEANINGS.get(code, Meaning.RESUME)


def failure(code: int, reason: str, machine: str) -> StepError | PrerequisiteError:
    """The error of a final code, about a machine that is named."""
    cause = f"The relay closed with {code}" + (f": {reason}" if reason else ".")
    if code == NOT_AUTHORIZED:
        return RelayRefused(
            f"Identity-Aware Proxy does not let you through to {machine}.",
            code="relay-refused",
            cause=cause,
            hint="Your account needs the role IAP-secured Tunnel User (roles/iap.tunnelResourceAccessor) on the project or "
            "the VM. A grant takes a minute or two to work.",
        )
    if code == NO_BACKEND:
        return RelayUnreachable(
            f"Nothing answers on {machine}.",
            code="relay-no-backend",
            cause=cause,
            hint="The VM may be stopped or starting, its SSH server down, or the firewall closed to 35.235.240.0/20.",
            delay=5,
        )
    if code == LOOKUP_FAILED:
        return MachineNotFound(
            f"There is no {machine} that Identity-Aware Proxy knows of.",
            code="relay-lookup",
            cause=cause,
            hint="Check the VM's name, its zone and its project, and that it runs.",
        )
    if code in (UNKNOWN_SESSION, SESSION_IN_USE):
        return SessionLost(
            f"The connection to {machine} was lost for longer than the relay kept it.",
            code="relay-session-lost",
            cause=cause,
            hint="Connect again; what was in flight is gone.",
        )
    return RelayViolation(f"The relay and mlops-env do not understand each other about {machine}.", code="relay-violation",
                          cause=cause)  # fmt: skip
