"""No secret is in any file but the simulated cloud's own store, in any log, or on any process that was ever started."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.run.redact import forms
from tests.rehearsed.store_of import documents, left

CANARY = 'kanarie-"geel"/+ vogel_42'


class Watch:
    """Every argument and environment of any process that began while it watched, as far as it could be seen."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._stop = threading.Event()
        self._before = _processes()

    @contextmanager
    def on(self) -> Iterator[None]:
        thread = threading.Thread(target=self._look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _look(self) -> None:
        known: set[tuple[str, bytes]] = set()
        while not self._stop.wait(0.005):
            now = _processes()
            self._before &= now  # a number that became free may be a new process's
            for process in now - self._before:
                try:
                    line = Path("/proc", process, "cmdline").read_bytes()
                    if (process, line) not in known:
                        known.add((process, line))
                        self.seen.update(line.split(b"\0"))
                        self.seen.update(Path("/proc", process, "environ").read_bytes().split(b"\0"))
                except OSError:
                    continue


def _processes() -> set[str]:
    return {entry.name for entry in os.scandir("/proc") if entry.name.isdigit()}


def secrets_of(simulator: Path) -> set[str]:
    """What the simulated cloud keeps secret: passwords, tokens, keys, and what Kubernetes' Secrets hold."""
    found: set[str] = {CANARY}
    with sqlite3.connect(f"file:{simulator / 'store.sqlite'}?mode=ro", uri=True) as store:
        for kind, name, value in store.execute("SELECT kind, name, value FROM documents"):
            document = json.loads(value)
            if kind == "tokens":
                found.add(name)
            if kind == "kubernetes.objects" and "/secrets/" in name:
                found |= {base64.b64decode(v).decode() for v in (_object(document).get("data") or {}).values()}
    return {s for s in found if len(s) >= 8}


def _object(document: dict[str, Any]) -> dict[str, Any]:
    inner = document.get("object") or document.get("obj") or document
    assert isinstance(inner, dict)
    return inner


def leaks(root: Path, simulator: Path, secrets: set[str]) -> list[str]:
    """Files that hold a secret in any form, apart from the simulated cloud's own."""
    needles = {form.encode() for secret in secrets for form in forms(secret)}
    found = []
    for path in root.rglob("*"):
        if not path.is_file() or path.is_symlink() or simulator in path.parents or stat.S_ISSOCK(path.stat().st_mode):
            continue
        data = path.read_bytes()
        found += [f"{path.relative_to(root)}: {needle[:12]!r}…" for needle in needles if needle in data]
    return found


def test_an_installation_leaves_no_secret_anywhere(rehearsed: Any) -> None:
    watch = Watch()
    path = rehearsed.scenario("speed = 0\n")
    arguments = ["install", "demo", "--rehearse", "--yes", "--scenario", str(path), "--sql-password-stdin"]
    with watch.on():
        events = rehearsed.events(*arguments, "--set", "user_gcp_sa=true", stdin=f"{CANARY}\n")
        rehearsed.events("install", "demo", "--rehearse", "--yes")
    assert events[-1]["type"] == "run.finished"
    used = json.loads(rehearsed.kubectl("get", "secret", "mysql-secret", "-n", "kubeflow", "-o", "json"))
    assert base64.b64decode(used["data"]["password"]).decode() == CANARY
    secrets = secrets_of(rehearsed.simulator)
    assert len(secrets) > 6
    assert leaks(rehearsed.home.root, rehearsed.simulator, secrets) == []
    state = rehearsed.environment.names.state_bucket
    with sqlite3.connect(rehearsed.simulator / "store.sqlite") as store:
        blobs = store.execute("SELECT name, value FROM blobs").fetchall()
    in_bucket = [n for n, v in blobs if state in n and any(f.encode() in bytes(v) for s in secrets for f in forms(s))]
    assert in_bucket == []
    needles = [form.encode() for secret in secrets for form in forms(secret)]
    assert not [text for text in watch.seen if any(needle in text for needle in needles)]


def test_a_failure_leaves_none_either_and_its_half_is_destroyed(rehearsed: Any) -> None:
    scenario = 'speed = 0\n[[fault]]\ncall = "sql.users.*"\nstatus = 400\nmessage = "no"\ntimes = 0\n'
    before = rehearsed.empty(scenario)
    path = rehearsed.scenario(scenario)
    arguments = ["install", "demo", "--rehearse", "--yes", "--scenario", str(path), "--sql-password-stdin"]
    rehearsed.events(*arguments, stdin=f"{CANARY}\n", expect=1)
    assert leaks(rehearsed.home.root, rehearsed.simulator, secrets_of(rehearsed.simulator)) == []
    rehearsed.events("destroy", "demo", "--yes", "--delete-data")
    assert left(before, documents(rehearsed.simulator)) == []
