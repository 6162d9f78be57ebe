"""The step ``access``: the URL at which Kubeflow's UI really answers, found by asking.

A port-forward of the step's own proves that pages come and that the API takes posts; it is closed again afterwards, and
``mlops-env access --forward`` opens one for a person. The inverting proxy, if asked for, gets five minutes to register;
where it does not, the port-forward is the way.
"""

from __future__ import annotations

from core.environment.address import address
from core.errors import PermanentError
from core.install import pods
from core.install.connection import connect
from core.install.installation import Installation
from core.install.kubeflow import Kubeflow
from core.install.pipelines import UI_SERVICE, ui, until_ready
from core.kubernetes.client import Cluster
from core.kubernetes.port_forward import forward
from core.run.step import Context, Outcome, Step

PORT = 8080
PROXY_CONFIG = "inverse-proxy-config"
PROXY_SECONDS = 300.0
AGENT = "proxy-agent"


def step(installation: Installation) -> Step:
    """The step that proves the way to Kubeflow's UI; it publishes ``pipelines_ui``."""

    async def run(context: Context) -> Outcome | None:
        async with connect(installation, context.fact("cluster_endpoint")) as cluster:
            async with forward(cluster, ui(installation), context) as port, Kubeflow(port, context.clock) as kubeflow:
                await _prove(kubeflow, context)
            host = await _proxy_host(installation, cluster, context) if installation.values["inverse_proxy"] else ""
        url = f"https://{host}" if host else address(PORT).url
        context.publish("pipelines_ui", {"url": url, "via": "inverse-proxy" if host else "port-forward"})
        return None

    return Step(
        "access",
        "Way to Kubeflow's UI",
        run,
        needs=("cluster_endpoint", "pipelines"),
        publishes=("pipelines_ui",),
        seconds=5,
        deadline=1200,
    )


async def _prove(kubeflow: Kubeflow, context: Context) -> None:
    """Pages and posts, each as a browser sends it from here: Cloud Shell's preview has an origin of another name."""
    origin = address(PORT).url
    status, text = await kubeflow.page("/", origin=origin)
    if status != 200 or "<" not in text:
        raise PermanentError(
            "Kubeflow's UI does not give its page.", code="ui-page", cause=f"GET / answers {status}: {text[:200]}"
        )
    await until_ready(kubeflow, context.clock, context)
    if not await kubeflow.takes_posts(origin=origin):
        raise PermanentError(
            "Kubeflow's UI gives pages, but its API takes no posts.",
            code="ui-post",
            cause="A request that the API server must refuse as malformed got another answer.",
            hint=f"Look at the log of {UI_SERVICE}.",
        )


async def _proxy_host(installation: Installation, cluster: Cluster, context: Context) -> str:
    """The host name that the inverting proxy's agent got, if it answers; empty where there is none.

    An agent that has run for five minutes without one is not waited for again.
    """
    namespace = installation.names.namespace
    left = PROXY_SECONDS - await pods.age(cluster, namespace, AGENT)
    context.progress("waiting for the inverting proxy to register")
    while True:
        found = await cluster.find("v1", "ConfigMap", PROXY_CONFIG, namespace)
        host = str(((found or {}).get("data") or {}).get("Hostname", ""))
        if host and await _answers(host):
            return host
        if left <= 0:
            break
        await context.clock.sleep(10)
        left -= 10
    context.log("The inverting proxy did not register within five minutes; the port-forward is the way in.")
    return ""


async def _answers(host: str) -> bool:
    import aiohttp

    from core.gcp import network

    url = f"https://{host}/"
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
            async with session.get(url, allow_redirects=False, proxy=network.proxies().for_url(url)) as response:
                return response.status < 500
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False
