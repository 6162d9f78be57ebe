"""What is slow about asyncssh for a tunnel, replaced: the one place that touches what is private of it.

asyncssh sends an empty packet before each packet, makes a new cipher object and several copies for each, writes and
delivers them one by one, and sets a timer whenever anything comes; a channel takes two tasks and a dozen objects to open.
All of that is needless where the cipher is AES-GCM.
Here a connection and its channels take over what is sent and received as channel data under AES-GCM, and leave all else,
key exchange and sign-in first of all, to asyncssh's own code.

It is done only for a version of asyncssh that was tried, and only after a check of itself; otherwise asyncssh goes its
own pace.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Sequence
from functools import cache
from time import monotonic
from typing import Any

import asyncssh
from asyncssh.channel import SSHForwardChannel
from asyncssh.connection import SSHClientConnection
from asyncssh.constants import (
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EOF,
    MSG_CHANNEL_OPEN,
    MSG_CHANNEL_OPEN_CONFIRMATION,
    MSG_CHANNEL_WINDOW_ADJUST,
    MSG_DEBUG,
    MSG_GLOBAL_REQUEST,
    MSG_IGNORE,
    MSG_USERAUTH_LAST,
    OPEN_CONNECT_FAILED,
)
from asyncssh.crypto import GCMCipher
from asyncssh.encryption import Encryption, GCMEncryption
from asyncssh.misc import DisconnectError, MACError, ProtocolError
from asyncssh.packet import PacketDecodeError, SSHPacket, String
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TRIED = ("2.24.1",)
"""The versions of asyncssh whose private parts are known to be as they are used here."""
_TAG, _LENGTH, _BLOCK = 16, 4, 16
_HEAD = struct.Struct(">BBII")
"""Padding, type, channel, length: what stands before the data of a packet."""
_NUMBER = struct.Struct(">I")
_OPEN = struct.Struct(">III")
"""Channel, window, largest packet: what stands in a request for a channel, after its kind."""
_PACKET = 32 << 10
"""The largest packet that is taken; OpenSSH's own."""
_TELLING = (MSG_DEBUG, MSG_GLOBAL_REQUEST)
_OF_CHANNELS = frozenset((MSG_CHANNEL_OPEN_CONFIRMATION, MSG_CHANNEL_WINDOW_ADJUST, MSG_CHANNEL_EOF, MSG_CHANNEL_CLOSE))
CLOSED = "SSH connection closed"
"""What asyncssh says of a stream whose connection ended before the host had answered, and maybe before it says so itself."""
_PADDING = bytes(32)
"""Under an authenticated cipher nobody learns anything from it."""
_ALL = 0xFFFFFFFF
_LARGE = 16 << 10
"""Bytes from which on it costs more to put packets together than to send them one by one."""
_SUCCESSION = 80e-6
"""Seconds between two packets that come in quick succession; an answer to the first takes longer."""


class Gcm(Encryption):
    """AES-GCM that goes on where asyncssh's own stands; ``opened`` is a packet that was decrypted beforehand."""

    def __init__(self, key: bytes, iv: bytes) -> None:
        self._aead, self._fixed = AESGCM(key), iv[:4]
        self._count = int.from_bytes(iv[4:], "big")
        self.opened: bytes | None = None

    @classmethod
    def after(cls, other: GCMEncryption) -> Gcm:
        """One that takes the place of asyncssh's."""
        return cls(other._cipher._key, other._cipher._iv)

    def seal(self, header: bytes, packet: bytes) -> bytes:
        """The next packet, encrypted, with its tag."""
        nonce = self._fixed + self._count.to_bytes(8, "big")
        self._count = (self._count + 1) & 0xFFFFFFFFFFFFFFFF
        return self._aead.encrypt(nonce, packet, header)

    def open(self, header: Any, packet: Any) -> bytes:
        """The next packet, decrypted; raises `MACError` where it is not what was sent."""
        nonce = self._fixed + self._count.to_bytes(8, "big")
        self._count = (self._count + 1) & 0xFFFFFFFFFFFFFFFF
        try:
            return self._aead.decrypt(nonce, packet, header)
        except InvalidTag:
            raise MACError("MAC verification failed") from None

    def encrypt_packet(self, seq: int, header: bytes, packet: bytes) -> tuple[bytes, bytes]:
        return header + self.seal(header, packet), b""

    def decrypt_header(self, seq: int, first_block: bytes, header_len: int) -> tuple[bytes, bytes]:
        return first_block, first_block[:header_len]

    def decrypt_packet(self, seq: int, first: bytes, rest: bytes, header_len: int, mac: bytes) -> bytes | None:
        opened, self.opened = self.opened, None
        if opened is not None:
            return opened
        return self.open(first[:header_len], first[header_len:] + rest + mac)


class _Quiet:
    """A log that nobody keeps: what asyncssh would say of a channel costs more than opening it."""

    def info(self, *_: Any, **__: Any) -> None:
        """Not kept."""

    debug = debug1 = debug2 = warning = error = log = packet = info

    def get_child(self, *_: Any, **__: Any) -> _Quiet:
        """The same."""
        return self


_QUIET = _Quiet()

Told = Callable[[Exception | None], None]


class FastChannel(SSHForwardChannel[bytes]):
    """A channel to a port or a socket: opened without a task, its data sent in one piece and received in one."""

    _encoding = _encoder = _decoder = _open_waiter = _command = _subsystem = None
    _errors = "strict"
    _env: dict[bytes, bytes] = {}  # noqa: RUF012 (asyncssh's own, and empty for what is no session)
    _request_waiters: Any = ()
    _send_high_water, _send_low_water = 64 << 10, 16 << 10
    _send_state = _recv_state = "closed"
    _send_chan: int | None = None
    _send_window = _send_pktsize = _send_buf_len = 0
    _send_paused = False
    _logger: Any = _QUIET

    def __init__(self, connection: Any, session: Any, told: Told, window: int) -> None:
        # asyncssh's own beginning makes a dozen objects that no forward has a use for.
        self._conn: Any = connection
        self._loop = connection._loop
        self._session: Any = None
        self._opened_for, self._told = session, told
        self._given_up = False
        self._extra: dict[str, object] = {"connection": connection}
        self._send_buf: list[Any] = []
        self._recv_buf: list[Any] = []
        self._request_queue: list[Any] = []
        self._init_recv_window = self._recv_window = window
        self._recv_pktsize = _PACKET
        self._recv_paused: Any = False
        self._recv_chan: int | None = connection.add_channel(self)

    def begin(self, kind: bytes, where: bytes) -> None:
        """Asks for it."""
        head = _OPEN.pack(self._recv_chan, self._init_recv_window, _PACKET)
        self._conn.send_packet(MSG_CHANNEL_OPEN, String(kind), head, where, handler=self)

    def give_up(self) -> None:
        """Nobody waits for it any more: should it be opened yet, it is closed at once."""
        self._given_up = True

    def process_open_confirmation(self, send_chan: int, send_window: int, send_pktsize: int, packet: Any) -> None:
        told = self._taken()
        packet.check_end()
        self._send_chan, self._send_window, self._send_pktsize = send_chan, send_window, send_pktsize
        self._send_state = self._recv_state = "open"
        if self._given_up:
            self.close()
            return
        self._session = self._opened_for
        self._session.connection_made(self)
        told(None)

    def process_open_failure(self, code: int, reason: str, lang: str) -> None:
        told = self._taken()
        self._loop.call_soon(self._cleanup)
        if not self._given_up:
            told(asyncssh.ChannelOpenError(code, reason, lang))

    def _taken(self) -> Told:
        told: Told | None
        told, self._told = self._told, None  # type: ignore[assignment]
        if told is None:
            raise ProtocolError("Channel not being opened")
        return told

    def _cleanup(self, exc: Exception | None = None) -> None:
        connection, self._conn = self._conn, None
        if connection is None:
            return
        connection.remove_channel(self._recv_chan)
        self._send_chan = self._recv_chan = None
        session, self._session = self._session, None
        told: Told | None
        told, self._told = self._told, None  # type: ignore[assignment]
        if told is not None and not self._given_up:
            told(asyncssh.ChannelOpenError(OPEN_CONNECT_FAILED, CLOSED))
        if session is not None:
            session.connection_lost(exc)

    def write(self, data: Any, datatype: int | None = None) -> None:
        if self._send_state != "open":
            raise BrokenPipeError("The channel is closed.")
        size = len(data)
        if not size:
            return
        connection: Any = self._conn
        if size <= self._send_window and size <= self._send_pktsize and not self._send_buf and connection.unhindered:
            self._send_window -= size
            connection.send_data(self._send_chan, (data,))
            return
        self._send_buf.append(memoryview(data))
        self._send_buf_len += size
        self._flush_send_buf()

    def _flush_send_buf(self) -> None:
        if self._send_buf and self._send_window:
            pieces = self._pieces()
            connection: Any = self._conn
            if connection.unhindered:
                connection.send_data(self._send_chan, pieces)
            else:
                for piece in pieces:
                    self.send_packet(MSG_CHANNEL_DATA, String(bytes(piece)))
        if self._send_buf:
            self._pause_resume_writing()
        else:
            super()._flush_send_buf()

    def _pieces(self) -> list[memoryview]:
        """As much as the other side takes now, in packets."""
        pieces, window, most, at = [], self._send_window, self._send_pktsize, 0
        for at, data in enumerate(self._send_buf):
            begin, size = 0, len(data)
            while begin < size and window:
                piece = data[begin : begin + min(most, window)]
                pieces.append(piece)
                begin += len(piece)
                window -= len(piece)
            if begin < size:
                self._send_buf[at] = data[begin:]
                break
        else:
            at += 1
        del self._send_buf[:at]
        self._send_buf_len -= self._send_window - window
        self._send_window = window
        return pieces

    def accept(self, pieces: Sequence[Any]) -> None:
        """Takes what came for this channel at once."""
        size = sum(map(len, pieces))
        if size > self._recv_window:
            raise ProtocolError("Window exceeded")
        left = self._recv_window - size
        if self._recv_paused or self._session is None or left < self._init_recv_window // 2 or self._send_state != "open":
            self._accept_data(b"".join(pieces))
        else:
            self._recv_window = left
            self._session.pieces_received(pieces, size)

    @property
    def takes(self) -> bool:
        """Whether data may come for it."""
        return self._recv_state == "open"

    def log_sent_packet(self, *_: Any) -> None:
        """Packets are not logged here."""

    def log_received_packet(self, *_: Any) -> None:
        """Packets are not logged here."""


class FastConnection(SSHClientConnection):
    """A connection whose channel data goes the short way."""

    _heard: float = 0.0
    _sent: float = 0.0
    _corked = _turning = False
    _waiting: list[bytes]

    @property
    def logger(self) -> Any:
        return _QUIET if self._auth_complete else super().logger

    def open_stream(self, kind: bytes, where: bytes, session: Any, told: Told, window: int) -> FastChannel:
        """Begins to open a stream to what is there; ``told`` hears what prevented it, or None when ``session`` has it.

        Raises `asyncssh.ChannelOpenError` where the connection is closed.
        """
        channel = FastChannel(self, session, told, window)
        channel.begin(kind, where)
        return channel

    # -- out

    def _send(self, data: bytes) -> None:
        """Sends at once what is large or alone; small packets in quick succession go together."""
        if len(data) >= _LARGE:
            self._flush()
            super()._send(data)
        elif self._corked or self._turning:
            self._waiting.append(data)
        else:
            super()._send(data)
            before, self._sent = self._sent, monotonic()
            if self._sent - before < _SUCCESSION:
                self._turning = True
                self._loop.call_soon(self._turned)

    def _flush(self) -> None:
        if self._waiting:
            together, self._waiting = b"".join(self._waiting), []
            super()._send(together)

    def _turned(self) -> None:
        self._turning = False
        self._flush()

    def _force_close(self, exc: Exception | None) -> None:
        self._flush()
        super()._force_close(exc)

    def send_packet(self, pkttype: int, *args: bytes, handler: Any = None) -> None:
        cipher: Any = self._send_encryption
        if type(cipher) is GCMEncryption:
            cipher = self._send_encryption = Gcm.after(cipher)
        if pkttype == MSG_IGNORE and type(cipher) is Gcm:  # asyncssh's padding, which only another cipher needs
            return
        if pkttype > MSG_USERAUTH_LAST and self.unhindered:
            self._send_other(b"".join((bytes((pkttype,)), *args)))
            return
        super().send_packet(pkttype, *args, handler=handler)

    @property
    def unhindered(self) -> bool:
        """Whether data may go out as it is: no keys are being exchanged, or due to be, and nothing compresses."""
        return (
            type(self._send_encryption) is Gcm
            and self._kex_complete
            and self._auth_complete
            and not self._compressor
            and self._rekey_bytes_sent < self._rekey_bytes
            and not (self._rekey_seconds and monotonic() >= self._rekey_time)
        )

    def send_data(self, channel: int, pieces: Sequence[Any]) -> None:
        """Sends channel data, one packet a piece, in one write."""
        cipher: Any = self._send_encryption
        out = []
        for piece in pieces:
            size = len(piece)
            padding = _BLOCK - (10 + size) % _BLOCK
            if padding < 4:
                padding += _BLOCK
            header = _NUMBER.pack(10 + size + padding)
            head = _HEAD.pack(padding, MSG_CHANNEL_DATA, channel, size)
            out.append(header)
            out.append(cipher.seal(header, b"".join((head, piece, _PADDING[:padding]))))
            self._rekey_bytes_sent += 10 + size + padding
        self._send_seq = (self._send_seq + len(pieces)) & _ALL
        self._send(b"".join(out))

    def _send_other(self, payload: bytes) -> None:
        """Sends a packet that is no data, while nothing hinders."""
        padding = _BLOCK - (1 + len(payload)) % _BLOCK
        if padding < 4:
            padding += _BLOCK
        size = 1 + len(payload) + padding
        header = _NUMBER.pack(size)
        cipher: Any = self._send_encryption
        sealed = cipher.seal(header, b"".join((bytes((padding,)), payload, _PADDING[:padding])))
        self._rekey_bytes_sent += size
        self._send_seq = (self._send_seq + 1) & _ALL
        self._send(header + sealed)

    # -- in

    def data_received(self, data: bytes, datatype: int | None = None) -> None:
        cipher: Any = self._recv_encryption
        if type(cipher) is GCMEncryption:
            cipher = self._recv_encryption = Gcm.after(cipher)
        if type(cipher) is not Gcm or not self._auth_complete or self._decompressor or not self._between_packets:
            super().data_received(data, datatype)
            return
        self._heard = monotonic()
        self._corked = True
        try:
            self._take_all(data, cipher)
        except DisconnectError as error:
            self._send_disconnect(error.code, error.reason, error.lang)
            self._force_close(error)
        finally:
            self._corked = False
            if self._waiting:
                self._flush()

    def _take_all(self, data: bytes, cipher: Gcm) -> None:
        """Takes what came; a packet of which a part was there is put together alone, so that nothing else is copied."""
        kept, at = self._inpbuf, 0
        if not kept and self._took_one(data, cipher):
            return
        if kept:
            at = _missing(kept, data)
            self._inpbuf = b""
            self._take(kept + data[:at], cipher)
        if at < len(data):
            if self._inpbuf or self._recv_encryption is not cipher or not self._between_packets:
                super().data_received(data[at:])
            else:
                self._take(data if not at else memoryview(data)[at:], cipher)

    def _took_one(self, data: bytes, cipher: Gcm) -> bool:
        """Takes what came where that is one packet of data, as most of a conversation is; says whether it was."""
        size = len(data)
        if not _HEAD.size + _LENGTH + _TAG <= size <= _LARGE or _NUMBER.unpack_from(data)[0] != size - _LENGTH - _TAG:
            return False
        plain = cipher.open(data[:_LENGTH], data[_LENGTH:])
        padding, kind, number, count = _HEAD.unpack_from(plain)
        channel: Any = self._channels.get(number) if kind == MSG_CHANNEL_DATA else None
        if type(channel) is FastChannel and channel.takes and _HEAD.size + count + padding == len(plain):
            self._recv_seq = (self._recv_seq + 1) & _ALL
            channel.accept((plain[_HEAD.size : _HEAD.size + count],))
        else:
            self._take_packet(cipher, kind, plain, padding, memoryview(data))
        return True

    @property
    def _between_packets(self) -> bool:
        return self._recv_handler == self._recv_pkthdr

    def _take(self, buffer: bytes | memoryview, cipher: Gcm) -> None:
        """Takes every whole packet out of what came; data is handed on together, in order with all else."""
        view, size, at = memoryview(buffer), len(buffer), 0
        came: dict[FastChannel, list[memoryview]] = {}
        while size - at >= _LENGTH + _TAG:
            (length,) = _NUMBER.unpack_from(buffer, at)
            if length > self._max_recv_pktlen:
                raise ProtocolError("Max packet size exceeded")
            end = at + _LENGTH + length + _TAG
            if end > size:
                break
            plain = cipher.open(view[at : at + _LENGTH], view[at + _LENGTH : end])
            padding, kind, number, count = _HEAD.unpack_from(plain) if length >= _HEAD.size else (0, 0, 0, 0)
            channel: Any = self._channels.get(number) if kind == MSG_CHANNEL_DATA else None
            if isinstance(channel, FastChannel) and channel.takes and _HEAD.size + count + padding == length:
                came.setdefault(channel, []).append(memoryview(plain)[_HEAD.size : _HEAD.size + count])
                self._recv_seq = (self._recv_seq + 1) & _ALL
                at = end
                continue
            _hand_on(came)
            at, begin = end, at
            if self._take_packet(cipher, kind, plain, padding, view[begin:end]):
                continue
            if not self._between_packets or self._recv_encryption is not cipher:
                break
        _hand_on(came)
        self._keep(view[at:], cipher)

    def _take_packet(self, cipher: Gcm, kind: int, plain: bytes, padding: int, packet: memoryview) -> bool:
        """Takes a packet that is no data; says whether nothing else can have come of that than of data."""
        if kind in _OF_CHANNELS and self._handle(kind, plain[1 : len(plain) - padding]):
            return True
        self._take_otherwise(cipher, plain, packet)
        return False

    def _handle(self, kind: int, payload: bytes) -> bool:
        """Has a channel of this module's take a packet; says whether there is one."""
        packet = SSHPacket(payload)
        packet.get_byte()
        channel: Any = self._channels.get(packet.get_uint32())
        if type(channel) is not FastChannel:
            return False
        self._auth_final = True
        number = self._recv_seq
        try:
            if kind == MSG_CHANNEL_OPEN_CONFIRMATION:
                channel.process_open_confirmation(packet.get_uint32(), packet.get_uint32(), packet.get_uint32(), packet)
            else:
                channel.process_packet(kind, number, packet)
        except PacketDecodeError as error:
            raise ProtocolError(str(error)) from None
        self._recv_seq = (number + 1) & _ALL
        return True

    def _take_otherwise(self, cipher: Gcm, plain: bytes, packet: memoryview) -> None:
        """Has asyncssh take a packet that is no data, or strange; it finds it decrypted."""
        cipher.opened = plain
        self._packet, self._inpbuf = bytes(packet[:_BLOCK]), bytes(packet[_BLOCK:])
        self._pktlen = len(packet) - _LENGTH - _TAG
        self._recv_handler = self._recv_packet
        self._recv_packet()

    def process_packet(self, pkttype: int, pktid: int, packet: Any) -> Any:
        """Takes a packet, and says something where nothing else answers it, so that its acknowledgement has company.

        sshd leaves the system's delay of small packets on. After a sign-in it tells its keys and what it thought of ours,
        and until that is acknowledged it can't say that a stream is open: 40 ms, where nothing goes its way.
        """
        sent = self._send_seq
        processed = super().process_packet(pkttype, pktid, packet)
        if pkttype in _TELLING and self._send_seq == sent and self.unhindered:
            self._send_other(bytes((MSG_IGNORE,)) + String(""))
        return processed

    def _keep(self, rest: memoryview, cipher: Gcm) -> None:
        """What is left waits for more, or for asyncssh to go on, as it does by itself once it has done with a packet."""
        if not rest:
            return
        self._inpbuf += bytes(rest)
        if self._between_packets and self._recv_encryption is not cipher:
            self._recv_data()

    def _keepalive_timer_callback(self) -> None:
        left = self._heard + self._keepalive_interval - monotonic()
        if left > 0:
            self._keepalive_timer = self._loop.call_later(left, self._keepalive_timer_callback)
        else:
            super()._keepalive_timer_callback()

    def log_sent_packet(self, *_: Any) -> None:
        """Packets are not logged here."""

    def log_received_packet(self, *_: Any) -> None:
        """Packets are not logged here."""


def _missing(kept: bytes, data: bytes) -> int:
    """Bytes of ``data`` that make a packet whole of which ``kept`` is the beginning; all where that is not enough."""
    head = kept[:_LENGTH] if len(kept) >= _LENGTH else (kept + data[:_LENGTH])[:_LENGTH]
    if len(head) < _LENGTH:
        return len(data)
    (length,) = _NUMBER.unpack(head)
    return min(len(data), max(0, _LENGTH + int(length) + _TAG - len(kept)))


def _hand_on(came: dict[FastChannel, list[memoryview]]) -> None:
    for channel, pieces in came.items():
        channel.accept(pieces)
    came.clear()


def hasten(connection: Any) -> None:
    """Puts the faster parts in place on a connection that begins, where they are known to fit."""
    if type(connection) is SSHClientConnection and fits():
        connection.__class__ = FastConnection
        setattr(connection, "_waiting", [])  # noqa: B010 (it is of that class only now)


def hastened(connection: Any) -> bool:
    """Whether the faster parts are in place, and in use."""
    return isinstance(connection, FastConnection) and type(connection._send_encryption) is Gcm


@cache
def fits() -> bool:
    """Whether this asyncssh was tried, and what is private of it does what is expected here."""
    if asyncssh.__version__ not in TRIED:
        return False
    try:
        return _agrees()
    except (AttributeError, TypeError, ValueError, struct.error):
        return False


def _agrees() -> bool:
    """Whether each side reads what the other has sealed, packet after packet."""
    key, iv = os.urandom(16), os.urandom(4) + bytes(7) + b"\xff"
    ours, theirs = Gcm(key, iv), GCMEncryption(GCMCipher("aes128-gcm", key, iv))
    for number in range(3):
        packet = bytes([4, MSG_CHANNEL_DATA, number]) + os.urandom(28)
        header = _NUMBER.pack(len(packet))
        sealed, tag = theirs.encrypt_packet(number, header, packet)
        if sealed + tag != header + ours.seal(header, packet):
            return False
    theirs, ours = GCMEncryption(GCMCipher("aes128-gcm", key, iv)), Gcm(key, iv)
    sealed = b"".join(ours.encrypt_packet(0, header, packet))
    opened = theirs.decrypt_packet(0, sealed[:_BLOCK], sealed[_BLOCK:-_TAG], _LENGTH, sealed[-_TAG:])
    return opened == packet == Gcm(key, iv).open(header, sealed[_LENGTH:])
