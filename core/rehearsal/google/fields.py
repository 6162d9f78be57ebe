"""Partial answers: the query parameter ``fields``, as in ``items(name,labels/env),nextPageToken``."""

from __future__ import annotations

import re
from typing import Any

Mask = dict[str, Any]


def select(answer: Any, mask: str) -> Any:
    """The part of an answer that the mask names."""
    return _keep(answer, _parse(re.findall(r"[\w*@.$-]+|[(),/]", mask)))


def _parse(tokens: list[str]) -> Mask:
    found: Mask = {}
    while tokens and tokens[0] != ")":
        if tokens[0] == ",":
            tokens.pop(0)
            continue
        node = found
        while tokens and tokens[0] not in (",", ")", "("):
            if tokens[0] == "/":
                tokens.pop(0)
                continue
            node = node.setdefault(tokens.pop(0), {})
        if tokens and tokens[0] == "(":
            tokens.pop(0)
            node.update(_parse(tokens))
            if tokens:
                tokens.pop(0)
    return found


def _keep(value: Any, mask: Mask) -> Any:
    if not mask or "*" in mask:
        return value
    if isinstance(value, list):
        return [_keep(item, mask) for item in value]
    if isinstance(value, dict):
        return {k: _keep(v, mask[k]) for k, v in value.items() if k in mask}
    return value
