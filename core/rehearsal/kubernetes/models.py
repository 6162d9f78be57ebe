"""The fields of the built-in types, read from the source of the official client, which carries all of them as tables.

The source is read and not imported: the client's package takes half a second to import, one model's file less than a
millisecond to read, and a cluster needs a few dozen of eight hundred.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

_TABLE = re.compile(r"(openapi_types|attribute_map): ClassVar\[Dict\[str, str\]\] = \{(.*?)\n    \}", re.DOTALL)
_ENTRY = re.compile(r'"(\w+)": "([^"]+)"')
_REQUIRED = re.compile(r"^    (\w+): (?!Optional|ClassVar|Any)[A-Za-z].*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Model:
    """One type: its fields by their JSON names with the client's word for their types, and which must be there."""

    name: str
    fields: dict[str, str]
    required: tuple[str, ...]


@functools.cache
def _folder() -> Path:
    spec = importlib.util.find_spec("kubernetes")
    if spec is None or spec.origin is None:  # pragma: no cover - the client is a dependency
        raise ModuleNotFoundError("kubernetes")
    return Path(spec.origin).parent / "client" / "models"


def _file(name: str) -> Path:
    snake = re.sub(r"(?<=[a-z0-9])([A-Z])|(?<=[A-Z])([A-Z])(?=[a-z])", lambda m: "_" + m[0], name).lower()
    return _folder() / f"{snake}.py"


@functools.cache
def model(name: str) -> Model | None:
    """The type of that name (``V1DeploymentSpec``); None where the client has none."""
    path = _file(name)
    if not path.exists():
        return None
    source = path.read_text(encoding="utf-8")
    source = source[source.index(f"class {name}(") :]
    tables = {kind: dict(_ENTRY.findall(body)) for kind, body in _TABLE.findall(source)}
    names = tables.get("attribute_map", {})
    types = tables.get("openapi_types", {})
    declared = source[: source.find("openapi_types: ClassVar")]
    required = tuple(names[attribute] for attribute in _REQUIRED.findall(declared) if attribute in names)
    return Model(name, {names[a]: t for a, t in types.items() if a in names}, required)


def name_of(api_version: str, kind: str) -> str | None:
    """The name of the model of a kind; None where the client has none."""
    group, _, version = api_version.rpartition("/")
    plain = version[0].upper() + version[1:] + kind
    first = group.split(".", maxsplit=1)[0] or "core"
    for candidate in (plain, first[0].upper() + first[1:] + plain):
        if _file(candidate).exists():
            return candidate
    return None
