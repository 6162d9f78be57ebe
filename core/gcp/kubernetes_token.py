"""What ``kubectl`` gets from the environment's exec plugin: a token of the signed-in account, never kept in a file."""

from __future__ import annotations

import time
from typing import Any

from core.environment import Cloud, Environment

API_VERSION = "client.authentication.k8s.io/v1"
LEAST = 60.0
"""Seconds of the clock that the token is good for at the least."""


async def kubernetes_token(environment: Environment, cloud: Cloud) -> dict[str, Any]:
    """An ExecCredential with a token and its end; raises `SignInEnded` where nobody is signed in."""
    from core.gcp.credentials import Credentials
    from core.run.clock import Clock
    from core.run.redact import Redactor

    clock = Clock(cloud.rate)
    token = await Credentials(cloud, clock=clock, redactor=Redactor()).token(least=LEAST)
    seconds = max(1.0, (token.expires - clock.now()) / (clock.rate or 1.0))
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
    return {
        "apiVersion": API_VERSION,
        "kind": "ExecCredential",
        "status": {"token": token.value, "expirationTimestamp": end},
    }
