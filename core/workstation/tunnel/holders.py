"""Who holds a port or a socket of this machine, so that a busy one is named with its process."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from pathlib import Path

from core.environment import sockets

LISTENING = "0A"
"""The state of a listening socket in ``/proc/net/tcp``."""


def of_port(port: int) -> str:
    """The process that listens on a TCP port here, as ``process PID (NAME)``; empty where it can't be told."""
    if not Path("/proc/net/tcp").exists():
        return _by_lsof(port)
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for row in Path(table).read_text().splitlines()[1:]:
                cells = row.split()
                if cells[3] == LISTENING and int(cells[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{cells[9]}]")
    for folder in Path("/proc").glob("[0-9]*/fd") if inodes else ():
        with contextlib.suppress(OSError):
            if any(str(link.readlink()) in inodes for link in folder.iterdir()):
                return _named(int(folder.parent.name))
    return ""


def of_socket(path: Path) -> str | None:
    """The process that listens on a socket's file; empty where it can't be told, None where nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(2.0)
        try:
            connection.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return None
        except OSError:
            return ""
        found = sockets.peer(connection)
    return _named(found.pid) if found is not None else ""


def _named(pid: int) -> str:
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return f"process {pid}"
    if "core.workstation.tunnel.process" in words:
        return f"process {pid} (the tunnel {words[words.index('core.workstation.tunnel.process') + 1]})"
    return f"process {pid} ({name})"


def _by_lsof(port: int) -> str:
    lsof = shutil.which("lsof")
    if lsof is None:
        return ""
    command = [lsof, "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fp"]
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
        for line in done.stdout.splitlines():
            if line.startswith("p"):
                return f"process {line[1:]}"
    return ""
