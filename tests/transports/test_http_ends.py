"""How HTTP connections end: with the last answer, whoever wanted the end, and with nothing left behind."""

import asyncio

import pytest

from tests.transports.conftest import Serve
from tests.transports.doubles import Workshop, opened, traffic_of, until
from tests.transports.http_wire import answers_in, ask_http, http, results, written

NOW, WAIT = http("GET", "/now"), http("GET", "/wait")


@pytest.mark.parametrize("path", ["/now", "/wait"])
@pytest.mark.parametrize(
    ("version", "header", "announced"),
    [
        ("1.1", "Connection: close", "close"),
        ("1.0", "X-A: b", "close"),
        ("1.0", "Connection: keep-alive", "keep-alive"),
    ],
    ids=["close", "HTTP/1.0", "HTTP/1.0 kept"],
)
async def test_the_client_decides_when_a_connection_ends(
    path: str, version: str, header: str, announced: str, serve: Serve
) -> None:
    """Behind the answer, whether it came at once or had to be waited for; the answer says so."""
    hall = await serve()
    wire = await hall.connect()
    hall.workshop.door.set()

    answer = await ask_http(wire, "GET", path, header, version=version)

    assert (200, announced) == (answer.status, answer.headers["connection"])
    if announced == "close":
        assert b"" == await wire.reader.read()
    else:
        assert 200 == (await ask_http(wire, "GET", path, header, version=version)).status


async def test_the_last_word_is_said_once() -> None:
    """Also where it had to wait, and where the transport has to make room for it."""
    workshop = Workshop()
    connection, notebook = opened(traffic_of(workshop))
    connection.data_received(http("GET", "/wait", "Connection: close"))
    workshop.door.set()
    await until(lambda: notebook.is_ended)

    connection.pause_writing()
    connection.resume_writing()
    connection.data_received(NOW)

    assert ["wait"] == results(written(notebook))


@pytest.mark.parametrize("path", ["/now", "/wait"])
async def test_a_half_closed_client_gets_every_answer(path: str, serve: Serve) -> None:
    """It has said its last word, not heard ours: all of what it asked is answered, and then the connection ends."""
    hall = await serve(close_timeout=60.0)
    wire = await hall.connect()
    await wire.send(http("GET", path) * 2, NOW, NOW[:-5])
    wire.writer.write_eof()
    await asyncio.sleep(0.02)
    hall.workshop.door.set()

    answers = answers_in(await wire.reader.read())

    assert [path[1:], path[1:], "now"] == results(answers)
    await until(lambda: not hall.traffic.connections)


async def test_half_a_request_is_none(serve: Serve) -> None:
    """Who hangs up in the middle of one gets no answer, and nothing has begun."""
    hall = await serve()
    for part in (NOW[:5], NOW[:-1], http("POST", "/echo", body=b"{}")[:-1]):
        wire = await hall.connect()
        await wire.send(part)
        wire.writer.write_eof()
        assert b"" == await wire.reader.read()

    assert [] == hall.workshop.begun
    await until(lambda: not hall.traffic.connections)


async def test_a_transport_that_cannot_half_close_ends_with_the_client() -> None:
    """TLS ends in both directions at once: to ask for more would do nothing but warn."""
    connection, notebook = opened(traffic_of(Workshop()))
    notebook.can_write_eof = lambda: False  # type: ignore[method-assign]
    connection.data_received(WAIT)

    assert connection.eof_received() is False


async def test_p13_clients_that_leave_in_the_middle_of_a_request_leave_nothing(serve: Serve) -> None:
    """A hundred of them, in every stage of a request: what has begun goes on, and no task or connection remains."""
    hall = await serve()
    tasks = asyncio.all_tasks()
    parts = [WAIT, WAIT + NOW, WAIT + NOW[:9], NOW[:9], http("POST", "/echo", body=b"{}")[:-1]]
    wires = [await hall.connect() for _ in range(100)]
    for number, wire in enumerate(wires):
        await wire.send(parts[number % len(parts)])
    await until(lambda: hall.workshop.waiting == 60)

    for number, wire in enumerate(wires):
        wire.reset(hard=number % 2 == 0)
    await until(lambda: len(hall.traffic.connections) == 30)  # these may have closed one direction only
    hall.workshop.door.set()
    await until(lambda: not hall.traffic.connections and not hall.traffic.in_flight)
    await asyncio.sleep(0.01)

    assert 70 == len(hall.workshop.done)  # with what ten of the thirty had pipelined
    assert tasks == asyncio.all_tasks()
