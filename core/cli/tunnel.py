"""``mlops-env tunnel up|down|status|logs``: a host's ports and sockets on this machine, Docker's first of all."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from core.cli.output import Output, answer, confirm, interactive
from core.cli.ssh import accepted
from core.environment import Home
from core.errors import UsageError
from core.workstation.tunnel import book, docker, tunnels
from core.workstation.tunnel.definition import Forward, Tunnel, check_forwards, check_name

if TYPE_CHECKING:
    from core.workstation.tunnel.status import Status


def up(arguments: argparse.Namespace, out: Output) -> int:
    """Opens a tunnel; in front of the terminal until Ctrl-C, or as a process of its own."""
    home = Home.find()
    tunnel = _given(home, arguments)
    _add_first(home, tunnel, arguments, out)
    if arguments.detach:
        out.say(f"Connecting to {tunnel.leads_to}.")
        return _print_up(tunnels.start(home, tunnel, ask=_ask if interactive() else None, tell=out.say), tunnel, out)
    return _in_front(home, tunnel, out)


def _given(home: Home, arguments: argparse.Namespace) -> Tunnel:
    """The tunnel as it is defined, with what the flags say; which is written down, so that NAME alone means it again."""
    known = tunnels.defined(home, arguments.name)
    forwards = check_forwards([*map(Forward.parse, arguments.forward)])
    given = {key: getattr(arguments, key) for key in ("project", "zone", "instance") if getattr(arguments, key)}
    wanted = replace(
        known,
        **given,
        forwards=forwards or known.forwards,
        docker_context=known.docker_context or arguments.docker_context,
        sudo=known.sudo or arguments.sudo,
    )
    if bool(wanted.zone) != bool(wanted.instance) or (wanted.zone and not wanted.project):
        raise UsageError("--zone and --instance go together, with --project.", code="usage")
    if wanted != known:
        book.keep(home, wanted)
    return wanted


def _add_first(home: Home, tunnel: Tunnel, arguments: argparse.Namespace, out: Output) -> None:
    """Offers to write ssh's entry for a VM that ssh does not know yet; without a terminal, the tunnel itself says so."""
    from core.workstation.tunnel import adding

    to = asyncio.run(adding.not_added(home, tunnel))
    question = f"ssh does not know {to.host} yet. Write its entry into your ssh configuration?" if to is not None else ""
    if to is None or not (arguments.yes or (interactive() and confirm(question))):
        return
    for note in asyncio.run(adding.add(home, to, accept=lambda shown: accepted(shown, arguments, out))):
        out.say(note)


def _ask(prompt: str, secret: bool) -> str | None:
    """Puts a question of ssh's on the terminal."""
    try:
        return answer(prompt, secret=secret)
    except OSError:
        return None


def _in_front(home: Home, tunnel: Tunnel, out: Output) -> int:
    from core.workstation.tunnel.process import serve, take

    def ready(status: Status) -> None:
        _print_up(status, tunnel, out)
        if not out.json:
            out.say("Ctrl-C ends it.")

    async def run() -> None:
        task = asyncio.current_task()
        assert task is not None
        closed = () if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else (signal.SIGHUP,)  # nohup keeps it up
        for number in (signal.SIGTERM, signal.SIGINT, *closed):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        await serve(home, tunnel, ready=ready, tell=out.say, ask=sys.stdin.isatty() and sys.stderr.isatty())

    lock = take(home, tunnel.name)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(run())
    finally:
        lock.release()
        docker.let_go(tunnel)
    return 0


def _print_up(status: Status, tunnel: Tunnel, out: Output) -> int:
    """What can be done with it now."""
    if status.docker_context and status.docker_host:
        docker.make_context(status.docker_context, status.docker_host)
    for text in docker.warnings(status.docker_host, status.docker_context) if status.docker_host else ():
        out.say(text)
    for text in docker.opened_to_all(status.forwards):
        out.say(text)
    if docker.beyond_reach(status.forwards):
        out.say("Windows' own programs open no such socket: for them, add --forward 23750=/var/run/docker.sock.")
    if status.relayed and status.docker_host:
        out.say(docker.BULK)
    if out.json:
        out.document(_document(status))
        return 0
    how = f"{status.engine}, {status.about}" + (f"; {status.why_engine}" if status.why_engine else "")
    out.say(f"{status.tunnel} is up ({how}).")
    for each in status.forwards:
        out.data(f"{each.local} -> {each.remote}")
    if status.docker_host:
        out.data(f"export DOCKER_HOST={status.docker_host}")
        if status.docker_context:
            out.data(f"docker --context {status.docker_context} ps")
        else:
            out.say(f"A Docker context, which VS Code prefers: mlops-env tunnel up {tunnel.name} --docker-context")
        out.say(f'VS Code\'s settings.json: "{docker.SETTING}": {_object(status)}')
    return 0


def down(arguments: argparse.Namespace, out: Output) -> int:
    """Ends a tunnel, and removes its Docker context."""
    ended = tunnels.stop(Home.find(), arguments.name)
    if out.json:
        out.document({"tunnel": arguments.name, "stopped": ended})
    else:
        out.data(f"The tunnel {arguments.name} " + ("has ended." if ended else "was not up."))
    return 0


def status(arguments: argparse.Namespace, out: Output) -> int:
    """How a tunnel stands."""
    home = Home.find()
    if check_name(arguments.name) not in tunnels.names(home):
        raise UsageError(
            f"There is no tunnel named {arguments.name}.",
            code="no-tunnel",
            hint=f"Begin one with: mlops-env tunnel up {arguments.name}",
        )
    found = tunnels.status(home, arguments.name)
    if out.json:
        out.document(_document(found))
        return 0
    _print_status(found, out)
    return 0


def _print_status(found: Status, out: Output) -> None:
    import time

    since = f" for {_span(time.time() - found.since)}" if found.since and found.state in ("up", "reconnecting") else ""
    out.data(f"{found.tunnel}  {found.state}{since}" + (f", {found.reconnects} reconnects" if found.reconnects else ""))
    if found.engine:
        out.data(f"  engine    {found.engine} ({found.about})" + (f": {found.why_engine}" if found.why_engine else ""))
    for each in found.forwards:
        out.data(f"  forward   {each.local} -> {each.remote}")
        if found.pid:
            out.data(f"            {each.health}" + (f": {each.detail}" if each.detail else ""))
        out.data(
            f"            {each.open} open of {each.connections}, {_size(each.up_bytes)} up, {_size(each.down_bytes)} down"
        )
    if found.state == "up":
        out.data(f"  now       {_size(found.up_rate)}/s up, {_size(found.down_rate)}/s down")
    if found.docker_host:
        out.data(f"  docker    DOCKER_HOST={found.docker_host}")
    if found.error:
        out.data(f"  error     {found.error['message']} {found.error.get('cause', '')}".rstrip())
        if found.error.get("hint"):
            out.data(f"            {found.error['hint']}")
    elif found.last_error:
        ago = _span(time.time() - found.last_error_at)
        out.data(f"  last      {found.last_error['message']} {found.last_error.get('cause', '')}".rstrip() + f" ({ago} ago)")


def logs(arguments: argparse.Namespace, out: Output) -> int:
    """What happened to a tunnel."""
    home, name = Home.find(), arguments.name
    if arguments.follow:
        for line in tunnels.follow(home, name):
            out.data(json.dumps({"line": line}) if out.json else line)
        return 0
    text = tunnels.log(home, name).read_text(errors="replace")
    if out.json:
        out.document({"tunnel": name, "lines": text.splitlines()})
    else:
        out.data(text.rstrip("\n"))
    return 0


def _document(status: Status) -> dict[str, object]:
    host, context = status.docker_host, status.docker_context
    return {**status.to_dict(), "vscode": docker.setting(host, context) if host else {}}


def _object(status: Status) -> str:
    return json.dumps(docker.setting(status.docker_host, status.docker_context)[docker.SETTING])


def _size(amount: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
