"""Which ciphers are offered, and in which order: what ssh would offer, AES-GCM first where the processor computes AES."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from core.workstation.ssh.configuration import HostConfiguration

GCM = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
SAME_EVERYWHERE = (*GCM, "chacha20-poly1305@openssh.com")
"""What is offered where ssh does not say what it would offer."""


def gcm_first(host: HostConfiguration, *, aes: bool | None = None) -> list[str]:
    """The host's ciphers in order of speed; none is there that its configuration leaves out."""
    offered = [name for name in host.one("ciphers").split(",") if name] or list(SAME_EVERYWHERE)
    if not (has_aes() if aes is None else aes):
        return offered
    return sorted(offered, key=lambda name: GCM.index(name) if name in GCM else len(GCM))


@cache
def has_aes() -> bool:
    """Whether the processor computes AES itself; where nothing tells, it is taken for one that does."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return True
    return any(line.startswith(("flags", "Features")) and " aes" in line for line in text.splitlines())
