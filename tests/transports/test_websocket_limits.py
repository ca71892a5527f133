"""Limits of size, of number and of time on one connection."""

import asyncio
import time
import tracemalloc
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.transports.websocket import WebSocketConnection
from tests.transports.conftest import Serve
from tests.transports.doubles import Workshop, opened, shaken, traffic_of
from tests.transports.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Received, ask, fragments, frame, head

MIB = 2**20


def resident_bytes() -> int:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def later(seconds: float) -> float:
    """The event loop's time in some seconds."""
    return asyncio.get_running_loop().time() + seconds


@pytest.mark.parametrize("parts", [1, 2, 100])
async def test_a_message_of_the_largest_size_is_taken(parts: int) -> None:
    """1 MiB in all, in one frame or in many, is a request like any other."""
    connection, notebook = shaken(traffic_of(Workshop()))
    start = b'{"controller":"test","action":"now","padding":"'
    message = start + b"x" * (MIB - len(start) - 2) + b'"}'
    step = MIB // parts + 1

    connection.data_received(b"".join(fragments(*(message[at : at + step] for at in range(0, MIB, step)))))

    assert "now" == notebook.read()[0].answer["result"]


@pytest.mark.parametrize("declared", [MIB + 1, 2**31, 2**63 - 1, 2**64 - 1])
@pytest.mark.parametrize("opcode", [TEXT, BINARY, CLOSE, PING, PONG])
async def test_w08_a_declared_length_beyond_the_limit_closes_1009_at_once(declared: int, opcode: int) -> None:
    """The header alone suffices; nothing is set aside for what it promises."""
    connection, notebook = shaken(traffic_of(Workshop()))
    tracemalloc.start()

    connection.data_received(frame(opcode=opcode, declared=declared))

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    (close,) = notebook.read()
    assert 1009 == close.code
    assert notebook.is_ended
    assert peak < 100_000


async def test_w08_the_parts_of_a_message_count_together() -> None:
    """One byte too many in the last fragment closes 1009; what was sent before is not handed on."""
    workshop = Workshop()
    connection, notebook = shaken(traffic_of(workshop, max_message_bytes=1000))

    connection.data_received(frame(b" " * 500, fin=False) + frame(b" " * 500, CONTINUATION, fin=False))
    assert [] == notebook.writes
    connection.data_received(frame(b" ", CONTINUATION))

    assert (1009, []) == (notebook.read()[0].code, workshop.begun)


async def test_w08_a_close_for_size_arrives_while_the_client_still_sends(serve: Serve) -> None:
    """A client that sends twice the limit reads 1009 and not a reset."""
    wire = await (await serve()).shake_hands()

    await wire.send(frame(b"x" * (2 * MIB)))

    assert 1009 == await wire.close_code()


@pytest.mark.parametrize("parts", [4, 5], ids=["as many as allowed", "one more"])
@pytest.mark.parametrize("payload", [b"", b" "], ids=["empty", "filled"])
async def test_w09_fragments_are_counted(parts: int, payload: bytes) -> None:
    """A message may have so many frames, empty ones counted, and the next message as many again."""
    connection, notebook = shaken(traffic_of(Workshop(), max_fragments=4))
    message = b"".join(fragments(b'{"p":', *[payload] * (parts - 2), b"1}"))

    connection.data_received(message + frame(b"", PING) + message)

    expected = [TEXT, PONG, TEXT] if parts == 4 else [CLOSE]
    received = notebook.read()
    assert sorted(expected) == sorted(opcode for opcode, _ in received)
    if parts == 5:
        assert 1009 == received[0].code


@pytest.mark.parametrize("payload", [b"", b"x"], ids=["empty", "one byte"])
async def test_w09_a_flood_of_fragments_takes_no_memory(payload: bytes, serve: Serve) -> None:
    """Half a million fragments are closed 1009 and leave the process as large as it was."""
    wire = await (await serve()).shake_hands()
    flood = frame(payload, fin=False) + frame(payload, CONTINUATION, fin=False) * 500_000
    before = resident_bytes()

    await wire.send(flood)

    assert 1009 == await wire.close_code()
    assert resident_bytes() - before < 8 * MIB


async def test_w12_floods_of_pings_and_pongs_make_no_tasks(serve: Serve) -> None:
    """Each ping gets its pong, a pong nothing, and nobody is employed for it."""
    wire = await (await serve()).shake_hands()
    tasks = len(asyncio.all_tasks())

    await wire.send(*[frame(b"", PING) + frame(b"", PONG)] * 20_000, frame(b"last", PING))
    most = 0
    while (received := await wire.receive()).payload != b"last":
        assert Received(PONG, b"") == received
        most = max(most, len(asyncio.all_tasks()))

    assert most <= tasks


def idle(_: WebSocketConnection) -> None:
    """Do nothing at all."""


def unfinished(connection: WebSocketConnection) -> None:
    """Begin a message."""
    connection.data_received(frame(b"{", fin=False))


def closing(connection: WebSocketConnection) -> None:
    """Send a close frame, to which no answer comes."""
    connection.close(1012, "restart")


def asked_to_close(connection: WebSocketConnection) -> None:
    """Receive a close frame, after which the client keeps the stream open."""
    connection.data_received(frame(b"", CLOSE))


def failed(connection: WebSocketConnection) -> None:
    """Receive what breaks the protocol."""
    connection.data_received(frame(b"", 3))


@pytest.mark.parametrize(
    ("do", "limit", "close"),
    [
        (idle, "idle_timeout", None),
        (unfinished, "idle_timeout", 1008),
        (closing, "close_timeout", None),
        (asked_to_close, "close_timeout", None),
        (failed, "close_timeout", None),
    ],
    ids=["idle", "unfinished message", "no answer to our close", "peer keeps TCP after its close", "after a failure"],
)
async def test_w17_w09_every_state_has_its_limit_of_time(do: Any, limit: str, close: int | None) -> None:
    """Just within its limit a connection lives; beyond it is dropped, or closed where the client may still listen."""
    limits: dict[str, Any] = {"idle_timeout": 600.0, "close_timeout": 600.0, "stall_timeout": 600.0, limit: 30.0}
    connection, notebook = shaken(traffic_of(Workshop(), **limits))
    do(connection)
    await asyncio.sleep(0)
    notebook.writes.clear()

    connection.check_time(later(29))
    assert (False, []) == (notebook.is_aborted, notebook.writes)
    connection.check_time(later(31))
    await asyncio.sleep(0)

    assert [close] * (close is not None) == [received.code for received in notebook.read()]
    assert notebook.is_aborted is (close is None)


async def test_a_client_that_does_not_leave_after_a_refused_handshake_is_dropped() -> None:
    """It has `close_timeout` to close the stream."""
    _, notebook = opened(traffic_of(Workshop(), close_timeout=30))
    notebook.receive(head(without="Connection"))
    connection = cast("WebSocketConnection", notebook.get_protocol())

    connection.check_time(later(29))
    assert not notebook.is_aborted
    connection.check_time(later(31))

    assert notebook.is_aborted


class Clock:
    """A time that a test turns on, in the place of the event loop's."""

    def __init__(self, connection: WebSocketConnection) -> None:
        self._loop = connection._loop
        self._ahead = 0.0
        connection._loop = self  # type: ignore[assignment]

    def time(self) -> float:
        """Say what time it is."""
        return self._loop.time() + self._ahead

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def pass_time(self, connection: WebSocketConnection, seconds: float) -> None:
        """Let time pass, and the connection look at it."""
        self._ahead += seconds
        connection.check_time(self.time())


@pytest.mark.parametrize(
    ("sign", "lives"),
    [
        (ask("now"), True),
        (frame(b"", PING), True),
        (frame(b"", PONG), True),
        (frame(b'{"p":1}'), True),
        (frame(b""), True),
        (b"", False),
    ],
    ids=["request", "ping", "pong", "application ping", "empty message", "nothing"],
)
async def test_any_frame_is_a_sign_of_life(sign: bytes, lives: bool) -> None:  # noqa: FBT001 - a table's column
    """The idle time counts from the last thing the client sent (frames.md §1, "Keep-alive")."""
    connection, notebook = shaken(traffic_of(Workshop(), idle_timeout=60))
    clock = Clock(connection)

    for _ in range(3):
        clock.pass_time(connection, 50)
        if sign:
            connection.data_received(sign)

    assert lives is not notebook.is_aborted


async def test_what_the_gateway_sends_is_no_sign_of_life() -> None:
    """A client that only listens is dropped (frames.md §1, "Keep-alive")."""
    connection, notebook = shaken(traffic_of(Workshop(), idle_timeout=60))
    clock = Clock(connection)

    for _ in range(3):
        clock.pass_time(connection, 25)
        connection.send(b"{}")

    assert notebook.is_aborted


@pytest.mark.parametrize("ping", [b"", frame(b"", PING)], ids=["silent", "with pings"])
async def test_w09_an_unfinished_message_is_not_kept_alive(ping: bytes) -> None:
    """Neither fragments that go on dripping nor pings between them extend the time for a message."""
    connection, notebook = shaken(traffic_of(Workshop(), idle_timeout=60))
    clock = Clock(connection)
    connection.data_received(frame(b"{", fin=False))

    for _ in range(3):
        clock.pass_time(connection, 25)
        connection.data_received(frame(b" ", CONTINUATION, fin=False) + ping)
    await asyncio.sleep(0)

    assert 1008 == notebook.read()[-1].code


async def test_w09_an_unfinished_frame_is_not_kept_alive() -> None:
    """A frame whose bytes drip in is as idle as none."""
    connection, notebook = shaken(traffic_of(Workshop(), idle_timeout=60))
    clock = Clock(connection)

    for byte in frame(b"x" * 100)[:5]:
        connection.data_received(bytes((byte,)))
        clock.pass_time(connection, 25)

    assert notebook.is_aborted


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_w09_a_frame_that_drips_costs_as_much_per_byte_however_long_it_is(opcode: int) -> None:
    """Nothing is looked at twice, and nothing but the frame is kept."""

    def seconds(length: int) -> float:
        connection, notebook = shaken(traffic_of(Workshop()))
        message = b'{"controller":"test","action":"now"}'.ljust(length)
        pieces = [bytes((byte,)) for byte in frame(message, opcode)]
        began = time.thread_time()
        for piece in pieces:
            connection.data_received(piece)
        took = time.thread_time() - began
        assert "now" == notebook.read()[0].answer["result"]
        return took

    short, long = (min(seconds(length) for _ in range(3)) for length in (10_000, 80_000))

    assert long < 8 * short * 2


async def test_w17_a_client_cannot_put_off_its_end(serve: Serve) -> None:
    """Messages sent after our close frame are not run, and do not extend the wait for the client's."""
    workshop = Workshop()
    connection, notebook = shaken(traffic_of(workshop, close_timeout=10))
    clock = Clock(connection)
    connection.close(4401, "revoked")

    for _ in range(3):
        connection.data_received(frame(b"{", fin=False) + frame(b"}", CONTINUATION) + ask("now"))
        clock.pass_time(connection, 4)

    assert (True, []) == (notebook.is_aborted, workshop.begun)
