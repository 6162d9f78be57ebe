"""Which engine suits a host, and why: asyncssh, unless the host's configuration asks for what only ssh itself can do.

The choice is made from what ``ssh -G`` says, before anything is connected, and it is told to the user.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.workstation.ssh.configuration import HostConfiguration
from core.workstation.tunnel.algorithms import lacking
from core.workstation.tunnel.hostkeys import known_keys

ASYNCSSH, OPENSSH = "asyncssh", "openssh"
_SET = {
    "pkcs11provider": "its key is on a smart card",
    "knownhostscommand": "a command tells its host keys",
    "revokedhostkeys": "a list of revoked host keys is to be asked",
    "bindinterface": "it is reached by one interface alone",
}
_ON = {
    "hostbasedauthentication": "it accepts this machine's own key",
    "verifyhostkeydns": "its host key is looked up in DNS",
    "proxyusefdpass": "its ProxyCommand hands over a socket",
}
_ADOPTING = ("accept-new", "no", "off", "false")
"""What StrictHostKeyChecking is where ssh itself writes a new key down."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine's name, and the reason in a few words; empty where nothing stood against the first."""

    engine: str
    why: str = ""


def choose(host: HostConfiguration, *, wanted: str = "", ask: bool = False) -> Choice:
    """The engine for a host; ``ask``: ssh may ask somebody."""
    if wanted:
        return Choice(wanted, "the tunnel's definition says so")
    why = _of_the_host(host, ask=ask) or _of_the_keys(host) or lacking(host)
    return Choice(OPENSSH, why) if why else Choice(ASYNCSSH)


def _of_the_host(host: HostConfiguration, *, ask: bool) -> str:
    for keyword, why in _SET.items():
        if host.one(keyword) not in ("", "none"):
            return why
    for keyword, why in _ON.items():
        if host.one(keyword) not in ("", "no", "false"):
            return why
    checking = host.one("stricthostkeychecking")
    if (checking in _ADOPTING or (ask and checking == "ask")) and not known_keys(host.known_as, host.known_hosts_files):
        return "its key is not known yet, and ssh is to " + ("adopt it" if checking in _ADOPTING else "ask you about it")
    return ""


def _of_the_keys(host: HostConfiguration) -> str:
    preferred = host.one("preferredauthentications", "publickey").split(",")
    if host.one("pubkeyauthentication") in ("no", "false") or "publickey" not in preferred:
        return "it is signed in to without a key"
    there = [file for file in host.identity_files if file.is_file()]
    if any(_on_a_security_key(file) for file in there):
        return "its key is on a security key"
    if host.identity_agent:
        return ""
    if not there:
        return "there is no key, and ssh may know another way"
    from core.workstation.tunnel.identities import locked

    return "its key needs a passphrase" if len(locked(host)) == len(there) else ""


def _on_a_security_key(file: Path) -> bool:
    try:
        return Path(f"{file}.pub").read_text().startswith("sk-")
    except (OSError, UnicodeDecodeError):
        return False
