"""``mlops-env access``: how to reach an installed environment, and the port-forward to it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib

from core.cli.output import Output
from core.environment import Environment, Home
from core.environment.address import address
from core.errors import UsageError
from core.install import forwarding, outside
from core.install.endpoints import describe


def access(arguments: argparse.Namespace, out: Output) -> int:
    """Prints how to reach it; with --forward, forwards Kubeflow's UI; with --stop, ends that."""
    environment = Environment.load(Home.find(), arguments.name)
    if arguments.stop:
        return _stop(environment, out)
    outside.fact(environment, "cluster_endpoint")
    if arguments.forward is None:
        if arguments.detach:
            raise UsageError("--detach goes with --forward.", code="usage")
        return _print(environment, out)
    if not 1 <= arguments.forward <= 65535:
        raise UsageError(f"--forward {arguments.forward} is no port: 1 to 65535.", code="usage")
    if arguments.detach:
        forwarding.start(environment, arguments.forward)
        return _print(environment, out)
    return _foreground(environment, arguments.forward, out)


def _print(environment: Environment, out: Output) -> int:
    document = describe(environment)
    if out.json:
        out.document(document)
        return 0
    interface = document["pipelines_ui"]
    out.data(f"Kubeflow Pipelines  {interface['url']}" + ("" if interface["reachable"] else "  (not forwarded now)"))
    if not interface["reachable"] or interface["command"].startswith("ssh"):
        out.data(f"  open it with      {interface['command']}")
    if interface["via"] == "port-forward" and (note := address(forwarding.DEFAULT_PORT).note):
        out.say(note)
    out.data(f"kubectl             KUBECONFIG={document['kubeconfig']['path']} kubectl get pods")
    if "notebook" in document:
        _print_notebook(document["notebook"], out)
    for url in document["console"]:
        out.data(f"console             {url}")
    return 0


def _print_notebook(notebook: dict[str, str], out: Output) -> None:
    out.data(f"notebook            {notebook['url'] or notebook['name']}")
    if notebook.get("ssh_host"):
        out.data(f"  over ssh          ssh {notebook['ssh_host']}")
    if notebook["command"]:
        out.data(f"  for VS Code       {notebook['command']}")


def _foreground(environment: Environment, port: int, out: Output) -> int:
    def ready(local: int) -> None:
        where = address(local)
        if out.json:
            out.line({"port": local, "url": where.url, "command": where.command})
        else:
            out.data(where.url)
            first = f"On your own machine, first: {where.command}" if where.command else where.note
            out.say(f"Ctrl-C ends it. {first}".rstrip())

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(forwarding.forward(environment, port, ready))
    return 0


def _stop(environment: Environment, out: Output) -> int:
    stopped = forwarding.stop(environment)
    if out.json:
        out.document({"environment": environment.name, "stopped": stopped})
    else:
        out.data("The port-forward has ended." if stopped else "No port-forward was running.")
    return 0
