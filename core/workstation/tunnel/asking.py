"""ssh's questions (a passphrase, a second factor, a key that is not known), put to whoever opens a tunnel.

A tunnel's process has no terminal. ssh asks a program then (SSH_ASKPASS), and that one asks here, on a socket that is the
user's alone and lives only while the tunnel is being opened. So an answer is in memory, in a pipe and on that socket, and
nowhere else. Later, when nobody is there, nothing is asked: the tunnel ends, and waits for its person.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.environment import sockets
from core.environment.files import write_atomically
from core.environment.home import socket_folder

VARIABLE = "MLOPS_ENV_ASK"
"""Where the desk is, for the program that ssh starts."""
LONGEST = 64 << 10

Ask = Callable[[str, bool], str | None]
"""Asks a person, whose answer is not to be shown where the second argument says so; None: they would rather not."""
Tell = Callable[[str], None]
"""Tells a person what ssh waits for that is no answer, such as a touch of their security key."""


class Desk:
    """Takes questions in a thread of its own while it is open; ``path`` is where."""

    def __init__(self, ask: Ask, tell: Tell) -> None:
        self.path = socket_folder() / f"ask-{secrets.token_hex(6)}.sock"
        self._ask, self._tell = ask, tell
        self._server: socket.socket | None = None

    def __enter__(self) -> Desk:
        """Opens."""
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with sockets.for_their_user():
            server.bind(str(self.path))
        server.listen(8)
        self._server = server
        threading.Thread(target=self._serve, args=(server,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Closes: whoever asks from now on gets no answer."""
        self.path.unlink(missing_ok=True)
        if self._server is not None:
            with contextlib.suppress(OSError):
                self._server.shutdown(socket.SHUT_RDWR)
            self._server.close()

    def _serve(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection, contextlib.suppress(OSError, ValueError):
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        other = sockets.peer(connection)
        if other is not None and other.uid != os.getuid():
            return
        with connection.makefile("rb") as lines:
            found = json.loads(lines.readline(LONGEST))
        prompt, answer = str(found["prompt"]), None
        if found["notice"]:
            self._tell(prompt.strip())
        else:
            answer = self._ask(prompt, is_secret(prompt))
        connection.sendall(json.dumps({"answer": answer}).encode() + b"\n")


@dataclass(frozen=True, slots=True)
class At:
    """Where an engine has its questions asked: the desk's socket, and the program that asks there."""

    desk: Path
    program: Path

    @property
    def open(self) -> bool:
        """Whether somebody takes questions there now."""
        return self.desk.exists()

    def variables(self) -> dict[str, str]:
        """The environment of an ssh that asks there, and on no terminal."""
        own = {"SSH_ASKPASS": str(self.program), "SSH_ASKPASS_REQUIRE": "force", VARIABLE: str(self.desk)}
        return {"DISPLAY": ":0", **os.environ, **own}  # ssh before 8.4 asks a program only where there is a display


def is_secret(prompt: str) -> bool:
    """Whether the answer is not to be shown: all but a question that is answered by yes or no, or by a fingerprint."""
    return "(yes/no" not in prompt


def asked(path: str, prompt: str, *, notice: bool = False) -> str | None:
    """In the program that ssh starts: the answer from the desk; None where there is none, as to a ``notice``."""
    with contextlib.suppress(OSError, ValueError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(path)
        connection.sendall(json.dumps({"prompt": prompt, "notice": notice}).encode() + b"\n")
        with connection.makefile("rb") as lines:
            answer = json.loads(lines.readline(LONGEST))["answer"]
        return None if answer is None else str(answer)
    return None


def program(folder: Path) -> Path:
    """The program that ssh is told to ask: it takes no words but its question, so a file has to stand for the rest."""
    path = folder / "askpass"
    command = shlex.join([sys.executable, "-P", "-m", "core.workstation.tunnel.askpass"])
    write_atomically(path, f'#!/bin/sh\nexec {command} "$@"\n', mode=0o700)
    return path
