"""What exists in the simulated cloud: JSON documents by kind and name, and bytes beside them; written as they change.

Every write is in SQLite's file before it is answered, so that a killed process loses nothing: its pages are with the
operating system (``synchronous=OFF`` gives up only what a power failure would take). Reads come from memory. A document
must not be changed in place: put a new one.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Document = dict[str, Any]


class Store:
    """The documents and blobs of one rehearsal, in one file."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
            "CREATE TABLE IF NOT EXISTS documents (kind TEXT, name TEXT, value TEXT, PRIMARY KEY (kind, name));"
            "CREATE TABLE IF NOT EXISTS blobs (name TEXT PRIMARY KEY, value BLOB);"
        )
        self._documents: dict[str, dict[str, Document]] = {}
        self._depth = 0
        for kind, name, value in self._db.execute("SELECT kind, name, value FROM documents"):
            self._documents.setdefault(kind, {})[name] = json.loads(value)

    def get(self, kind: str, name: str) -> Document | None:
        """The document, or None."""
        return self._documents.get(kind, {}).get(name)

    def put(self, kind: str, name: str, value: Document) -> Document:
        """Writes the document, new or in place of the one before; returns it."""
        self._db.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", (kind, name, json.dumps(value)))
        self._documents.setdefault(kind, {})[name] = value
        return value

    def delete(self, kind: str, name: str) -> Document | None:
        """Removes the document; returns what it was, or None."""
        self._db.execute("DELETE FROM documents WHERE kind = ? AND name = ?", (kind, name))
        return self._documents.get(kind, {}).pop(name, None)

    def items(self, kind: str, prefix: str = "") -> list[tuple[str, Document]]:
        """All documents of a kind whose name begins with ``prefix``, in the order of their names."""
        found = self._documents.get(kind, {})
        return sorted((n, d) for n, d in found.items() if n.startswith(prefix)) if found else []

    def kinds(self) -> list[str]:
        """Every kind that has at least one document."""
        return sorted(k for k, d in self._documents.items() if d)

    def put_blob(self, name: str, value: bytes) -> None:
        """Writes bytes under a name."""
        self._db.execute("INSERT OR REPLACE INTO blobs VALUES (?, ?)", (name, value))

    def blob(self, name: str) -> bytes | None:
        """The bytes of that name, or None."""
        row = self._db.execute("SELECT value FROM blobs WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def delete_blob(self, name: str) -> None:
        """Removes the bytes of that name, if there are any."""
        self._db.execute("DELETE FROM blobs WHERE name = ?", (name,))

    def next(self, counter: str) -> int:
        """The next number of a counter that never repeats, from 1."""
        value = int((self.get("counters", counter) or {"value": 0})["value"]) + 1
        self.put("counters", counter, {"value": value})
        return value

    @contextmanager
    def together(self) -> Iterator[None]:
        """Writes inside stand or fall together if the process dies in between; may be nested; no await inside."""
        if self._depth == 0:
            self._db.execute("BEGIN")
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._db.execute("COMMIT")

    def close(self) -> None:
        """Closes the file."""
        self._db.close()
