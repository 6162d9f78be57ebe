"""What a tunnel to a VM without an address needs first: ssh's entry for it, which ``ssh add`` writes and this does too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.environment import Home
from core.workstation.ssh import configuration, target
from core.workstation.ssh.target import Target
from core.workstation.tunnel.definition import Tunnel

if TYPE_CHECKING:
    from core.workstation.ssh import manage


async def not_added(home: Home, tunnel: Tunnel) -> Target | None:
    """The VM that a tunnel leads to, where ssh does not know how to sign in there yet; None where it does, or need not."""
    found = await target.find(home, tunnel.leads_to, project=tunnel.project, zone=tunnel.zone, instance=tunnel.instance)
    if found.destination is None:
        return None
    host = await configuration.resolved(found.host, options=tunnel.options)
    return None if host.proxy_command else found


async def add(home: Home, to: Target, *, accept: manage.Accept) -> list[str]:
    """Writes the entry, as ``ssh add`` does; returns what there is to tell of it."""
    from core.workstation.ssh import manage
    from core.workstation.ssh.files import SshFolder

    prepared = await manage.prepare(to, (), folder=SshFolder.of_user(), accept=accept)
    prepared.write(home)
    return [f"ssh knows {to.host} now: its entry is in {prepared.folder.own}.", *prepared.notes]
