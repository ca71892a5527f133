"""HTTP clients that do not take their answers: they wait, in the end they go, and nobody else notices."""

import asyncio
import itertools
from typing import Any

import pytest

from gateway.transports.http import HttpConnection
from tests.transports.conftest import Serve
from tests.transports.doubles import Notebook, Workshop, opened, traffic_of
from tests.transports.http_wire import ask_http, http, read_answer, results, written

NOW = http("GET", "/now")
MIB = 2**20


def large(size: int, *headers: str) -> bytes:
    """A request for an answer of so many bytes."""
    return http("POST", "/echo", *headers, body=b'{"size":%d}' % size)


def stalled(connection_header: str = "X-A: b", **limits: Any) -> tuple[HttpConnection, Notebook]:
    """A connection whose transport holds more than it should."""
    connection, notebook = opened(traffic_of(Workshop(), **limits))
    connection.data_received(large(200_000, connection_header))
    notebook.waiting = 150_000
    connection.pause_writing()
    notebook.writes.clear()
    return connection, notebook


async def test_w13_nothing_begins_for_a_client_that_does_not_read() -> None:
    """What it asks for waits, and so does reading, once much waits; when it reads, it gets all of it."""
    connection, notebook = stalled()
    connection.data_received(NOW * 10)
    paused = [notebook.is_reading_paused]
    connection.data_received(NOW * 3000)
    paused.append(notebook.is_reading_paused)
    nothing = list(notebook.writes)

    notebook.waiting = 0
    connection.resume_writing()

    assert ([], [False, True], False) == (nothing, paused, notebook.is_reading_paused)
    assert ["now"] * 3010 == results(written(notebook))


@pytest.mark.parametrize(("sent", "limit"), [(b"", 65), (NOW[:9], 10)], ids=["next request", "rest of a head"])
async def test_the_time_of_a_long_answer_is_not_the_clients(sent: bytes, limit: int) -> None:
    """It has its time for what comes next from when it has taken the answer; until then it was not even read."""
    connection, notebook = stalled(handshake_timeout=10, keep_alive_timeout=65)
    connection.data_received(sent)
    notebook.waiting = 0
    taken = asyncio.get_running_loop().time()

    connection.resume_writing()

    connection.check_time(taken + limit)
    early = notebook.is_ended
    connection.check_time(taken + limit + 1)
    assert (False, True) == (early, notebook.is_ended)


async def test_w13_answers_to_one_read_do_not_pile_up() -> None:
    """They are written piece by piece, so that the transport can say stop; the rest begins when there is room."""
    workshop = Workshop()
    connection, notebook = opened(traffic_of(workshop))
    write = notebook.write

    def write_and_stall(data: bytes) -> None:
        write(data)
        notebook.waiting += len(data)
        connection.pause_writing()

    notebook.write = write_and_stall  # type: ignore[method-assign]
    connection.data_received(large(30_000) * 100)
    begun = [len(workshop.begun)]
    for _ in range(40):
        notebook.waiting = 0
        connection.resume_writing()
        begun.append(len(workshop.begun))

    assert begun[0] <= 3
    assert max(later - earlier for earlier, later in itertools.pairwise(begun)) <= 3
    assert [30_000] * 100 == [len(result) for result in results(written(notebook))]


@pytest.mark.parametrize("taken", [0, 1], ids=["nothing taken", "a byte at a time"])
@pytest.mark.parametrize("header", ["X-A: b", "Connection: close"], ids=["more to come", "last answer"])
async def test_w13_a_client_that_takes_nothing_is_dropped(taken: int, header: str) -> None:
    """After `stall_timeout` without a byte; one that is merely slow goes on, also with the last answer."""
    connection, notebook = stalled(header, stall_timeout=10, close_timeout=5)
    now = asyncio.get_running_loop().time()
    connection.check_time(now)

    for seconds in (4, 8, 12, 16):
        notebook.waiting -= taken
        connection.check_time(now + seconds)

    assert notebook.is_aborted is (not taken)


async def test_w13_a_client_that_stops_reading_is_let_go_and_no_other_one(serve: Serve) -> None:
    """Over TCP, with requests for far more than the kernel holds; another client is served meanwhile."""
    hall = await serve(stall_timeout=0.3)
    greedy, modest = await hall.connect(), await hall.connect()
    greedy.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await greedy.send(large(MIB) * 64)

    served = 0
    while len(hall.traffic.connections) > 1:
        assert 200 == (await ask_http(modest, "GET", "/now")).status
        served += 1
        await asyncio.sleep(0.01)

    assert served > 5
    assert len(hall.workshop.begun) - served < 32


async def test_a_slow_reader_gets_everything(serve: Serve) -> None:
    """A late one too: requests whose answers it did not take wait for it."""
    wire = await (await serve()).connect()
    wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await wire.send(large(MIB) * 32)
    await asyncio.sleep(0.05)
    wire.writer.transport.resume_reading()  # type: ignore[attr-defined]

    assert [MIB] * 32 == [len((await read_answer(wire)).envelope["result"]) for _ in range(32)]


async def test_a_large_last_answer_arrives_whole_at_a_slow_reader(serve: Serve) -> None:
    """Though it takes longer than `close_timeout`: that is for the client's last word, not for ours."""
    wire = await (await serve(close_timeout=0.1)).connect()
    wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await wire.send(large(16 * MIB, "Connection: close"))
    await asyncio.sleep(0.5)
    wire.writer.transport.resume_reading()  # type: ignore[attr-defined]

    assert 16 * MIB == len((await read_answer(wire)).envelope["result"])


async def test_a_client_that_still_sends_gets_its_refusal(serve: Serve) -> None:
    """413 and no reset, though it sends megabytes more before it looks."""
    wire = await (await serve(close_timeout=5.0)).connect()

    await wire.send(http("POST", "/echo", "Content-Length: 8000000"), b"x" * 8_000_000)
    answer = await read_answer(wire)

    assert (413, "close", b"") == (answer.status, answer.headers["connection"], await wire.reader.read())
