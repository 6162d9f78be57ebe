"""The parameters that an environment stands with: those of the last installation that came to its end.

Who installs again with the same is asked for nothing that has been passed already; who adds something is.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.environment import Environment
from core.environment.files import write_atomically

FILE, FORMAT = "made.json", 1
LEFT_OUT = {"image": "image", "notebook": "notebook"}
"""Parameters by the fact without which the value ``none`` is what was made: the step may have been skipped."""


def path(environment: Environment) -> Path:
    """Where they are kept."""
    return environment.folder / FILE


def of(environment: Environment) -> tuple[dict[str, Any], bool]:
    """The values, and whether what stands may have been changed since by a run that did not come to its end.

    Empty where no installation came to its end, or a removal has begun since.
    """
    try:
        found = json.loads(path(environment).read_bytes())
        if found["format"] == FORMAT and found["id"] == environment.id:
            return dict(found["values"]), bool(found["doubted"])
    except (OSError, ValueError, TypeError, KeyError):
        pass
    return {}, False


def keep(environment: Environment, facts: Mapping[str, Any]) -> None:
    """Keeps the values that an installation ended with; ``facts`` are what it published."""
    values = {k: "none" if k in LEFT_OUT and not facts.get(LEFT_OUT[k]) else v for k, v in environment.values.items()}
    _write(environment, values, doubted=False)


def doubt(environment: Environment) -> None:
    """Other values are about to be brought about: until that has come to its end, neither these nor those may stand."""
    values, doubted = of(environment)
    if values and not doubted:
        _write(environment, values, doubted=True)


def _write(environment: Environment, values: Mapping[str, Any], *, doubted: bool) -> None:
    document = {"format": FORMAT, "id": environment.id, "doubted": doubted, "values": values}
    with contextlib.suppress(OSError):  # what can't be kept is looked at again, and no run fails for that
        write_atomically(path(environment), json.dumps(document) + "\n")


def forget(environment: Environment) -> None:
    """The environment may be whole no more."""
    with contextlib.suppress(OSError):
        path(environment).unlink(missing_ok=True)
