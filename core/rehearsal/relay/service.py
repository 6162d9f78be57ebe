"""Connect and reconnect, as the relay serves them; it never pings, and refuses in close codes after a good handshake."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from aiohttp import WSMsgType, web

from core.rehearsal.relay import messages
from core.rehearsal.relay.faults import RelayFaults
from core.rehearsal.relay.messages import SUBPROTOCOL, Refused
from core.rehearsal.relay.session import Session
from core.rehearsal.scenario import Fault
from core.rehearsal.world import World

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Backend = Callable[[str, str, str, int], Awaitable[Connection]]
"""Opens a connection to a port of a VM, by project, zone, name and port; raises `NoBackend` or `UnknownMachine`."""

KEEPS = 900.0
"""Real seconds for which a session without a WebSocket is kept."""
PERMISSION = "iap.tunnelInstances.accessViaIAP"


class NoBackend(Exception):
    """Raised where nothing answers on the port of a VM."""


class UnknownMachine(Exception):
    """Raised where there is no VM of that name."""


class RelayService:
    """One relay; ``connections`` counts the WebSockets it has taken."""

    def __init__(self, world: World, backend: Backend) -> None:
        self._world, self._backend = world, backend
        self._sessions: dict[str, Session] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.faults = RelayFaults(world)
        self.connections = 0

    def application(self) -> web.Application:
        """The relay's two endpoints."""
        application = web.Application()
        application.add_routes([web.get("/v4/connect", self._connect), web.get("/v4/reconnect", self._reconnect)])
        application.on_shutdown.append(self._shutdown)
        return application

    def cut(self, *, seconds: float = 0.0) -> int:
        """Cuts every WebSocket without a word, and takes no other for a while; how many there were."""
        self.faults.struck(Fault(call="relay", error="reset", seconds=seconds))
        live = [s.attached for s in self._sessions.values() if s.attached is not None]
        for request in live:
            _abort(request)
        return len(live)

    def forget(self) -> None:
        """Forgets every session, as a relay does that was replaced: none can be taken up any more."""
        for session in list(self._sessions.values()):
            attached = session.attached
            self._end(session)
            if attached is not None:
                _abort(attached)

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        async def session(email: str) -> tuple[Session, bytes]:
            connection = await self._behind(request, email)
            sid = secrets.token_urlsafe(24)
            made = self._sessions[sid] = Session(sid, *connection)
            return made, messages.connected(sid)

        return await self._serve(request, "relay:connect", session)

    async def _reconnect(self, request: web.Request) -> web.StreamResponse:
        async def session(_: str) -> tuple[Session, bytes]:
            found = self._sessions.get(request.query.get("sid", ""))
            if found is None:
                raise Refused(messages.SID_UNKNOWN, "SID unknown")
            if found.attached is not None:  # the newer one is the one that lives
                _abort(found.attached)
            try:
                found.rewind(int(request.query.get("ack", "")))
            except ValueError:
                raise Refused(messages.BAD_ACK, "Bad ack") from None
            return found, messages.counted(messages.RECONNECTED, found.received)

        return await self._serve(request, "relay:reconnect", session)

    async def _serve(
        self, request: web.Request, call: str, session: Callable[[str], Awaitable[tuple[Session, bytes]]]
    ) -> web.StreamResponse:
        email = self._world.identity.who(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if email is None:
            return web.Response(status=401)
        fault = self.faults.at_handshake(call)
        if fault is not None and fault.error:
            if fault.error == "timeout":
                await self._world.clock.sleep(60)
            _abort(request)
            return web.Response()
        if fault is not None and fault.status < 1000:
            return web.Response(status=fault.status)
        websocket = web.WebSocketResponse(protocols=(SUBPROTOCOL,), compress=False, max_msg_size=1 << 16, timeout=1.0)
        await websocket.prepare(request)
        self.connections += 1
        try:
            if fault is not None:
                raise Refused(fault.status, fault.message or fault.reason)
            found, first = await session(email)
            await self._attached(request, websocket, found, first)
        except Refused as refused:
            await websocket.close(code=refused.code, message=refused.reason.encode())
        except (ConnectionResetError, asyncio.CancelledError):
            pass
        return websocket

    async def _attached(
        self, request: web.Request, websocket: web.WebSocketResponse, session: Session, first: bytes
    ) -> None:
        """Carries a session until its WebSocket goes; ended by either side in order, the session ends too."""
        session.attached = request
        timer = self._timers.pop(session.sid, None)
        if timer is not None:
            timer.cancel()
        await websocket.send_bytes(first)
        transport = request.transport
        if transport is None:
            raise ConnectionResetError
        sending = asyncio.create_task(session.send(websocket, transport))
        receiving = asyncio.create_task(self._receive(request, websocket, session))
        try:
            await asyncio.wait([sending, receiving], return_when=asyncio.FIRST_COMPLETED)
            if sending.done() and not sending.cancelled() and sending.exception() is None:
                self._end(session)
                raise sending.result()
            if receiving.done() and receiving.result():
                self._end(session)
        finally:
            for task in (sending, receiving):
                task.cancel()
            await asyncio.gather(sending, receiving, return_exceptions=True)
            if session.attached is request:
                self._detached(session)

    async def _receive(self, request: web.Request, websocket: web.WebSocketResponse, session: Session) -> bool:
        """Takes in what the client sends; True where it closed in order."""
        cut = self.faults.cut()
        left = cut.after_bytes if cut is not None else 0
        async for message in websocket:
            if message.type is not WSMsgType.BINARY:
                raise Refused(4007, "Invalid WebSocket opcode")
            found = messages.read(message.data)
            if isinstance(found, int):
                before = session.confirmed
                session.confirm(found)
                left -= session.confirmed - before
            elif found:
                left -= len(found)
                session.take(found)
            if cut is not None and left <= 0:
                self.faults.struck(cut)
                _abort(request)
                return False
        return websocket.close_code == messages.NORMAL

    async def _behind(self, request: web.Request, email: str) -> Connection:
        query = request.query
        project = query.get("project", "")
        if project != self._world.project or not self._world.identity.allowed(email, PERMISSION, f"projects/{project}"):
            raise Refused(messages.NOT_AUTHORIZED, "Not authorized")
        try:
            return await self._backend(
                project, query.get("zone", ""), query.get("instance", ""), int(query.get("port", "0"))
            )
        except UnknownMachine:
            raise Refused(messages.LOOKUP_FAILED, "Failed to lookup instance") from None
        except (NoBackend, OSError, ValueError):
            raise Refused(messages.BACKEND, "failed to connect to backend") from None

    def _detached(self, session: Session) -> None:
        session.attached = None
        if session.sid in self._sessions:
            loop = asyncio.get_running_loop()
            self._timers[session.sid] = loop.call_later(KEEPS, self._end, session)

    def _end(self, session: Session) -> None:
        timer = self._timers.pop(session.sid, None)
        if timer is not None:
            timer.cancel()
        self._sessions.pop(session.sid, None)
        session.close()

    async def _shutdown(self, _: web.Application) -> None:
        self.forget()


def _abort(request: web.Request) -> None:
    """Ends its connection without a close frame, as a network does that goes."""
    transport = request.transport
    if transport is not None and not transport.is_closing():
        transport.abort()
