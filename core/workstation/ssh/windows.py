"""The other side of WSL: VS Code's Remote-SSH, as every ssh of Windows, reads Windows' folder and runs its programs.

So an entry stands there as well: its files under their Windows names, the way to the VM through ``wsl.exe`` and the program
in this distribution, by absolute paths, since cmd keeps single quotes and a program of Windows' has none of our PATH. The
key is copied, for ssh.exe reads none of this side's files.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from core.workstation.ssh.entry import Entry
from core.workstation.ssh.files import Change, SshFolder

DRIVE = Path("/mnt/c")
"""Where WSL shows Windows' first drive."""
WSL = r"C:\Windows\System32\wsl.exe"
KEY = "mlops-env"
_NOBODYS = ("All Users", "Default", "Default User", "Public", "WDAGUtilityAccount")
_FILES = ("identityfile", "certificatefile", "userknownhostsfile", "identityagent", "controlpath")
_OTHERWISE = ("proxyusefdpass", "proxycommand")


@dataclass(frozen=True, slots=True)
class Windows:
    """The user's side of Windows; ``user`` is the name of their folder there."""

    user: str
    distribution: str

    @classmethod
    def here(cls) -> Windows | None:
        """The other side, where this is WSL and it can be told whose it is; else None."""
        name = distribution()
        if not name:
            return None
        users = _users(DRIVE / "Users")
        mine = [each for each in users if each.lower() == os.environ.get("USER", "").lower()] or users
        return cls(mine[0], name) if len(mine) == 1 else None

    @property
    def folder(self) -> SshFolder:
        """Their ssh folder, as it is seen from here."""
        path = DRIVE / "Users" / self.user / ".ssh"
        return SshFolder(path, path / "config", seen_as=self._seen("")[:-1])

    def changes(self, entry: Entry, private: Path, known_hosts: bytes) -> list[Change]:
        """What an entry of this side's is on the other one."""
        folder, public = self.folder, private.with_name(f"{private.name}.pub")
        theirs = [
            (folder.path / KEY, private.read_bytes() if private.exists() else None),
            (folder.path / f"{KEY}.pub", public.read_bytes() if public.exists() else None),
            (folder.known_hosts, known_hosts),
        ]
        files = [Change(path, path.read_bytes() if path.exists() else None, after) for path, after in theirs if after]
        return [*files, *folder.adding(self.translated(entry))]

    def changes_of_a_host(self, entry: Entry) -> tuple[list[Change], list[str]]:
        """The same of an entry that is a user's own words, and what of it is left out there: files of this side's."""
        left_out = [key for key, _ in entry.settings if key.lower() in _FILES]
        return self.folder.adding(self.translated(entry, own=False)), left_out

    def removing(self, name: str) -> list[Change]:
        """What taking the entry back changes; with the last one the copy of the key goes."""
        folder = self.folder
        changes = folder.removing(name)
        if len(folder.entries().blocks) == 1:
            keys = [folder.path / KEY, folder.path / f"{KEY}.pub"]
            changes += [Change(path, path.read_bytes(), None) for path in keys if path.exists()]
        return changes

    def translated(self, entry: Entry, *, own: bool = True) -> Entry:
        """An entry as Windows' ssh reads it; ``own``: with the copies of the key and of the known hosts."""
        settings = [setting for setting in entry.settings if setting[0].lower() not in (*_FILES, *_OTHERWISE)]
        if own:
            settings += [("IdentityFile", self._seen(KEY)), ("UserKnownHostsFile", self._seen("mlops-env.known_hosts"))]
        if command := entry.get("ProxyCommand"):
            settings.append(("ProxyCommand", command if command == "none" else self._command(command)))
        return Entry(entry.name, entry.host, tuple(settings), entry.account)

    def _command(self, here: str) -> str:
        """A command line of this side's, for a program of Windows' to run: without a shell, quoted as Windows reads it."""
        words = [WSL, "-d", self.distribution, "--exec", *shlex.split(here)]
        return " ".join(f'"{word}"' if " " in word else word for word in words)

    def _seen(self, name: str) -> str:
        text = f"C:/Users/{self.user}/.ssh/{name}"
        return f'"{text}"' if " " in text and name else text


def distribution() -> str:
    """The name of this WSL distribution; empty where this is none."""
    return os.environ.get("WSL_DISTRO_NAME", "")


def _users(folder: Path) -> list[str]:
    try:
        return sorted(each.name for each in folder.iterdir() if each.is_dir() and each.name not in _NOBODYS)
    except OSError:
        return []
