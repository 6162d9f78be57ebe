"""``mlops-env kubernetes-token``: what kubectl runs to get a token for the environment's cluster."""

from __future__ import annotations

import argparse

from core.cli.output import Output
from core.environment import Environment, Home
from core.environment import rehearsal as rehearsals


def kubernetes_token(arguments: argparse.Namespace, out: Output) -> int:
    """Prints an ExecCredential; a token lives in memory and in kubectl's pipe alone."""
    import asyncio

    from core.gcp.kubernetes_token import kubernetes_token as made

    environment = Environment.load(Home.find(), arguments.name)
    out.document(asyncio.run(made(environment, rehearsals.cloud(environment))))
    return 0
