"""A tunnel that runs: its listeners stand, and one connection after another stands behind them.

It ends by itself for two reasons alone: the host, or the relay to it, does not accept the user or the key, or the host's own
key is not the one that is known. Both would be the same at the next try, and one of them may be an attack. All else is
tried again, at once for somebody who waits, with growing pauses where nobody does.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from core.errors import MlopsError, PersonNeeded, PrerequisiteError, StepError
from core.run.clock import Clock
from core.workstation.ssh.closing import MachineNotFound, RelayRefused
from core.workstation.tunnel import health, status
from core.workstation.tunnel.backoff import Backoff
from core.workstation.tunnel.definition import Tunnel
from core.workstation.tunnel.engine import Engine, Link, SignInRefused
from core.workstation.tunnel.gate import Gate
from core.workstation.tunnel.listener import Listener
from core.workstation.tunnel.sleeping import Sleep, asleep_so_far
from core.workstation.tunnel.status import ForwardStatus, Status

REFUSALS = 3
"""Refused sign-ins in a row, after one that was accepted, that end a tunnel."""
STEADY = 10.0
"""Seconds that a connection has to last before the next loss is a new one."""
IMPATIENT = 1.0
"""The longest pause between two tries while somebody waits."""
WELL, ILL, GROWTH = 30.0, 1.0, 1.5
"""Seconds until health is looked at again, after it was good and after it was not; the latter grow each time."""

Tell = Callable[[str], None]


class Running:
    """One tunnel, from its listeners to its end."""

    def __init__(
        self,
        tunnel: Tunnel,
        engine: Engine,
        *,
        clock: Clock | None = None,
        tell: Tell = lambda _: None,
        patience: float = 0.0,
        asleep: Callable[[], float] = asleep_so_far,
    ) -> None:
        self.tunnel, self._engine = tunnel, engine
        self._clock = clock or Clock()
        self._tell, self._patience, self._sleep = tell, patience, Sleep(self._clock, asleep)
        self.gate = Gate(self._clock)
        self.listeners = [Listener(forward, self.gate) for forward in tunnel.forwards]
        self.changed = asyncio.Event()
        """Set whenever the status is another."""
        self.first = asyncio.get_running_loop().create_future()
        """Done with the first connection; fails with what prevented it."""
        self._health = [health.Health() for _ in tunnel.forwards]
        self._look = asyncio.Event()
        self._state, self._about, self._since = status.CONNECTING, "", 0.0
        self._error: MlopsError | None = None
        self._last_error: tuple[MlopsError, float] | None = None
        self._connected = 0
        self._rates = _Rates()

    async def run(self) -> None:
        """Runs until it is cancelled; raises what ended it otherwise."""
        helpers: list[asyncio.Task[None]] = []
        try:
            for listener in self.listeners:
                await listener.start()
            helpers = [asyncio.create_task(work()) for work in (self._watch_sleep, self._watch_health)]
            await self._keep_connected()
        except (MlopsError, OSError) as error:
            self._ended(error)
            raise
        finally:
            for helper in helpers:
                helper.cancel()
            for listener in self.listeners:
                await listener.close()
            if self.gate.link is not None:
                await self.gate.link.close()
            if not self.first.done():
                self.first.cancel()

    def look(self) -> None:
        """Has health looked at now, and not when it would be."""
        self._look.set()

    def status(self) -> Status:
        """How it stands now."""
        up, down = self._rates.measure(self.listeners)
        return Status(
            tunnel=self.tunnel.name,
            state=self._state,
            host=self.tunnel.leads_to,
            engine=self._engine.name,
            why_engine=self._engine.why,
            about=self._about,
            since=self._since,
            reconnects=max(0, self._connected - 1),
            up_rate=up,
            down_rate=down,
            error=None if self._error is None else self._error.to_dict(),
            last_error=None if self._last_error is None else self._last_error[0].to_dict(),
            last_error_at=0.0 if self._last_error is None else self._last_error[1],
            forwards=[_forward(*pair) for pair in zip(self.listeners, self._health, strict=True)],
        )

    # -- the connection

    async def _keep_connected(self) -> None:
        backoff, refused, began = Backoff(), 0, self._clock.now()
        while True:
            try:
                link = await self._engine.connect()
            except (SignInRefused, RelayRefused) as error:
                refused += not isinstance(error, MachineNotFound)
                patient = isinstance(error, SignInRefused) and self._clock.now() - began < self._patience
                if not patient and (not self._connected or refused >= REFUSALS):
                    raise
                await self._failed(error, backoff)
            except (PrerequisiteError, PersonNeeded):
                raise
            except (StepError, OSError) as error:
                if not self._connected:
                    raise
                await self._failed(error, backoff)
            else:
                refused, begun = 0, self._clock.now()
                await self._connection(link)
                if self._clock.now() - begun >= STEADY:
                    backoff.again()
                await self._pause(backoff)

    async def _connection(self, link: Link) -> None:
        """One connection, until it is lost."""
        try:
            if not self._connected:
                await self._as_root(link)
            self._connected += 1
            self._about, self._since, self._error = link.about, time.time(), None
            self.gate.open(link)
            self._turn(status.UP, f"connected ({link.about})")
            if not self.first.done():
                self.first.set_result(None)
            self._look.set()
            reason = await link.lost()
        finally:
            self.gate.shut()
            with contextlib.suppress(OSError):
                await link.close()
        self._wrong(StepError(f"The connection was lost: {reason}", code="lost"))
        self._since = time.time()
        self._turn(status.RECONNECTING, f"connection lost: {reason}")

    async def _failed(self, error: MlopsError | OSError, backoff: Backoff) -> None:
        found = error if isinstance(error, MlopsError) else StepError(str(error), code="network")
        if self._error is None or found.message != self._error.message:
            self._tell(f"no connection: {found.message} {found.cause}".rstrip())
        self._wrong(found)
        self.changed.set()
        await self._pause(backoff)

    def _wrong(self, error: MlopsError) -> None:
        self._error, self._last_error = error, (error, time.time())

    async def _pause(self, backoff: Backoff) -> None:
        """Waits before the next try; less where somebody waits, or begins to."""
        delay = backoff.delay()
        begun = self._clock.now()
        self.gate.wanted.clear()
        if self.gate.waiting:
            delay = min(delay, IMPATIENT)
        wanted = asyncio.create_task(self.gate.wanted.wait())
        sleeping = asyncio.create_task(self._clock.sleep(delay))
        try:
            await asyncio.wait((wanted, sleeping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            wanted.cancel()
            sleeping.cancel()
        if not sleeping.done() or sleeping.cancelled():
            left = min(delay, IMPATIENT) - (self._clock.now() - begun)
            await self._clock.sleep(max(0.0, left))

    def _turn(self, state: str, words: str) -> None:
        self._state = state
        self._tell(words)
        self.changed.set()

    def _ended(self, error: MlopsError | OSError) -> None:
        found = error if isinstance(error, MlopsError) else StepError(str(error), code="network")
        self._wrong(found)
        state = status.WAITING if isinstance(error, PersonNeeded) else status.STOPPED
        self._turn(state, f"stopped: {found.message} {found.cause}".rstrip())
        if not self.first.done():
            self.first.set_exception(found)
            self.first.exception()

    # -- beside it

    async def _watch_sleep(self) -> None:
        while True:
            seconds = await self._sleep.over()
            self._tell(f"the machine slept for {seconds:.0f} s")
            self.gate.wanted.set()
            link = self.gate.link
            if link is not None:
                await link.prove()

    async def _watch_health(self) -> None:
        pause = ILL
        while True:
            well = True
            if self.gate.link is not None:
                self._look.clear()
                for at, listener in enumerate(self.listeners):
                    await self._stand(listener)
                    found = await self._looked(listener)
                    well = well and found.state != health.FAILING
                    self._found(at, found)
            with contextlib.suppress(TimeoutError):
                pause = ILL if well else min(WELL, pause * GROWTH)
                async with self._clock.deadline(WELL if well else pause):
                    await self._look.wait()

    async def _looked(self, listener: Listener) -> health.Health:
        found = await health.look(listener, self.gate.link, self._clock)
        link = self.gate.link
        if found.offer == health.BY_SUDO and link is not None and await self._as_root(link):
            found = await health.look(listener, self.gate.link, self._clock)
        return found

    async def _as_root(self, link: Link) -> bool:
        """Takes Docker's socket by sudo where it is shut to the user there, as was allowed; says whether that is new."""
        new = False
        ends = {listener.forward.remote for listener in self.listeners} if self.tunnel.sudo else set()
        for end in ends - set(self.gate.commands):
            if command := await health.root_needed(end, link, self._clock):
                self.gate.commands[end], new = command, True
                self._tell(f"{end} is not open to the user on the host; sudo opens it there, for each connection")
        return new

    async def _stand(self, listener: Listener) -> None:
        try:
            if await listener.stand():
                self._tell(f"{listener.forward.local} had gone, and is there again")
        except (MlopsError, OSError) as error:
            self._tell(f"{listener.forward.local} has gone: {error}")

    def _found(self, at: int, found: health.Health) -> None:
        before, self._health[at] = self._health[at], found
        if before != found:
            self.changed.set()
            if health.FAILING in (before.state, found.state):
                self._tell(f"{self.listeners[at].forward.remote}: {found.detail}")


class _Rates:
    """Bytes a second each way, between one look and the next."""

    def __init__(self) -> None:
        self._at, self._up, self._down = time.monotonic(), 0, 0
        self._last = (0.0, 0.0)

    def measure(self, listeners: list[Listener]) -> tuple[float, float]:
        """The rates since the last look that was long enough ago to tell."""
        now = time.monotonic()
        passed = now - self._at
        if passed >= 0.5:
            up, down = (sum(getattr(each.traffic, way) for each in listeners) for way in ("up", "down"))
            self._last = (up - self._up) / passed, (down - self._down) / passed
            self._at, self._up, self._down = now, up, down
        return self._last


def _forward(listener: Listener, found: health.Health) -> ForwardStatus:
    traffic = listener.traffic
    return ForwardStatus(
        local=str(listener.local),
        remote=str(listener.forward.remote),
        health=found.state,
        detail=found.detail,
        offer=found.offer,
        connections=traffic.connections,
        open=traffic.open,
        up_bytes=traffic.up,
        down_bytes=traffic.down,
    )
