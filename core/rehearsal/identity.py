"""Who calls the simulated cloud, and what they may do.

Tokens are bearer tokens of one account each, with an end. `Identity.allowed` reads the IAM policies that the simulated
APIs keep, with their roles' true contents and the scenario's missing permissions.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from core.rehearsal.clock import SimulatedClock
from core.rehearsal.scenario import Scenario
from core.rehearsal.store import Store

if TYPE_CHECKING:
    from core.rehearsal.google.iam_policy import Decider

USER = "you@rehearsal.example"
"""The account that is signed in in a rehearsal: the project's owner."""


class Identity:
    """Tokens and permissions of one simulated cloud."""

    def __init__(self, *, store: Store, clock: SimulatedClock, scenario: Scenario) -> None:
        self._store, self._clock, self._scenario = store, clock, scenario

    def mint(self, email: str, *, seconds: float = 0.0) -> tuple[str, float]:
        """A new token of an account, and its life in simulated seconds: the scenario's, where none is given."""
        token = "ya29.rehearsal-" + secrets.token_urlsafe(32)
        seconds = seconds or self._scenario.sign_in.token_seconds
        self._store.put("tokens", token, {"email": email, "expires": self._clock.now() + seconds})
        return token, seconds

    def who(self, token: str) -> str | None:
        """The account of a token; None where it is unknown or has run out."""
        found = self._store.get("tokens", token)
        return found["email"] if found and found["expires"] > self._clock.now() else None

    def expires(self, token: str) -> float:
        """The simulated time at which a token ends; 0 where it is unknown."""
        found = self._store.get("tokens", token)
        return float(found["expires"]) if found else 0.0

    def forget_old(self) -> None:
        """Removes the tokens that have run out long ago."""
        for token, found in self._store.items("tokens"):
            if found["expires"] + self._scenario.sign_in.token_seconds < self._clock.now():
                self._store.delete("tokens", token)

    def allowed(self, email: str, permission: str, resource: str) -> bool:
        """Whether an account may do something (``container.clusters.connect``) on a resource (``projects/P``)."""
        return self._decider().allowed(email, permission, resource)

    def holds(self, member: str, role: str, resource: str) -> bool:
        """Whether a member (``serviceAccount:P.svc.id.goog[NS/KSA]``) has a role on the resource itself, by now."""
        return self._decider().holds(member, role, resource)

    def _decider(self) -> Decider:
        from core.rehearsal.google.iam_policy import Decider

        return Decider(
            self._store,
            now=self._clock.now(),
            delay=self._clock.duration(self._scenario.delays.iam),
            flips=self._clock.duration(self._scenario.delays.iam_flips),
            missing=self._scenario.project.missing_permissions,
            user=USER,
        )
