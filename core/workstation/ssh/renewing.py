"""A VM whose host key is not the known one: asked again what it publishes, before anybody is alarmed.

A new boot disk brings new host keys, which the VM writes into its guest attributes as it did the old ones, where only its
project can write. What stands there now is as good as what stood there when the entry was added.
"""

from __future__ import annotations

from core.environment import Cloud, Home
from core.environment.files import write_atomically
from core.errors import MlopsError
from core.run.clock import Clock
from core.run.redact import Redactor
from core.workstation.ssh import known_hosts
from core.workstation.ssh.files import SshFolder
from core.workstation.ssh.relay import Destination


async def renewed(to: Destination, name: str, *, cloud: Cloud, home: Home, folder: SshFolder) -> bool:
    """Takes the keys that a VM publishes now, under the name of its keys; says whether they are others than before."""
    from core.gcp import Google

    redactor, clock = Redactor(), Clock(cloud.rate)
    try:
        async with Google(cloud, clock=clock, redactor=redactor, project=to.project) as google:
            found = await known_hosts.published(google, to)
    except MlopsError:
        return False
    if not found or not folder.known_hosts.exists():
        return False
    with folder.locked(home.ensure()):
        text = folder.known_hosts.read_text(encoding="utf-8", errors="surrogateescape")
        if not set(found) - set(known_hosts.of(text, name)):
            return False
        after = known_hosts.replaced(text, name, found)
        write_atomically(folder.known_hosts, after.encode(errors="surrogateescape"))
    return True
