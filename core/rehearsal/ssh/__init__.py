"""What runs on a simulated VM: an SSH server that knows OS Login's users, and a Docker engine's socket behind it.

`machines` opens connections to VMs for the relay, `server` signs users in and forwards, `commands` is the little that a
command line can do there, `docker` answers on the socket, `host_keys` are what a VM is known by.
"""

from core.rehearsal.ssh.machines import Machines

__all__ = ["Machines"]
