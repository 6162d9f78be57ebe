"""The simulated Kubernetes cluster: what kubectl and the official client need of an API server, and what makes pods run.

`objects` keeps them, `api` serves them, `controllers` bring them to life, `programs` knows what the containers of Kubeflow
Pipelines do once they run, and `forwarding` reaches the ports that they open.
"""

from __future__ import annotations

from aiohttp import web

from core.rehearsal.kubernetes.serving import forget, serve
from core.rehearsal.world import World


def app(world: World) -> web.Application:
    """The API of the cluster that runs in the world, whichever it is at the time of a request."""
    return serve(world)


__all__ = ["app", "forget"]
