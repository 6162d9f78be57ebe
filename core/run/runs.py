"""The runs of an environment on disk, and what state the environment is in because of them."""

from __future__ import annotations

import time
from pathlib import Path

from core import events
from core.environment.lock import Holder, holder
from core.environment.record import Environment
from core.run import journal
from core.run.state import RunState, fold


def new_id() -> str:
    """An id for a run: sorts by time, also within a second (its first three digits are 4096ths), and never repeats."""
    import secrets

    now = time.time()
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now)) + f"-{int(now % 1 * 4096):03x}{secrets.randbits(12):03x}"


def folder(environment: Environment, run: str) -> Path:
    """Where a run keeps its journal and logs."""
    return environment.runs / run


def ids(environment: Environment) -> list[str]:
    """The ids of all runs that have a journal, oldest first."""
    return sorted(path.parent.name for path in environment.runs.glob(f"*/{journal.FILE}"))


def last(environment: Environment, *, brief: bool = False) -> RunState | None:
    """The newest run, or None where there was none; ``brief`` without what its steps' resources and progress are."""
    found = ids(environment)
    return fold(journal.read(folder(environment, found[-1]), brief=brief)) if found else None


def lock_path(environment: Environment) -> Path:
    """The lock that a run holds on its environment."""
    return environment.folder / "run.lock"


def current(environment: Environment) -> Holder | None:
    """The process that runs on the environment now, or None."""
    return holder(lock_path(environment))


def state(run: RunState | None, held: Holder | None) -> str:
    """``new running waiting interrupted failed cancelled installed destroying destroyed``."""
    if run is None:
        return "new" if held is None else "running"
    destroying = run.action == "destroy"
    if run.end is None and held is not None:
        return "waiting" if run.waiting else "destroying" if destroying else "running"
    match run.end:
        case events.RunFinished():
            return "destroyed" if destroying else "installed"
        case events.RunFailed():
            return "failed"
        case events.RunCancelled():
            return "cancelled"
    return "waiting" if run.waiting and not run.interrupted else "interrupted"
