"""Processes that outlive the one that starts them: a run, a simulated cloud, a port-forward.

On Python 3.12 and later, a child of asyncio's is killed when the loop closes, in a session of its own or not; and a
process that keeps the caller's output open makes ``$(mlops-env install --detach)`` hang. So a tiny launcher, started by
plain subprocess, makes a session, forks and is replaced: the process belongs to nobody. It reads a document on standard
input, answers one line of JSON on standard output, and after that line holds no stream of the caller's any more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from core.errors import MlopsError, from_dict

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
    """A process that loads what it needs, and waits for the document that tells it what to do."""

    def __init__(self, module: str, arguments: Sequence[str], *, log: Path, folder: Path) -> None:
        self._module, self._log = module, log
        command = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(log), module, *arguments]
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder
        )

    def go(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Hands it the document, on standard input and nowhere else; returns the line it answers when it is up.

        Raises the error that it answers instead, or `MlopsError` where it ended without a word.
        """
        with self._child as child:
            assert child.stdin is not None
            assert child.stdout is not None
            try:
                child.stdin.write(json.dumps(document).encode())
                child.stdin.close()
            except BrokenPipeError:
                pass
            line = child.stdout.readline()
        answer = _decoded(line)
        if answer is None:
            raise MlopsError(
                f"The process {self._module} ended before it was up.",
                code="process-ended",
                cause=_tail(self._log),
                hint=f"Its messages are in {self._log}.",
            )
        if "error" in answer:
            raise from_dict(answer["error"])
        return answer

    def leave(self) -> None:
        """There is nothing to do after all: without a document it ends."""
        with self._child as child:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.close()
            child.stdout.read()


def start(module: str, arguments: Sequence[str], *, log: Path, folder: Path, document: Mapping[str, Any]) -> dict[str, Any]:
    """Starts ``python -P -m module arguments`` as a process of its own; returns the line it answers when it is up.

    Its errors go to ``log``. What it raises is what `Beginning.go` raises.
    """
    return Beginning(module, arguments, log=log, folder=folder).go(document)


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
