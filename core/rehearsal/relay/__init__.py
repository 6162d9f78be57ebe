"""A stand-in for the relay of Identity-Aware Proxy: WebSockets in, TCP connections to the simulated VMs out.

`service` answers connect and reconnect over TLS, `session` is one TCP connection with its counts, which outlives its
WebSockets, `messages` is the subprotocol, and `faults` what a scenario does to it.
"""

from core.rehearsal.relay.service import NoBackend, RelayService, UnknownMachine

__all__ = ["NoBackend", "RelayService", "UnknownMachine"]
