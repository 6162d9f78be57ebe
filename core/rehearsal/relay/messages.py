"""The relay's subprotocol: a tag of two bytes and its contents, big-endian, one message a binary WebSocket frame."""

from __future__ import annotations

import struct

SUBPROTOCOL = "relay.tunnel.cloudproxy.app"
LARGEST = 16384
CONNECTED, RECONNECTED, DATA, ACK = 1, 2, 4, 7

NORMAL, SID_UNKNOWN, SID_IN_USE, BACKEND, SIGN_IN, BAD_ACK = 1000, 4001, 4002, 4003, 4004, 4005
INVALID_TAG, INVALID_DATA, READ_FAILED, NOT_AUTHORIZED, LOOKUP_FAILED = 4008, 4013, 4010, 4033, 4047


class Refused(Exception):
    """Raised where a session or a message is refused; ``code`` and ``reason`` go into the close frame."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


def connected(sid: str) -> bytes:
    """A new session's name."""
    return struct.pack(">HI", CONNECTED, len(sid)) + sid.encode()


def counted(tag: int, total: int) -> bytes:
    """`ACK` or `RECONNECTED` with a number of bytes."""
    return struct.pack(">HQ", tag, total)


def data(payload: bytes) -> bytes:
    """A part of the stream."""
    return struct.pack(">HI", DATA, len(payload)) + payload


def framed(payload: bytes) -> bytes:
    """A part of the stream as a whole WebSocket frame of a server's, which has no mask."""
    message = data(payload)
    size = len(message)
    return (bytes((0x82, size)) if size < 126 else struct.pack(">BBH", 0x82, 126, size)) + message


def read(message: bytes) -> bytes | int | None:
    """What a client sent: bytes of the stream, a count of what it has, or None for a tag to pass over; raises `Refused`."""
    if len(message) < 2:
        raise Refused(INVALID_TAG, "Invalid tag")
    (tag,) = struct.unpack_from(">H", message)
    if tag == DATA and len(message) >= 6:
        (length,) = struct.unpack_from(">I", message, 2)
        if length > LARGEST or len(message) != 6 + length:
            raise Refused(INVALID_DATA, "Invalid data")
        return message[6:]
    if tag == ACK and len(message) == 10:
        return int(struct.unpack_from(">Q", message, 2)[0])
    if tag in (DATA, ACK):
        raise Refused(INVALID_DATA, "Invalid data")
    return None
