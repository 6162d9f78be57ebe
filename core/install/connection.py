"""The connection of an environment's steps to its cluster: where Google's sign-in meets the Kubernetes client."""

from __future__ import annotations

import ssl
from functools import lru_cache

from core.environment import Cloud
from core.install.installation import Installation
from core.kubernetes import kubeconfig
from core.kubernetes.client import ATTEMPTS, Cluster


def connect(
    installation: Installation, endpoint: str, *, authority: bytes | None = None, attempts: int = ATTEMPTS
) -> Cluster:
    """The environment's cluster at ``endpoint``; use it with ``async with``.

    ``authority`` is the cluster's own, where it has one; left out, it is the one in the environment's kubeconfig.
    """
    from core.gcp import network

    if authority is None:
        authority = kubeconfig.authority(installation.environment.kubeconfig)
    google = installation.google
    trust = _trust(installation.cloud, authority)
    return Cluster(
        endpoint,
        token=google.token,
        reject=google.credentials.reject,
        clock=installation.clock,
        proxy=network.proxies().for_url(endpoint),
        attempts=attempts,
        connector=lambda: installation.connector(trust),
    )


@lru_cache(maxsize=4)
def _trust(cloud: Cloud, authority: bytes) -> ssl.SSLContext:
    """One context for all steps of a run; a cluster's own authority stands alone, as kubectl has it."""
    from core.gcp import network

    return network.context_of(authority.decode()) if authority else network.ssl_context(cloud)
