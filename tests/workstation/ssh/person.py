"""A person with a home folder of the test's own, for programs that ask the password database for it, as ssh does."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


class Person:
    """Runs programs in a mount namespace whose password database names another home."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "person"
        self.home.mkdir(mode=0o700)
        self.ssh_folder = self.home / ".ssh"
        self._passwd = folder / "passwd"
        self._passwd.write_text(_with_home(self.home))
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),  # not the home of the password database, as under sudo
            "MLOPS_ENV_HOME": os.environ["MLOPS_ENV_HOME"],
            "PYTHONPATH": str(ROOT),
        }

    def config(self, text: str | bytes) -> Path:
        """Writes the person's ``~/.ssh/config``."""
        self.ssh_folder.mkdir(mode=0o700, exist_ok=True)
        path = self.ssh_folder / "config"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(0o600)
        return path

    def run(self, *command: str, input: bytes = b"", bare: bool = False) -> subprocess.CompletedProcess[bytes]:
        """Runs a command as the person; ``bare``: with nothing at all in its environment."""
        script = 'mount --bind "$0" /etc/passwd && exec "$@"'
        wrapped = ["unshare", "-m", "sh", "-c", script, str(self._passwd), *(["env", "-i"] if bare else []), *command]
        return subprocess.run(wrapped, input=input, capture_output=True, timeout=110, check=False, env=self.environment)

    def mlops(self, *arguments: str, code: int = 0) -> str:
        """Runs mlops-env; returns what it printed (what it said, where it is to fail)."""
        done = self.run(sys.executable, "-P", "-m", "core.cli", *arguments)
        assert done.returncode == code, done.stderr.decode()
        return (done.stderr if code else done.stdout).decode()


@cache
def missing() -> str:
    """Why no person can be had here; empty where one can."""
    if sys.platform != "linux":
        return "only Linux has mount namespaces"
    done = subprocess.run(
        ["unshare", "-m", "mount", "--bind", "/etc/passwd", "/etc/passwd"], capture_output=True, check=False
    )
    return "mount namespaces need root" if done.returncode else ""


def _with_home(home: Path) -> str:
    lines = []
    for line in Path("/etc/passwd").read_text().splitlines():
        fields = line.split(":")
        if fields[2] == str(os.getuid()) and fields[0] == pwd.getpwuid(os.getuid()).pw_name:
            fields[5] = str(home)
        lines.append(":".join(fields))
    return "\n".join(lines) + "\n"
