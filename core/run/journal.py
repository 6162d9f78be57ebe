"""The journal of a run: ``events.jsonl``, one typed event a line, and nothing else that a run's state could come from.

Lines are appended whole; where a step or the run begins or ends, the file is on disk before anything goes on. A line that
a crash cut off is not an event, and the next run has a journal of its own. A journal keeps room for a run's last words: one
that fills the disk, or meets a disk that others filled, still ends with an event that says so.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import FULL
from core.events import Event, Record, parse
from core.run.sieve import Sieve

if TYPE_CHECKING:
    from core.run.redact import Redactor

DURABLE = ("run.", "step.started", "step.finished", "step.failed", "operation.started")
FILE = "events.jsonl"
SMALL = (b'"type":"resource.changed"', b'"type":"step.progress"')
"""How far a step is: most of a journal's lines, and nothing of them matters for the states of the steps."""
LAST_WORDS = 1 << 16
"""Bytes that are kept for the end of a run whose disk is full: an event for each step, and the run's last one."""


class Journal:
    """Appends the events of one run; everything passes the redactor first."""

    def __init__(self, folder: Path, *, run: str, redactor: Redactor) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.run = run
        self._redactor = redactor
        self._path = folder / FILE
        self._handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._kept = _kept(folder)
        self._n = 0
        self.on_full: Callable[[OSError], None] | None = None
        """Called once, when the room for the last words is begun, with what the system said."""

    def append(self, event: Event) -> Record:
        """Writes the event as the next line, and waits for the disk where it must not be lost."""
        self._n += 1
        record = Record(self._n, timestamp(), self.run, event)
        line = json.dumps(self._redactor.value(record.to_dict()), ensure_ascii=False, separators=(",", ":"))
        full: OSError | None = None
        try:
            self._write(line.encode() + b"\n")
        except OSError as error:
            if error.errno not in FULL or self._kept is None:
                raise
            self._give_way()
            self._write(line.encode() + b"\n")
            full = error
        if event.type.startswith(DURABLE):
            os.fsync(self._handle)
        if full is not None and self.on_full is not None:
            self.on_full(full)
        return record

    def _write(self, line: bytes) -> None:
        """Writes a line whole, or nothing of it."""
        before = os.fstat(self._handle).st_size
        written = 0
        try:
            while written < len(line):  # a disk takes what it has room for, and says only then that it is full
                written += os.write(self._handle, line[written:])
        except OSError as error:
            if written:
                os.ftruncate(self._handle, before)
            error.filename = str(self._path)
            raise

    def _give_way(self) -> None:
        if self._kept is not None:
            os.close(self._kept)
            self._kept = None

    def close(self) -> None:
        """Closes the file, and gives back the room that was kept."""
        self._give_way()
        os.close(self._handle)


def _kept(folder: Path) -> int | None:
    """A file without a name, which holds its room until it is closed, however the run ends; None where there is none."""
    path = folder / "last-words"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    path.unlink()
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle, 0, LAST_WORDS)
        else:
            os.write(handle, bytes(LAST_WORDS))
    except OSError:  # the next line will tell
        os.close(handle)
        return None
    return handle


def timestamp(moment: float | None = None) -> str:
    """A moment (now, when left out) as the journal writes it: ISO 8601, UTC, milliseconds."""
    at = time.time() if moment is None else moment
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at * 1000) % 1000:03d}Z"


def seconds_between(begin: str, end: str) -> float:
    """Real seconds between two of the journal's timestamps."""
    return _epoch(end) - _epoch(begin)


def read(folder: Path, *, brief: bool = False, only: Sequence[type[Event]] = ()) -> Iterator[Record]:
    """The events of a run so far, in order; none where it has no journal yet.

    ``brief`` leaves out the many small ones; ``only`` are the kinds that are asked for, and all others are left out.
    """
    asked = [f'"type":"{kind.type}"'.encode() for kind in only]
    with contextlib.suppress(FileNotFoundError), (folder / FILE).open("rb") as file:
        for line in file:
            head = line[:120]
            if (brief and any(small in head for small in SMALL)) or (asked and not any(kind in head for kind in asked)):
                continue
            record = _record(line)
            if record is not None:
                yield record


class Reader:
    """Reads what a journal has gained since the last look; a look costs one ``stat`` where nothing was added.

    Followers look ten times a second: notifications of the file system are blind on network homes.
    """

    INTERVAL = 0.1
    PIECE, BATCH = 1 << 18, 400
    """Bytes that are looked through, and lines that are parsed, at once: a few milliseconds each."""
    KEPT = 20_000
    """Lines that are kept, at the most, to see whether a later one overtakes them."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._offset = 0
        self._sieve = Sieve()

    def new(self) -> list[Record]:
        """The events that were added since the last call."""
        return [record for record in map(_record, self._added(-1)) if record is not None]

    def catch_up(self) -> Iterator[list[Record]]:
        """The events that were added since, in batches between which a screen can live; some are empty.

        Those that a later one overtakes are left out: the state they add up to is the same without them, and most of a
        long journal is the progress of the same few resources.
        """
        while lines := self._added(self.PIECE):
            self._sieve.add(lines)
            yield []
            if len(self._sieve) >= self.KEPT:
                yield from self._sifted()
        yield from self._sifted()

    def _sifted(self) -> Iterator[list[Record]]:
        self._sieve.settle()
        while lines := self._sieve.take(self.BATCH):
            yield [record for record in map(_record, lines) if record is not None]

    def _added(self, most: int) -> list[bytes]:
        """Whole lines that were added since the last call, in about so many bytes; all of them where ``most`` is -1."""
        try:
            if self._path.stat().st_size == self._offset:
                return []
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read(most)
                if most >= 0 and data and not data.endswith(b"\n"):
                    data += file.readline()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return whole.splitlines()


def _record(line: bytes) -> Record | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return parse(value) if isinstance(value, dict) else None


def _epoch(text: str) -> float:
    from calendar import timegm

    return timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) + int(text[20:23]) / 1000
