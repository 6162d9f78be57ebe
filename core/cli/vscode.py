"""``mlops-env vscode set|remove``: VS Code's container tools pointed to a tunnel's Docker, and back."""

from __future__ import annotations

import argparse
import difflib
import os
from pathlib import Path

from core.cli.output import Output, confirm, interactive
from core.environment import Home
from core.errors import MlopsError, UsageError
from core.workstation.tunnel import tunnels
from core.workstation.tunnel.docker import CLIENT, WINDOWS_CLIENT, context_name, host_of, make_context, remove_context
from core.workstation.tunnel.preparing import complete
from core.workstation.tunnel.status import DOWN, ForwardStatus
from core.workstation.vscode import wrapper
from core.workstation.vscode.places import CONTEXT, REACH, Machine, Place, places
from core.workstation.vscode.settings import Change, apply, demand_unchanged, demand_writable, removing, setting


def set_context(arguments: argparse.Namespace, out: Output) -> int:
    """Makes the tunnel's Docker context, or a wrapper of Docker's client, and writes it into the settings of a scope."""
    home, context, machine = Home.find(), context_name(arguments.name), Machine.here()
    found = places(arguments.scope, machine, Path.cwd())
    value = context
    if arguments.wrapper:
        found, value = wrapper.places(found, arguments.scope, machine), str(wrapper.path(home, arguments.name))
    changes = [setting(place, value) for place in found]
    for change in changes:
        if change.replaced:
            out.say(_diff(change))
            _agree(arguments, f"{change.place.path} has {_named(change.place)} {change.replaced}. Replace it?")
    for change in changes:
        demand_writable(change)
        demand_unchanged(change)
    host, client = _host(home, arguments.name), _client(arguments, machine)
    if client == WINDOWS_CLIENT and not host.startswith("tcp://"):
        raise UsageError(
            "Windows' Docker opens no socket of WSL's: its VS Code needs the tunnel on a port.",
            code="windows-socket",
            command=f"mlops-env tunnel up {arguments.name} --forward 23750=/var/run/docker.sock --detach",
        )
    if arguments.wrapper:
        wrapper.write(home, arguments.name, host)
    else:
        make_context(context, host, client=client)
    _apply(changes, home, arguments, out, "" if arguments.wrapper else context)
    _warn(arguments, out)
    _next(home, arguments.name, out)
    return 0


def remove(arguments: argparse.Namespace, out: Output) -> int:
    """Takes the settings back, and the context or the wrapper with them."""
    home, context, machine = Home.find(), context_name(arguments.name), Machine.here()
    own = {CONTEXT: context, "": str(wrapper.path(home, arguments.name))}
    changes = [removing(place, own, home) for place in places(arguments.scope, machine, Path.cwd())]
    for change in changes:
        demand_writable(change)
    _apply(changes, home, arguments, out, context)
    remove_context(context, client=_client(arguments, machine))
    wrapper.remove(home, arguments.name)
    return 0


def _client(arguments: argparse.Namespace, machine: Machine) -> str:
    """The Docker client whose contexts the settings' reader knows: in WSL, the user's settings are read on Windows."""
    return WINDOWS_CLIENT if machine.windows is not None and arguments.scope == "user" else CLIENT


def _named(place: Place) -> str:
    return place.variable or place.key


def _warn(arguments: argparse.Namespace, out: Output) -> None:
    if arguments.wrapper:
        out.say("Note: Dev Containers alone goes by it; Container Tools' own view stays on the Docker it was on.")
    elif os.environ.get("DOCKER_HOST"):
        out.say("Note: DOCKER_HOST is set here, and wins over every context; a VS Code that is started from this shell")
        out.say(f"goes there all the same: mlops-env vscode set {arguments.name} --wrapper goes by neither.")


def _next(home: Home, name: str, out: Output) -> None:
    """What is still to be done, as long as nobody has."""
    if not out.json and tunnels.status(home, name).state == DOWN:
        out.say(f"Next: mlops-env tunnel up {name} --detach. Nothing answers there before.")


def _host(home: Home, name: str) -> str:
    """Where the tunnel's Docker is on this machine, or will be once the tunnel is up."""
    tunnel = complete(home, tunnels.defined(home, name))
    host = host_of([ForwardStatus(str(each.local), str(each.remote)) for each in tunnel.forwards])
    if not host:
        raise UsageError(
            f"The tunnel {name} does not lead to a Docker socket.",
            code="no-docker-forward",
            hint="Forward one: --forward PATH=/var/run/docker.sock.",
        )
    return host


def _apply(changes: list[Change], home: Home, arguments: argparse.Namespace, out: Output, context: str) -> None:
    for change in changes:
        apply(change, home)
        if not out.json:
            out.data(f"{change.state:8} {change.place.path}")
            for note in change.place.notes:
                out.say(f"Note: {note}")
    if out.json:
        files = [
            {"editor": c.place.editor, "path": str(c.place.path), "key": c.place.key, "state": c.state} for c in changes
        ]
        out.document({"context": context, "scope": arguments.scope, "files": files})
        return
    if any(change.after is not None and change.state == "set" for change in changes):
        out.say(REACH[arguments.scope])


def _diff(change: Change) -> str:
    before, after = (change.before or "").splitlines(), (change.after or "").splitlines()
    path = str(change.place.path)
    return "\n".join(difflib.unified_diff(before, after, path, path, n=1, lineterm=""))


def _agree(arguments: argparse.Namespace, question: str) -> None:
    if arguments.yes:
        return
    if not interactive():
        raise UsageError(
            question.replace(" Replace it?", " Nobody is there to ask whether to replace it."),
            code="no-answer",
            hint="Say --yes to replace it; removing brings it back.",
        )
    if not confirm(question):
        raise MlopsError("Nothing was written.", code="declined")
