"""The keys that are known of a host, as ssh itself finds them: ``ssh-keygen -F`` reads every form of the files."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.workstation.ssh.configuration import HostConfiguration
from core.workstation.tunnel.engine import HostKeyRefused


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """Public keys as ``TYPE BASE64``: the host's own, those of authorities for it, and those that are revoked.

    ``of_any_port``: the host's own are known of it without its port, so that another one is new rather than changed.
    """

    trusted: tuple[str, ...] = ()
    authorities: tuple[str, ...] = ()
    revoked: tuple[str, ...] = ()
    of_any_port: bool = False

    def __bool__(self) -> bool:
        return bool(self.trusted or self.authorities)


def keys_of(host: HostConfiguration) -> KnownKeys:
    """What is known of a host; where its name with its port has no key, those of its name alone count, as for ssh."""
    files = host.known_hosts_files
    found = known_keys(host.known_as, files)
    if found.trusted or host.alias or host.known_as == host.hostname:
        return found
    alone = known_keys(host.hostname, files)
    return KnownKeys(alone.trusted, found.authorities + alone.authorities, found.revoked + alone.revoked, of_any_port=True)


def known_keys(name: str, files: Sequence[Path]) -> KnownKeys:
    """What the files say of a host, under the name that ssh looks up."""
    keygen = shutil.which("ssh-keygen") or "/usr/bin/ssh-keygen"
    found: dict[str, list[str]] = {"": [], "@cert-authority": [], "@revoked": []}
    for file in files:
        if not file.is_file():
            continue
        command = [keygen, "-F", name, "-f", str(file)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        for line in done.stdout.decode(errors="replace").splitlines():
            words = line.split()
            if not words or words[0] == "#":
                continue
            marker = words.pop(0) if words[0].startswith("@") else ""
            if len(words) >= 3 and marker in found:
                found[marker].append(f"{words[1]} {words[2]}")
    trusted, authorities, revoked = (tuple(dict.fromkeys(keys)) for keys in found.values())
    return KnownKeys(trusted, authorities, revoked)


def host_key_refused(host: HostConfiguration, *, changed: bool) -> HostKeyRefused:
    """The error of a host key that is another than the one known, or of one that is not known at all."""
    files = " or ".join(shlex.quote(str(file)) for file in host.known_hosts_files[:2])
    if changed:
        return HostKeyRefused(
            f"{host.hostname} shows another key than the one that is known of it.",
            code="host-key-changed",
            cause="The machine was made anew, or somebody stands in between.",
            hint=f"If you know that it was made anew: ssh-keygen -R '{host.known_as}'" + (f" -f {files}" if files else ""),
        )
    return HostKeyRefused(
        f"The key of {host.hostname} is not known yet.",
        code="host-key-unknown",
        hint=f"Connect once with ssh {host.host} and compare the fingerprint, or run: mlops-env ssh add {host.host}",
    )
