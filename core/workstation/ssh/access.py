"""The way into a VM, for commands: its cloud, the sign-in, the relay, and why nothing answers where nothing does."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable

from core.environment import Cloud, Environment, Home
from core.environment import rehearsal as rehearsals
from core.errors import MlopsError, PrerequisiteError
from core.run.clock import Clock
from core.run.redact import Redactor
from core.workstation.ssh.closing import RelayRefused, RelayUnreachable
from core.workstation.ssh.relay import Destination, Relay
from core.workstation.ssh.stream import Watch
from core.workstation.ssh.target import Target

STOPPED = ("STOPPING", "STOPPED", "SUSPENDING", "SUSPENDED", "TERMINATED")


def relay(target: Target, *, watch: Watch | None = None) -> Relay:
    """The relay to a target that has a destination, with the sign-in of its cloud; close it after use."""
    from core.gcp.quick_token import QuickTokens

    assert target.destination is not None
    redactor = Redactor()
    tokens = QuickTokens(target.cloud, redactor)
    return Relay(target.destination, cloud=target.cloud, credentials=tokens, redactor=redactor, watch=watch)


async def proxy(
    home: Home, to: Destination, *, source: int, sink: int, account: str = "", tell: Callable[[str], None] = lambda _: None
) -> None:
    """Carries this process's standard streams to a port of a VM; raises why it could not.

    ``account`` is whose the key is that ssh signs in with there; where it is somebody else who is let through, that is told.
    """
    from core.workstation.ssh.proxy import carry

    hold_to(account)
    cloud = rehearsals.cloud_of(home, to.project)
    target = Target(to.instance, to.instance, to, cloud=cloud)
    way = relay(target)
    comparing: list[asyncio.Task[None]] = []

    def begun() -> None:
        if account:
            comparing.append(asyncio.create_task(_compare(way, account, tell)))

    try:
        await carry(way, source=source, sink=sink, begun=begun)
    except RelayRefused as error:
        error.cause = f"{error.cause} You are signed in as {await signed_in(cloud) or 'nobody that can be told'}.".strip()
        raise
    except RelayUnreachable as error:
        if error.code == "relay-no-backend":
            raise await explained(target, error) from error
        raise
    finally:
        for task in comparing:
            task.cancel()
        await way.close()


def hold_to(account: str) -> None:
    """Has gcloud, where the sign-in is its own, give this account's tokens, whichever it is set to meanwhile."""
    if account:
        os.environ.setdefault("CLOUDSDK_CORE_ACCOUNT", account)


async def _compare(way: Relay, account: str, tell: Callable[[str], None]) -> None:
    from core.gcp.quick_token import whose

    with contextlib.suppress(MlopsError):  # without a token nobody is let through either, and that is told by the stream
        if said := another(account, await whose(way.cloud, (await way.token()).value)):
            tell(said)


async def compared(account: str, cloud: Cloud) -> str:
    """`another` of whoever is signed in to a cloud now."""
    return another(account, await signed_in(cloud))


def another(account: str, now: str) -> str:
    """What is to be said where the sign-in is another's than an entry's key and user; empty where it is not, or unknown."""
    if not now or now == account:
        return ""
    return (
        f"You are signed in as {now}, and ssh's key and user are those of {account}: where the VM refuses them, sign in as "
        f"{account}, or write the entry again with mlops-env ssh add."
    )


async def signed_in(cloud: Cloud) -> str:
    """Whose the sign-in is, which is not gcloud's account of the moment; empty where it can't be told."""
    from core.gcp import Google

    try:
        async with Google(cloud, clock=Clock(cloud.rate), redactor=Redactor(), project=None) as google:
            return await google.account()
    except MlopsError:
        return ""


async def explained(target: Target, error: RelayUnreachable) -> RelayUnreachable | PrerequisiteError:
    """Why nothing answers on a VM: it says so itself, where it is stopped."""
    from core.gcp import Google
    from core.gcp.errors import ApiError

    to = target.destination
    assert to is not None
    async with Google(target.cloud, clock=Clock(target.cloud.rate), redactor=Redactor(), project=to.project) as google:
        try:
            vm = await google.call("compute", "v1", "instances.get", project=to.project, zone=to.zone, instance=to.instance)
        except ApiError:
            return error
    status = str(vm.get("status", ""))
    if status not in STOPPED:
        return error
    notebook = _notebook_of(to)
    return PrerequisiteError(
        f"The VM {to.instance} is stopped.",
        code="vm-stopped",
        cause=f"Its status is {status}." + (" A notebook stops by itself once nobody uses it." if notebook else ""),
        hint="Start it, and connect again.",
        command=f"mlops-env notebook start {notebook}"
        if notebook
        else f"gcloud compute instances start {to.instance} --zone={to.zone} --project={to.project}",
    )


def _notebook_of(to: Destination) -> str:
    """The environment of this machine whose notebook a VM is; empty where it is none's."""
    home = Home.find()
    known = Environment.readable(home)
    found = (e.name for e in known if (e.values["project_id"], e.names.notebook) == (to.project, to.instance))
    return next(found, "")
