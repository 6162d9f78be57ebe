"""Adding, removing and showing a host's entry: what is looked up in the cloud, and what then stands in the files.

`prepare` looks and changes nothing on this machine but a key that is not there yet, so that what is shown with ``--dry-run``
is what would be written; `Prepared.write` writes it.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.environment import Home
from core.errors import MlopsError, PrerequisiteError, UsageError
from core.run.clock import Clock
from core.run.redact import Redactor
from core.workstation.ssh import keys, known_hosts, launcher, os_login, remote_ssh, windows
from core.workstation.ssh.configuration import HostConfiguration, resolve
from core.workstation.ssh.entry import Entry, OwnFile, merged
from core.workstation.ssh.files import Change, SshFolder
from core.workstation.ssh.target import Target, no_notebook

if TYPE_CHECKING:
    from core.gcp import Google
    from core.workstation.ssh.relay import Destination

Accept = Callable[[str], bool]
"""Asks a person whether a host key, shown by its fingerprint, is the VM's own."""

BANNER = 60
"""Seconds that ssh waits for the VM's banner: a relay's session, a sign-in and a busy VM take their time."""
PATIENCE = (("ServerAliveInterval", "30"), ("ServerAliveCountMax", "10"))
"""The relay takes a lost network up again by itself: ssh must not give the connection up meanwhile."""


BEYOND = "Windows' own ssh, and VS Code with it, gets an entry too: {}."


@dataclass(frozen=True, slots=True)
class Prepared:
    """What adding an entry will do; ``notes`` are sentences for a person."""

    folder: SshFolder
    entry: Entry
    changes: list[Change]
    notes: list[str] = field(default_factory=list)
    beyond: tuple[SshFolder, list[Change]] | None = None
    """The other side of WSL, and its changes."""

    def write(self, home: Home) -> None:
        """Writes the files."""
        with self.folder.locked(home.ensure()):
            self.folder.apply(self.changes)
            if self.beyond is not None:
                self.beyond[0].apply(self.beyond[1])

    def diff(self) -> str:
        """The changes as a unified diff; a key's copy is none that anybody reads."""
        beyond = self.beyond[1] if self.beyond is not None else []
        return diff([*self.changes, *(change for change in beyond if change.path.name != windows.KEY)])


async def prepare(
    target: Target,
    given: Sequence[tuple[str, str]],
    *,
    folder: SshFolder,
    accept: Accept,
    dry_run: bool = False,
) -> Prepared:
    """Looks up what an entry for a target needs, and tries it with ssh."""
    if target.destination is None:
        return _host(target, given, folder)
    from core.gcp import Google

    clock = Clock(target.cloud.rate)
    project = target.destination.project
    async with Google(target.cloud, clock=clock, redactor=Redactor(), project=project) as google:
        return await _instance(target, given, folder, google, accept, dry_run=dry_run)


def _host(target: Target, given: Sequence[tuple[str, str]], folder: SshFolder) -> Prepared:
    if target.environment is not None:
        raise no_notebook(target)
    if not given:
        raise UsageError(
            f"There is nothing to say about {target.name}.",
            code="ssh-nothing",
            cause="No environment of this machine has that name.",
            hint="For one that is installed from elsewhere, name its --project; for any other host, --set HostName=…",
        )
    _free(target, folder, given)
    entry = Entry(target.name, target.host, tuple(given))
    notes = remote_ssh.another_ssh()
    beyond = None
    if (other := windows.Windows.here()) is not None:
        changes, left_out = other.changes_of_a_host(entry)
        beyond = (other.folder, changes)
        notes.append(BEYOND.format(other.folder.own) + (f" Without its {' and '.join(left_out)}." if left_out else ""))
    return Prepared(folder, entry, folder.adding(entry, remote_ssh.adding(folder)), notes, beyond)


async def _instance(
    target: Target,
    given: Sequence[tuple[str, str]],
    folder: SshFolder,
    google: Google,
    accept: Accept,
    *,
    dry_run: bool,
) -> Prepared:
    to = target.destination
    assert to is not None
    _free(target, folder)
    vm = await _vm(google, to)
    notes: list[str] = []
    wanted = {key.lower(): value for key, value in given}
    private = HostConfiguration(target.host).path(wanted["identityfile"]) if "identityfile" in wanted else None
    if private is None:
        private = keys.chosen(folder.path) if dry_run else keys.ready(folder.path)
    account = "" if "user" in wanted else await google.account()
    user = wanted.get("user") or await _user(google, vm, target, private, notes, dry_run=dry_run)
    if launcher.certificate_asked():
        notes.append("The way leads through gcloud, which has the certificate that your company asks for.")
    name = known_hosts.alias(to, str(vm.get("id", "")))
    change = await _host_keys(target, google, folder, name, accept, notes, dry_run=dry_run)
    own = (
        ("HostName", to.instance),
        ("Port", str(to.port)),
        ("User", user),
        ("IdentityFile", _quoted(private)),
        ("IdentitiesOnly", "yes"),
        ("ProxyCommand", launcher.proxy_command(to, account)),
        ("ProxyUseFdpass", "no"),
        ("HostKeyAlias", name),
        ("UserKnownHostsFile", _quoted(folder.known_hosts)),
        ("StrictHostKeyChecking", "yes"),
        ("CheckHostIP", "no"),
        ("ConnectTimeout", str(BANNER)),
        *PATIENCE,
    )
    entry = Entry(target.name, target.host, merged([setting for setting in own if setting[1]], given), account)
    beyond = None
    if (other := windows.Windows.here()) is not None:
        beyond = (other.folder, other.changes(entry, private, change.after or b""))
        notes.append(BEYOND.format(other.folder.own))
    elif windows.distribution():
        notes.append("Which user of Windows you are can't be told: Windows' own ssh gets no entry.")
    changes = [change, *folder.adding(entry, others := remote_ssh.adding(folder))]
    notes += [f"VS Code's Remote-SSH reads {other.path}: it is included there too." for other in others if other.real]
    notes += [*remote_ssh.another_ssh(), *remote_ssh.impatience(BANNER)]
    return Prepared(folder, entry, changes, notes, beyond)


async def _vm(google: Google, to: Destination) -> dict[str, Any]:
    from core.gcp.errors import NotFound, PermissionDenied

    try:
        return await google.call("compute", "v1", "instances.get", project=to.project, zone=to.zone, instance=to.instance)
    except NotFound as error:
        raise UsageError(
            f"There is no VM {to.instance} in the zone {to.zone} of the project {to.project}.",
            code="unknown-vm",
            cause=error.message,
            hint="Its name and zone stand in the console, under Compute Engine.",
        ) from error
    except PermissionDenied as error:
        raise PrerequisiteError(
            f"You may not look at the VM {to.instance}.",
            code="vm-forbidden",
            cause=error.message,
            hint="It takes roles/compute.viewer, or roles/compute.osLogin, on the project.",
        ) from error


def _free(target: Target, folder: SshFolder, given: Sequence[tuple[str, str]] | None = None) -> None:
    """A host that the user's own configuration speaks of is left to it; with ``given``, in what these would overrule."""
    if target.host in [host for name in folder.entries().blocks for host in folder.entries().hosts(name)]:
        return
    folder.check(target.host)
    named = None if given is None else {key.lower() for key, _ in given}
    found = [key for key in _spoken_of(target.host, folder) if named is None or key in named]
    if found:
        raise UsageError(
            f"Your ssh configuration has an entry for {target.host} already.",
            code="ssh-alias",
            cause=f"It sets {', '.join(found)}.",
            hint=f"Change or rename that entry in {folder.config}, or add yours under another name.",
        )


def _spoken_of(host: str, folder: SshFolder) -> list[str]:
    """What the user's own configuration sets for a host, and not for one that nobody has."""
    if not folder.config.exists():
        return []
    nobodys = f"{host}.invalid".lower()
    there, other = (resolve(name, file=folder.config).values for name in (host, nobodys))

    def alike(lines: Sequence[str]) -> list[str]:
        return [line.lower().replace(nobodys, host.lower()) for line in lines]

    keys = [key for key in dict.fromkeys([*there, *other]) if key not in ("host", "controlpath")]
    return [key for key in keys if alike(there.get(key, ())) != alike(other.get(key, ()))]


async def _user(
    google: Google, vm: dict[str, Any], target: Target, private: Path, notes: list[str], *, dry_run: bool
) -> str:
    to = target.destination
    assert to is not None
    project = await google.call("compute", "v1", "projects.get", project=to.project)
    if os_login.check(vm, project, to.instance):
        notes.append("OS Login asks a second factor on this VM: ssh will put its question to you.")
    if dry_run and not private.with_name(f"{private.name}.pub").exists():
        notes.append("A key is made, and brought into OS Login, which says the user's name.")
        return ""
    login = await os_login.sign_in(google, keys.public(private), region=to.zone.rpartition("-")[0], dry_run=dry_run)
    if not login.user:
        notes.append("Your key is brought into OS Login, which says the user's name.")
        return ""
    notes.append(f"You are {login.user} there, as {login.account}.")
    if login.imported:
        notes.append("Your key is new to OS Login: the VM may refuse it for a minute or two.")
    return login.user


async def _host_keys(
    target: Target, google: Google, folder: SshFolder, name: str, accept: Accept, notes: list[str], *, dry_run: bool
) -> Change:
    """The change of our file of known hosts: what the VM publishes, else what it shows and a person accepts."""
    from core.workstation.ssh.access import relay

    to = target.destination
    assert to is not None
    before = folder.known_hosts.read_bytes() if folder.known_hosts.exists() else None
    text = (before or b"").decode(errors="surrogateescape")
    found = await known_hosts.published(google, to)
    if not found and not known_hosts.of(text, name):
        if dry_run:
            notes.append("The VM publishes no host keys: its key is shown, and accepted once.")
            return Change(folder.known_hosts, before, before)
        way = relay(target)
        try:
            key = await known_hosts.shown(way)
        finally:
            await way.close()
        if not accept(f"{to.instance} shows the {key[0]} key {known_hosts.fingerprint(key)}. Is it the VM's own?"):
            raise MlopsError("Nothing was done: the host key was not accepted.", code="declined")
        found = [key]
    elif found:
        notes.append(f"Host keys: {len(found)}, from the VM's guest attributes.")
    after = known_hosts.replaced(text, name, found) if found else text
    return Change(folder.known_hosts, before, after.encode(errors="surrogateescape"))


def remove(name: str, *, folder: SshFolder, home: Home, dry_run: bool = False) -> list[Change]:
    """Takes an entry away again, with its host keys; returns what changed, or would."""
    with folder.locked(home.ensure()):
        own = folder.entries()
        changes = [*folder.removing(name), *_forgotten(folder, own, name)]
        if len(own.blocks) == 1:
            changes = [*remote_ssh.removing(folder, made="others" in own.made), *changes]
        if not dry_run:
            folder.apply(changes)
            if len(own.blocks) == 1:
                folder.tidy(own.made)
        return [*changes, *(each for each in _removed_beyond(name, dry_run=dry_run) if each.path.name != windows.KEY)]


def _removed_beyond(name: str, *, dry_run: bool) -> list[Change]:
    """The same on the other side of WSL, where the entry stands as well."""
    other = windows.Windows.here()
    if other is None or name not in (own := other.folder.entries()).blocks:
        return []
    changes = [*other.removing(name), *_forgotten(other.folder, own, name)]
    if not dry_run:
        other.folder.apply(changes)
    return changes


def _forgotten(folder: SshFolder, own: OwnFile, name: str) -> list[Change]:
    """The host keys of an entry go with it, unless another entry is of the same VM."""
    alias = own.get(name, "HostKeyAlias")
    others = [own.get(other, "HostKeyAlias") for other in own.blocks if other != name]
    if not alias or alias in others or not folder.known_hosts.exists():
        return []
    before = folder.known_hosts.read_bytes()
    after = known_hosts.replaced(before.decode(errors="surrogateescape"), alias, ())
    return [Change(folder.known_hosts, before, after.encode(errors="surrogateescape") or None)]


@dataclass(frozen=True, slots=True)
class Shown:
    """What ssh will do with an entry's host, and what is wrong with it by now."""

    host: str
    configuration: HostConfiguration
    problems: list[str]
    keywords: list[str]
    """What the entry itself sets."""


def show(name: str, *, folder: SshFolder, account: Callable[[HostConfiguration], str] = lambda _: "") -> Shown:
    """The configuration of an entry's host as ssh sees it, or of any host; looks again at what may have aged.

    ``account`` says whose the sign-in is by now, for a host that is reached through the relay.
    """
    own = folder.entries()
    hosts = own.hosts(name)
    host = hosts[0] if hosts else name
    found = resolve(host)
    problems = []
    if hosts:
        if not folder.includes(folder.config.read_bytes() if folder.config.exists() else b""):
            problems.append(f"{folder.config} does not include {folder.own} before all else: add the entry again.")
        problems += _aged(found, named=bool(own.get(name, "IdentityFile")))
        made, now = own.account(name), account(found) if own.account(name) else ""
        if made and now and made != now:
            problems.append(f"Its user and key are those of {made}, and you are signed in as {now}: add the entry again.")
    return Shown(host, found, problems, own.keywords(name))


def _aged(found: HostConfiguration, *, named: bool) -> list[str]:
    """What has gone since an entry was written; ``named``: the key is one that the entry names, not each that ssh tries."""
    problems = []
    words = [word for word in _words(found.proxy_command) if word.startswith("/") and "=" not in word]
    if gone := next((word for word in words if not Path(word).exists()), ""):
        problems.append(f"Its ProxyCommand names {gone}, which is gone: add the entry again.")
    missing = [str(path) for path in found.identity_files if not path.exists()] if named else []
    if missing:
        problems.append(f"Its key {missing[0]} is gone.")
    if found.one("hostkeyalias").startswith(known_hosts.OWN) and not any(
        known_hosts.of(path.read_text(errors="replace"), found.known_as) for path in found.known_hosts_files if path.exists()
    ):
        problems.append("Its host key is not known: add the entry again.")
    return problems


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def diff(changes: Sequence[Change]) -> str:
    """Changes as a unified diff, files that come or go as /dev/null."""
    parts: list[str] = []
    for change in changes:
        old, new = (
            (data or b"").decode(errors="replace").splitlines(keepends=True) for data in (change.before, change.after)
        )
        left, right = ("/dev/null" if data is None else str(change.path) for data in (change.before, change.after))
        for line in difflib.unified_diff(old, new, left, right):
            parts.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(parts)


def _quoted(path: Path) -> str:
    """A path as a configuration takes it: tokens doubled, quoted where it has a blank."""
    text = str(path).replace("%", "%%")
    return f'"{text}"' if any(c in text for c in " \t#") else text


__all__ = ["Accept", "Prepared", "PrerequisiteError", "Shown", "diff", "prepare", "remove", "show"]
