"""The answers file: TOML with the parameters as its keys."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import UsageError
from core.parameters.specification import PARAMETERS, parameter


def load(path: Path) -> dict[str, Any]:
    """What a file says, not validated yet; raises `UsageError` where it can't be read or is no TOML (with the line)."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"The answers file {path} can't be read: {error.strerror}.", code="answers-file") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"The answers file {path} is not UTF-8 text.", code="answers-file") from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"The answers file {path} is not TOML: {error}.",
            code="answers-file",
            hint='Write one parameter a line: KEY = "VALUE".',
        ) from error


def dump(values: Mapping[str, Any]) -> str:
    """An answers file with these values in the specification's order, each below what it is for."""
    import tomlkit

    document = tomlkit.document()
    tables = []
    for spec in PARAMETERS:
        if values.get(spec.key) is None:
            continue
        if spec.kind == "map":
            tables.append(spec.key)
            continue
        document.add(tomlkit.comment(spec.help))
        document.add(spec.key, tomlkit.item(values[spec.key]))
    for key in tables:
        table = tomlkit.table()
        table.comment(parameter(key).help)
        for name, value in values[key].items():
            table.add(name, value)
        document.add(key, table)
    return tomlkit.dumps(document)
