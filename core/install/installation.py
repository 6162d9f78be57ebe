"""What every step of one run works on: the environment, its cloud, and the adapters, each made when first asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.environment import Cloud, Environment
from core.names import Names
from core.run.clock import Clock
from core.run.redact import Redactor

if TYPE_CHECKING:
    import ssl

    import aiohttp

    from core.gcp import Google
    from core.install.shown import Shown


@dataclass
class Installation:
    """One environment in one run; ``secrets`` holds what a person handed over (``sql_password``), in memory alone."""

    environment: Environment
    cloud: Cloud
    clock: Clock
    redactor: Redactor
    run_folder: Path
    secrets: dict[str, str] = field(default_factory=dict)
    person: Callable[..., Awaitable[Any]] | None = None
    """Waits for a person on behalf of what is no step (the metadata server): `core.run.engine.Engine.person`."""
    shown: Shown | None = None
    """What was shown before the run, which it holds to; None where nothing was: its own first plan counts then."""
    services_on: set[str] | None = None
    """The project's services that were on when the run began, until the step that switches more on has taken it up."""
    _connectors: dict[ssl.SSLContext, aiohttp.TCPConnector] = field(default_factory=dict, repr=False)

    @property
    def values(self) -> dict[str, Any]:
        """Every parameter by its key, defaults filled in."""
        return self.environment.values

    @property
    def names(self) -> Names:
        """The names of everything that the environment makes."""
        return self.environment.names

    @cached_property
    def google(self) -> Google:
        """The one place that all calls of Google's APIs go through."""
        from core.gcp import Google

        return Google(self.cloud, clock=self.clock, redactor=self.redactor, project=self.values["project_id"])

    def connector(self, trust: ssl.SSLContext) -> aiohttp.TCPConnector:
        """Connections that all steps share, to servers that are trusted in this way: each handshake takes its time."""
        import aiohttp

        if trust not in self._connectors:
            self._connectors[trust] = aiohttp.TCPConnector(limit=0, ssl=trust)
        return self._connectors[trust]

    def provided(self, kind: str, value: Any) -> None:
        """A person came: a password is kept in memory, a new sign-in makes the credentials be read anew."""
        if kind == "sql-password":
            self.secrets["sql_password"] = str(value)
        elif kind == "sign-in":
            self.google.renewed(config=str((value or {}).get("config", "")))

    async def close(self) -> None:
        """Ends what the adapters keep open."""
        if "google" in self.__dict__:
            await self.google.close()
        for connector in self._connectors.values():
            await connector.close()
        self._connectors.clear()
