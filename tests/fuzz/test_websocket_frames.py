"""Invariant: what is taken by hand makes no difference to anybody.

Two connections are told the same: one as it is, and one whose every byte goes through the library, in and out. After
each step both have handed on the same messages and written the same bytes in the same calls, have counted the same
and are in the same state. A step is some bytes of the client, cut anywhere, or something that we do in between.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.actions import Connection, Context
from gateway.dispatch import Dispatcher
from gateway.protocol.errors import Disconnect
from gateway.protocol.messages import Request
from gateway.transports.traffic import Limits, Traffic
from gateway.transports.websocket import WebSocketConnection
from gateway.transports.websocket_frames import Frame, Frames
from tests.fuzz.budget import examples
from tests.transports.doubles import Notebook, shaken
from tests.transports.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, fragments, frame

MOST = 1000
LIMITS = Limits(max_message_bytes=MOST, max_fragments=4, idle_timeout=60, close_timeout=20)

LEAVE = b"leave"
"""A message whose answer is the end of the connection."""

Step = bytes | str
"""What the client sends, or the name of one of `ACTIONS`."""


class LibraryOnly(Frames):
    """The frames of a connection that takes none by hand, and makes none."""

    __slots__ = ()

    def receive(self, data: bytes) -> list[bytes | Frame]:
        """Give everything to the library, as it came."""
        received: list[bytes | Frame] = []
        self._feed(data, received)
        return received

    def receive_eof(self) -> None:
        """Let the library decide what that means."""
        self._needed()
        super().receive_eof()

    def send_text(self, message: bytes) -> None:
        """Let the library write it."""
        library = self._needed()
        library.send_text(message)
        self._take_note(library)


async def _nowhere(_: Request, __: Context) -> object:
    raise AssertionError("no message is read")


class Echo(Dispatcher):
    """Gives each message back, and keeps it."""

    def __init__(self) -> None:
        super().__init__(_nowhere, node="", new_id=str, report=lambda _, __: None)
        self.messages: list[bytes] = []

    async def handle(self, frame: bytes, connection: Connection) -> bytes:
        """Answer at once, or leave."""
        self.messages.append(frame)
        if frame == LEAVE:
            raise Disconnect(4401, "left")
        return frame


class Loop:
    """An event loop whose time stands still between two steps, and whose turns are the test's."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._due: list[Callable[[], None]] = []

    def time(self) -> float:
        """Say what time it is."""
        return self.now

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Note what is to be called."""
        self._due.append(callback)

    def turn(self) -> None:
        """Call it."""
        due, self._due = self._due, []
        for callback in due:
            callback()


class Side(NamedTuple):
    """One of the two connections."""

    connection: WebSocketConnection
    notebook: Notebook
    echo: Echo
    loop: Loop

    def take(self, step: Step) -> tuple[object, ...]:
        """Do one step; give all that can be seen of it."""
        self.loop.now += 7
        if isinstance(step, bytes):
            self.connection.data_received(step)
        else:
            ACTIONS[step](self)
        self.loop.turn()
        return self.seen()

    def seen(self) -> tuple[object, ...]:
        """All that a client, an action and the listener can see, and what the next step depends on."""
        connection, notebook = self.connection, self.notebook
        frames, tally = connection._frames, connection.tally
        writes, notebook.writes[:] = tuple(notebook.writes), []
        return (
            writes,
            tuple(self.echo.messages),
            (notebook.is_ended, notebook.is_aborted, notebook.is_reading_paused),
            (tally.messages_in, tally.bytes_in, tally.messages_out, tally.bytes_out),
            (frames.is_open, frames.is_over, frames.is_closed_by_client),
            (connection._heard, connection._deadline_from, connection._fragments),
        )


def _push_two(side: Side) -> None:
    side.connection.send(b"")
    side.connection.send(b"b")


def _let_time_pass(side: Side) -> None:
    side.loop.now += 21
    side.connection.check_time(side.loop.now)


def _lose(side: Side) -> None:
    side.connection.eof_received()


ACTIONS: dict[str, Callable[[Side], object]] = {
    "push": lambda side: side.connection.send(b"\xe2\x82\xac" * 50),
    "push two": _push_two,
    "close": lambda side: side.connection.close(1012, "restart"),
    "retire": lambda side: side.connection.retire(1012, "restart"),
    "time": _let_time_pass,
    "end": _lose,
}


def _side(kind: type[Frames]) -> Side:
    echo, loop = Echo(), Loop()
    connection, notebook = shaken(Traffic(echo, LIMITS))
    connection._loop = loop  # type: ignore[assignment]
    connection._heard = connection._deadline_from = loop.now
    connection.tally.since = 0
    if kind is not Frames:
        connection._frames = kind(LIMITS)
        connection._frames.is_open = True
    return Side(connection, notebook, echo, loop)


def hold(steps: Sequence[Step]) -> None:
    """Check the invariant for one story; the end of the stream is its last step, whatever came before."""
    ours, theirs = _side(Frames), _side(LibraryOnly)
    for step in steps:
        if step == "end":
            break
        assert theirs.take(step) == ours.take(step), step
    assert theirs.take("end") == ours.take("end")
    for side in (ours, theirs):
        side.connection.connection_lost(None)
    assert theirs.seen() == ours.seen()


def cut(stream: bytes, sizes: Iterable[int]) -> list[Step]:
    """Cut a stream into pieces of these sizes and one with the rest."""
    pieces: list[Step] = []
    at = 0
    for size in sizes:
        pieces.append(stream[at : at + size])
        at += size
    return [piece for piece in [*pieces, stream[at:]] if piece]


def spelled(first: int, key: bytes | None, length: int, width: int, payload: bytes) -> bytes:
    """A frame, its length spelled in `width` bytes whether that is the shortest way or not; no key for no mask."""
    mark = 0x80 if key is not None else 0
    if width == 0:
        start = bytes((first, mark | length & 0x7F))
    else:
        start = bytes((first, mark | (126 if width == 2 else 127))) + length.to_bytes(8, "big")[-width:]
    return start + (key or b"") + payload


NO_KEY = bytes(4)
FIRSTS = b"\x81\x81\x80\x81"
"""Bytes that look like the beginning of a frame, to whoever has lost the place."""

keys = st.binary(min_size=4, max_size=4) | st.sampled_from([NO_KEY, b"\xff\xff\xff\xff", FIRSTS])
lengths = st.sampled_from([0, 1, 2, 3, 4, 5, 7, 124, 125, 126, 127, 128, 255, 256, 999, 1000, 1001])
payloads = (
    st.sampled_from([b"", b'{"p":1}', b'{"p": 1}', LEAVE, b"\xff", "Größe".encode(), b"\xe2\x82"])
    | st.binary(max_size=9)
    | st.integers(1, 9).map(lambda times: FIRSTS * times)
    | lengths.map(lambda length: b"x" * length)
)


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """The common frame."""
    payload = draw(payloads)
    return spelled(0x81, draw(keys), len(payload), 2 if len(payload) > 125 else 0, payload)


@st.composite
def pings(draw: st.DrawFn) -> bytes:
    """The other one, mostly as short as clients send it."""
    payload = draw(payloads)[: draw(st.sampled_from([0, 0, 9, 125, 126]))]
    return spelled(0x89, draw(keys), len(payload), 2 if len(payload) > 125 else 0, payload)


@st.composite
def any_frames(draw: st.DrawFn) -> bytes:
    """A frame of any shape, sound or not."""
    payload = draw(payloads)
    opcode = draw(st.sampled_from([TEXT, BINARY, CONTINUATION, PING, PONG, CLOSE]) | st.integers(0, 15))
    flags = draw(st.sampled_from([0x80, 0x80, 0x80, 0]) | st.integers(0, 15).map(lambda bits: bits << 4))
    length = draw(st.just(len(payload)) | st.just(len(payload)) | lengths | st.integers(0, 2**64 - 1))
    width = 8 if length > 65_535 else draw(st.sampled_from([0 if length < 126 else 2, 2, 8]))
    key = draw(st.just(None) | keys | keys | keys)
    return spelled(flags | opcode, key, length, width, payload)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """What a client in order may send: a message, in parts or not, control frames among them, or the end."""
    parts = draw(st.lists(payloads, min_size=1, max_size=5))
    between = st.sampled_from([b"", b"", frame(b"?", PING), frame(b"", PONG)])
    whole = b"".join(each + draw(between) for each in fragments(*parts, opcode=draw(st.sampled_from([TEXT, BINARY]))))
    return whole + draw(st.sampled_from([b"", b"", b"", b"", frame(b"\x03\xe8", CLOSE)]))


streams = st.lists(texts() | texts() | pings() | messages() | any_frames() | st.binary(max_size=4), max_size=8).map(
    b"".join
)
actions = st.sampled_from(sorted(ACTIONS))


@st.composite
def stories(draw: st.DrawFn) -> list[Step]:
    """A stream in pieces, and what else happens meanwhile."""
    steps = cut(draw(streams), draw(st.lists(st.integers(1, 40) | st.integers(1, 2000), max_size=8)))
    for action in draw(st.lists(actions, max_size=2)):
        steps.insert(draw(st.integers(0, len(steps))), action)
    return steps


@examples(1500)
@given(stories())
@example([])
async def test_no_story_tells_the_two_apart(steps: list[Step]) -> None:
    """Frames of every shape, sound or not, with our own doings between them."""
    hold(steps)


@examples(300)
@given(streams)
async def test_dripping_bytes_tell_nothing(stream: bytes) -> None:
    """Each byte is a read of its own."""
    hold(cut(stream[:300], [1] * 300))


@examples(200)
@given(st.binary(max_size=60), st.lists(st.integers(1, 9), max_size=9))
async def test_noise_tells_nothing(stream: bytes, sizes: list[int]) -> None:
    """Bytes that are no frames, behind one that is."""
    hold(cut(frame(b"text") + stream, sizes))


TRAP = b"".join(
    spelled(first, key, len(payload), 0, payload)
    for first in (0x82, 0x81, 0x89, 0x81)
    for key in (NO_KEY, FIRSTS, FIRSTS[1:] + FIRSTS[:1])
    for payload in (b"\x81", FIRSTS, FIRSTS[::-1])
)

KEY = b"\x37\xfa\x21\x3d"
TALE = frame(b"one") + frame(b"two")

CORPUS: dict[str, bytes] = {
    "texts": TALE * 3,
    "everything looks like a first byte": TRAP,
    "everything looks like a first byte, later": TRAP[100:] + TALE,
    "frames within frames": spelled(0x82, NO_KEY, 54, 0, TALE * 3)
    + TALE
    + spelled(0x81, NO_KEY, 54, 0, TALE * 3)
    + TALE,
    "empty texts": frame(b"") * 3,
    "empty text in three ways": b"".join(spelled(0x81, KEY, 0, width, b"") for width in (0, 2, 8)),
    **{f"text of {length}": TALE + frame(b"x" * length) + TALE for length in (125, 126, 127, 255, 256, 1000)},
    "text too long by one": TALE + frame(b"x" * 1001) + TALE,
    "text of 70000": TALE + frame(b"x" * 70_000) + TALE,
    "lengths in two bytes where none are due": b"".join(
        spelled(0x81, KEY, length, 2, b"x" * length) + TALE for length in (1, 125, 126)
    ),
    "lengths in eight bytes where two are due": b"".join(
        spelled(0x81, KEY, length, 8, b"x" * length) + TALE for length in (1, 126, 999)
    ),
    "binary": frame(b"a", BINARY) + TALE + frame(b"b", BINARY) + TALE,
    "pings": frame(b"1", PING) + TALE + frame(b"2", PING) + frame(b"3", PING) + TALE + frame(b"", PONG),
    "ping not masked": frame(b"1", PING) + frame(b"2", PING, masked=False) + TALE,
    "ping too long": frame(b"x" * 125, PING) + frame(b"x" * 126, PING) + TALE,
    "pings behind what only the library takes": frame(b"a", BINARY) + frame(b"1", PING) + TALE + frame(b"2", PING),
    "ping, then close": frame(b"1", PING) + frame(b"", CLOSE) + frame(b"2", PING),
    "parts": b"".join(fragments(b"a", b"b", b"c")) + TALE + b"".join(fragments(b"", b"")) + TALE,
    "ping between parts": frame(b"a", fin=False) + frame(b"1", PING) + frame(b"b", CONTINUATION) + TALE,
    "text between parts": TALE + frame(b"a", fin=False) + TALE + frame(b"b", CONTINUATION),
    "too many parts": TALE + b"".join(fragments(b"a", b"b", b"c", b"d", b"e")) + TALE,
    "parts too long together": b"".join(fragments(b"x" * 999, b"xx")) + TALE,
    "a part that is never continued": TALE + frame(b"a", fin=False),
    "end without a beginning": TALE + frame(b"a", CONTINUATION) + TALE,
    "close": TALE + frame(b"\x03\xe8bye", CLOSE) + TALE,
    "close between parts": frame(b"a", fin=False) + frame(b"", CLOSE) + frame(b"b", CONTINUATION) + TALE,
    "close of one byte": TALE + frame(b"\x03", CLOSE) + TALE,
    "not masked": TALE + frame(b"a", masked=False) + TALE,
    "not masked and long": TALE + frame(b"x" * 200, masked=False) + TALE,
    "masked with nothing": spelled(0x81, b"\0\0\0\0", 3, 0, b"abc") + TALE,
    **{f"reserved bit {bit}": TALE + frame(b"a", reserved=bit) + TALE for bit in (1, 2, 4)},
    **{f"opcode {opcode}": TALE + frame(b"a", opcode) + TALE for opcode in (3, 7, 11, 15)},
    "no UTF-8": TALE + frame(b"\xff") + TALE,
    "no UTF-8, then close": TALE + frame(b"\xff") + TALE + frame(b"", CLOSE),
    "leave": TALE + frame(LEAVE) + TALE + frame(b"?", PING) + TALE,
    "leave, then close": TALE + frame(LEAVE) + TALE + frame(b"", CLOSE) + TALE,
    "promise beyond all bounds": TALE + frame(declared=2**64 - 1) + TALE,
    "promise of a ping": TALE + frame(b"x", PING, declared=2**32) + TALE,
    "application pings": frame(b'{"p":1}') * 2 + frame(b'{ "p": 1 }') + TALE,
}


@pytest.mark.parametrize("stream", CORPUS.values(), ids=CORPUS)
async def test_the_corpus_tells_nothing_wherever_it_is_cut(stream: bytes) -> None:
    """In one piece, byte by byte, and in two pieces at every place."""
    start = min(len(stream), 250)

    hold([stream])
    hold(cut(stream, [1] * start))
    for at in range(1, start):
        hold(cut(stream, [at]))


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("stream", CORPUS.values(), ids=CORPUS)
async def test_the_corpus_tells_nothing_whatever_we_do_meanwhile(stream: bytes, action: str) -> None:
    """Before, within and after each of them."""
    for at in (0, 3, 9, 15, len(stream)):
        hold([*cut(stream[:at], []), action, *cut(stream[at:], [4, 9]), frame(b"late"), action])


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 100_000])
async def test_what_we_send_is_spelled_as_the_library_does(length: int) -> None:
    """Heads of two, four and ten bytes."""
    ours, theirs = _side(Frames), _side(LibraryOnly)
    for side in (ours, theirs):
        side.connection.send(b"x" * length)
        side.loop.turn()

    assert theirs.notebook.writes == ours.notebook.writes
    assert [length] == [len(received.payload) for received in ours.notebook.read()]


async def test_the_two_are_not_the_same() -> None:
    """The one side never meets the library while all goes well; the other meets it with every byte."""
    ours, theirs = _side(Frames), _side(LibraryOnly)
    for side in (ours, theirs):
        side.take(TALE + frame(b"?", PING) + frame(b"!"))

    assert (None, False) == (ours.connection._frames._library, theirs.connection._frames._library is None)
