"""``mlops-env`` without a command: the full-screen app, whose library nothing else here may load."""

from __future__ import annotations

import argparse
from importlib import import_module

from core.cli.output import Output


def app(arguments: argparse.Namespace, out: Output) -> int:
    """Starts the app in this terminal; refuses in one sentence where there is none."""
    return int(import_module("tui.app").run())
