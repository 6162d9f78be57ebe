"""How a tunnel stands, as ``tunnel status``, the screen and the file beside its log tell it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

CONNECTING, UP, RECONNECTING, WAITING, STOPPED, DOWN = "connecting", "up", "reconnecting", "waiting", "stopped", "down"
"""``waiting``: for a person; ``stopped``: it gave up, with the reason; ``down``: it was ended, or never begun."""


@dataclass(slots=True)
class ForwardStatus:
    """One forward: its ends, its health, and what has passed through it."""

    local: str
    remote: str
    health: str = "unknown"
    detail: str = ""
    offer: str = ""
    """What would mend its health, where a person allows it: `core.workstation.tunnel.health.BY_SUDO`."""
    connections: int = 0
    open: int = 0
    up_bytes: int = 0
    down_bytes: int = 0


@dataclass(slots=True)
class Status:
    """A tunnel as a whole; times are seconds since 1970, rates bytes a second."""

    tunnel: str
    state: str = DOWN
    host: str = ""
    engine: str = ""
    why_engine: str = ""
    about: str = ""
    pid: int | None = None
    since: float = 0.0
    reconnects: int = 0
    up_rate: float = 0.0
    down_rate: float = 0.0
    docker_host: str = ""
    docker_context: str = ""
    relayed: bool = False
    """Whether Identity-Aware Proxy stands in between, which is not made for bulk."""
    error: dict[str, Any] | None = None
    """What is wrong now."""
    last_error: dict[str, Any] | None = None
    """What was wrong last, which may be over."""
    last_error_at: float = 0.0
    forwards: list[ForwardStatus] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The status as JSON carries it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Status:
        """The status that `to_dict` wrote; keys that are not known are left out."""
        known = {key: value for key, value in data.items() if key in cls.__slots__}
        names = ForwardStatus.__slots__
        known["forwards"] = [
            ForwardStatus(**{key: value for key, value in each.items() if key in names}) for each in data.get("forwards", [])
        ]
        return cls(**known)
