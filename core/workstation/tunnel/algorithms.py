"""Which algorithms asyncssh is given: what ssh would offer this host, as far as asyncssh knows it, and nothing else.

A configuration narrows them for a policy and widens them for a host that is old; asyncssh's own choice would do neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from core.workstation.ssh.configuration import HostConfiguration

if TYPE_CHECKING:
    from asyncssh import SSHKey

EXCHANGE, MACS, HOST_KEYS, KEYS = "kexalgorithms", "macs", "hostkeyalgorithms", "pubkeyacceptedalgorithms"
_NAMED = {
    EXCHANGE: "its key exchange is one",
    "ciphers": "its ciphers are some",
    MACS: "its checksums are some",
    HOST_KEYS: "the kinds of its own keys are some",
    KEYS: "the kinds of your keys are some",
}


def offered(host: HostConfiguration, keyword: str) -> list[str]:
    """What ssh would offer and asyncssh knows, in ssh's order; empty where ssh does not say."""
    known = of_asyncssh()[keyword]
    return [name for name in host.one(keyword).split(",") if name in known]


def lacking(host: HostConfiguration) -> str:
    """What asyncssh can't do at all as the host's configuration wants it, in a few words; empty where there is nothing."""
    return next(
        (f"{what} that asyncssh does not know" for key, what in _NAMED.items() if host.one(key) and not offered(host, key)),
        "",
    )


def options(host: HostConfiguration, trusted: Sequence[SSHKey], *, certified: bool) -> dict[str, Any]:
    """asyncssh's options for them; ``trusted`` are the host's known keys, ``certified``: an authority's word counts too."""
    found = {
        "kex_algs": offered(host, EXCHANGE),
        "mac_algs": offered(host, MACS),
        "signature_algs": [name for name in offered(host, KEYS) if "-cert-" not in name],
        "server_host_key_algs": _of_host(host, trusted, certified=certified),
    }
    return {option: names for option, names in found.items() if names}


def _of_host(host: HostConfiguration, trusted: Sequence[SSHKey], *, certified: bool) -> list[str]:
    """The kinds of keys that the host is asked for, those that are known of it first.

    The others follow, as ssh has it: a host that has none of the known ones any more shows another key, and that is told.
    """
    known = {name.decode() for key in trusted for name in key.sig_algorithms}

    def rank(name: str) -> int:
        certificate = "-cert-" in name
        return 0 if (certified if certificate else name in known) else 2 if certificate else 1

    return sorted(offered(host, HOST_KEYS), key=rank)


@cache
def of_asyncssh() -> dict[str, frozenset[str]]:
    """All that asyncssh knows, by ssh's keyword."""
    from asyncssh.encryption import get_encryption_algs
    from asyncssh.kex import get_kex_algs
    from asyncssh.mac import get_mac_algs
    from asyncssh.public_key import get_certificate_algs, get_public_key_algs

    keys = [*get_public_key_algs(), *get_certificate_algs()]
    found = {EXCHANGE: get_kex_algs(), "ciphers": get_encryption_algs(), MACS: get_mac_algs(), HOST_KEYS: keys, KEYS: keys}
    return {keyword: frozenset(name.decode() for name in names) for keyword, names in found.items()}
