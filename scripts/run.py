"""What ``make run`` does once everything is installed: the app in a terminal, a rehearsed installation elsewhere."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("mlops-env")


def command() -> list[str]:
    """The command line to become: the app needs all three streams on a terminal, and its module."""
    terminal = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    if terminal and importlib.util.find_spec("tui") and importlib.util.find_spec("tui.app"):
        return [str(PROGRAM)]
    return [str(PROGRAM), "install", "demo", "--rehearse", "--yes"]


if __name__ == "__main__":
    os.execv(PROGRAM, command())
