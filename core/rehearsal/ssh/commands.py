"""The few commands that a simulated VM understands: enough to be asked about its sockets, and to talk to Docker."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

NOT_FOUND = 127
DIAL = ("docker", "system", "dial-stdio")


@dataclass(frozen=True, slots=True)
class Machine:
    """What commands may ask of the VM they run on: its name, the user, and the sockets that are there."""

    name: str
    user: str
    sockets: frozenset[str]
    docker: Callable[[], Awaitable[int]] | None = None
    """Carries the command's standard streams to Docker."""


@dataclass
class Ran:
    """What a line of commands printed, and its exit code."""

    output: str = ""
    errors: str = ""
    code: int = 0


async def run(line: str, machine: Machine) -> Ran:
    """Runs a line: simple commands joined by ``;``, ``&&`` and ``||``."""
    done = Ran()
    try:
        words = list(shlex.shlex(line, posix=True, punctuation_chars=";&|"))
    except ValueError:
        return Ran(errors="bash: syntax error\n", code=2)
    command: list[str] = []
    joint = ";"
    for word in [*words, ";"]:
        if word not in (";", "&&", "||"):
            command.append(word)
            continue
        if command and (joint == ";" or (joint == "&&") == (done.code == 0)):
            done.code = await _simple(command, machine, done)
        if command:
            command, joint = [], word
    return done


async def _simple(words: list[str], machine: Machine, done: Ran) -> int:
    words = [word for word in words if word != "2>/dev/null"]
    if words[:2] == ["sudo", "-n"]:
        words = words[2:]
    if not words:
        return 0
    if tuple(words[:3]) == DIAL and machine.docker is not None:
        return await machine.docker()
    if words[0] in ("test", "["):
        return _test([word for word in words[1:] if word != "]"], machine)
    said = {
        "whoami": machine.user,
        "hostname": machine.name,
        "true": None,
        "id": machine.user,
        "pwd": f"/home/{machine.user}",
    }
    if words[0] == "echo":
        done.output += " ".join(words[1:]) + "\n"
        return 0
    if words[0] == "false":
        return 1
    if words[0] not in said:
        done.errors += f"bash: line 1: {words[0]}: command not found\n"
        return NOT_FOUND
    text = said[words[0]]
    done.output += f"{text}\n" if text else ""
    return 0


def _test(words: list[str], machine: Machine) -> int:
    negated = words[:1] == ["!"]
    words = words[1:] if negated else words
    holds = len(words) == 2 and words[0] in ("-e", "-S", "-r", "-w") and words[1] in machine.sockets
    return int(holds == negated)
