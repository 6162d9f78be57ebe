"""The user's ssh folder: one file of our own, and one ``Include`` of it as the first line of their configuration.

At the end of the configuration an Include would lose against every ``Host *`` before it, and inside the last block it does
nothing at all; hence the first line, which belongs to no block. Nothing else of the file is touched, so that removing the
line gives the bytes back. Every file is replaced whole, our own before the one that includes it: a crash at any moment
leaves a configuration that ssh reads as it did before, or as it should after.
"""

from __future__ import annotations

import contextlib
import fcntl
import fnmatch
import glob
import os
import re
import shlex
import stat
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.environment.files import write_atomically
from core.errors import UsageError
from core.workstation.ssh.configuration import RefusedConfiguration, resolve, user_home
from core.workstation.ssh.entry import Entry, OwnFile

BACKUP = "config.before-mlops-env"


@dataclass(frozen=True, slots=True)
class Change:
    """What a file holds and will hold; None: it is not there."""

    path: Path
    before: bytes | None
    after: bytes | None

    @property
    def real(self) -> bool:
        """Whether anything changes."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class SshFolder:
    """One user's ``~/.ssh``; ``config`` is the file that their ssh reads, which may be a link to elsewhere."""

    path: Path
    config: Path
    seen_as: str = ""
    """The folder's name for another system's ssh, which reads it under that; empty: ours does."""

    @classmethod
    def of_user(cls) -> SshFolder:
        """The folder of the user who runs this process, where ssh itself looks for it."""
        path = user_home() / ".ssh"
        return cls(path, path / "config")

    @property
    def own(self) -> Path:
        return self.path / "mlops-env.config"

    @property
    def known_hosts(self) -> Path:
        return self.path / "mlops-env.known_hosts"

    @property
    def include(self) -> bytes:
        """The line in the user's configuration; ``~`` would follow ``HOME`` here, where ssh finds the rest without it."""
        name = f"{self.seen_as}/{self.own.name}" if self.seen_as else glob.escape(str(self.own))
        return f'Include "{name}"\n'.encode() if " " in name else f"Include {name}\n".encode()

    def entries(self) -> OwnFile:
        """What stands in our own file."""
        return OwnFile.parse((_read(self.own) or b"").decode(errors="surrogateescape"))

    def adding(self, entry: Entry, others: Sequence[Change] = ()) -> list[Change]:
        """What adding an entry changes, tried with ssh itself; raises `RefusedConfiguration` where ssh would refuse.

        ``others`` are the changes of files beside them that include the entries too, and follow here.
        """
        if not self.seen_as:
            self.check(entry.host)
        own = self.entries()
        made = set(own.made)
        if not own.blocks:
            made = {what for what, path in (("config", self.config), ("folder", self.path)) if not path.exists()}
        made |= {"others"} if any(each.before is None for each in others) else set()
        after = OwnFile({**own.blocks, entry.name: entry.text()}, frozenset(made)).text()
        self._try(after, entry.host)
        return [_change(self.own, after.encode(errors="surrogateescape")), self.included(), *others]

    def check(self, host: str) -> None:
        """Has ssh read what is there; raises `RefusedConfiguration` where it would not.

        The user's own is read as ssh will read it: named by ``-F``, it may be anybody's to write.
        """
        if self.config == SshFolder.of_user().config:
            resolve(host)
        elif self.config.exists():
            resolve(host, file=self.config)

    def removing(self, name: str) -> list[Change]:
        """What removing an entry changes: with the last one the Include goes, and then the file."""
        own = self.entries()
        if name not in own.blocks:
            known = ", ".join(own.blocks) or "nothing"
            raise UsageError(
                f"mlops-env has no ssh entry for {name}.", code="no-ssh-entry", hint=f"It has entries for: {known}."
            )
        rest = OwnFile({key: block for key, block in own.blocks.items() if key != name}, own.made)
        text = rest.text().encode(errors="surrogateescape")
        changes = [] if rest.blocks else [self.without_include(made="config" in own.made)]
        return [*changes, Change(self.own, _read(self.own), text or None)]

    def apply(self, changes: list[Change]) -> None:
        """Makes the changes in their order; raises `UsageError` where a file can't be written."""
        for change in changes:
            if change.real:
                with self._explained(change.path):
                    self._write(change)

    def tidy(self, made: frozenset[str]) -> None:
        """Takes back a folder that was made for the entries, if nothing else is in it."""
        if "folder" in made:
            with contextlib.suppress(OSError):
                self.path.rmdir()

    @contextlib.contextmanager
    def locked(self, folder: Path) -> Iterator[None]:
        """Nobody else's mlops-env changes the files meanwhile; the lock lies in a folder of ours, not in the user's."""
        handle = os.open(folder / "ssh.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def includes(self, config: bytes) -> bool:
        """Whether a configuration begins with an Include of our file, ours or the user's own; before it only Includes."""
        for line in config.splitlines():
            text = line.decode(errors="surrogateescape").strip()
            if not text or text.startswith("#"):
                continue
            words = re.match(r"(?i)include(?:\s*=\s*|\s+)(.*)", text)
            if words is None:
                return False
            if any(self._covers(pattern) for pattern in _words(words[1])):
                return True
        return False

    def _covers(self, pattern: str) -> bool:
        if self.seen_as:
            words = pattern.replace("\\", "/").casefold()
            return words in (f"{where}{self.own.name}".casefold() for where in (f"{self.seen_as}/", "~/.ssh/", ""))
        if pattern.startswith("~/"):
            pattern = str(user_home()) + pattern[1:]
        elif not pattern.startswith("/"):
            pattern = str(user_home() / ".ssh" / pattern)
        own = os.path.realpath(self.own)
        if own == os.path.realpath(pattern):
            return True
        folder, name = os.path.split(pattern)
        return os.path.realpath(folder) == os.path.dirname(own) and fnmatch.fnmatchcase(self.own.name, name)

    def included(self) -> Change:
        """The configuration with the line that includes our file, if it is not there."""
        config = _read(self.config)
        return Change(self.config, config, config if self.includes(config or b"") else self.include + (config or b""))

    def without_include(self, *, made: bool) -> Change:
        """The configuration without that line; ``made``: it goes where nothing else is in it."""
        config = _read(self.config)
        if config is None:
            return Change(self.config, None, None)
        rest = re.sub(b"(?m)^" + re.escape(self.include[:-1]) + b"\r?(?:\n|\\Z)", b"", config, count=1)
        return Change(self.config, config, rest if rest or not made else None)

    def _write(self, change: Change) -> None:
        target = Path(os.path.realpath(change.path))
        if change.after is None:
            target.unlink(missing_ok=True)
            return
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o600
        if change.before is not None and change.path == self.config and not self._kept():
            write_atomically(self.path / BACKUP, change.before)
        if _read(change.path) != change.before:
            raise UsageError(
                f"{change.path} was changed by another program at this moment.", code="ssh-file", hint="Try again."
            )
        write_atomically(target, change.after, mode=mode)

    def _kept(self) -> bool:
        """Whether the backup is to stay as it is: it holds what was there before the first entry."""
        return bool(self.entries().blocks) and (self.path / BACKUP).exists() and self.includes(_read(self.config) or b"")

    @contextlib.contextmanager
    def _explained(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UsageError(
                f"{path} can't be written: {error.strerror}.",
                code="ssh-file",
                hint="Another program may keep that file (a dotfile manager, for one): add the entry there, as --dry-run "
                "shows it.",
            ) from error

    def _try(self, own: str, host: str) -> None:
        """Asks ssh about a host with the new file in force, from copies that nothing else reads."""
        with tempfile.TemporaryDirectory(prefix="mlops-env-") as folder:
            trial, copy = Path(folder) / "config", Path(folder) / self.own.name
            copy.write_bytes(own.encode(errors="surrogateescape"))
            users = b"" if self.seen_as else _read(self.config) or b""  # what another system's ssh would run is not run here
            trial.write_bytes(f"Include {copy}\n".encode() + users)
            try:
                resolve(host, file=trial)
            except RefusedConfiguration as error:
                line = error.cause.replace(str(copy), str(self.own)).replace(str(trial), str(self.config))
                raise RefusedConfiguration(host, line, hint="Nothing was written. Correct what --set says.") from None


def _change(path: Path, after: bytes) -> Change:
    return Change(path, _read(path), after)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.", code="ssh-file") from error


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return text.split()
