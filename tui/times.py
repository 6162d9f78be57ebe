"""Durations and ages in few letters: a clock for what runs, words for what is only about right."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """``0:04``, ``12:40``, ``1:02:03``."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"


def about(seconds: float) -> str:
    """``20 s``, ``6 min``, ``2 h``: rounded up, for what is only estimated."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60 + 0.49)} min"
    return f"{seconds / 3600:.1f} h"


def usual(seconds: float) -> str:
    """What a step usually takes, in at most four letters: ``~15m``."""
    return f"~{seconds:.0f}s" if seconds < 60 else f"~{seconds / 60:.0f}m" if seconds < 5400 else f"~{seconds / 3600:.0f}h"


def age(seconds: float) -> str:
    """``now``, ``12 min ago``, ``yesterday``, ``3 days ago``."""
    if seconds < 5:
        return "now"
    if seconds < 60:
        return f"{int(seconds)} s ago"
    if seconds < 3600:
        return f"{int(seconds / 60)} min ago"
    if seconds < 86400:
        return f"{int(seconds / 3600)} h ago"
    days = int(seconds / 86400)
    return "yesterday" if days == 1 else f"{days} days ago"
