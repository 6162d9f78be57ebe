"""Where a local port can be opened from here: ``localhost`` is wrong in Cloud Shell, over ssh and in a container."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from core.environment.lifetime import cloud_shell


@dataclass(frozen=True, slots=True)
class Address:
    """``url`` is what a browser opens; ``command`` is what has to run on the user's own machine first, if anything."""

    url: str
    command: str = ""


def address(port: int) -> Address:
    """How the user's browser reaches a port of this machine."""
    web_host = os.environ.get("WEB_HOST", "")
    if cloud_shell() and web_host:
        return Address(f"https://{port}-{web_host}")
    if os.environ.get("SSH_CONNECTION"):
        user, host = os.environ.get("USER", ""), os.environ["SSH_CONNECTION"].split()[2:3]
        where = host[0] if host else socket.gethostname()
        login = f"{user}@{where}" if user else where
        return Address(f"http://localhost:{port}", f"ssh -N -L {port}:localhost:{port} {login}")
    return Address(f"http://localhost:{port}")
