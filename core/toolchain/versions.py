"""Asking a program for its version, once: the answer is kept in memory, and for a real binary on disk.

A binary is known by its path, size and time of change. What may be a version manager's is asked in every process, since it
answers by the folder it is called in and by what a person chose: a script, and a binary under another name than the tool's.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock

from core.environment.files import write_atomically
from core.toolchain.tools import KINDS, numbers

SECONDS = 20
_KEEPING = Lock()
_TURNS: Counter[str] = Counter()
_BINARY = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")


def version_of(name: str, command: Sequence[str], file: Path, cache: Path) -> str:
    """The version of the program that ``command`` starts and that stands in ``file``; empty where it gives none."""
    real = file.resolve()
    try:
        seen = real.stat()
    except OSError:
        return ""
    turn, kept = _TURNS[name], cache / "tool-versions.json"
    return _version(name, tuple(command), real, seen.st_size, seen.st_mtime_ns, kept, turn)


def forget(name: str) -> None:
    """Has the program of that name asked anew by this process, where only this process knows its answer."""
    _TURNS[name] += 1


@lru_cache(maxsize=64)
def _version(name: str, command: tuple[str, ...], file: Path, size: int, changed: int, kept: Path, _turn: int) -> str:
    """The answer for one state of one file; size, time of change and turn make it another key when they change."""
    key = f"{name} {file} {size} {changed}"
    binary = name in file.name and _is_binary(file)
    known = _load(kept) if binary else {}
    if key in known:
        return known[key]
    version = (_sdk_version(file) if name == "gcloud" else "") or _ask(name, command)
    if binary and version:
        with _KEEPING:
            others = {k: v for k, v in _load(kept).items() if not k.startswith(f"{name} {file} ")}
            _keep(kept, {**others, key: version})
    return version


def _ask(name: str, command: tuple[str, ...]) -> str:
    kind = KINDS[name]
    try:
        answer = subprocess.run(
            [*command, *kind.arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env={**os.environ, "CHECKPOINT_DISABLE": "1"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    if answer.returncode != 0:
        return ""
    version = kind.read(answer.stdout.decode(errors="replace"))
    return version if numbers(version) else ""


def _sdk_version(gcloud: Path) -> str:
    try:
        return (gcloud.parent.parent / "VERSION").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _is_binary(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(4) in _BINARY
    except OSError:
        return False


def _load(kept: Path) -> dict[str, str]:
    try:
        data = json.loads(kept.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in data.items()} if isinstance(data, dict) else {}


def _keep(kept: Path, known: dict[str, str]) -> None:
    """Only an aid to speed, so a folder that can't be written loses nothing."""
    try:
        kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(kept, json.dumps(known, indent=1, sort_keys=True))
    except OSError:
        return
