"""``mlops-env ssh``: a host's entry in the user's ssh configuration, and the way to a VM without an address."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from typing import TYPE_CHECKING

from core.cli.output import Output, confirm, interactive
from core.environment import Home
from core.errors import UsageError

if TYPE_CHECKING:
    from core.workstation.ssh.configuration import HostConfiguration


def add(arguments: argparse.Namespace, out: Output) -> int:
    """Writes a host's entry, or shows with --dry-run what would be written."""
    from core.workstation.ssh import entry, manage
    from core.workstation.ssh.files import SshFolder
    from core.workstation.ssh.target import find

    entry.check_host(arguments.name)
    home, given, folder = Home.find(), entry.settings(arguments.set), SshFolder.of_user()

    async def work() -> manage.Prepared:
        target = await find(
            home, arguments.name, project=arguments.project, zone=arguments.zone, instance=arguments.instance
        )
        return await manage.prepare(
            target,
            given,
            folder=folder,
            accept=lambda question: accepted(question, arguments, out),
            dry_run=arguments.dry_run,
        )

    prepared = asyncio.run(work())
    for note in prepared.notes:
        out.say(note)
    if not arguments.dry_run:
        prepared.write(home)
    host = prepared.entry.host
    if out.json:
        out.document({"name": arguments.name, "host": host, "written": not arguments.dry_run, "diff": prepared.diff()})
    elif arguments.dry_run:
        out.data(prepared.diff().rstrip("\n"))
    else:
        out.data(f"ssh {host}")
    return 0


def remove(arguments: argparse.Namespace, out: Output) -> int:
    """Takes a host's entry away again; with the last one, the line in the user's configuration too."""
    from core.workstation.ssh import manage
    from core.workstation.ssh.files import SshFolder

    changes = manage.remove(arguments.name, folder=SshFolder.of_user(), home=Home.find(), dry_run=arguments.dry_run)
    if out.json:
        out.document({"name": arguments.name, "removed": not arguments.dry_run, "diff": manage.diff(changes)})
    else:
        out.data(manage.diff(changes).rstrip("\n") if arguments.dry_run else f"The entry for {arguments.name} is gone.")
    return 0


SHOWN = ("hostname", "user", "port", "identityfile", "proxycommand", "proxyjump", "hostkeyalias", "userknownhostsfile",
         "stricthostkeychecking", "connecttimeout", "serveraliveinterval", "serveralivecountmax")  # fmt: skip


def show(arguments: argparse.Namespace, out: Output) -> int:
    """Prints what ssh itself makes of a host, and what is wrong with its entry by now."""
    from core.workstation.ssh import manage
    from core.workstation.ssh.files import SshFolder

    shown = manage.show(arguments.name, folder=SshFolder.of_user(), account=_account)
    values = {keyword: list(map(_readable, lines)) for keyword, lines in shown.configuration.values.items()}
    problems = list(map(_readable, shown.problems))
    if out.json:
        out.document({"host": shown.host, "configuration": values, "problems": problems})
        return 0
    out.data(f"host {shown.host}")
    for keyword in dict.fromkeys((*SHOWN, *shown.keywords)):
        for value in values.get(keyword, ()):
            out.data(f"{keyword} {value}")
    for problem in problems:
        out.say(problem)
    return 0


def _readable(text: str) -> str:
    """A text of ssh's configuration, which may hold bytes that are none."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


def _account(host: HostConfiguration) -> str:
    """Whose the sign-in is that a host's relay is asked with."""
    from core.environment import rehearsal
    from core.workstation.ssh.access import signed_in
    from core.workstation.tunnel.preparing import relay_of

    to = relay_of(host)
    return asyncio.run(signed_in(rehearsal.cloud_of(Home.find(), to.project))) if to is not None else ""


def iap_proxy(arguments: argparse.Namespace, out: Output) -> int:
    """Carries standard input and output to a port of a VM, through Identity-Aware Proxy."""
    from core.workstation.ssh import access
    from core.workstation.ssh.relay import Destination

    if not 1 <= arguments.port <= 65535:
        raise UsageError(f"{arguments.port} is no port: 1 to 65535.", code="usage")
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    source, sink = os.dup(0), os.dup(1)
    asyncio.run(
        access.proxy(
            Home.find(),
            Destination(arguments.project, arguments.zone, arguments.instance, arguments.port),
            source=source,
            sink=sink,
            account=arguments.account,
            tell=out.say,
        )
    )
    return 0


def accepted(question: str, arguments: argparse.Namespace, out: Output) -> bool:
    """Whether a host key that nobody vouches for is taken: --yes says so, or the person on the terminal."""
    if arguments.yes:
        out.say(question.replace("Is it the VM's own?", "It is accepted."))
        return True
    if not interactive():
        raise UsageError("Nobody is there to ask.", code="no-answer", cause=question, hint="Say --yes to accept the key.")
    return confirm(question)
