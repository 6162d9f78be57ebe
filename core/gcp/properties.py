"""What gcloud's own configuration says of a company's network, for people who told gcloud and nobody else.

Only what the network needs is read here (``proxy/*``, ``core/custom_ca_certs_file``, ``context_aware/*``), as gcloud reads
it: a variable first, then the active configuration's file. It is read by hand, since the relay's client, which lives for
one connection, would wait for a parser.
"""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from core.errors import UsageError

HTTP = ("", "http", "http_no_tunnel")
"""Types of a proxy that takes CONNECT; the others speak SOCKS."""


def gcloud_property(section: str, name: str, environ: Mapping[str, str] | None = None) -> str:
    """One property as gcloud has it now; empty where it is not set."""
    variables = os.environ if environ is None else environ
    given = variables.get(f"CLOUDSDK_{section}_{name}".upper(), "")
    return given or _file(_place(variables)).get(f"{section}/{name}", "")


def gcloud_proxy(environ: Mapping[str, str] | None = None) -> str:
    """The proxy that gcloud goes through, as a URL; empty: none. Raises `UsageError` for one that can't be used here."""
    variables = os.environ if environ is None else environ
    names = ("address", "port", "type", "username", "password")
    written = _file(_place(variables))
    address, port, kind, user, password = (
        variables.get(f"CLOUDSDK_PROXY_{name.upper()}", "") or written.get(f"proxy/{name}", "") for name in names
    )
    if not address or not port:
        return ""
    if kind not in HTTP:
        raise UsageError(
            f"gcloud's proxy is of the type {kind}, which mlops-env can't go through.",
            code="proxy-type",
            hint="Name one that speaks HTTP in HTTPS_PROXY, or in gcloud's proxy/type.",
        )
    name = urllib.parse.quote(user, safe="") + (f":{urllib.parse.quote(password, safe='')}" if password else "")
    return f"http://{name}@{address}:{port}" if name else f"http://{address}:{port}"


def _place(variables: Mapping[str, str]) -> Path:
    folder = Path(variables.get("CLOUDSDK_CONFIG") or Path(variables.get("HOME") or Path.home()) / ".config" / "gcloud")
    name = variables.get("CLOUDSDK_ACTIVE_CONFIG_NAME", "")
    if not name:
        try:
            name = (folder / "active_config").read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            name = ""
    return folder / "configurations" / f"config_{name or 'default'}"


def _file(path: Path) -> Mapping[str, str]:
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return {}
    return _read(path, changed)


@lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> Mapping[str, str]:
    """A configuration's properties as ``section/name``, in small letters as gcloud has them."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    found, section = dict[str, str](), ""
    for line in lines:
        text = line.strip()
        if text.startswith("[") and text.endswith("]"):
            section = text[1:-1]
        elif "=" in text and not text.startswith(("#", ";")):
            name, _, value = text.partition("=")
            found[f"{section}/{name.strip().lower()}"] = value.strip()
    return found
