"""The bytes on their way out: nothing is lost and nothing comes twice, whatever the relay says it has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.workstation.ssh.frames import MOST
from core.workstation.ssh.outgoing import Outgoing


def drained(out: Outgoing) -> list[bytes]:
    return list(iter(out.take, b""))


def test_small_pieces_share_a_message_and_large_ones_are_cut() -> None:
    out = Outgoing(window=1 << 20)
    out.put(b"a" * 10)
    out.put(b"b" * 10)
    out.put(b"c" * (2 * MOST + 1))

    assert [len(piece) for piece in drained(out)] == [20, MOST, MOST, 1]


def test_nothing_is_taken_while_the_window_is_full() -> None:
    out = Outgoing(window=MOST)
    out.put(b"x" * 3 * MOST)

    assert len(out.take()) == MOST
    assert out.take() == b""
    out.confirm(MOST)
    assert len(out.take()) == MOST


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=30), st.data())
def test_what_the_other_side_has_after_any_drops_is_what_was_put_in(pieces: list[bytes], data: st.DataObject) -> None:
    out = Outgoing(window=120)
    arrived = b""
    for piece in pieces:
        out.put(piece)
        sent = b"".join(drained(out))
        received = data.draw(st.integers(0, len(sent)))
        arrived += sent[:received]
        if received < len(sent) or data.draw(st.booleans()):
            out.rewind(len(arrived))
        else:
            out.confirm(data.draw(st.integers(out.confirmed, len(arrived))))
    out.rewind(len(arrived))
    while out.waiting:
        arrived += b"".join(drained(out))
        out.confirm(len(arrived))

    assert arrived == b"".join(pieces)


@pytest.mark.parametrize("total", [3, 21])
def test_a_count_that_goes_back_or_beyond_what_was_sent_is_refused(total: int) -> None:
    out = Outgoing(window=100)
    out.put(b"x" * 20)
    out.take()
    out.confirm(5)

    with pytest.raises(ValueError):
        out.confirm(total)
