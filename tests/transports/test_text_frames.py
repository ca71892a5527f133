"""The two frames that are read by hand: what is taken, what is left, and how far a frame of any shape reaches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.transports.text_frames import extent, is_ping, is_text, take_pings, take_texts, text_frame
from tests.fuzz.budget import examples
from tests.transports.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Received, frame, frames_in

MOST = 1000


def taken(data: bytes, at: int = 0) -> tuple[int, list[bytes]]:
    """Where taking stops, and what was taken."""
    texts: list[bytes] = []
    return take_texts(data, at, MOST, texts), texts


@examples(200)
@given(st.lists(st.integers(0, MOST).map(lambda length: b"x" * length) | st.binary(max_size=300), max_size=5))
def test_texts_are_taken_as_they_were_sent(payloads: list[bytes]) -> None:
    """Whatever is in them, one behind the other, each whole."""
    sent = b"".join(map(frame, payloads))

    assert (len(sent), payloads) == taken(sent)


LEFT = {
    "nothing": b"",
    "one byte": b"\x81",
    "head without key": frame(b"abc")[:5],
    "frame cut short": frame(b"abc")[:-1],
    "long head cut short": frame(b"x" * 200)[:7],
    "long frame cut short": frame(b"x" * 200)[:-1],
    "too long": frame(b"x" * (MOST + 1)),
    "length in eight bytes": frame(b"x" * 70_000),
    "length in two bytes where none are due": b"\x81\xfe\x00\x05\x00\x00\x00\x00hello",
    "not masked": frame(b"hello, world", masked=False),
    "not masked and long": frame(b"x" * 200, masked=False),
    "part": frame(b"a", fin=False),
    "continuation": frame(b"a", CONTINUATION),
    "binary": frame(b"a", BINARY),
    "ping": frame(b"a", PING),
    "close": frame(b"", CLOSE),
    **{f"reserved bit {bit}": frame(b"a", reserved=bit) for bit in (1, 2, 4)},
}


@pytest.mark.parametrize("left", LEFT.values(), ids=LEFT)
def test_everything_else_is_left_where_it_is(left: bytes) -> None:
    """Texts before it are taken, none behind it is."""
    before = frame(b"before") + frame(b"")

    assert (len(before), [b"before", b""]) == taken(before + left)
    assert (len(before), []) == taken(before + left, len(before))


@examples(200)
@given(st.lists(st.binary(max_size=125), max_size=5))
def test_pings_are_answered_with_what_was_in_them(payloads: list[bytes]) -> None:
    """One behind the other, each whole, each with a pong of its own (RFC 6455 §5.5.3)."""
    sent = b"".join(frame(payload, PING) for payload in payloads)
    pongs: list[bytes] = []

    assert len(sent) == take_pings(sent, 0, MOST, pongs)
    assert [Received(PONG, payload) for payload in payloads] == list(frames_in(b"".join(pongs)))


NO_PINGS = {
    "nothing": b"",
    "head without key": frame(b"", PING)[:5],
    "cut short": frame(b"abc", PING)[:-1],
    "not masked": frame(b"hello, world", PING, masked=False),
    "in parts": frame(b"a", PING, fin=False),
    "too long for a control frame": frame(b"x" * 126, PING),
    "length in two bytes": b"\x89\xfe\x00\x05\x00\x00\x00\x00hello",
    "too long for us": frame(b"x" * 11, PING),
    "pong": frame(b"a", PONG),
    "text": frame(b"a"),
    **{f"reserved bit {bit}": frame(b"a", PING, reserved=bit) for bit in (1, 2, 4)},
}


@pytest.mark.parametrize("left", NO_PINGS.values(), ids=NO_PINGS)
def test_what_is_no_ping_in_order_is_left_where_it_is(left: bytes) -> None:
    """Those before it are answered."""
    before, pongs = frame(b"?", PING), list[bytes]()

    assert len(before) == take_pings(before + left, 0, 10, pongs)
    assert [Received(PONG, b"?")] == list(frames_in(b"".join(pongs)))


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 2**32, 2**64 - 1])
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, 15])
def test_a_head_tells_how_far_its_frame_reaches(opcode: int, length: int, masked: bool) -> None:  # noqa: FBT001 - a table's column
    """As soon as the length is there; before that it tells nothing. The place in the data makes no difference."""
    head = frame(b"", opcode, declared=length, masked=masked)
    size = 2 if length < 126 else 4 if length < 65_536 else 10

    assert len(head) + length == extent(b"ab" + head, 2)
    assert {len(head) + length} == {extent(head[:end], 0) for end in range(size, len(head) + 1)}
    assert {0} == {extent(head[:end], 0) for end in range(size)}


def test_the_first_byte_tells_whether_a_look_is_worth_it() -> None:
    """A whole text, or a ping, and nothing else."""
    assert [0x81] == [first for first in range(256) if is_text(bytes((first,)), 0)]
    assert [0x89] == [first for first in range(256) if is_ping(bytes((first,)), 0)]


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536])
def test_a_text_is_framed(length: int) -> None:
    """A client without a library reads it as it is."""
    assert [Received(TEXT, b"x" * length)] == list(frames_in(text_frame(b"x" * length)))
