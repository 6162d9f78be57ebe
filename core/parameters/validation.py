"""Whether given values are right, before anything is made: their names, their types, each in itself, and together.

What a value must be besides its type stands in `rules`. Every error is a `ParameterError` that names the key, the value
and what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from core.errors import ParameterError, UsageError
from core.parameters import rules
from core.parameters.specification import NOT_YET, PARAMETERS, Parameter, nearest, parameter, resolve

_KINDS = {"integer": "a whole number", "boolean": "true or false", "map": "a table of texts", "list": "a list of texts"}


def validate(given: Mapping[str, Any], *, environment: str) -> dict[str, Any]:
    """The given values, each in its final form, defaults not filled in; raises the first `ParameterError`."""
    found = problems(given, environment=environment)
    if found:
        raise found[0]
    return {key: _normal(key, value) for key, value in given.items() if value is not None}


def problems(given: Mapping[str, Any], *, environment: str) -> list[ParameterError]:
    """Everything that is wrong with the given values; where one is wrong in itself, it is not held against others."""
    given = {key: value for key, value in given.items() if value is not None}
    found = [error for key, value in given.items() for error in _named(key, value)]
    known = {key: value for key, value in given.items() if key in _keys()}
    typed = _types(known)
    found += typed
    wrong = {error.key for error in found}
    for key, value in known.items():
        if key not in wrong:
            found += _alone(parameter(key), value)
    right = {key: value for key, value in known.items() if key not in {error.key for error in found}}
    found += _prefix_from_name(right, environment)
    values = resolve(right, environment=environment)
    for key, why, hint in rules.against_each_other(values):
        found.append(ParameterError(key, values[key], why, hint=hint))
    return found


def coerce(key: str, text: str) -> Any:
    """The value that a parameter has when ``text`` was given for it on a command line; raises `ParameterError`."""
    if key not in _keys():
        raise _named(key, text)[0]
    spec = parameter(key)
    if spec.kind == "integer":
        try:
            return int(text)
        except ValueError:
            raise ParameterError(key, text, spec.allowed or _KINDS["integer"]) from None
    if spec.kind == "boolean":
        if text.lower() not in ("true", "false"):
            raise ParameterError(key, text, _KINDS["boolean"])
        return text.lower() == "true"
    if spec.kind == "list":
        return [part.strip() for part in text.split(",") if part.strip()]
    if spec.kind == "map":
        pairs = [part.partition("=") for part in text.split(",") if part.strip()]
        if any(not separator for _, separator, _ in pairs):
            raise ParameterError(key, text, "NAME=VALUE pairs with commas between them")
        return {name.strip(): value.strip() for name, _, value in pairs}
    return text


def settings(given: Iterable[str], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The values of ``KEY=VALUE`` settings, the last of a key winning.

    ``labels.NAME=VALUE`` sets one label beside those that ``before`` has, the values that hold without the settings.
    """
    found: dict[str, Any] = {}
    for setting in given:
        key, separator, text = setting.partition("=")
        if not separator:
            raise UsageError(f"{setting!r} is no setting.", code="setting", hint="Write --set KEY=VALUE.")
        outer, dot, inner = key.strip().partition(".")
        if dot and outer in _keys() and parameter(outer).kind == "map":
            there = found[outer] if outer in found else (before or {}).get(outer)
            found[outer] = {**(there if isinstance(there, Mapping) else {}), inner: text}
        else:
            found[key.strip()] = coerce(key.strip(), text)
    return found


def _named(key: str, value: Any) -> list[ParameterError]:
    if key in NOT_YET:
        return [ParameterError(key, value, f"{NOT_YET[key]} is not supported by this version")]
    if key in _keys():
        return []
    near = nearest(key)
    hint = f"Did you mean {near}?" if near else "mlops-env schema lists every parameter."
    return [ParameterError(key, value, "there is no such parameter", hint=hint)]


def _types(known: Mapping[str, Any]) -> list[ParameterError]:
    wrong = [key for key, value in known.items() if not _fits(parameter(key), value)]
    return [ParameterError(key, known[key], _allowed(parameter(key))) for key in wrong]


def _fits(spec: Parameter, value: Any) -> bool:
    """Whether a value is of the parameter's kind, nothing converted: a text of digits is no number, true is none either."""
    match spec.kind:
        case "choice":
            return isinstance(value, str) and value in spec.choices
        case "map":
            return isinstance(value, Mapping) and all(isinstance(x, str) for pair in value.items() for x in pair)
        case "list":
            return isinstance(value, list | tuple) and all(isinstance(x, str) for x in value)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case _:
            return isinstance(value, str)


def _alone(spec: Parameter, value: Any) -> list[ParameterError]:
    if not spec.rule:
        return []
    try:
        rules.RULES[spec.rule](spec.key, value)
    except rules.Broken as broken:
        return [ParameterError(spec.key, value, broken.why or _allowed(spec), hint=broken.hint)]
    return []


def _prefix_from_name(right: Mapping[str, Any], environment: str) -> list[ParameterError]:
    """The environment's name is the prefix where none is given, and then must do as one."""
    if right.get("name_prefix"):
        return []
    return [
        ParameterError(
            "name_prefix", environment, error.allowed, hint="It is the environment's name; set another name_prefix."
        )
        for error in _alone(parameter("name_prefix"), environment)
    ]


def _allowed(spec: Parameter) -> str:
    return spec.allowed or (" or ".join(spec.choices) if spec.choices else _KINDS.get(spec.kind, "a text"))


def _normal(key: str, value: Any) -> Any:
    if key == "kfp_manifests" and value != "github":
        from pathlib import Path

        return str(Path(value).expanduser().absolute())
    if isinstance(value, list | tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


@lru_cache(maxsize=1)
def _keys() -> frozenset[str]:
    return frozenset(p.key for p in PARAMETERS)
