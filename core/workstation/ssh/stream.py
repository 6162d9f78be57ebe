"""One stream through the relay, as an asyncio transport that outlives its WebSockets.

The relay keeps a session for minutes after its WebSocket has gone. Both sides count the bytes of the session, so a new
WebSocket goes on at the exact byte, and neither sshd nor any channel inside its connection learns of it. A WebSocket is
given up when it closes, when bytes that were sent stay unconfirmed for too long (a network that went says nothing), and
when the wall clock has run ahead of the other one, which is how a machine that slept finds out.

Reading never waits for writing or the other way round: a client in which one can block the other freezes as soon as both
directions are busy.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, cast

from core.errors import StepError
from core.run.clock import Clock
from core.workstation.ssh import frames
from core.workstation.ssh.closing import (
    ABNORMAL,
    SESSION_IN_USE,
    Meaning,
    RelayUnreachable,
    RelayViolation,
    SessionLost,
    failure,
    meaning,
)
from core.workstation.ssh.frames import MOST, Tag
from core.workstation.ssh.outgoing import Outgoing
from core.workstation.ssh.websocket import WebSocket

WINDOW = 8 << 20
"""Bytes that may be on their way unconfirmed; all of them are kept, to be sent again."""
HIGH, LOW = 512 << 10, 128 << 10
"""Waiting bytes at which the writing protocol is paused, and at which it goes on."""
INBOX = 16 << 20
"""Bytes kept for a protocol that has paused reading, before the WebSocket itself is left unread."""
TOGETHER = 256 << 10
"""Bytes that the protocol is handed as one."""
BATCH = 8
"""Messages that go out in one write."""
TICK = 1.0
STALL = 10.0
"""Seconds without a confirmation after which a WebSocket is given up; doubled each time that this was a mistake."""
STALL_MOST = 300.0
SLEPT = 5.0
"""Seconds by which the wall clock may run ahead before this machine is taken to have slept."""
KEPT = 900.0
"""Seconds for which a lost session is tried to be taken up; the relay itself may give up before."""
IN_USE = 60.0
"""Seconds for which the relay may still think that the old WebSocket lives."""
OPENING = 30.0
TRIES = 3


@dataclass(frozen=True, slots=True)
class Status:
    """What a stream is doing: ``connecting``, ``open``, ``resuming`` (with the reason) or ``closed``."""

    state: str
    reason: str = ""
    resumed: int = 0
    """How often the stream has gone on over a new WebSocket."""


Watch = Callable[[Status], None]


class Dialler(Protocol):
    """What a stream needs of a `core.workstation.ssh.relay.Relay`."""

    clock: Clock
    redactor: Any
    destination: Any

    async def connect(self) -> WebSocket: ...
    async def reconnect(self, session: str, received: int) -> WebSocket: ...
    async def new_token(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Closed:
    code: int
    reason: str = ""


class Stream(asyncio.Transport):
    """See the module; made by `core.workstation.ssh.relay.Relay.create_connection`."""

    def __init__(self, relay: Dialler, protocol: asyncio.BaseProtocol, *, watch: Watch | None = None) -> None:
        super().__init__({"peername": (relay.destination.instance, relay.destination.port), "sockname": ("iap", 0)})
        self._relay, self._protocol, self._watch = relay, protocol, watch
        self._out = Outgoing(window=WINDOW)
        self._websocket: WebSocket | None = None
        self._pumping = False
        self._all_sent = asyncio.Event()
        self._session = ""
        self._received = self._acknowledged = 0
        self._inbox: deque[bytes] = deque()
        self._inbox_size = 0
        self._unpaused = asyncio.Event()
        self._unpaused.set()
        self._writing_paused = self._closing = False
        self._progress = 0.0
        self._stall = STALL
        self._why = ""
        self._failed: RelayViolation | None = None
        self._task: asyncio.Task[None] | None = None
        self.resumed = 0

    async def open(self) -> None:
        """Begins the session; raises what `core.workstation.ssh.relay.Relay.create_connection` raises."""
        self._tell("connecting")
        for attempt in range(TRIES):
            try:
                websocket = await self._begun()
                break
            except RelayUnreachable as error:
                if attempt == TRIES - 1 or error.code == "relay-no-backend":
                    raise
                await self._relay.clock.sleep(_backoff(attempt))
        self._protocol.connection_made(self)
        self._task = asyncio.create_task(self._live(websocket))
        self._tell("open")

    # What asyncio asks of a transport.

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Sends, now or once there is a way again."""
        if self._closing or not data:
            return
        if not self._out.unconfirmed:
            self._progress = self._relay.clock.now()
        self._out.put(bytes(data))
        self._pump_soon()
        if self._out.waiting > HIGH and not self._writing_paused:
            self._writing_paused = True
            self._protocol.pause_writing()

    def writelines(self, list_of_data: Any) -> None:
        """Sends all of them."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        """The relay knows no end in one direction."""
        return False

    def get_write_buffer_size(self) -> int:
        """Bytes that wait to be sent."""
        return self._out.waiting

    def is_closing(self) -> bool:
        """Whether it closes or has closed."""
        return self._closing

    def is_reading(self) -> bool:
        """Whether the protocol takes data."""
        return self._unpaused.is_set()

    def pause_reading(self) -> None:
        """The protocol takes no more for now."""
        self._unpaused.clear()

    def resume_reading(self) -> None:
        """The protocol takes data again, beginning with what was kept for it."""
        self._unpaused.set()
        asyncio.get_running_loop().call_soon(self._deliver)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Another protocol takes over."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The protocol that is served."""
        return self._protocol

    def close(self) -> None:
        """Ends the stream once what waits has been sent."""
        self._closing = True
        self._pump_soon()

    def abort(self) -> None:
        """Ends the stream at once."""
        self._closing = True
        if self._task is not None:
            self._task.cancel()

    def when_ended(self, told: Callable[[], None]) -> None:
        """Tells once the stream has ended."""
        if self._task is not None:
            self._task.add_done_callback(lambda _: told())

    async def ended(self) -> None:
        """Ends the stream at once, and waits for that."""
        self.abort()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    # The life of the session.

    async def _live(self, websocket: WebSocket) -> None:
        error: Exception | None = None
        try:
            while True:
                closed = await self._carried(websocket)
                if closed is None or meaning(closed.code) is Meaning.END:
                    await self._delivered()
                    break
                websocket = await self._taken_up(closed)
                self.resumed += 1
                self._tell("open")
        except asyncio.CancelledError:
            websocket.drop()
        except Exception as found:  # whatever it is, the protocol is told, as every transport does
            error = found
        finally:
            self._closing = True
            await websocket.close()
            self._tell("closed", str(error) if error else "")
            if error is None and isinstance(self._protocol, asyncio.Protocol):
                self._protocol.eof_received()
            self._protocol.connection_lost(error)

    async def _carried(self, websocket: WebSocket) -> _Closed | None:
        """Carries both directions until the WebSocket closes; None where it was this side that ended the stream."""
        self._websocket = websocket
        websocket.start(self._arrived, self._deliver, self._pump)
        self._pump()
        looking = asyncio.create_task(self._look_after(websocket))
        sending = asyncio.create_task(self._all_sent.wait())
        try:
            ends: list[asyncio.Future[Any]] = [sending, websocket.closed]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._websocket = None
            for task in (looking, sending):
                task.cancel()
            await asyncio.gather(looking, sending, return_exceptions=True)
        if self._failed is not None:
            raise self._failed
        return _Closed(*websocket.closed.result()) if websocket.closed.done() else None

    def _pump_soon(self) -> None:
        """Sends what waits once this turn of the loop is over, so that small pieces share a message."""
        if not self._pumping:
            self._pumping = True
            asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        self._pumping = False
        while (to := self._websocket) is not None and to.writable:
            batch = list(islice(iter(self._out.take, b""), BATCH))
            if not batch:
                break
            to.send(*map(frames.data, batch))
        self._ease()
        if self._closing and not self._out.waiting and self._websocket is not None:
            self._all_sent.set()

    def _acknowledge(self) -> None:
        if self._websocket is not None:
            self._acknowledged = self._received
            self._websocket.send(frames.ack(self._received))

    def _ease(self) -> None:
        if self._writing_paused and self._out.waiting <= LOW:
            self._writing_paused = False
            self._protocol.resume_writing()

    def _arrived(self, message: bytes) -> None:
        try:
            tag, payload, count = frames.parse(message)
            if tag == Tag.DATA:
                self._take_in(payload)
            elif tag == Tag.ACK:
                self._out.confirm(count)
                self._progress = self._relay.clock.now()
                self._pump()
        except ValueError as error:
            self._failed = self._violation(str(error))
            self._give_up()

    def _take_in(self, payload: bytes) -> None:
        self._received += len(payload)
        self._inbox.append(payload)
        self._inbox_size += len(payload)
        if self._inbox_size > INBOX and self._websocket is not None:
            self._websocket.pause()

    def _deliver(self) -> None:
        """Hands over what has come, all that came together as one."""
        while self._inbox and self._unpaused.is_set():
            many = [self._inbox.popleft()]
            size = len(many[0])
            while self._inbox and size < TOGETHER:
                many.append(self._inbox.popleft())
                size += len(many[-1])
            self._inbox_size -= size
            cast(asyncio.Protocol, self._protocol).data_received(many[0] if len(many) == 1 else b"".join(many))
        if not self._inbox and self._websocket is not None:
            self._websocket.resume()
            if self._received - self._acknowledged > 2 * MOST:
                self._acknowledge()

    async def _delivered(self) -> None:
        """Everything that has come is the protocol's, also that of a stream that has ended meanwhile."""
        while self._inbox:
            await self._unpaused.wait()
            self._deliver()

    async def _look_after(self, websocket: WebSocket) -> None:
        """Gives the WebSocket up where it is dead and does not say so; acknowledges the rest in a quiet moment."""
        clock = self._relay.clock
        ahead = time.time() - clock.now()
        while True:
            await clock.sleep(TICK)
            now = clock.now()
            slept, ahead = time.time() - now - ahead > SLEPT, time.time() - now
            if slept:
                self._why = "this machine slept, or its clock was set"
            elif self._out.unconfirmed and now - self._progress > self._stall:
                self._why = f"nothing was confirmed for {self._stall:.0f} seconds"
            else:
                if self._received > self._acknowledged and not self._inbox:
                    self._acknowledge()
                continue
            websocket.drop()
            return

    def _give_up(self) -> None:
        if self._websocket is not None:
            self._websocket.drop()

    # Beginning a session, and taking one up.

    async def _begun(self) -> WebSocket:
        for last in (False, True):
            websocket = await self._relay.connect()
            message = await self._first(websocket)
            if not isinstance(message, _Closed):
                tag, payload, _ = message
                if tag != Tag.SID:
                    raise self._violation(f"a new session began with message {tag}")
                self._session = payload.decode("latin-1")
                self._relay.redactor.add(self._session)
                return websocket
            wanted = meaning(message.code)
            if wanted is Meaning.FINAL:
                raise failure(message.code, message.reason, str(self._relay.destination))
            if wanted is not Meaning.SIGN_IN or last:
                raise self._unreachable(message)
            await self._relay.new_token()
        raise AssertionError("unreachable")

    async def _taken_up(self, closed: _Closed) -> WebSocket:
        """The session over a new WebSocket; raises `SessionLost` and what else ends it for good."""
        clock, machine = self._relay.clock, str(self._relay.destination)
        begin, attempt = clock.now(), 0
        while True:
            if meaning(closed.code) is Meaning.FINAL:
                raise failure(closed.code, closed.reason, machine)
            passed = clock.now() - begin
            if passed > (IN_USE if closed.code == SESSION_IN_USE else KEPT):
                raise failure(SESSION_IN_USE, closed.reason or self._why, machine)
            self._tell("resuming", self._why or closed.reason or "the connection was lost")
            await clock.sleep(_backoff(attempt - 1) if attempt else 0)
            attempt += 1
            try:
                if meaning(closed.code) is Meaning.SIGN_IN:
                    await self._relay.new_token()
                websocket = await self._relay.reconnect(self._session, self._received)
            except StepError as error:  # no way to the relay, or none to whoever gives tokens: one network leads to both
                self._why = error.cause or error.message
                closed = _Closed(ABNORMAL)
                continue
            message = await self._first(websocket)
            if not isinstance(message, _Closed):
                self._rewound(*message)
                return websocket
            self._why, closed = "", message

    def _rewound(self, tag: int, _: bytes, count: int) -> None:
        if tag != Tag.RESUMED:
            raise self._violation(f"a session went on with message {tag}")
        had = self._out.unconfirmed
        try:
            again = self._out.rewind(count)
        except ValueError as error:
            raise self._violation(str(error)) from error
        if had and not again:  # all of it had arrived: this relay confirms late, and was given up by mistake
            self._stall = min(self._stall * 2, STALL_MOST)
        self._acknowledged, self._why = self._received, ""
        self._progress = self._relay.clock.now()

    async def _first(self, websocket: WebSocket) -> tuple[int, bytes, int] | _Closed:
        """The message that a WebSocket begins with, or why there is none."""
        try:
            async with asyncio.timeout(OPENING):
                while (message := await websocket.first()) is not None:
                    found = frames.parse(message)
                    if found[0] in tuple(Tag):
                        return found
        except frames.Malformed as error:
            websocket.drop()
            raise self._violation(str(error)) from error
        except TimeoutError:
            websocket.drop()
            return _Closed(ABNORMAL, f"the relay said nothing for {OPENING:.0f} seconds")
        except asyncio.CancelledError:  # it is nobody else's yet
            websocket.drop()
            raise
        return _Closed(*websocket.closed.result())

    def _violation(self, cause: str) -> RelayViolation:
        return RelayViolation(
            f"The relay and mlops-env do not understand each other about {self._relay.destination}.",
            code="relay-violation",
            cause=cause,
        )

    def _unreachable(self, closed: _Closed) -> RelayUnreachable:
        return RelayUnreachable(
            f"The relay did not open a connection to {self._relay.destination}.",
            code="relay-unreachable",
            cause=f"It closed with {closed.code}" + (f": {closed.reason}" if closed.reason else "."),
            delay=1,
        )

    def _tell(self, state: str, reason: str = "") -> None:
        if self._watch is not None:
            self._watch(Status(state, self._relay.redactor.text(reason), self.resumed))


def _backoff(attempt: int) -> float:
    return float(min(5.0, 0.2 * 2**attempt) * random.uniform(0.5, 1.0))


__all__ = ["SessionLost", "Status", "Stream", "Watch"]
