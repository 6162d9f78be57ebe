"""A real sshd of the tests' own, and servers behind it that echo, take, give, or answer as Docker does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from core.workstation.ssh.configuration import HostConfiguration, resolve


def missing() -> str:
    """Why no sshd can be started here, or nothing."""
    if shutil.which("sshd", path="/usr/sbin:/usr/bin") is None:
        return "make system-deps brings sshd"
    return "" if os.geteuid() == 0 else "only root can start this sshd"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """A running sshd, its keys, and an ssh configuration that leads to it."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] = field(repr=False)
    address: str = "127.0.0.1"
    prefix: tuple[str, ...] = ()
    user: str = "root"

    @property
    def config(self) -> Path:
        return self.folder / "ssh_config"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def options(self) -> list[str]:
        """What leads to it without a configuration file."""
        return [
            f"HostName={self.address}", f"Port={self.port}", f"User={self.user}", f"IdentityFile={self.folder}/key",
            "IdentitiesOnly=yes",
            f"UserKnownHostsFile={self.known_hosts}", "GlobalKnownHostsFile=/dev/null", "IdentityAgent=none",
        ]  # fmt: skip

    def host(self, *options: str) -> HostConfiguration:
        """The host as ssh resolves it."""
        return resolve("box", file=self.config, options=options)

    def children(self) -> list[int]:
        """The processes that serve connections now, those that hold the streams last."""
        found: list[int] = []
        todo = [self.process.pid]
        while todo:
            pid = todo.pop()
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    born = [int(word) for word in (task / "children").read_text().split()]
                    found += born
                    todo += born
        return [pid for pid in found if "sshd" in _name(pid)]

    def kill_children(self, number: int = signal.SIGKILL) -> None:
        """Ends, or stops, whatever serves a connection."""
        for pid in self.children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self) -> None:
        """Ends sshd and what it serves; `start` brings it back on the same port."""
        children = self.children()
        self.process.kill()
        self.process.wait()
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def start(self) -> None:
        self.process = _spawn(self.folder, self.prefix)
        _wait(self)

    def new_host_key(self) -> None:
        """Makes the host another one, as if it had been installed anew."""
        (self.folder / "host_key").unlink()
        _keygen(self.folder / "host_key")


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""


def _keygen(path: Path, *more: str) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path), *more], check=True)


def _spawn(folder: Path, prefix: tuple[str, ...]) -> subprocess.Popen[bytes]:
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (folder / "sshd.log").open("ab") as log:
        return subprocess.Popen(
            [*prefix, "/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")], stdout=log, stderr=log
        )


def _wait(server: Server) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        assert server.process.poll() is None, (server.folder / "sshd.log").read_text()
        with contextlib.suppress(OSError), socket.create_connection((server.address, server.port), timeout=1):
            return
        time.sleep(0.01)
    raise AssertionError("sshd does not listen")


@contextmanager
def temporary() -> Iterator[Path]:
    """A folder with a short path, since a socket's ends at 104 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="sshd-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(
    address: str = "127.0.0.1", port: int = 0, prefix: tuple[str, ...] = (), *, user: str = "root", more: str = ""
) -> Iterator[Server]:
    """An sshd with a key of its own, and a user's key that it accepts; ``more`` are lines of its configuration."""
    with temporary() as folder:
        server = _made(folder, address, port or free_port(), prefix, user, more)
        try:
            _wait(server)
            yield server
        finally:
            server.stop()


def _made(folder: Path, address: str, port: int, prefix: tuple[str, ...], user: str, more: str) -> Server:
    _keygen(folder / "host_key")
    _keygen(folder / "key")
    shutil.copy(folder / "key.pub", folder / "authorized_keys")
    words = (folder / "host_key.pub").read_text().split()
    (folder / "known_hosts").write_text(f"[{address}]:{port} {words[0]} {words[1]}\n")
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress {address}\nHostKey {folder}/host_key\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nAllowStreamLocalForwarding yes\nMaxStartups 200:30:400\n"
        "PermitRootLogin yes\nPasswordAuthentication no\nLogLevel ERROR\nUseDNS no\n" + more
    )
    server = Server(folder, port, _spawn(folder, prefix), address, prefix, user)
    (folder / "ssh_config").write_text("Host box\n" + "".join(f"  {o.replace('=', ' ', 1)}\n" for o in server.options))
    return server


class Network:
    """A network of the tests' own, with one machine in it; ``drop`` has it lose every packet to sshd, ``heal`` ends that."""

    def __init__(self) -> None:
        number = os.getpid()
        self.name, subnet = f"mlt{number}", f"10.213.{number % 250}"
        self.here, self.there = f"{subnet}.1", f"{subnet}.2"
        self.inside = ("ip", "netns", "exec", self.name)

    def __enter__(self) -> Network:
        try:
            for words in (
                f"netns add {self.name}",
                f"link add {self.name}a type veth peer name {self.name}b netns {self.name}",
                f"addr add {self.here}/30 dev {self.name}a",
                f"link set {self.name}a up",
                f"-n {self.name} addr add {self.there}/30 dev {self.name}b",
                f"-n {self.name} link set {self.name}b up",
                f"-n {self.name} link set lo up",
            ):
                subprocess.run(["ip", *words.split()], check=True, capture_output=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["ip", "link", "delete", f"{self.name}a"], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "delete", self.name], check=False, capture_output=True)

    def drop(self) -> None:
        subprocess.run([*self.inside, "iptables", "-A", "INPUT", "-p", "tcp", "-j", "DROP"], check=True)

    def heal(self) -> None:
        subprocess.run([*self.inside, "iptables", "-F", "INPUT"], check=True)


class Echo:
    """A server on a port or a socket of the host's; what it is told first decides what it does.

    ``E`` echoes, ``S`` takes everything and says how much it was, ``D`` and eight bytes gives as much.
    """

    def __init__(self) -> None:
        self.server: asyncio.Server | None = None
        self.port = 0
        self.served = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, path: str = "") -> None:
        if path:
            self.server = await asyncio.start_unix_server(self._accept, path=path, backlog=4096)
        else:
            self.server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=4096)
            self.port = self.server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self.server is not None:
            self.server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.served += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            match await reader.readexactly(1):
                case b"S":
                    total = 0
                    while data := await reader.read(1 << 18):
                        total += len(data)
                    writer.write(total.to_bytes(8, "big"))
                case b"D":
                    left = int.from_bytes(await reader.readexactly(8), "big")
                    while left:
                        piece = min(left, 1 << 18)
                        writer.write(b"x" * piece)
                        await writer.drain()
                        left -= piece
                    writer.write_eof()
                    await reader.read()
                case first:
                    writer.write(first)
                    while data := await reader.read(1 << 18):
                        writer.write(data)
                        await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()
