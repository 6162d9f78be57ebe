"""What a scenario does to the relay, beside what happens to any call.

``[[fault]] call = "relay:connect"`` and ``"relay:reconnect"`` refuse a WebSocket: with an answer (``status = 503``), with a
close code after the handshake (``status = 4001``), or by silence (``error = "timeout"``). ``call = "relay"`` with
``error = "reset"`` cuts one in mid-stream, once ``after_bytes`` have gone through it, and for ``seconds`` of real time every
other is refused.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from core.rehearsal.scenario import Fault
from core.rehearsal.world import World


@dataclass
class RelayFaults:
    """The scenario's faults as the relay asks for them; ``closed_until`` is a moment of the machine's own clock."""

    world: World
    closed_until: float = 0.0
    passed: int = field(default=0)

    def at_handshake(self, call: str) -> Fault | None:
        """What strikes a WebSocket that is asked for (``relay:connect``, ``relay:reconnect``), or None."""
        if time.monotonic() < self.closed_until:
            return Fault(call=call, status=503)
        return self.world.faults.take(call, "before")

    def cut(self) -> Fault | None:
        """The fault that cuts the next WebSocket in mid-stream, counted when it is handed out."""
        return self.world.faults.take("relay", "before")

    def struck(self, fault: Fault) -> None:
        """A WebSocket has been cut: for as long as the fault says, there is no other."""
        self.closed_until = time.monotonic() + fault.seconds
