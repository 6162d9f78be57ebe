"""A tunnel against ``ssh -NL`` on the same sshd, in turns: throughput, a long way, one byte, a thousand connections, memory.

Each row is a ratio of times, ours to ssh's. ssh is measured with its own default cipher and with AES-GCM; ours chooses for
itself. It needs an sshd, which only root can start.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from bench.measure import PROGRAM, Lacking, Row, in_turns, ratios, run
from bench.tunnel_load import PIECE, take

ROUNDS = 5
BULK, FAR_BULK, GIVEN = 256 << 20, 32 << 20, 10 << 30
GCM = "aes128-gcm@openssh.com"
MANY = 1000
ECHOES = 1000


class Bench:
    """An sshd, a server behind it, and tunnels to that."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-tunnel-", dir="/tmp")))
        self.port = self._sshd()
        self.served = self._child([sys.executable, "-P", "-m", "bench.tunnel_load", "serve"])

    def delayed(self, seconds: float) -> int:
        """A port that leads to sshd, with a way of ``seconds`` in between, there and back together."""
        command = [sys.executable, "-P", "-m", "bench.tunnel_load", "delay", str(self.port), str(seconds / 2)]
        return self._child(command)

    def ours(self, *, port: int = 0, options: tuple[str, ...] = (), engine: str = "") -> int:
        """The local port of a tunnel of ours."""
        home = self.folder / f"home{len(list(self.folder.iterdir()))}"
        home.mkdir()
        wanted = json.dumps([*self._options(port or self.port), *options])
        text = f'[tunnels.bench]\noptions = {wanted}\nforward = ["0={self.served}"]\n'
        (home / "tunnels.toml").write_text(text + (f'engine = "{engine}"\n' if engine else ""))
        variables = {"MLOPS_ENV_HOME": str(home)}
        up = json.loads(run([PROGRAM, "tunnel", "up", "bench", "--detach", "--output", "json"], variables=variables))
        self._stack.callback(run, [PROGRAM, "tunnel", "down", "bench"], variables=variables)
        self.pid = int(up["pid"])
        return int(up["forwards"][0]["local"])

    def theirs(self, *, port: int = 0, options: tuple[str, ...] = ()) -> int:
        """The local port of ``ssh -NL``."""
        local = _free_port()
        command = ["ssh", "-F", "none", "-N", "-L", f"127.0.0.1:{local}:localhost:{self.served}"]
        for option in [*options, *self._options(port or self.port), "BatchMode=yes"]:
            command += ["-o", option]
        child = subprocess.Popen([*command, "bench"], stdin=subprocess.DEVNULL)
        self._stack.callback(_end, child)
        _reached(local, child)
        return local

    def _options(self, port: int) -> list[str]:
        return [
            "HostName=127.0.0.1", f"Port={port}", "User=root", f"IdentityFile={self.folder}/key", "IdentitiesOnly=yes",
            "IdentityAgent=none", f"UserKnownHostsFile={self.folder}/known_hosts", "GlobalKnownHostsFile=/dev/null",
            "HostKeyAlias=bench",
        ]  # fmt: skip

    def _sshd(self) -> int:
        program = shutil.which("sshd", path="/usr/sbin:/usr/bin")
        if program is None or os.geteuid() != 0:
            raise Lacking("It needs root and an sshd: make system-deps.")
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        for name in ("host_key", "key"):
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)])
        words = (self.folder / "host_key.pub").read_text().split()
        (self.folder / "known_hosts").write_text(f"bench {words[0]} {words[1]}\n")
        port = _free_port()
        (self.folder / "sshd_config").write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {self.folder}/host_key\nPidFile none\nUsePAM no\n"
            f"StrictModes no\nAuthorizedKeysFile {self.folder}/key.pub\nMaxStartups 200:30:400\nPermitRootLogin yes\n"
        )
        child = subprocess.Popen([program, "-D", "-f", str(self.folder / "sshd_config")], stderr=subprocess.DEVNULL)
        self._daemon = child.pid
        self._stack.callback(_end, child)
        _reached(port, child)
        return port

    def end_connections(self) -> None:
        """Kills whatever serves a connection of sshd's now."""
        for task in Path(f"/proc/{self._daemon}/task").iterdir():
            for pid in (task / "children").read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)

    def idle(self) -> None:
        """Waits until no more connections with the server end; an ssh that was asked for a thousand forgets some."""
        before, same = -1, 0
        while same < 10:
            with socket.create_connection(("127.0.0.1", self.served)) as asking:
                asking.sendall(b"C")
                now = int.from_bytes(take(asking, 8), "big")
            before, same = now, same + 1 if now == before else 0
            time.sleep(0.01)

    def _child(self, command: list[str]) -> int:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self._stack.callback(_end, child)
        assert child.stdout is not None
        return int(child.stdout.readline())


@contextmanager
def bench() -> Iterator[Bench]:
    """A bench, and its end."""
    with ExitStack() as stack:
        yield Bench(stack)


def bulk(port: int, way: str, streams: int, size: int = BULK) -> None:
    """Sends (``up``) or fetches (``down``) so much over so many streams at once."""
    work = _up if way == "up" else _down
    failed: list[BaseException] = []

    def one() -> None:
        try:
            work(port, size // streams)
        except (OSError, EOFError, AssertionError) as error:
            failed.append(error)

    threads = [threading.Thread(target=one) for _ in range(streams)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise Lacking(f"A stream broke: {failed[0]!r}")


def _up(port: int, size: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"S")
        piece = memoryview(bytes(PIECE))
        left = size
        while left:
            connection.sendall(piece[: min(left, PIECE)])
            left -= min(left, PIECE)
        connection.shutdown(socket.SHUT_WR)
        assert int.from_bytes(take(connection, 8), "big") == size


def _down(port: int, size: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"D" + size.to_bytes(8, "big"))
        buffer, got = bytearray(PIECE), 0
        while count := connection.recv_into(buffer):
            got += count
        assert got == size


def echo(port: int, times_over: int = ECHOES) -> float:
    """The median time of one byte there and back, in seconds."""
    times = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(times_over):
            begin = time.perf_counter()
            connection.sendall(b"E")
            take(connection, 1)
            times.append(time.perf_counter() - begin)
    return statistics.median(times)


def many(port: int) -> float:
    """Seconds until a thousand connections, asked for at once, have each been answered."""
    open_now: set[socket.socket] = set()
    begin = time.perf_counter()
    with selectors.DefaultSelector() as ready:
        try:
            for _ in range(MANY):
                connection = socket.socket()
                open_now.add(connection)
                connection.setblocking(False)
                connection.connect_ex(("127.0.0.1", port))
                ready.register(connection, selectors.EVENT_WRITE)
            left = MANY
            while left:
                found = ready.select(60)
                if not found:
                    raise Lacking(f"{left} connections were not answered.")
                for key, _ in found:
                    connection = key.fileobj  # type: ignore[assignment]
                    if key.events == selectors.EVENT_WRITE:
                        connection.sendall(b"E")
                        ready.modify(connection, selectors.EVENT_READ)
                    else:
                        take(connection, 1)
                        ready.unregister(connection)
                        left -= 1
            return time.perf_counter() - begin
        finally:
            for each in open_now:
                each.close()


def throughput(way: str, streams: int, *, gcm: bool) -> Row:
    """Throughput against ssh, with its default cipher or AES-GCM."""
    with bench() as made:
        ours = made.ours()
        theirs = made.theirs(options=(f"Ciphers={GCM}",) if gcm else ())
        found = in_turns(lambda: bulk(ours, way, streams), lambda: bulk(theirs, way, streams), rounds=ROUNDS)
    against = f"ssh -NL, {GCM if gcm else 'default cipher'}"
    return Row.of(f"tunnel {way} x{streams}", found, goal=1 / 0.9 if gcm else 1 / 1.2, against=against)


def far() -> Row:
    """A download over a way of 50 ms."""
    with bench() as made:
        port = made.delayed(0.05)
        ours, theirs = made.ours(port=port), made.theirs(port=port)
        found = in_turns(lambda: bulk(ours, "down", 1, FAR_BULK), lambda: bulk(theirs, "down", 1, FAR_BULK), rounds=ROUNDS)
    return Row.of("tunnel down at 50 ms", found, goal=1 / 2.5, against="ssh -NL, default cipher")


def one_byte() -> Row:
    """One byte there and back."""
    with bench() as made:
        ours, theirs = made.ours(), made.theirs()
        found = ratios(partial(echo, ours), partial(echo, theirs), rounds=ROUNDS)
    return Row.of("tunnel one byte p50", found, goal=1.15, against="ssh -NL, default cipher")


def one_byte_by_proxy() -> Row:
    """One byte there and back, through a ProxyCommand that leaves the system's delay of small packets on."""
    relay = f"ProxyCommand={sys.executable} -P {Path(__file__).with_name('tunnel_proxy.py')} %h %p"
    with bench() as made:
        ours, theirs = made.ours(options=(relay,)), made.theirs(options=(relay,))
        found = ratios(partial(echo, ours), partial(echo, theirs), rounds=ROUNDS)
    return Row.of("tunnel one byte p50 by ProxyCommand", found, goal=1.3, against="ssh -NL by the same")


def thousand() -> Row:
    """A thousand connections at once."""
    with bench() as made:
        ours, theirs = made.ours(), made.theirs()

        def all_gone(port: int) -> float:
            """Measures, and waits for the end of it, which would take a part of what is measured next."""
            took = many(port)
            made.idle()
            return took

        found = ratios(partial(all_gone, ours), partial(all_gone, theirs), rounds=ROUNDS)
    return Row.of("tunnel 1000 connections", found, goal=0.1, against="ssh -NL")


def memory() -> Row:
    """Memory after 10 GiB both ways, in MB."""
    with bench() as made:
        port = made.ours()
        readings = []
        for _ in range(5):
            bulk(port, "up", 4, GIVEN // 10)
            bulk(port, "down", 4, GIVEN // 10)
            readings.append(_resident(made.pid))
    return Row.of("tunnel memory after 10 GiB", readings[-1:], goal=80.0, against="the issue's limit", unit="MB")


def _resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise Lacking(f"process {pid} has gone")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _reached(port: int, child: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if child.poll() is not None:
            raise Lacking(f"{child.args!r} ended with {child.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise Lacking("nothing listens")


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()


ROWS: dict[str, Callable[[], Row]] = {
    **{
        f"tunnel-{way}-{streams}{'-gcm' if gcm else ''}": partial(throughput, way, streams, gcm=gcm)
        for gcm in (False, True)
        for way in ("up", "down")
        for streams in (1, 8)
    },
    "tunnel-far": far,
    "tunnel-byte": one_byte,
    "tunnel-byte-proxy": one_byte_by_proxy,
    "tunnel-thousand": thousand,
    "tunnel-memory": memory,
}
"""Every row of the tunnel, by the name that ``python -P -m bench`` knows it by."""
