"""The logs of a run as lines that stay on disk: only where each begins is kept, eight bytes a line.

Half a million lines would take a hundred megabytes as strings. Files are looked at by ``stat`` and read in pieces, so
that nothing that a step prints stalls the screen; text is read again for the few lines that are seen.
"""

from __future__ import annotations

import os
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

PIECE = 1 << 17
"""Bytes that are taken in at once; a piece takes a few milliseconds."""
LONGEST = 4096
"""Bytes of one line that are shown; the file has them all."""
_NEWLINE = re.compile(rb"\n")
_STAMP = re.compile(rb"(\d\d):(\d\d):(\d\d) ")
_DAY = 86400


class LogFile:
    """One step's log."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.starts = array("Q", [0])
        self.longest = 0
        self._handle = os.open(path, os.O_RDONLY)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def close(self) -> None:
        """Lets the file go."""
        os.close(self._handle)

    def take(self, most: int = PIECE) -> bool:
        """Takes in one more piece; says whether there was something."""
        begin = self.starts[-1]
        data = os.pread(self._handle, most, begin)
        if data and b"\n" not in data and len(data) == most:  # one line longer than a piece
            data = os.pread(self._handle, most * 64, begin)
        found = [begin + match.end() for match in _NEWLINE.finditer(data)]
        if not found:
            return False
        self.longest = max(self.longest, *(b - a for a, b in pairwise((begin, *found))))
        self.starts.extend(found)
        return True

    def raw(self, number: int) -> bytes:
        """A line's bytes, as many as are shown."""
        begin, end = self.starts[number], self.starts[number + 1]
        return os.pread(self._handle, min(end - begin, LONGEST), begin).rstrip(b"\r\n")

    def piece(self, begin: int, end: int) -> bytes:
        """The bytes of the lines from one to before another."""
        return os.pread(self._handle, self.starts[end] - self.starts[begin], self.starts[begin])

    def line_at(self, position: int) -> int:
        """The number of the line that holds a byte."""
        return bisect_right(self.starts, position) - 1

    def seconds(self, number: int) -> int | None:
        """The second of the day that a line begins with."""
        match = _STAMP.match(os.pread(self._handle, 9, self.starts[number]))
        if match is None:
            return None
        hours, minutes, seconds = map(int, match.groups())
        return hours * 3600 + minutes * 60 + seconds


class Logs:
    """All logs of a run: each by itself, or all of them in the order of their stamps."""

    def __init__(self, folder: Path, *, begin: int = 0) -> None:
        self.folder = folder
        self.files: dict[str, LogFile] = {}
        self._names: list[str] = []
        self._begin = begin % _DAY
        self._merged = array("Q")
        self._merged_up_to: list[int] = []
        self._last: list[int] = []

    def close(self) -> None:
        """Lets all files go."""
        for file in self.files.values():
            file.close()

    def look(self) -> None:
        """Finds logs that have come up since."""
        if self.folder.is_dir():
            for path in sorted(self.folder.glob("*.log")):
                if path.stem not in self.files:
                    self.files[path.stem] = LogFile(path)
                    self._names.append(path.stem)
                    self._merged_up_to.append(0)
                    self._last.append(0)

    def take(self, step: str = "") -> bool:
        """Takes in one more piece of one log, or of each; says whether there was something."""
        if step:
            return step in self.files and self.files[step].take()
        return sum(file.take() for file in self.files.values()) > 0

    def merge(self) -> Iterator[None]:
        """Puts the lines that are not yet in the order of all of them there; yields now and then.

        Between two pauses another may do the same, and any pause may be the last: what was found counts at the end, at
        once, without what is there by then.
        """
        fresh: list[int] = []
        last, up_to = list(self._last), list(self._merged_up_to)
        for number, begin in enumerate(self._merged_up_to[:]):
            file = self.files[self._names[number]]
            up_to[number] = len(file)
            for at in range(begin, up_to[number]):
                last[number] = self._second(last[number], file.seconds(at))
                fresh.append((last[number] << 40) | (number << 32) | at)
                if len(fresh) % 2000 == 0:
                    yield
        there = self._merged_up_to
        self._merged.extend(key for key in sorted(fresh) if key & 0xFFFFFFFF >= there[(key >> 32) & 0xFF])
        for number, end in enumerate(up_to):
            if end > there[number]:
                there[number], self._last[number] = end, last[number]
        yield

    def _second(self, last: int, stamp: int | None) -> int:
        """A line's second since the run began, which a day wraps, after a line of the second ``last``."""
        if stamp is None:
            return last
        since = (stamp - self._begin) % _DAY
        days = last // _DAY
        if since + days * _DAY < last - _DAY // 2:
            days += 1
        return max(last, since + days * _DAY)

    def count(self, step: str = "") -> int:
        """How many lines one log has, or all."""
        if not step:
            return len(self._merged)
        return len(self.files[step]) if step in self.files else 0

    def place(self, number: int, step: str = "") -> tuple[str, int]:
        """The log and the number in it of a line."""
        if step:
            return step, number
        key = self._merged[number]
        return self._names[(key >> 32) & 0xFF], key & 0xFFFFFFFF

    def line(self, number: int, step: str = "") -> str:
        """A line as it was written, cut where it is very long."""
        name, at = self.place(number, step)
        return self.files[name].raw(at).decode(errors="replace")

    def longest(self, step: str = "") -> int:
        """How many bytes the longest line has."""
        files = [self.files[step]] if step in self.files else [] if step else list(self.files.values())
        return min(LONGEST, max((file.longest for file in files), default=0))

    def find(self, needle: str, begin: int, *, step: str = "", back: bool = False) -> Iterator[int | None]:
        """Looks for the next line with a text, small and capital letters alike; yields None now and then, then the line."""
        wanted = needle.lower().encode()
        count = self.count(step)
        numbers = range(begin, -1, -1) if back else range(begin, count)
        if step and not back:
            yield from self._find_in_file(self.files[step], wanted, begin)
            return
        for looked, number in enumerate(numbers):
            if looked % 1000 == 999:
                yield None
            name, at = self.place(number, step)
            if wanted in self.files[name].raw(at).lower():
                yield number
                return

    def _find_in_file(self, file: LogFile, wanted: bytes, begin: int) -> Iterator[int | None]:
        while begin < len(file):
            end = min(len(file), max(begin + 1, file.line_at(file.starts[begin] + PIECE)))
            found = file.piece(begin, end).lower().find(wanted)
            if found >= 0:
                yield file.line_at(file.starts[begin] + found)
                return
            begin = end
            yield None
