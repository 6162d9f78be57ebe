"""What goes wrong, in the words of the real provider: they are what a program that reads Terraform's output meets."""

from __future__ import annotations

import json
from typing import Any

from core.rehearsal.provider.values import State


class ApiError(Exception):
    """An answer of Google's with a status of 400 or more; reads as Google's client library for Go words it."""

    def __init__(self, status: int, body: str) -> None:
        self.status = status
        error = _error(body)
        self.message = str(error.get("message", ""))
        self.items: list[dict[str, Any]] = [e for e in error.get("errors", []) if isinstance(e, dict)]
        self.details: list[Any] = error.get("details", [])
        self.body = body
        super().__init__(self._text())

    @property
    def reason(self) -> str:
        """The reason that the first of the answer's errors names."""
        return str(self.items[0].get("reason", "")) if self.items else ""

    def _text(self) -> str:
        if not self.items and not self.message:
            return f"googleapi: got HTTP response code {self.status} with body: {self.body}"
        text = f"googleapi: Error {self.status}: {self.message}"
        if self.details:
            text += f"\nDetails:\n{json.dumps(self.details, indent=2)}\n"
        if not self.items:
            return text.strip()
        if len(self.items) == 1 and self.items[0].get("message") == self.message:
            return f"{text}, {self.reason}"
        more = "".join(f"Reason: {e.get('reason', '')}, Message: {e.get('message', '')}\n" for e in self.items)
        return f"{text}\nMore details:\n{more}"


class Unreachable(Exception):
    """No answer came: the connection was refused, cut, or timed out."""


class WaitFailed(Exception):
    """A long operation ended with an error, took too long, or was no longer waited for."""

    def __init__(self, message: str, *, stopped: bool = False) -> None:
        super().__init__(message)
        self.stopped = stopped


class ResourceFailed(Exception):
    """What is told of one resource; ``state`` is what Terraform shall keep of it (after a create: tainted)."""

    def __init__(self, message: str, state: State | None = None) -> None:
        super().__init__(message)
        self.state = state


def _error(body: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    error = found.get("error") if isinstance(found, dict) else None
    return error if isinstance(error, dict) else {}
