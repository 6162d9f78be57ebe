"""What ssh makes of its configuration for one host: asked of ssh itself (``ssh -G``), never read here a second time.

Include, Match, ProxyJump, tokens and defaults have rules that no other program follows to the letter, and where one does
not, it is another host, key or user that is used. What ``-G`` leaves as it stands (``~`` and the tokens of keys and
commands) is expanded here, once, as ssh_config(5) says; the tokens of other files are expanded in what it prints.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import pwd
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.environment.paths import at_home
from core.errors import PrerequisiteError, UsageError

PATIENCE = 30.0
"""Seconds that ``ssh -G`` may take: it runs every ``Match exec`` of the configuration, and one may hang."""


class RefusedConfiguration(UsageError):
    """Raised when ssh refuses its configuration, with ssh's own line as the cause."""

    def __init__(
        self, host: str, line: str, *, hint: str = "Correct the file that the line names; ssh itself can't use it either."
    ) -> None:
        super().__init__(
            f"ssh refuses its configuration for {host}.",
            code="ssh-configuration",
            cause=line,
            hint=hint,
        )


@dataclass(frozen=True, slots=True)
class HostConfiguration:
    """One host as ssh sees it; ``values`` holds every keyword in small letters with its lines in order."""

    host: str
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def one(self, keyword: str, default: str = "") -> str:
        """The keyword's value as ``-G`` printed it (the first line); ``none`` stands for itself."""
        found = self.values.get(keyword.lower())
        return found[0] if found else default

    def many(self, keyword: str) -> tuple[str, ...]:
        """All lines of a keyword that may stand several times."""
        return self.values.get(keyword.lower(), ())

    def on(self, keyword: str) -> bool:
        """Whether a switch is on."""
        return self.one(keyword) in ("yes", "true")

    @property
    def hostname(self) -> str:
        return self.one("hostname", self.host)

    @property
    def port(self) -> int:
        return int(self.one("port", "22"))

    @property
    def user(self) -> str:
        return self.one("user") or getpass.getuser()

    @property
    def alias(self) -> str:
        """The name that HostKeyAlias gives the host's key; empty where it has none."""
        found = self.one("hostkeyalias")
        return "" if found == "none" else found

    @property
    def known_as(self) -> str:
        """The name under which the host's key is looked up: HostKeyAlias, else the host with its port as ssh writes it."""
        if self.alias:
            return self.alias
        return self.hostname if self.port == 22 else f"[{self.hostname}]:{self.port}"

    @property
    def known_hosts_files(self) -> tuple[Path, ...]:
        """The files of known hosts, the user's first; an empty tuple where all of them are ``none``."""
        names = [*_files(self.one("userknownhostsfile")), *_files(self.one("globalknownhostsfile"))]
        return tuple(_at_home(name) for name in names if name not in ("none", os.devnull))

    @property
    def identity_files(self) -> tuple[Path, ...]:
        """The private keys that ssh would try, whether they are there or not."""
        return tuple(self.path(name) for name in self.many("identityfile") if name != "none")

    @property
    def certificate_files(self) -> tuple[Path, ...]:
        return tuple(self.path(name) for name in self.many("certificatefile") if name != "none")

    @property
    def identity_agent(self) -> str:
        """The agent's socket; empty where none is to be asked."""
        named = self.one("identityagent")
        if named == "none":
            return ""
        if named in ("", "SSH_AUTH_SOCK"):
            return os.environ.get("SSH_AUTH_SOCK", "")
        if named.startswith("$"):
            return os.environ.get(named.strip("${}"), "")
        return str(_at_home(named))

    @property
    def proxy_command(self) -> str:
        """The command that ssh would run in place of a connection, its tokens expanded; empty: none."""
        command = self.one("proxycommand")
        return "" if command in ("", "none") else self.expanded(command)

    @property
    def proxy_jump(self) -> tuple[str, ...]:
        """The hosts that are jumped over, the first hop first."""
        hops = self.one("proxyjump")
        return () if hops in ("", "none") else tuple(hops.split(","))

    def path(self, text: str) -> Path:
        """A key that the configuration names: tokens, ``~`` and ``${VARIABLE}`` expanded."""
        return Path(self.expanded(_with_variables(str(_at_home(text)))))

    def expanded(self, text: str) -> str:
        """A text with ssh's tokens replaced; one that is unknown stays."""
        tokens = {
            "%": "%",
            "h": self.hostname,
            "n": self.host,
            "p": str(self.port),
            "r": self.user,
            "u": getpass.getuser(),
            "d": str(user_home()),
            "i": str(os.getuid()),
            "k": self.one("hostkeyalias") or self.host,
            "L": socket.gethostname().partition(".")[0],
            "l": socket.gethostname(),
        }
        parts, at = [], 0
        while (found := text.find("%", at)) != -1 and found + 1 < len(text):
            parts += [text[at:found], tokens.get(text[found + 1], text[found : found + 2])]
            at = found + 2
        return "".join(parts) + text[at:]


def hop(text: str) -> tuple[str, str, str]:
    """The user, the name and the port of a hop of a ProxyJump: ``[user@]host[:port]``, or the same behind ``ssh://``."""
    user, _, place = text.removeprefix("ssh://").rstrip("/").rpartition("@")
    name, _, port = place[1:].partition("]") if place.startswith("[") else place.partition(":")
    return user, name, port.lstrip(":")


def user_home() -> Path:
    """The user's home as ssh knows it: from the password database, whatever ``HOME`` says."""
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return Path.home()


def program() -> str:
    """The ssh program; raises `PrerequisiteError` where there is none."""
    found = shutil.which("ssh") or shutil.which("ssh", path="/usr/bin:/usr/local/bin")
    if found is None:
        raise PrerequisiteError(
            "There is no ssh on this machine.", code="no-ssh", hint="Install OpenSSH's client (openssh-client, or openssh)."
        )
    return found


def resolve(host: str, *, file: Path | None = None, options: Sequence[str] = ()) -> HostConfiguration:
    """What ssh would do with a host; raises `RefusedConfiguration` where it refuses.

    ``file`` is read instead of the user's and the machine's files (``-F``); ``options`` are ``Keyword=value`` that come
    first.
    """
    if not host or host.startswith("-") or any(c.isspace() for c in host):
        raise UsageError(f"{host!r} is no name of a host.", code="ssh-host")
    command = [program(), "-G"]
    command += ["-F", str(file)] if file is not None else []
    for option in options:
        command += ["-o", option]
    try:
        done = subprocess.run(
            [*command, "--", host], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise RefusedConfiguration(
            host, f"ssh -G did not end within {PATIENCE:.0f} seconds; a Match exec may hang"
        ) from error
    if done.returncode:
        raise RefusedConfiguration(host, last_line(done.stderr))
    return parse(host, done.stdout.decode(errors="surrogateescape"))


async def resolved(host: str, *, file: Path | None = None, options: Sequence[str] = ()) -> HostConfiguration:
    """`resolve` beside other work."""
    return await asyncio.to_thread(resolve, host, file=file, options=options)


def parse(host: str, printed: str) -> HostConfiguration:
    """The configuration that ``ssh -G`` printed."""
    values: dict[str, list[str]] = {}
    for line in printed.splitlines():
        keyword, _, value = line.partition(" ")
        values.setdefault(keyword.lower(), []).append(value)
    return HostConfiguration(host, {keyword: tuple(lines) for keyword, lines in values.items()})


def last_line(errors: bytes) -> str:
    """What ssh said, in the line that says most: the first that names a file, else the last."""
    lines = [line.strip() for line in errors.decode(errors="replace").splitlines() if line.strip()]
    return next((line for line in lines if " line " in line), lines[-1] if lines else "")


def _files(line: str) -> list[str]:
    """The files in a line of several, which ``-G`` prints with blanks between them and without the quotes they had.

    A file begins with ``/`` or ``~``, so that a word which does not is taken to belong to the file before it. A path that is
    read wrongly names no file: then the host's key is not known, and no other file is believed.
    """
    return [found for found in re.split(r" (?=[/~$])", line) if found]


def _at_home(text: str) -> Path:
    """A file whose name may begin with ``~``."""
    if text == "~" or text.startswith("~/"):
        return Path(str(user_home()) + text[1:])
    return at_home(text)


def _with_variables(text: str) -> str:
    """``${NAME}`` replaced, where the variable is set; ssh itself refuses a file with one that is not."""
    for name, value in os.environ.items():
        text = text.replace(f"${{{name}}}", value)
    return text
