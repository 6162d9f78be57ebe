"""The JSON Schema of an answers file, made from the specification, for editors and for those who generate such files."""

from __future__ import annotations

from typing import Any

from core.parameters.specification import PARAMETERS, PROFILES, Parameter

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PATTERNS: dict[str, str] = {
    "project_id": "^[a-z][a-z0-9-]{4,28}[a-z0-9]$",
    "region": "^[a-z]+(-[a-z]+)+[0-9]{1,2}$",
    "zone": "^[a-z]+(-[a-z]+)+[0-9]{1,2}-[a-z]$",
    "name_prefix": "^(?!goog)(?!.*google)(?!.*g00gle)[a-z][a-z0-9-]{1,15}$",
    "namespace": "^(?!default$)(?!kube-)(?!gke-)(?!gmp-)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
    "machine_type": "^[a-z][a-z0-9]*(-[a-z0-9]+){1,5}$",
    "sql_tier": "^(db-f1-micro|db-g1-small|db-custom-[0-9]{1,3}-[0-9]{1,6})$",
    "sql_username": "^[A-Za-z][A-Za-z0-9_-]{0,31}$",
    "cidr": "^[0-9]{1,3}([.][0-9]{1,3}){3}/[0-9]{1,2}$",
}


def json_schema() -> dict[str, Any]:
    """The schema. What one value alone can be is in it; what holds between two, `validation` says."""
    return {
        "$schema": DIALECT,
        "title": "An environment of mlops-env",
        "description": "The parameters of an environment, as an answers file (TOML) gives them.",
        "type": "object",
        "properties": {spec.key: _property(spec) for spec in PARAMETERS},
        "additionalProperties": False,
    }


def _property(spec: Parameter) -> dict[str, Any]:
    found: dict[str, Any] = {"description": _description(spec)}
    if spec.kind == "choice":
        found["enum"] = list(spec.choices)
    elif spec.kind == "map":
        found |= {
            "type": "object",
            "maxProperties": 32,
            "propertyNames": {"pattern": "^(?!mlops-env)(?!goog)[a-z][a-z0-9_-]{0,62}$"},
            "additionalProperties": {"type": "string", "pattern": "^[a-z0-9_-]{0,63}$"},
        }
    elif spec.kind == "list":
        found |= {
            "type": "array",
            "items": {"type": "string", "pattern": "^[^\\s@,]{1,64}@[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)+$"},
        }
    else:
        found["type"] = spec.kind
    if spec.kind == "integer":
        found |= {"minimum": 0 if spec.rule == "node_min" else 1, "maximum": 100}
    if spec.rule in _PATTERNS:
        found["pattern"] = _PATTERNS[spec.rule]
    if spec.default is not None:
        found["default"] = list(spec.default) if spec.kind == "list" else spec.default
    return found


def _description(spec: Parameter) -> str:
    parts = [spec.help]
    if spec.allowed:
        parts.append(f"Allowed: {spec.allowed}.")
    if spec.from_profile:
        defaults = ", ".join(f"{name}: {getattr(profile, spec.key)}" for name, profile in PROFILES.items())
        parts.append(f"Default by profile: {defaults}.")
    parts.append({"fixed": "Can't be changed later.", "in place": "Can be changed later."}.get(
        spec.change, "Changing it later replaces what is made from it."))  # fmt: skip
    return " ".join(parts)
