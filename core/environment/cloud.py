"""The cloud an environment is on, as data: where the real one and the rehearsal differ, and nowhere else.

Four things differ: endpoints, credentials, trust, and the clock. Adapters and the clock read them; no step
ever asks which cloud it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cloud:
    """How to reach one cloud.

    ``google`` is the root under which the simulated Google APIs stand, each below its own name (None: the real hosts);
    ``ca_file`` is a PEM bundle to trust beside the usual ones; ``credentials_file`` a sign-in to use instead of the
    user's; ``rate`` the simulated seconds in one real second (0: waits only yield), and ``least`` real seconds that every
    deadline leaves; ``manifests`` a folder that stands in for the release on GitHub where GitHub can't be reached;
    ``relay`` is where the simulated relay of Identity-Aware Proxy answers (None: Google's).
    """

    kind: str = "google"
    google: str | None = None
    ca_file: Path | None = None
    credentials_file: Path | None = None
    rate: float = 1.0
    least: float = 0.0
    simulator: Path | None = None
    manifests: Path | None = None
    relay: str | None = None

    @property
    def rehearsal(self) -> bool:
        """Whether this is the simulated cloud; for what is shown to a person, never for what is done."""
        return self.kind == "rehearsal"

    def api_root(self, api: str) -> str | None:
        """The root URL of one API (``storage``, ``container``, …), ending in a slash; None: the API's own host.

        It takes the place of ``rootUrl`` in the API's discovery document, so that service paths and upload paths follow.
        """
        return f"{self.google}/{api}/" if self.google else None
