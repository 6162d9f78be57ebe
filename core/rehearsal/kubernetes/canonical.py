"""An object as it comes out of the server's own types: without nulls and zeros, and each number written in one way.

Who applies ``0.5`` finds ``500m``, and an empty list is not there at all; both decide what counts as a change.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from core.rehearsal.kubernetes.shapes import LIST, MAP, SCALAR, STRUCT, Shape, skeleton

PLAIN = {
    "deprecated", "globalDefault", "healthCheckNodePort", "hostIPC", "hostNetwork", "hostPID", "hostPort",
    "initialDelaySeconds", "minReadySeconds", "nodePort", "paused", "preserveUnknownFields", "publishNotReadyAddresses",
    "readOnly", "stdin", "stdinOnce", "tty", "unschedulable",
}  # fmt: skip
"""The numbers and truths whose zero is the same as nothing; of all others a zero is kept."""
_QUANTITY = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?([EPTGMKk]i?|[numk]|[eE][+-]?\d+)?")
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = {-9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}
_POWERS = {word: power for power, word in _DECIMAL.items()}


def canonical(shape: Shape, value: Any) -> Any:
    """The value of a built-in type as the server keeps it."""
    if shape.kind == STRUCT and isinstance(value, dict):
        kept = {}
        for name, item in value.items():
            child = shape.child(name)
            item = canonical(child, item) if child is not None else item
            bare = item == [] and name in shape.solid
            if item is None or bare or (child is not None and _is_nothing(name, child, item, name in shape.required)):
                continue
            kept[name] = item
        return {**skeleton(shape, lists=False), **kept}
    if shape.kind == MAP and isinstance(value, dict):
        empty = {"str": "", "bytes": ""}.get(shape.item.accepts)
        return {name: empty if item is None else canonical(shape.item, item) for name, item in value.items()}
    if shape.kind == LIST and isinstance(value, list):
        return [canonical(shape.item, item) for item in value]
    if shape.kind == SCALAR and shape.accepts == "quantity" and value is not None:
        return quantity(str(value))
    return value


def _is_nothing(name: str, shape: Shape, value: Any, required: bool) -> bool:
    if required:
        return False
    if shape.kind in (LIST, MAP) or (shape.kind == SCALAR and shape.accepts == "str"):
        return value in ("", [], {})
    return name in PLAIN and not value


def quantity(text: str) -> str:
    """A quantity in the form in which the server shows it; the text itself where it is none."""
    m = _QUANTITY.fullmatch(text.strip())
    if m is None or not (m[2] or m[3]):
        return text
    sign, whole, part, suffix = m[1], m[2] or "0", m[3] or "", m[4] or ""
    number = Fraction(int(whole + part), 10 ** len(part))
    if suffix in _BINARY[1:]:
        number *= Fraction(1024) ** _BINARY.index(suffix)
        shown = _binary(number) if number >= 1024 else _decimal(number)
    elif suffix[:1] in ("e", "E") and len(suffix) > 1:
        number *= Fraction(10) ** int(suffix[1:])
        shown = _exponent(number)
    else:
        number *= Fraction(10) ** _POWERS[suffix]
        shown = _decimal(number)
    return f"-{shown}" if sign == "-" and number else shown


def _binary(number: Fraction) -> str:
    whole, power = -(-number.numerator // number.denominator), 0
    while power + 1 < len(_BINARY) and whole % 1024 == 0:
        whole, power = whole // 1024, power + 1
    return f"{whole}{_BINARY[power]}"


def _scaled(number: Fraction) -> tuple[int, int]:
    """Digits and a power of ten that is a multiple of three, as high as it can be."""
    power = -9
    digits = -(-(number * 10**9).numerator // (number * 10**9).denominator)
    while digits and digits % 1000 == 0 and power < 18:
        digits, power = digits // 1000, power + 3
    return digits, power


def _decimal(number: Fraction) -> str:
    digits, power = _scaled(number)
    return f"{digits}{_DECIMAL[power]}" if digits else "0"


def _exponent(number: Fraction) -> str:
    digits, power = _scaled(number)
    return f"{digits}e{power}" if digits and power else str(digits)
