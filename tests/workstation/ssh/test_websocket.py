"""Frames of a WebSocket: masked as the standard's own example, parsed however they are cut, refused where they are none."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.workstation.ssh import masking
from core.workstation.ssh.websocket import WebSocket


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.written += data

    def get_extra_info(self, name: str) -> object:
        return None

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True

    close = abort


def frame(payload: bytes, first: int = 0x82) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    return (
        struct.pack(">BBH", first, 126, size) + payload
        if size < 1 << 16
        else struct.pack(">BBQ", first, 127, size) + payload
    )


def taken(chunks: list[bytes]) -> tuple[list[bytes], Wire, tuple[int, str] | None]:
    """What a WebSocket hands over of such chunks, what it writes, and how it ended."""

    async def work() -> Any:
        got: list[bytes] = []
        websocket, wire = WebSocket(), Wire()
        websocket.connection_made(wire)  # type: ignore[arg-type]
        websocket._head.set_result(None)  # type: ignore[arg-type]
        websocket.start(got.append, lambda: None, lambda: None)
        for chunk in chunks:
            websocket.data_received(chunk)
        return got, wire, websocket.closed.result() if websocket.closed.done() else None

    return asyncio.run(work())  # type: ignore[no-any-return]


@pytest.mark.parametrize("lay", [masking.slowly, masking.lay()])
def test_a_mask_is_the_one_of_the_standard(lay: masking.Lay) -> None:
    data = bytearray(b"Hello")
    lay(bytes.fromhex("37fa213d"), data)
    assert data == bytes.fromhex("7f9f4d5158")


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_each_way_to_mask_is_the_same(data: bytes, mask: bytes) -> None:
    one, other = bytearray(data), bytearray(data)
    masking.slowly(mask, one)
    masking.lay()(mask, other)
    assert one == other
    masking.slowly(mask, one)
    assert one == data, "taken twice it is none"


def test_what_is_compiled_is_not_relied_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong() -> masking.Lay:
        return lambda mask, data: None

    masking.lay.cache_clear()
    monkeypatch.setattr(masking, "_compiled", wrong)
    assert masking.lay() is masking.slowly
    masking.lay.cache_clear()


def test_every_frame_has_a_mask_of_its_own_and_is_read_back() -> None:
    async def work() -> bytes:
        websocket, wire = WebSocket(), Wire()
        websocket.connection_made(wire)  # type: ignore[arg-type]
        websocket.send(*(b"the same" for _ in range(64)))
        return bytes(wire.written)

    sent = asyncio.run(work())
    frames = [sent[at : at + 14] for at in range(0, len(sent), 14)]
    assert all(each[:2] == bytes((0x82, 0x88)) for each in frames)
    assert len({each[2:6] for each in frames}) > 60, "RFC 6455: a mask that can't be foreseen, a new one for each frame"
    for each in frames:
        data = bytearray(each[6:])
        masking.slowly(each[2:6], data)
        assert data == b"the same"


@given(st.lists(st.sampled_from([0, 1, 125, 126, 127, 1000, 70_000]), max_size=6), st.data())
def test_messages_are_the_same_wherever_the_bytes_are_cut(sizes: list[int], data: st.DataObject) -> None:
    sent = [bytes([number]) * size for number, size in enumerate(sizes)]
    whole = b"".join(map(frame, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    chunks = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    got, _, _ = taken(chunks)
    assert got == sent


def test_a_message_in_parts_is_put_together_and_a_ping_between_them_answered() -> None:
    got, wire, _ = taken([frame(b"one ", 0x02), frame(b"?", 0x89), frame(b"two", 0x80)])

    assert got == [b"one two"]
    assert wire.written[:2] == bytes((0x8A, 0x81))


def test_a_close_says_code_and_reason() -> None:
    _, wire, ended = taken([frame(struct.pack(">H", 4033) + b"not authorized", 0x88)])

    assert ended == (4033, "not authorized")
    assert wire.written[0] == 0x88


@pytest.mark.parametrize("raw", [bytes((0x82, 0x81, 0, 0, 0, 0, 0)), bytes((0xF2, 1, 0)), frame(b"x", 0x83)])
def test_what_is_no_frame_of_a_servers_ends_it(raw: bytes) -> None:
    _, wire, ended = taken([raw])

    assert ended is not None
    assert ended[0] == 1002
    assert wire.aborted
