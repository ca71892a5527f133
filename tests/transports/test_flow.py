"""Bytes out: a client that does not take its answers is asked for no more work, and in the end let go."""

import asyncio
from typing import Any

import pytest

from gateway.transports.websocket import WebSocketConnection
from tests.transports.conftest import Serve
from tests.transports.doubles import Notebook, Workshop, shaken, traffic_of, until
from tests.transports.wire import CLOSE, PING, TEXT, ask, frame

MIB = 2**20


def stalled(**limits: Any) -> tuple[WebSocketConnection, Notebook]:
    """A connection whose transport holds more than it should."""
    connection, notebook = shaken(traffic_of(Workshop(), **limits))
    connection.data_received(ask("large", 1, body={"size": 200_000}))
    notebook.waiting = 150_000
    connection.pause_writing()
    notebook.writes.clear()
    return connection, notebook


async def test_reading_pauses_while_answers_wait() -> None:
    """A client that does not read is not read from; when it does, it is."""
    connection, notebook = stalled()
    assert notebook.is_reading_paused

    notebook.waiting = 0
    connection.resume_writing()

    assert not notebook.is_reading_paused


async def test_w13_a_client_with_too_much_unsent_is_closed_1011() -> None:
    """Once more than 1 MiB waits, the next message is not added; the close frame is the last thing to be written."""
    connection, notebook = shaken(traffic_of(Workshop()))
    notebook.waiting = MIB
    connection.send(b'"still"')
    await asyncio.sleep(0)
    assert [b'"still"'] == [received.payload for received in notebook.read()]

    notebook.waiting = MIB + 1
    connection.send(b'"no more"')
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert [1011] == [received.code for received in notebook.read()]
    assert notebook.is_ended


async def test_one_large_answer_is_no_sign_of_a_slow_client(serve: Serve) -> None:
    """An answer of many times the limit arrives whole at a client that reads, and so does the next."""
    wire = await (await serve()).shake_hands()

    for number in range(3):
        await wire.send(ask("large", number, body={"size": 8 * MIB}))
        assert 8 * MIB == len((await wire.receive()).answer["result"])


@pytest.mark.parametrize("taken", [0, 1], ids=["nothing taken", "a byte at a time"])
async def test_w13_a_client_that_takes_nothing_is_closed_1011(taken: int) -> None:
    """After `stall_timeout` without a byte; a slow client that goes on taking is left in peace."""
    connection, notebook = stalled(stall_timeout=10)
    now = asyncio.get_running_loop().time()
    connection.check_time(now)

    for seconds in (4, 8, 12):
        notebook.waiting -= taken
        connection.check_time(now + seconds)
    await asyncio.sleep(0)

    assert [CLOSE] * (1 - taken) == [received.opcode for received in notebook.read()]


async def test_w13_a_stalled_client_that_does_not_even_close_is_dropped() -> None:
    """The close frame cannot reach it; after `close_timeout` the connection is aborted, and its memory free."""
    connection, notebook = stalled(stall_timeout=10, close_timeout=5)
    now = asyncio.get_running_loop().time()

    connection.check_time(now)
    connection.check_time(now + 11)
    await asyncio.sleep(0)
    assert (1011, False) == (notebook.read()[0].code, notebook.is_aborted)
    connection.check_time(now + 17)

    assert notebook.is_aborted


async def test_messages_pushed_to_a_stalled_client_are_no_sign_that_it_takes_any() -> None:
    """What is added to the heap does not hide that nothing leaves it."""
    connection, notebook = stalled(stall_timeout=10)
    now = asyncio.get_running_loop().time()
    connection.check_time(now)

    for seconds in (4, 8, 12):
        connection.send(b'"push"')
        await asyncio.sleep(0)
        notebook.waiting += sum(map(len, notebook.writes))
        notebook.writes.clear()
        connection.check_time(now + seconds)
    await asyncio.sleep(0)

    assert 1011 == notebook.read()[-1].code


async def test_w12_pings_during_our_close_are_not_answered_without_bound() -> None:
    """A client that reads nothing gets no more pongs than the limit on what waits, though it is closing."""
    connection, notebook = shaken(traffic_of(Workshop()))
    connection.close(1012, "restart")
    await asyncio.sleep(0)
    notebook.writes.clear()
    notebook.waiting = MIB + 1

    for _ in range(10):
        connection.data_received(frame(b"?" * 100, PING) * 100)

    assert [] == notebook.writes


@pytest.mark.parametrize(
    ("size", "number", "limits"),
    [(16 * MIB, 1, {"stall_timeout": 0.3}), (MIB, 16, {"stall_timeout": 60.0, "idle_timeout": 60.0})],
    ids=["takes nothing", "asks for too much"],
)
async def test_w13_a_client_that_stops_reading_is_let_go_and_no_other_one(
    size: int, number: int, limits: dict[str, Any], serve: Serve
) -> None:
    """Over TCP: it is dropped for time or for size, and another client is served meanwhile."""
    hall = await serve(**limits)
    greedy, modest = await hall.shake_hands(), await hall.shake_hands()
    greedy.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await greedy.send(*(ask("wait", at, body={"size": size}) for at in range(number)))
    await until(lambda: hall.workshop.waiting == number)
    hall.workshop.door.set()

    served = 0
    while len(hall.traffic.connections) > 1:
        await modest.send(ask("now", served))
        assert f"r{served}" == (await modest.receive()).answer["requestId"]
        served += 1
        await asyncio.sleep(0.01)

    assert served > 5


async def test_w13_answers_to_one_read_do_not_pile_up(serve: Serve) -> None:
    """Requests behind answers that the client does not take wait for it; when it reads, it gets them all."""
    hall = await serve()
    wire = await hall.shake_hands()
    wire.writer.transport.pause_reading()  # type: ignore[attr-defined]

    await wire.send(*(ask("large", number, body={"size": MIB}) for number in range(64)))
    await until(lambda: bool(hall.workshop.begun))
    await asyncio.sleep(0.05)
    assert len(hall.workshop.begun) < 32
    wire.writer.transport.resume_reading()  # type: ignore[attr-defined]

    assert [f"r{number}" for number in range(64)] == [answer["requestId"] for answer in await wire.answers(64)]


async def test_a_slow_client_that_reads_in_the_end_learns_why(serve: Serve) -> None:
    """Within `close_timeout` it can read what waited, and behind that the close frame 1011."""
    hall = await serve(stall_timeout=0.2, close_timeout=5.0)
    wire = await hall.shake_hands()
    wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await wire.send(ask("large", body={"size": 16 * MIB}))
    (connection,) = hall.traffic.connections
    await until(lambda: not connection._frames.is_open)  # type: ignore[attr-defined]

    wire.writer.transport.resume_reading()  # type: ignore[attr-defined]

    assert TEXT == (await wire.receive()).opcode
    assert 1011 == await wire.close_code()
