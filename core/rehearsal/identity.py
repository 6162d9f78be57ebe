"""Who calls the simulated cloud, and what they may do.

Tokens are bearer tokens of one account each, with an end. `Identity.allowed` reads the IAM policies that the simulated
APIs keep, with their roles' true contents and the scenario's missing permissions.
"""

from __future__ import annotations

import secrets

from core.rehearsal.clock import SimulatedClock
from core.rehearsal.scenario import Scenario
from core.rehearsal.store import Store

USER = "you@rehearsal.example"
"""The account that is signed in in a rehearsal: the project's owner."""


class Identity:
    """Tokens and permissions of one simulated cloud."""

    def __init__(self, *, store: Store, clock: SimulatedClock, scenario: Scenario) -> None:
        self._store, self._clock, self._scenario = store, clock, scenario

    def mint(self, email: str) -> tuple[str, float]:
        """A new token of an account, and its life in simulated seconds."""
        token = "ya29.rehearsal-" + secrets.token_urlsafe(32)
        seconds = self._scenario.sign_in.token_seconds
        self._store.put("tokens", token, {"email": email, "expires": self._clock.now() + seconds})
        return token, seconds

    def who(self, token: str) -> str | None:
        """The account of a token; None where it is unknown or has run out."""
        found = self._store.get("tokens", token)
        return found["email"] if found and found["expires"] > self._clock.now() else None

    def allowed(self, email: str, permission: str, resource: str) -> bool:
        """Whether an account may do something (``container.clusters.connect``) on a resource (``projects/P``)."""
        raise NotImplementedError
