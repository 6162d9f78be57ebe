"""Port-forwards: a pod's port through a WebSocket, in both ways that clients speak.

`channels` is the official client's (``v4.channel.k8s.io``: a WebSocket for a connection), `tunnel` kubectl's (SPDY inside a
WebSocket, many connections), `ports` what stands behind a pod's port.
"""

from __future__ import annotations

from aiohttp import web

from core.rehearsal.kubernetes.forwarding import channels, tunnel
from core.rehearsal.kubernetes.forwarding.ports import Ports
from core.rehearsal.kubernetes.status import Obj, bad_request


async def serve(request: web.Request, ports: Ports, pod: Obj) -> web.StreamResponse:
    """Answers a port-forward request until the client goes."""
    offered = [p.strip() for p in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if p.strip()]
    for protocol, handler in ((tunnel.PROTOCOL, tunnel.serve), (channels.PROTOCOL, channels.serve)):
        if protocol in offered:
            socket = web.WebSocketResponse(protocols=(protocol,), max_msg_size=64 << 20)
            await socket.prepare(request)
            await handler(request, socket, ports, pod)
            return socket
    raise bad_request(f"unable to upgrade: none of the protocols {offered} is served; known: {channels.PROTOCOL}")


__all__ = ["Ports", "serve"]
