"""A real Docker engine of the tests' own: sockets, images and containers in a folder that goes with it.

It needs root, Debian's docker.io, a docker client and a static busybox, from which its one image is made: no registry is
asked. It has no bridge and sets no rules of the firewall, so that the machine's network stays as it is; a container sees
loopback alone.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

IMAGE = "localhost/busybox:1"
"""An image with a shell and the usual small programs, and users ``root`` and ``dev``."""

_ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\ndev:x:1000:1000:dev:/home/dev:/bin/sh\n",
    "etc/group": "root:x:0:\ndev:x:1000:\n",
}


def missing() -> str:
    """Why no engine can be started here, or nothing."""
    if os.geteuid() != 0:
        return "only root can start a Docker engine"
    lacking = [program for program in ("dockerd", "docker", "iptables") if shutil.which(program) is None]
    if not Path("/bin/busybox").exists():
        lacking.append("a static busybox")
    return f"make system-deps brings {', '.join(lacking)}" if lacking else ""


@dataclass
class Engine:
    """A running engine, and the client that talks to it with a configuration of its own."""

    folder: Path
    socket: Path
    process: subprocess.Popen[bytes]

    @property
    def host(self) -> str:
        return f"unix://{self.socket}"

    @property
    def variables(self) -> dict[str, str]:
        """The environment for programs that are to use this engine and no configuration of the machine's."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
        return {**kept, "DOCKER_CONFIG": str(self.folder / "client"), "DOCKER_BUILDKIT": "0"}

    def docker(self, *arguments: str, host: str = "", input: bytes | None = None) -> str:
        """What a docker command printed; ``host`` goes there by another way, such as a tunnel."""
        done = subprocess.run(
            ["docker", "--host", host or self.host, *arguments],
            input=input, capture_output=True, timeout=60, check=False, env=self.variables,
        )  # fmt: skip
        assert done.returncode == 0, f"docker {arguments}: {done.stderr.decode()}"
        return done.stdout.decode()


def _root_file_system() -> bytes:
    """The image's files as a tar archive: busybox under each of its names."""
    names = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    made = BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for folder in ("bin", "etc", "tmp", "root", "home", "home/dev", "proc", "sys", "dev", "usr", "usr/bin"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            entry.uid = entry.gid = 1000 if folder == "home/dev" else 0
            archive.addfile(entry)
        archive.add("/bin/busybox", "bin/busybox")
        for name in names:
            if name != "busybox":
                entry = tarfile.TarInfo(f"bin/{name}")
                entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
                archive.addfile(entry)
        for name, text in _ACCOUNTS.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o644
            archive.addfile(entry, BytesIO(text.encode()))
    return made.getvalue()


@contextmanager
def running() -> Iterator[Engine]:
    """An engine with its image; everything of it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="dk-", dir="/tmp"))  # short: a socket's path ends at 104 bytes
    configuration = {
        "bridge": "none",
        "data-root": str(folder / "data"),
        "exec-root": str(folder / "exec"),
        "hosts": [f"unix://{folder}/docker.sock"],
        "ip6tables": False,
        "iptables": False,
        "pidfile": str(folder / "pid"),
        "storage-driver": "overlay2",
    }
    (folder / "daemon.json").write_text(json.dumps(configuration))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["dockerd", f"--config-file={folder}/daemon.json"], stdout=log, stderr=log)
    engine = Engine(folder=folder, socket=folder / "docker.sock", process=process)
    try:
        _wait(engine)
        engine.docker("import", "--change", 'CMD ["/bin/sh"]', "-", IMAGE, input=_root_file_system())
        yield engine
    finally:
        _end(engine)


def _wait(engine: Engine) -> None:
    """Waits until the engine answers, or says why it never will."""
    until = time.monotonic() + 60
    answer = ["docker", "--host", engine.host, "version", "--format", "{{.Server.Version}}"]
    while subprocess.run(answer, capture_output=True, check=False, env=engine.variables).returncode != 0:
        if engine.process.poll() is not None or time.monotonic() > until:
            raise AssertionError("dockerd did not start:\n" + (engine.folder / "log").read_text()[-3000:])
        time.sleep(0.05)


def _end(engine: Engine) -> None:
    if engine.process.poll() is None:
        running = engine.docker("ps", "--all", "--quiet").split()
        if running:
            engine.docker("rm", "--force", *running)
        engine.process.terminate()
        engine.process.wait(60)
    shutil.rmtree(engine.folder, ignore_errors=True)
