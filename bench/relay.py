"""ssh through the stand-in relay: with our ProxyCommand, against ssh with gcloud's, on the same sshd, in turns.

gcloud gets NumPy, without which it masks its frames byte by byte, and a time limit: a run that hangs is counted apart, and
its round is measured anew. Each row is a ratio of times, ours to theirs, of which connecting is no part but in its own row.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.measure import PROGRAM, Lacking, Row, ratios, run
from bench.measure import seconds as timed
from bench.tunnel import Bench, _free_port, _reached, bulk, echo
from core.workstation.tunnel.running import STEADY

BULK, ECHOES, ROUNDS = 64 << 20, 300, 5
LIMIT = 60.0
"""Seconds after which a run of gcloud's counts as hung."""
ZONE, VM, PROJECT = "us-central1-a", "bench", "bench-project"
CLIENT = "with gcloud compute start-iap-tunnel and NumPy, through the stand-in relay"
AGAINST, TUNNEL_AGAINST = f"ssh {CLIENT}", f"ssh -NL {CLIENT}"
_CLOUD = """
import sys
from pathlib import Path
from core.environment import Environment, Home, processes
home, project = Home.find(), sys.argv[2]
place = home.ensure("rehearsals", "bench")
Environment.new(home, "bench", cloud="rehearsal", given={"project_id": project}).save()
arguments = [sys.argv[1], "bench", "--project", project]
processes.start("bench.relay_cloud", arguments, log=place / "log", folder=Path.cwd(), document={})
"""


class Hung(Exception):
    """Raised when a run of gcloud's does not end."""


class Ways:
    """The two ProxyCommands to one sshd; ``hangs`` counts gcloud's."""

    def __init__(self, stack: ExitStack) -> None:
        if shutil.which("gcloud") is None:
            raise Lacking("It needs gcloud.")
        self.machine, self.hangs = Bench(stack), 0
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-relay-", dir="/tmp")))
        variables = {"MLOPS_ENV_HOME": str(folder / "home")}
        run([sys.executable, "-P", "-c", _CLOUD, str(self.machine.port), PROJECT], variables=variables)
        stack.callback(run, [PROGRAM, "rehearsal", "stop", "bench"], variables=variables)
        shell = json.loads(run([PROGRAM, "rehearsal", "env", "bench", "--output", "json"], variables=variables))
        cloud = json.loads((folder / "home" / "rehearsals" / "bench" / "endpoints.json").read_text())
        run([sys.executable, "-P", "-m", "pip", "install", "-q", "--target", str(folder / "numpy"), "numpy"])
        gcloud = {
            **shell, "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE": cloud["ca_file"], "CLOUDSDK_PYTHON": sys.executable,
            "CLOUDSDK_PYTHON_SITEPACKAGES": "1", "PYTHONPATH": str(folder / "numpy"),
        }  # fmt: skip
        where = f"--project {PROJECT} --zone {ZONE}"
        self._ours = (f"{PROGRAM} ssh iap-proxy {VM} 22 {where}", variables)
        self._theirs = (
            f"gcloud compute start-iap-tunnel {VM} 22 --listen-on-stdin {where} --verbosity=error "
            f"--iap-tunnel-url-override={cloud['relay']}",
            gcloud,
        )

    def ours(self, command: str, work: Work) -> tuple[float, float]:
        """Seconds until a command runs through our relay client, and seconds that ``work`` then takes."""
        return self._ssh(*self._ours, command, work)

    def theirs(self, command: str, work: Work) -> tuple[float, float]:
        """The same through gcloud's; a run that hangs is counted, and done again."""
        for _ in range(5):
            try:
                return self._ssh(*self._theirs, command, work)
            except Hung:
                self.hangs += 1
        raise Lacking("gcloud hung five times in a row.")

    def hung(self) -> str:
        """What is to be said of runs that hung."""
        return f"; {self.hangs} of its runs hung" if self.hangs else ""

    def _ssh(self, proxy: str, variables: dict[str, str], command: str, work: Work) -> tuple[float, float]:
        words = ["ssh", "-F", "none"]
        for option in [*self._options(), f"ProxyCommand={proxy}"]:
            words += ["-o", option]
        environment = {**os.environ, **variables}
        begin = time.perf_counter()
        words += ["bench", f"echo; {command}"]
        child = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=environment, start_new_session=True
        )
        limit = threading.Timer(LIMIT, child.kill)
        limit.start()
        try:
            assert child.stdout is not None
            if child.stdout.read(1) != b"\n":
                raise Hung
            ready = time.perf_counter()
            work(child)
            child.wait()
            if child.returncode:
                raise Hung
            return ready - begin, time.perf_counter() - ready
        except OSError as error:
            raise Hung from error
        finally:
            limit.cancel()
            _gone(child)

    def _options(self) -> list[str]:
        folder = self.machine.folder
        return [
            "HostName=bench", "User=root", f"IdentityFile={folder}/key", "IdentitiesOnly=yes", "IdentityAgent=none",
            f"UserKnownHostsFile={folder}/known_hosts", "GlobalKnownHostsFile=/dev/null", "HostKeyAlias=bench",
            "ProxyUseFdpass=no", "BatchMode=yes",
        ]  # fmt: skip


def _gone(child: subprocess.Popen[bytes]) -> None:
    """Ends an ssh and the client behind its ProxyCommand, whose own end would take a part of what is measured next."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    until = time.monotonic() + 1  # one that nobody reaps stays in the group
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < until:
            os.killpg(child.pid, 0)
            time.sleep(0.005)


Work = Callable[["subprocess.Popen[bytes]"], None]


def _nothing(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    child.stdin.close()


def _give(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    piece = memoryview(bytes(1 << 20))
    for _ in range(BULK >> 20):
        at = 0
        while at < len(piece):
            at += child.stdin.write(piece[at:]) or 0
    child.stdin.close()


def _fetch(child: subprocess.Popen[bytes]) -> None:
    assert child.stdout is not None
    while child.stdout.read(1 << 20):
        pass


def _echo(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    for _ in range(ECHOES):
        child.stdin.write(b"x")
        if child.stdout.read(1) != b"x":
            raise Hung
    child.stdin.close()


@contextmanager
def _ways() -> Iterator[Ways]:
    with ExitStack() as stack:
        yield Ways(stack)


def _row(name: str, command: str, work: Work, *, goal: float, part: int = 1) -> Callable[[], Row]:
    def measure() -> Row:
        with _ways() as ways:
            found = ratios(lambda: ways.ours(command, work)[part], lambda: ways.theirs(command, work)[part], rounds=ROUNDS)
            return Row.of(name, found, goal=goal, against=AGAINST + ways.hung())

    return measure


class Tunnels:
    """A tunnel of ours through the relay, and ``ssh -NL`` through gcloud's client, both to the same server."""

    def __init__(self, stack: ExitStack, ways: Ways) -> None:
        self.ways, self._stack = ways, stack
        proxy, variables = ways._ours
        home = Path(variables["MLOPS_ENV_HOME"])
        options = [*ways._options(), f"ProxyCommand={proxy}"]
        text = f'[tunnels.bench]\noptions = {json.dumps(options)}\nforward = ["0={ways.machine.served}"]\n'
        (home / "tunnels.toml").write_text(text)
        up = json.loads(run([PROGRAM, "tunnel", "up", "bench", "--detach", "--output", "json"], variables=variables))
        stack.callback(run, [PROGRAM, "tunnel", "down", "bench"], variables=variables)
        self.ours = int(up["forwards"][0]["local"])

    @contextmanager
    def port(self) -> Iterator[int]:
        """A port of a new ``ssh -NL`` by gcloud's client, which is killed where it hangs."""
        proxy, variables = self.ways._theirs
        local = _free_port()
        words = ["ssh", "-F", "none", "-N", "-L", f"127.0.0.1:{local}:localhost:{self.ways.machine.served}"]
        for option in [*self.ways._options(), f"ProxyCommand={proxy}"]:
            words += ["-o", option]
        environment = {**os.environ, **variables}
        child = subprocess.Popen([*words, "bench"], stdin=subprocess.DEVNULL, env=environment, start_new_session=True)
        limit = threading.Timer(LIMIT, child.kill)
        limit.start()
        try:
            _reached(local, child)
            yield local
        finally:
            limit.cancel()
            _gone(child)

    def theirs(self, work: Callable[[int], float]) -> float:
        """What ``work`` measures through gcloud's client; a run that hangs is counted, and done again."""
        for _ in range(5):
            try:
                with self.port() as port:
                    return work(port)
            except (OSError, EOFError, Lacking):
                self.ways.hangs += 1
        raise Lacking("gcloud hung five times in a row.")

    def lost(self) -> None:
        """Ends what serves the connections now, as a VM does that starts anew."""
        self.ways.machine.end_connections()


def _tunnelled(name: str, work: Callable[[int], float], *, goal: float) -> Callable[[], Row]:
    """A row of the tunnel itself, which has the relay's client in its own process."""

    def measure() -> Row:
        with _ways() as ways, ExitStack() as stack:
            made = Tunnels(stack, ways)
            found = ratios(lambda: work(made.ours), lambda: made.theirs(work), rounds=ROUNDS)
            return Row.of(name, found, goal=goal, against=TUNNEL_AGAINST + ways.hung())

    return measure


def _bulk(way: str) -> Callable[[int], float]:
    return lambda port: timed(lambda: bulk(port, way, 1, BULK))


def _echoed(port: int) -> float:
    return echo(port, ECHOES)


def _again() -> Row:
    """A tunnel that lost its connection serves again, against a new ssh until it serves."""
    with _ways() as ways, ExitStack() as stack:
        made, found = Tunnels(stack, ways), []
        for _ in range(ROUNDS + 1):
            time.sleep(STEADY + 0.5)  # until then a loss is taken for one of a row, and waited after
            made.lost()
            mine = timed(lambda: echo(made.ours, 1))
            begin = time.perf_counter()
            with made.port() as theirs:
                echo(theirs, 1)
                found.append(mine / (time.perf_counter() - begin))
        return Row.of("relay: a tunnel connects again", found[1:], goal=0.2, against=TUNNEL_AGAINST)


ROWS: dict[str, Callable[[], Row]] = {
    "relay-tunnel-up": _tunnelled("relay: 64 MiB up through a tunnel", _bulk("up"), goal=0.5),
    "relay-tunnel-down": _tunnelled("relay: 64 MiB down through a tunnel", _bulk("down"), goal=0.5),
    "relay-tunnel-echo": _tunnelled("relay: round trip of one byte through a tunnel", _echoed, goal=0.5),
    "relay-tunnel-again": _again,
    "relay-connect": _row("relay: connect", "cat", _nothing, goal=0.2, part=0),
    "relay-up": _row("relay: 64 MiB up", "cat > /dev/null", _give, goal=0.5),
    "relay-down": _row("relay: 64 MiB down", f"head -c {BULK} /dev/zero", _fetch, goal=0.5),
    "relay-echo": _row("relay: round trip of one byte", "cat", _echo, goal=0.5),
}
