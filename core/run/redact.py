"""The one redactor that stands in front of every sink: journal, log, screen and error texts.

A secret is hidden in every form in which it could come back: plain, base64 (at each of its three offsets), quoted for a
URL or for JSON, and as the hashes MySQL makes of a password.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import urllib.parse
from typing import Any

HIDDEN = "•••"
LEAST = 4
"""Shorter secrets are not looked for: hiding every ``a`` would hide everything."""


class Redactor:
    """Hides the secrets it was told of."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, secret: str) -> None:
        """Hides ``secret`` from now on."""
        if len(secret) >= LEAST:
            known = len(self._forms)
            self._forms |= forms(secret)
            if len(self._forms) > known:
                self._pattern = None

    def text(self, text: str) -> str:
        """The text with every known secret hidden."""
        if self._pattern is None and self._forms:
            longest_first = sorted(self._forms, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))
        return self._pattern.sub(HIDDEN, text) if self._pattern else text

    def value(self, value: Any) -> Any:
        """A JSON value with every known secret hidden in its strings and keys."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(k)): self.value(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(v) for v in value]
        return value


def forms(secret: str) -> set[str]:
    """Every form in which a secret is looked for."""
    raw = secret.encode()
    found = {secret, urllib.parse.quote(secret), urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret)}
    found |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
        inner = encoded[-(-offset * 4 // 3) if offset else 0 :]
        whole = len(raw) + offset
        found.add(inner if whole % 3 == 0 else inner[:-1])
        found.add(
            inner.replace("+", "-").replace("/", "_") if whole % 3 == 0 else inner[:-1].replace("+", "-").replace("/", "_")
        )
    native = hashlib.sha1(hashlib.sha1(raw).digest()).hexdigest()
    found |= {native.upper(), native}
    return {form for form in found if len(form) >= LEAST}
