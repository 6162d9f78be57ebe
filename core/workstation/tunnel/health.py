"""Whether a forward does what it is for: a real request from end to end, not a connect, which any listener answers.

Docker is asked for ``/_ping`` through the local socket or port, as its client would. Of what else stands behind a forward
nobody knows what a harmless request is, and some servers count a connection without one against its host: there, health
is what the last connection met.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from dataclasses import dataclass

from core.run.clock import Clock
from core.workstation.tunnel.definition import LOOPBACK, End
from core.workstation.tunnel.engine import Link, NotForwarded
from core.workstation.tunnel.listener import Listener

ANSWER = 10.0
"""Seconds in which Docker answers."""
_REQUEST = b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"
_LOOK = (
    "test -e {0} || echo missing; test -S {0} || echo other; "
    'grep -sqF " $(readlink -f {0})" /proc/net/unix && echo listening; '
    "test -w {0} || echo closed; test -w {0} || sudo -n test -S {0} 2>/dev/null && echo sudo"
)
_BY_SUDO = "sudo -n docker -H unix://{0} system dial-stdio"
"""What docker itself runs on a host that it reaches over ssh, as root."""

BY_SUDO = "sudo"
"""What a person may allow: that Docker is reached as root on the host, since its socket is shut to the user there."""
OK, FAILING, UNKNOWN = "ok", "failing", "unknown"


@dataclass(frozen=True, slots=True)
class Health:
    """``ok failing unknown``, and in words why; ``offer``: what would mend it, where a person allows it."""

    state: str = UNKNOWN
    detail: str = ""
    offer: str = ""


UNUSED = Health(UNKNOWN, "Nothing has used it yet.")


async def look(listener: Listener, link: Link | None, clock: Clock) -> Health:
    """The health of one forward now; ``link`` is asked for the reason where Docker does not answer."""
    if not listener.forward.remote.docker:
        return _as_met(listener, link)
    listener.error = ""
    by_sudo = listener.forward.remote in listener.gate.commands
    try:
        async with clock.deadline(ANSWER):
            answer = await _ask(listener.local)
    except TimeoutError:
        return Health(FAILING, f"Docker did not answer within {ANSWER:.0f} s.")
    except OSError as error:
        return Health(FAILING, f"{listener.local} can't be reached here: {error.strerror or error}.")
    head, _, rest = answer.partition(b"\r\n")
    if head.startswith(b"HTTP/1.") and b" 200" in head:
        return Health(OK, "Docker answers, through sudo on the host." if by_sudo else "Docker answers.")
    if rest:
        return Health(FAILING, f"What answers is not Docker: {head[:60].decode(errors='replace')}")
    return await _why(listener, link, clock)


def _as_met(listener: Listener, link: Link | None) -> Health:
    error = listener.error or (link.not_opened(listener.forward.remote) if link is not None else "")
    if error:
        return Health(FAILING, error)
    return Health(OK, "The last connection was opened.") if listener.traffic.connections else UNUSED


async def _ask(local: End) -> bytes:
    if local.path:
        reader, writer = await asyncio.open_unix_connection(local.path)
    else:
        reader, writer = await asyncio.open_connection(local.host or LOOPBACK[0], local.port)
    try:
        writer.write(_REQUEST)
        answer = b""
        with contextlib.suppress(ConnectionError):
            await writer.drain()
            while len(answer) < 4096 and (more := await reader.read(4096)):
                answer += more
        return answer
    finally:
        writer.transport.abort()


async def _why(listener: Listener, link: Link | None, clock: Clock) -> Health:
    """Why a socket over there gives nothing: sshd says the same of one that is missing and one that is forbidden."""
    path = listener.forward.remote.path
    if link is None:
        return Health(FAILING, "There is no connection to the host.")
    found = await _found(path, link, clock)
    if "missing" in found:
        return Health(FAILING, f"There is no {path} on the host: Docker is not running there, or not installed.")
    if "other" in found:
        return Health(FAILING, f"{path} on the host is no socket.")
    if {"closed", "sudo"} <= set(found):
        return Health(
            FAILING,
            f"The user on the host may not use {path}, but sudo there opens it without a password: end the tunnel and open "
            "it again with --sudo, to use Docker as root there.",
            BY_SUDO,
        )
    if "closed" in found:
        return Health(
            FAILING, f"The user on the host may not use {path}: add them to the group docker there, and connect again."
        )
    if "listening" in found and (listener.error or link.not_opened(listener.forward.remote)):
        return Health(
            FAILING,
            f"{path} is there and open to the user on the host, but sshd there forwards to no socket: "
            "AllowStreamLocalForwarding or DisableForwarding in its configuration says so.",
        )
    said = listener.error or f"{path} on the host does not answer: it may be Docker that starts or has ended."
    return Health(FAILING, said)


async def _found(path: str, link: Link, clock: Clock) -> list[str]:
    """What is wrong with a socket there, in words of `_LOOK`; nothing where it can't be asked."""
    with contextlib.suppress(NotForwarded, TimeoutError):
        async with clock.deadline(ANSWER):
            return (await link.run(_LOOK.format(shlex.quote(path))))[1].split()
    return []


async def root_needed(end: End, link: Link, clock: Clock) -> str:
    """The command that reaches Docker as root, where its socket is shut to the user and sudo asks nothing; else empty."""
    found = await _found(end.path, link, clock) if end.docker else []
    return _BY_SUDO.format(shlex.quote(end.path)) if {"closed", "sudo"} <= set(found) else ""
