"""The step ``cluster``: how the Kubernetes API is reached, and the environment's own kubeconfig for it.

GKE's DNS endpoint is taken where the cluster has one that lets outside traffic in: its certificate is a public one, and
IAM alone decides who gets in. Otherwise it is the cluster's own address, which is trusted by the cluster's authority.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from core.errors import PermanentError, TemporaryError
from core.install.connection import connect
from core.install.installation import Installation
from core.kubernetes import kubeconfig
from core.kubernetes.errors import Forbidden
from core.run.step import Context, Outcome, Step

GRANT_SECONDS = 600.0
"""How long a fresh grant may take to let the account in."""


def step(installation: Installation) -> Step:
    """The step that connects to the cluster; it publishes ``cluster_endpoint`` once the API answers."""

    async def run(context: Context) -> Outcome | None:
        await _connect(installation, context)
        return None

    return Step(
        "cluster",
        "Connect to the cluster",
        run,
        needs=("cluster",),
        publishes=("cluster_endpoint",),
        seconds=10,
        deadline=1200,
    )


async def endpoint(installation: Installation, name: str) -> tuple[str, bytes]:
    """The URL of a cluster's Kubernetes API, and its own certificate authority (empty where the certificate is public)."""
    found = await installation.google.call("container", "v1", "projects.locations.clusters.get", name=name)
    return _endpoint(found)


def _endpoint(cluster: Mapping[str, Any]) -> tuple[str, bytes]:
    endpoints = cluster.get("controlPlaneEndpointsConfig") or {}
    dns = endpoints.get("dnsEndpointConfig") or {}
    if dns.get("endpoint") and dns.get("allowExternalTraffic"):
        return f"https://{dns['endpoint']}", b""
    addresses = endpoints.get("ipEndpointsConfig") or {}
    private = addresses.get("privateEndpoint") if not addresses.get("enablePublicEndpoint", True) else ""
    address = private or cluster.get("endpoint") or addresses.get("privateEndpoint")
    if not address:
        raise TemporaryError(
            f"The cluster {cluster.get('name', '')} has no endpoint.",
            code="no-endpoint",
            cause=f"Its status is {cluster.get('status', 'unknown')}.",
            delay=10,
        )
    authority = (cluster.get("masterAuth") or {}).get("clusterCaCertificate", "")
    return f"https://{address}", base64.b64decode(authority)


async def _connect(installation: Installation, context: Context) -> None:
    url, authority = await endpoint(installation, context.fact("cluster"))
    context.progress(f"waiting for {url}")
    await _until_let_in(installation, context, url, authority)
    environment = installation.environment
    access = kubeconfig.Access(
        context=installation.names.kubernetes_context,
        endpoint=url,
        namespace=installation.names.namespace,
        environment=environment.name,
        home=environment.home.root,
        authority=authority or _simulated(installation),
    )
    environment.home.ensure("environments", environment.name)
    if kubeconfig.write(environment.kubeconfig, access):
        context.changed()
        context.log(f"Wrote {environment.kubeconfig} with the context {access.context}.")
    context.publish("cluster_endpoint", url)


def _simulated(installation: Installation) -> bytes:
    """The authority that the cloud's own endpoints are signed by; empty where that is a public one."""
    path = installation.cloud.ca_file
    return path.read_bytes() if path else b""


async def _until_let_in(installation: Installation, context: Context, url: str, authority: bytes) -> None:
    """Waits until the API answers this account: a grant takes a minute or two to work, and seven at times."""
    clock, begin, tries = context.clock, context.clock.now(), 0
    async with connect(installation, url, authority=authority) as cluster:
        while True:
            try:
                await cluster.request("GET", "/api/v1/namespaces", params={"limit": 1}, what="look at the cluster")
                return
            except Forbidden as error:
                tries += 1
                if clock.now() - begin > GRANT_SECONDS or tries > 60:
                    raise _shut_out(context, error) from error
                await clock.sleep(10)


def _shut_out(context: Context, error: Forbidden) -> PermanentError:
    return PermanentError(
        "The cluster does not let this account in.",
        code="cluster-forbidden",
        cause=error.cause,
        hint="It needs roles/container.admin on the project: container.clusters.connect, and the making of roles.",
        command=f"gcloud container clusters describe {context.fact('cluster').rpartition('/')[2]}",
    )
