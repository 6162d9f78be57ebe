"""Processes that outlive the one that starts them: a run, a simulated cloud, a port-forward.

On Python 3.12 and later, a child of asyncio's is killed when the loop closes, in a session of its own or not; and a
process that keeps the caller's output open makes ``$(mlops-env install --detach)`` hang. So a tiny launcher, started by
plain subprocess, makes a session, forks and is replaced: the process belongs to nobody. It reads a document on standard
input, answers one line of JSON on standard output, and after that line holds no stream of the caller's any more. Where it
takes long to load, it is begun before it is known what it is to do (`Beginning`).
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NoReturn

from core.environment.variables import PLACES
from core.errors import MlopsError, from_dict

EARLY = "core.environment.early"
_LAUNCHER = """
import os, sys
os.setsid()
if os.fork():
    os._exit(0)
log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
os.dup2(log, 2)
os.execv(sys.executable, [sys.executable, "-P", "-m", *sys.argv[2:]])
"""


class Beginning:
    """A process that loads what it needs, and waits to be told to go; what `begin` and `begin_both` give.

    Used in a ``with`` block, at whose end it is left where it was not told.
    """

    def __init__(self, module: str, link: _Link) -> None:
        self._module = module
        self._link: _Link | None = link

    def __enter__(self) -> Beginning:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.leave()

    def go(self, arguments: Sequence[str], *, log: Path, folder: Path, document: Mapping[str, Any]) -> dict[str, Any]:
        """Has it become the module; all the rest as `start` has it."""
        link, self._link = self._link, None
        assert link is not None
        header = {"log": str(log), "folder": str(folder), "arguments": list(arguments)}
        return _converse(link, json.dumps(header).encode() + b"\n", document, module=self._module, log=log)

    def leave(self) -> None:
        """There is nothing to do after all: it ends as soon as it sees that. A second time nothing happens."""
        link, self._link = self._link, None
        if link is not None:
            link.close()


def begin(module: str, load: str) -> Beginning:
    """A process that loads what ``module`` needs, by calling ``load`` (``PACKAGE:FUNCTION``)."""
    return Beginning(module, _launch(EARLY, ["", module, load], log=Path(os.devnull), folder=Path("/")))


def begin_both(common: str, first: tuple[str, str], second: tuple[str, str]) -> tuple[Beginning, Beginning]:
    """Two at once, each given as `begin` takes it. What both need, ``common`` loads once, where a process can be forked."""
    if sys.platform != "linux":
        return begin(*first), begin(*second)
    (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()
    try:
        arguments = [common, *first, *second, str(theirs_in), str(theirs_out)]
        one = _launch(EARLY, arguments, log=Path(os.devnull), folder=Path("/"), handles=(theirs_in, theirs_out))
    except BaseException:
        os.close(ours_out)
        os.close(ours_in)
        raise
    finally:
        os.close(theirs_in)
        os.close(theirs_out)
    other = _Link(os.fdopen(ours_out, "wb"), os.fdopen(ours_in, "rb"))
    return Beginning(first[0], one), Beginning(second[0], other)


def start(module: str, arguments: Sequence[str], *, log: Path, folder: Path, document: Mapping[str, Any]) -> dict[str, Any]:
    """Starts ``python -P -m module arguments`` as a process of its own; returns the line it answers when it is up.

    The document goes to its standard input and nowhere else, its errors to ``log``. Raises the error that it answers
    instead, or `MlopsError` where it ended without a word.
    """
    return _converse(_launch(module, arguments, log=log, folder=folder), b"", document, module=module, log=log)


@dataclass(frozen=True, slots=True)
class _Link:
    """What a process is told by, and what it answers by; ``launcher`` is the one that started it, where that is ours."""

    to: IO[bytes]
    answers: IO[bytes]
    launcher: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        """Lets go of both."""
        with contextlib.suppress(BrokenPipeError):
            self.to.close()
        self.answers.close()
        if self.launcher is not None:
            self.launcher.wait()


def _launch(module: str, arguments: Sequence[str], *, log: Path, folder: Path, handles: Sequence[int] = ()) -> _Link:
    command = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(log), module, *arguments]
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    launched = subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=nowhere, cwd=folder, env=_environment(), pass_fds=handles
    )
    assert launched.stdin is not None
    assert launched.stdout is not None
    return _Link(launched.stdin, launched.stdout, launched)


def _environment() -> dict[str, str]:
    """The caller's variables; what they name relative to its folder is there for a process that works in another one."""
    relative = {name: os.environ.get(name, "") for name in PLACES}
    named = {name: str(Path(value).absolute()) for name, value in relative.items() if value and value[0] not in "/~"}
    return {**os.environ, **named}


def _converse(link: _Link, head: bytes, document: Mapping[str, Any], *, module: str, log: Path) -> dict[str, Any]:
    try:
        with contextlib.suppress(BrokenPipeError):
            link.to.write(head + json.dumps(document).encode())
            link.to.close()
        answer = _decoded(link.answers.readline())
    finally:
        link.close()
    if answer is None:
        raise MlopsError(
            f"The process {module} ended before it was up.",
            code="process-ended",
            cause=_tail(log),
            hint=f"Its messages are in {log}.",
        )
    if "error" in answer:
        raise from_dict(answer["error"])
    return answer


def read_document() -> dict[str, Any]:
    """In the started process: the document from standard input, which is closed with it."""
    data = sys.stdin.buffer.read()
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    document = json.loads(data) if data.strip() else {}
    assert isinstance(document, dict)
    return document


def answer(value: Mapping[str, Any]) -> None:
    """In the started process: the one line for the caller; afterwards the caller's stream is let go."""
    os.write(1, json.dumps(value).encode() + b"\n")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.close(null)


def refuse(error: MlopsError) -> NoReturn:
    """In the started process: answers the error and ends with its exit code."""
    answer({"error": error.to_dict()})
    raise SystemExit(error.exit_code)


def _decoded(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _tail(log: Path) -> str:
    try:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        return ""
    return lines[-1][:300] if lines else ""
