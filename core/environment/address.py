"""Where a local port can be opened from here: ``localhost`` is wrong in Cloud Shell, over ssh and in a container."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from core.environment.lifetime import cloud_shell, container

CONTAINED = (
    "This is a container, and its localhost is its own: from outside it answers only where an editor forwards the port, "
    "or the container shares its host's network."
)


@dataclass(frozen=True, slots=True)
class Address:
    """``url`` is what a browser opens; ``command`` is what has to run on the user's own machine first, if anything.

    ``note`` says where it can't be known whether it opens.
    """

    url: str
    command: str = ""
    note: str = ""


def address(port: int) -> Address:
    """How the user's browser reaches a port of this machine."""
    web_host = os.environ.get("WEB_HOST", "")
    if cloud_shell() and web_host:
        return Address(f"https://{port}-{web_host}")
    codespace, domain = (os.environ.get(n, "") for n in ("CODESPACE_NAME", "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN"))
    if codespace and domain:
        return Address(f"https://{codespace}-{port}.{domain}")
    if os.environ.get("SSH_CONNECTION"):
        user, host = os.environ.get("USER", ""), os.environ["SSH_CONNECTION"].split()[2:3]
        where = host[0] if host else socket.gethostname()
        login = f"{user}@{where}" if user else where
        return Address(f"http://localhost:{port}", f"ssh -N -L {port}:localhost:{port} {login}")
    editor = os.environ.get("TERM_PROGRAM") == "vscode"  # its terminal in a container forwards what listens there
    return Address(f"http://localhost:{port}", note=CONTAINED if container() and not editor else "")
