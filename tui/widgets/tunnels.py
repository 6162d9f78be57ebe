"""The tunnels of this user as rows: name, how each stands, what is listened on here, and what has passed."""

from __future__ import annotations

import time

from rich.text import Text

from core.workstation.tunnel.status import CONNECTING, DOWN, RECONNECTING, STOPPED, UP, WAITING, Status
from tui.signs import Sign, sign
from tui.text import cut, fill, line
from tui.times import age
from tui.widgets.lined import Lined

NAME, TRAFFIC = 16, 18
SIGNS = {
    UP: Sign("✓", "up", "$text-success"),
    CONNECTING: Sign("◐", "connecting", "$text-accent"),
    RECONNECTING: Sign("◐", "reconnecting", "$text-warning"),
    WAITING: Sign("!", "needs you", "$text-warning"),
    STOPPED: Sign("✗", "stopped", "$text-error"),
    DOWN: Sign("·", "down", "$text-muted"),
}


class TunnelList(Lined):
    """Rows of tunnels."""

    help = "The tunnels that are known here. Enter opens or ends the chosen one."

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.tunnels: list[Status] = []

    def show(self, tunnels: list[Status]) -> None:
        """Shows these; the chosen one stays chosen."""
        before = self.tunnel()
        self.tunnels = tunnels
        if before is not None:
            self.chosen = next((i for i, each in enumerate(tunnels) if each.tunnel == before.tunnel), self.chosen)
        self.fit()

    def tunnel(self) -> Status | None:
        """The chosen one."""
        return self.tunnels[self.chosen] if self.chosen < len(self.tunnels) else None

    def count(self) -> int:
        return len(self.tunnels)

    def row(self, y: int, width: int) -> Text:
        found = self.tunnels[y]
        state, local = columns(width)
        text = Text(end="")
        text.append(fill(("▸ " if y == self.chosen else "  ") + line(found.tunnel), NAME + 2))
        text.append(fill(standing(found), state - 1) + " ")
        if local:
            ends = ", ".join(each.local.rpartition("/")[2] for each in found.forwards)
            text.append(fill(line(ends), local - 1) + " ")
        if found.pid is not None:
            text.append(cut(traffic(found), TRAFFIC))
        return text


def columns(width: int) -> tuple[int, int]:
    """Cells of the state's and the local ends' column; these go first where there is no room."""
    rest = width - NAME - 2 - TRAFFIC
    local = max(0, rest - 26)
    return (26, local) if local >= 12 else (max(0, rest), 0)


def heads(width: int) -> str:
    """The heads of the columns."""
    state, local = columns(width)
    return fill("  NAME", NAME + 2) + fill("STATE", state) + (fill("LOCAL", local) if local else "") + "UP / DOWN"


def standing(found: Status) -> str:
    """A sign, a word, and for how long, or what does not answer."""
    shown = SIGNS.get(found.state) or sign(found.state)
    if found.state == UP and any(each.health == "failing" for each in found.forwards):
        return f"{sign('warn').sign} up, but failing"
    if found.state in (UP, RECONNECTING) and found.since:
        return f"{shown} {span(time.time() - found.since)}"
    return str(shown)


def last_error(found: Status) -> str:
    """What was wrong last, and how long ago."""
    assert found.last_error is not None
    said = f"{found.last_error['message']} {found.last_error.get('cause', '')}".rstrip()
    return f"{said} ({age(time.time() - found.last_error_at)})"


def span(seconds: float) -> str:
    """How long something has lasted, in few letters."""
    minutes = int(seconds // 60)
    if minutes < 1:
        return f"{max(0, int(seconds))} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h"


def traffic(found: Status) -> str:
    """What has passed, up and down."""
    up, down = (sum(getattr(each, way) for each in found.forwards) for way in ("up_bytes", "down_bytes"))
    return f"{size(up)} / {size(down)}"


def size(amount: float) -> str:
    """An amount of bytes."""
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
