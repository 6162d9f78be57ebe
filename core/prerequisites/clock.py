"""Whether this machine's clock goes right, by the time that Google's answers carry.

A clock that is minutes off makes keys of service accounts, certificates and signatures fail with words that name neither.
"""

from __future__ import annotations

from core.prerequisites.check import Check, Subject

CLOCK = "This machine's clock goes right"
SLOPPY = 60.0
"""Seconds that a clock may be off before it is told."""
HARMFUL = 300.0
"""Seconds from which signatures are refused: a key's sign-in is not older, nor younger, than this."""


async def check(subject: Subject) -> list[Check]:
    """How far the clock is off; for after a call of Google's."""
    ahead = subject.google.ahead
    if ahead is None:
        return [Check("clock", CLOCK, "skip", "", "Google has not told its time yet", "Looked at once it answers.")]
    if abs(ahead) < SLOPPY:
        return [Check("clock", CLOCK, "pass", "within a minute of Google's")]
    seen = f"{_span(abs(ahead))} {'behind' if ahead > 0 else 'ahead of'} Google's"
    harm = (
        "signatures and certificates are refused then" if abs(ahead) >= HARMFUL else "from five minutes on signatures fail"
    )
    hint = "Set it, or let the machine keep it: timedatectl set-ntp true (in WSL: wsl --shutdown, then open it again)."
    return [Check("clock", CLOCK, "warn", seen, f"this machine's clock is {seen}: {harm}", hint, "timedatectl status")]


def _span(seconds: float) -> str:
    if seconds < 3600:
        return f"{round(seconds / 60)} minutes"
    return f"{round(seconds / 3600)} hours" if seconds < 172800 else f"{round(seconds / 86400)} days"
