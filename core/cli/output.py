"""What a command prints: data on stdout, narration on stderr, errors in one form; nothing foreign as control sequences."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from core.errors import MlopsError


class Output:
    """Prints for a person, or JSON for a program."""

    def __init__(self, *, json: bool) -> None:
        self.json = json

    def document(self, value: Any) -> None:
        """The one JSON document of a command."""
        print(json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))

    def line(self, value: Mapping[str, Any]) -> None:
        """One event as a line of JSON."""
        print(json.dumps(value, ensure_ascii=False, separators=(",", ":")), flush=True)

    def data(self, text: str = "") -> None:
        """A line of data for a person."""
        print(printable(text), flush=True)

    def say(self, text: str) -> None:
        """A line of narration."""
        _narrate(printable(text))

    def error(self, error: MlopsError) -> None:
        """An error: its sentence, cause, hint and command; on stderr, or as a document for a program."""
        if self.json:
            _narrate(json.dumps({"error": error.to_dict()}, ensure_ascii=False))
            return
        self.say(f"Error: {error.message}")
        for label, text in (("Cause", error.cause), ("Hint", error.hint), ("Command", error.command)):
            if text:
                self.say(f"  {label}: {text}")


def _narrate(text: str) -> None:
    """Writes a line to stderr. Where its reader has gone away, what the command does and its data go on without it."""
    try:
        print(text, file=sys.stderr, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def printable(text: str) -> str:
    """The text without control characters but line ends and tabs: what others wrote must not steer the terminal."""
    return "".join(c for c in text if c in "\n\t" or (c >= " " and not "\x7f" <= c <= "\x9f"))


def interactive() -> bool:
    """Whether there is a person to ask: standard input and error are terminals."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def answer(prompt: str, *, secret: bool = False) -> str | None:
    """What a person types on the terminal, unseen where it is ``secret``; None where they leave the question by Ctrl-D."""
    from getpass import getpass

    try:
        if secret:
            return getpass(prompt)
        print(prompt, end="", file=sys.stderr, flush=True)
        return input()
    except EOFError:
        print(file=sys.stderr, flush=True)
        return None


def confirm(question: str) -> bool:
    """Asks yes or no on the terminal; anything but yes is no."""
    return (answer(f"{question} [y/N] ") or "").strip().lower() in ("y", "yes")
