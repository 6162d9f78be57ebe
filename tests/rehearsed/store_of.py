"""What a simulated cloud holds, read from its own store."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any


def documents(simulator: Path) -> dict[tuple[str, str], Any]:
    """Every document by its kind and name."""
    with sqlite3.connect(f"file:{simulator / 'store.sqlite'}?mode=ro", uri=True) as store:
        rows = store.execute("SELECT kind, name, value FROM documents").fetchall()
    return {(kind, name): json.loads(value) for kind, name, value in rows}


def of_kind(simulator: Path, kind: str) -> dict[str, Any]:
    """The documents of one kind by their names."""
    return {name: value for (found, name), value in documents(simulator).items() if found == kind}
