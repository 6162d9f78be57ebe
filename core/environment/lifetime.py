"""How long a run lives on this machine once its terminal is closed: the one place that knows, said before the start.

"Closing the terminal stops nothing" holds only where nothing else ends the user's processes: Cloud Shell's machine goes
with its last session, WSL with its last window, a login without linger may end everything at logout, and a container or
a CI job ends with its first process.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Lifetime:
    """``kind`` is ``cloud-shell wsl ci container login machine``; ``sentence`` says it; ``command`` makes it longer."""

    kind: str
    sentence: str
    command: str = ""


def lifetime() -> Lifetime:
    """What ends a run here, apart from its own end."""
    if cloud_shell():
        return Lifetime(
            "cloud-shell",
            "Cloud Shell's machine goes about 20 minutes after its last tab; keep this tab open until the run ends.",
        )
    if "microsoft" in _read("/proc/sys/kernel/osrelease").lower():
        return Lifetime("wsl", "WSL stops with its last window; keep one open until the run ends.")
    if os.environ.get("CI"):
        return Lifetime("ci", "This is a CI job: the run ends with it.")
    if container():
        return Lifetime("container", "This is a container: the run ends with it.")
    if sys.platform.startswith("linux") and _ends_at_logout():
        user = os.environ.get("USER", "")
        return Lifetime(
            "login",
            "This system may end your processes when you log out.",
            f"loginctl enable-linger {user}".strip(),
        )
    return Lifetime("machine", "The run goes on when this terminal closes, while the machine is on and awake.")


def awake(pid: int) -> list[str]:
    """The command that keeps this machine awake for as long as a process lives; empty where there is none."""
    if sys.platform == "darwin":
        return ["caffeinate", "-i", "-w", str(pid)] if shutil.which("caffeinate") else []
    systemd = Path("/run/systemd/system").is_dir() and shutil.which("systemd-inhibit")
    if not systemd or not shutil.which("tail"):
        return []
    why = ["--what=idle:sleep", "--who=mlops-env", "--why=a run goes on"]
    return ["systemd-inhibit", *why, "tail", f"--pid={pid}", "-f", "/dev/null"]


def cloud_shell() -> bool:
    """Whether this is Cloud Shell."""
    return os.environ.get("CLOUD_SHELL") == "true" or bool(os.environ.get("DEVSHELL_PROJECT_ID"))


def container() -> bool:
    """Whether this is a container, with a network of its own as a rule."""
    return Path("/.dockerenv").exists() or bool(os.environ.get("container"))  # noqa: SIM112 (systemd's own name for it)


def _ends_at_logout() -> bool:
    uid = os.getuid()
    if not Path("/run/systemd/system").is_dir() or uid == 0:
        return False
    user = os.environ.get("USER", "")
    return not (user and (Path("/var/lib/systemd/linger") / user).exists())


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
