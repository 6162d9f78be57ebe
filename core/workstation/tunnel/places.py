"""Where a tunnel keeps what it keeps: its lock, its log and its last status in a folder; its control socket in ``/tmp``."""

from __future__ import annotations

import hashlib
from pathlib import Path

from core.environment import Home
from core.environment.home import socket_folder


def folder(home: Home, name: str) -> Path:
    """The folder of one tunnel."""
    return home.root / "tunnels" / name


def lock(home: Home, name: str) -> Path:
    """The lock that its process holds."""
    return folder(home, name) / "lock"


def log(home: Home, name: str) -> Path:
    """What happened to it, a line each."""
    return folder(home, name) / "log"


def last(home: Home, name: str) -> Path:
    """Its status when it ended."""
    return folder(home, name) / "status.json"


def control(home: Home, name: str) -> Path:
    """The control socket of its process; homes and names of any length have their own."""
    digest = hashlib.sha256(f"{home.root}\0{name}".encode()).hexdigest()[:12]
    return socket_folder() / f"tunnel-{digest}.sock"
