"""The second engine: a child that is OpenSSH's own client, for whatever this process can't honour of a configuration.

It is a ControlMaster on a socket of its own. Its forwards are asked for one by one (``-O forward``) and end in sockets of a
private folder; the listeners in front of them are the same as every engine's. What the user's configuration would add to
an ordinary login (forwards, commands, agent, X11) is switched off.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from core.environment.home import socket_folder
from core.errors import MlopsError, PersonNeeded
from core.run.clock import Clock
from core.workstation.ssh.configuration import HostConfiguration, hop, program, resolve
from core.workstation.tunnel import asking
from core.workstation.tunnel.children import ENDING, Heard, refused, stop, with_us
from core.workstation.tunnel.ciphers import gcm_first
from core.workstation.tunnel.definition import End
from core.workstation.tunnel.engine import NotForwarded, SignInRefused, Told, Unreachable
from core.workstation.tunnel.hostkeys import host_key_refused
from core.workstation.tunnel.mux import Mux
from core.workstation.tunnel.streams import Far

KEEPALIVE, KEEPALIVES = 3, 3
"""Seconds of silence before the host is asked whether it is there, and unanswered questions that end a connection."""
GREETING = 60.0
"""Seconds for the whole of the sign-in; where a person is asked, as long as `ASKED`."""
ASKED = 600.0
PROOF = 4.0
_UP = "mlops-env-is-up"
_FULL = 0.005
"""Seconds until ssh has taken some of the connections that wait at its socket, which holds 128."""
_CONTROL = ("-F", "none", "-o", "ProxyCommand=false", "-o", "LogLevel=ERROR")
"""How the master is spoken to, and never gone around, were its socket gone."""
SESSIONS = 8
"""Commands on one connection, of which sshd runs ten by itself, looks at the host among them."""
_REFUSAL = re.compile(rb"(?m)^channel \d+: (open failed: .*?)\r?\n")
"""What ssh says of a stream that the host did not open."""
_SWITCHED_OFF = (
    "ClearAllForwardings=yes", "RemoteCommand=none", "ForwardAgent=no", "ForwardX11=no", "Tunnel=no", "RequestTTY=no",
    "ControlPersist=no", "ForkAfterAuthentication=no", "StdinNull=no", "UpdateHostKeys=no",
)  # fmt: skip


class OpensshEngine:
    """Connects to one host by ``ssh``; ``ask`` lets it ask a person on the terminal."""

    name = "openssh"

    def __init__(
        self,
        host: HostConfiguration,
        *,
        clock: Clock,
        file: Path | None = None,
        options: Sequence[str] = (),
        ask: bool = False,
        desk: asking.At | None = None,
        why: str = "",
    ) -> None:
        self.why = why
        self._host, self._clock, self._terminal, self._desk = host, clock, ask, desk
        self._file, self._source = file, ["-F", str(file)] if file is not None else []
        self._options = list(options)

    @property
    def _ask(self) -> bool:
        """Whether somebody is there to ask: on the terminal, or at the desk while the tunnel is being opened."""
        return self._terminal or (self._desk is not None and self._desk.open)

    async def connect(self) -> OpensshLink:
        """A new connection, signed in."""
        folder = _Folder()
        async with Heard() as printed, Heard() as errors:
            process = await asyncio.create_subprocess_exec(
                *self._command(folder.path),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=printed.end,
                stderr=errors.end,
                env=self._desk.variables() if self._desk is not None and self._desk.open else None,
            )
        link = OpensshLink(self._host, process, folder, self._clock, (printed, errors), self._alone)
        try:
            async with self._clock.deadline(ASKED if self._ask else GREETING):
                up = await printed.until(_UP.encode())
            if up:
                errors.text.clear()  # a host's words of welcome are no reason of its end
                await link.greet()
                return link
            await process.wait()
            raise await asyncio.to_thread(self._meaning, await link.said())
        except TimeoutError as error:
            await link.close()
            raise Unreachable(
                f"{self._host.hostname} did not answer within {GREETING:.0f} s.", code="unreachable"
            ) from error
        except BaseException:
            await link.close()
            raise

    def _command(self, folder: Path) -> list[str]:
        own = ["PermitLocalCommand=yes", f"LocalCommand=echo {_UP}", "StreamLocalBindUnlink=yes", "SessionType=none",
               f"BatchMode={'no' if self._ask else 'yes'}", "LogLevel=INFO"]  # fmt: skip
        return [*with_us(), program(), *self._source, "-M", "-S", str(folder / "c"), "-N", "-T", *self._with(own)]

    @property
    def _alone(self) -> list[str]:
        """The beginning of a command line for one command there, on a connection of its own."""
        own = ["PermitLocalCommand=no", "ControlPath=none", "ControlMaster=no", "BatchMode=yes", "LogLevel=ERROR"]
        return [*with_us(), program(), *self._source, "-T", *self._with(own)]

    def _with(self, own: Sequence[str]) -> list[str]:
        """The options of every connection, and the host."""
        host = self._host
        options = [*_SWITCHED_OFF, *own, f"Ciphers={','.join(gcm_first(host))}"]
        if host.one("serveraliveinterval", "0") == "0":
            options += [f"ServerAliveInterval={KEEPALIVE}", f"ServerAliveCountMax={KEEPALIVES}"]
        if host.one("connecttimeout", "none") in ("none", "0"):
            options.append("ConnectTimeout=20")
        words = [word for option in [*options, *self._options] for word in ("-o", option)]
        return [*words, "--", host.host]

    def _meaning(self, said: str) -> MlopsError:
        host = self._host
        last = said.splitlines()[-1] if said else "ssh ended without a word"
        if "IDENTIFICATION HAS CHANGED" in said:
            return host_key_refused(host, changed=True)
        if "Host key verification failed" in said:
            return host_key_refused(host, changed=False)
        if line := refused(said):
            last = line  # an ssh on the way there says it before the one that then finds nobody
            if not self._ask and (reason := self._person_needed(last)):
                return PersonNeeded(
                    "sign-in",
                    reason,
                    cause=last,
                    hint="Open the tunnel again, on a terminal or in the app: ssh asks you there.",
                )
            return SignInRefused(
                f"{host.hostname} does not accept {host.user}.",
                code="sign-in-refused",
                cause=last,
                hint=f"Try: ssh {host.host}",
            )
        return Unreachable(f"{host.hostname} (port {host.port}) can't be reached.", code="unreachable", cause=last)

    def _person_needed(self, last: str) -> str:
        """What only a person could have answered, where nobody was there to ask; empty where it would not have helped."""
        host = self._host
        if "publickey" not in last and "keyboard-interactive" in last:
            return f"{host.hostname} asks {host.user} a question."
        if "publickey" not in last:
            return ""
        from core.workstation.tunnel.identities import locked

        files = [file for each in (host, *self._hops()) for file in locked(each)]
        return f"The key {files[0]} needs its passphrase." if files else ""

    def _hops(self) -> Iterator[HostConfiguration]:
        """The hosts that are jumped over, as ssh sees them."""
        for text in self._host.proxy_jump:
            user, name, port = hop(text)
            given = {"User": user, "Port": port}
            with contextlib.suppress(MlopsError):
                yield resolve(name, file=self._file, options=[f"{key}={value}" for key, value in given.items() if value])


class OpensshLink:
    """One connection by ``ssh``."""

    def __init__(
        self,
        host: HostConfiguration,
        process: asyncio.subprocess.Process,
        folder: _Folder,
        clock: Clock,
        heard: tuple[Heard, Heard],
        alone: Sequence[str] = (),
    ) -> None:
        self._host, self._process, self._folder, self._clock, self._alone = host, process, folder, clock, alone
        self._children: set[asyncio.subprocess.Process] = set()
        self._sockets: dict[End, Path] = {}
        self._not_opened: dict[End, str] = {}
        self._asking = asyncio.Lock()
        self._mux: Mux | None = None
        self._printed, self._errors = heard

    @property
    def about(self) -> str:
        """That it is ssh itself."""
        return "ssh"

    async def greet(self) -> None:
        """Opens the line on which ssh is asked whether it lives."""
        try:
            self._mux = await Mux.open(self._folder.path / "c")
        except OSError as error:
            raise Unreachable("ssh ended as it began.", code="unreachable", cause=str(error)) from error

    def begin(self, end: End, far: Far, told: Told) -> None:
        """It can't: ssh has to be asked for its socket first."""

    async def open(self, end: End, far: Far) -> None:
        """Opens a stream through the socket that ssh listens on for this end."""
        path = await self._socket(end)
        self._not_opened.pop(end, None)
        far.doubt, far.refused = self._ending, partial(self._was_refused, end)
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.setblocking(False)
            try:
                connection.connect(str(path))
                break
            except BlockingIOError:
                connection.close()
                await self._clock.sleep(_FULL)
            except OSError as error:
                connection.close()
                self._kill()
                raise NotForwarded(f"The host did not open {end}.", cause=str(error), lost=True) from error
        await asyncio.get_running_loop().create_unix_connection(lambda: far, sock=connection)

    def _was_refused(self, end: End) -> bool:
        """Whether ssh has said of one more stream that the host did not open it; it names none, so each word counts once."""
        text = self._errors.text
        found = _REFUSAL.search(text)
        if found is None:
            return False
        self._not_opened[end] = f"The host did not open {end}. {found[1].decode(errors='replace')}"
        del text[slice(*found.span())]
        return True

    def not_opened(self, end: End) -> str:
        """What ssh said of the last stream to an end."""
        return self._not_opened.get(end, "")

    async def open_command(self, command: str, far: Far) -> None:
        """Opens a stream to a command; beyond what a connection takes of them, each has one of its own."""
        shared = [program(), *_CONTROL, "-S", str(self._folder.path / "c"), "-T", "--", self._host.host]
        words = shared if len(self._children) < SESSIONS else [*self._alone]
        near, there = socket.socketpair()
        with there:
            near.setblocking(False)
            end = there.fileno()
            try:
                child = await asyncio.create_subprocess_exec(
                    *words, command, stdin=end, stdout=end, stderr=asyncio.subprocess.DEVNULL
                )
            except OSError as error:
                near.close()
                raise NotForwarded("ssh can't be started.", code="not-forwarded", cause=str(error)) from error
        self._children.add(child)
        far.when_over, far.doubt = partial(self._over, child), self._ending
        await asyncio.get_running_loop().create_unix_connection(lambda: far, sock=near)

    def _over(self, child: asyncio.subprocess.Process) -> None:
        self._children.discard(child)
        stop(child)

    async def _ending(self) -> bool:
        """Whether ssh is at its end: it closes every stream then, as if the other side had."""
        if self._mux is None:
            return True
        try:
            async with self._clock.deadline(PROOF):
                return not await self._mux.alive()
        except TimeoutError:
            return True

    async def _socket(self, end: End) -> Path:
        async with self._asking:
            found = self._sockets.get(end)
            if found is not None:
                return found
            path = self._folder.path / f"f{len(self._sockets)}"
            there = _escaped(end.path) if end.path else f"{f'[{end.host}]' if ':' in end.host else end.host}:{end.port}"
            code, said = await self._control("-O", "forward", "-L", f"{path}:{there}", "--", self._host.host)
            if code:
                lost = self._process.returncode is not None or "Control socket" in said
                if lost:
                    self._kill()
                raise NotForwarded(f"ssh does not forward {end}.", code="not-forwarded", cause=said.strip(), lost=lost)
            self._sockets[end] = path
            return path

    async def lost(self) -> str:
        """Waits for ssh's end."""
        code = await self._process.wait()
        said = await self.said()
        return said.splitlines()[-1] if said else f"ssh ended with {code}"

    async def said(self) -> str:
        """What ssh wrote to its standard error, once it has ended, but for what it said of streams."""
        await self._errors.said(self._clock)
        return _REFUSAL.sub(b"", self._errors.text).decode(errors="replace").strip()

    async def prove(self) -> None:
        """Has the host answer within seconds, or ends ssh."""
        try:
            async with self._clock.deadline(PROOF):
                await self.run("true")
        except (TimeoutError, NotForwarded):
            self._kill()

    async def run(self, command: str) -> tuple[int, str]:
        """Runs a command on the host, on the same connection."""
        code, said = await self._control("-T", "--", self._host.host, command)
        if code == 255:
            raise NotForwarded("The host runs no commands.", cause=said.strip(), lost=self._process.returncode is not None)
        return code, said

    async def close(self) -> None:
        """Ends ssh."""
        if self._mux is not None:
            self._mux.close()
        for child in self._children:
            stop(child)
        self._kill()
        await self._process.wait()
        for heard in (self._printed, self._errors):
            heard.close()
        self._folder.remove()

    def _kill(self) -> None:
        """Has ssh end, and its ProxyCommand with it, which nobody else knows of; kills it where it does not."""
        if self._process.returncode is None:
            stop(self._process, signal.SIGTERM)
            asyncio.get_running_loop().call_later(ENDING, stop, self._process)

    async def _control(self, *words: str) -> tuple[int, str]:
        """Speaks to the master."""
        process = await asyncio.create_subprocess_exec(
            program(),
            *_CONTROL,
            "-S",
            str(self._folder.path / "c"),
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            printed, _ = await process.communicate()
        except BaseException:
            stop(process)
            raise
        return process.returncode or 0, printed.decode(errors="replace")


class _Folder:
    """A folder for one connection's sockets, which this process holds by a lock for as long as it uses them.

    It is removed with the connection; where the process was killed, by the next one that makes such a folder. One does
    that at a time, so that none is removed between being made and being held.
    """

    def __init__(self) -> None:
        shared = os.open(socket_folder(), os.O_RDONLY)
        try:
            fcntl.flock(shared, fcntl.LOCK_EX)
            for left in socket_folder().glob("t*-*/"):
                if not _held(left):
                    shutil.rmtree(left, ignore_errors=True)
            self.path = Path(tempfile.mkdtemp(prefix=f"t{os.getpid()}-", dir=socket_folder()))
            self._handle = os.open(self.path, os.O_RDONLY)
            fcntl.flock(self._handle, fcntl.LOCK_EX)
        finally:
            os.close(shared)

    def remove(self) -> None:
        """Removes it with everything in it; a second time nothing happens."""
        shutil.rmtree(self.path, ignore_errors=True)
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


def _held(folder: Path) -> bool:
    """Whether the process that made it lives; a lock ends with its process, which a process's number does not."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # its process has removed it meanwhile
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _escaped(path: str) -> str:
    """A path as ssh reads it between colons."""
    return path.replace("\\", "\\\\").replace(":", "\\:")
