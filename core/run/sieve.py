"""Which lines of a journal a later one overtakes, told without reading them as JSON.

How far a resource or a step is, is said again and again, and only the last word counts. A journal of a hundred thousand
events is on the screen several times as fast where the others are never parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache


class Sieve:
    """Takes lines in and gives back those that still count; the state they add up to is the same.

    What they are about keeps the order in which it first came up. A line of any other kind is a boundary: nothing before it
    is overtaken by what comes after, so that a state that depends on the order of the two stays as it is.
    """

    def __init__(self) -> None:
        self._settled: list[bytes] = []
        self._latest: dict[bytes, bytes] = {}

    def __len__(self) -> int:
        return len(self._settled) + len(self._latest)

    def add(self, lines: Iterable[bytes]) -> None:
        """Takes more lines in, in the journal's order."""
        match, latest = _repeated().fullmatch, self._latest
        for line in lines:
            found = match(line)
            if found is not None:
                latest[found[found.lastindex or 0]] = line
            else:
                self.settle()
                self._settled.append(line)

    def settle(self) -> None:
        """Lets nothing that was added overtake what is there now."""
        if self._latest:
            self._settled += self._latest.values()
            self._latest.clear()

    def take(self, most: int) -> list[bytes]:
        """Gives back so many of the lines that are settled, at the most, and forgets them."""
        taken, self._settled = self._settled[:most], self._settled[most:]
        return taken


@cache
def _repeated() -> re.Pattern[bytes]:
    """A whole line that says how far something is, as the journal writes it; its group is what it is about.

    Whole, since a line that a full disk garbled must not overtake one that can be read.
    """
    string, number = rb'"[^"\\]*(?:\\.[^"\\]*)*"', rb"(?:null|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"
    head = rb'\{"v":\d+,"n":\d+,"time":%b,"run":%b,"type":' % (string, string)
    resource = rb'("resource\.changed","step":%b,"kind":%b,"id":%b)' % (string, string, string)
    resource += rb',"action":%b,"state":%b,"seconds":%b' % (string, string, number)
    progress = rb'("step\.progress","step":%b),"message":%b,"fraction":%b' % (string, string, number)
    return re.compile(rb"%b(?:%b|%b)\}" % (head, resource, progress))
