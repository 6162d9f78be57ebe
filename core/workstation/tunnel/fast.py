"""The parts of asyncssh that cost a tunnel most, replaced: the one place that touches what is private of it."""

from __future__ import annotations

from typing import Any


def hasten(connection: Any) -> None:
    """Puts the faster parts in place on a connection that begins."""


def hastened(connection: Any) -> bool:
    """Whether the faster parts are in place."""
    return False
