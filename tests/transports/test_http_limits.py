"""HTTP against the clock, the limits of the whole process, and its end."""

import asyncio
import contextlib
from typing import Any

import pytest

from tests.transports.conftest import Hall, Serve
from tests.transports.doubles import Workshop, opened, traffic_of, until
from tests.transports.http_wire import Answer, answers_in, ask_http, http, read_answer, results, written
from tests.transports.wire import Wire, ask, head

NOW, WAIT = http("GET", "/now"), http("GET", "/wait")


def of_error(answer: Answer) -> tuple[int, str | None]:
    """Status and id."""
    return answer.status, answer.error_id


# Time.


async def drip(wire: Wire, piece: bytes) -> None:
    """Send a little again and again, until the other side has gone."""
    with contextlib.suppress(ConnectionError):
        while True:
            await wire.send(piece)
            await asyncio.sleep(0.02)


async def test_w03_a_slow_head_gets_408_and_others_get_in(serve: Serve) -> None:
    """Dripping bytes; whoever sent nothing at all is let go without a word."""
    hall = await serve(handshake_timeout=0.2)
    silent, dripping = await hall.connect(), await hall.connect()
    dripped = asyncio.create_task(drip(dripping, b"G"))

    answer = await read_answer(dripping)

    assert (408, "network.http.unexpected_error") == of_error(answer)
    assert ("close", b"") == (answer.headers["connection"], await silent.reader.read())
    await dripped
    await until(lambda: not hall.traffic.connections)
    assert "now" == (await ask_http(await hall.connect(), "GET", "/now")).envelope["result"]


@pytest.mark.parametrize("framing", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
async def test_w03_a_slow_body_gets_408(framing: str, serve: Serve) -> None:
    """`request_timeout` runs from the first byte of the request, whatever arrives meanwhile; nothing has begun."""
    hall = await serve(request_timeout=0.2)
    wire = await hall.connect()
    assert 200 == (await ask_http(wire, "GET", "/now")).status
    await wire.send(http("POST", "/echo", framing))
    dripped = asyncio.create_task(drip(wire, b" " if "Length" in framing else b"1\r\n \r\n"))

    answer = await read_answer(wire)

    assert (408, 1) == (answer.status, len(hall.workshop.begun))
    assert b"" == await wire.reader.read()
    await dripped


async def test_time_limits_are_those_of_the_stage() -> None:
    """The head has one, the whole request another, the pause between requests a third; a request in hand has none."""
    limits: dict[str, Any] = {"handshake_timeout": 10, "request_timeout": 30, "keep_alive_timeout": 65}
    stages = {
        10: [b"", NOW[:9]],
        30: [http("POST", "/echo", body=b"{}")[:-1]],
        65: [NOW, NOW + b"\r\n"],
    }
    for limit, chunks in stages.items():
        for sent in chunks:
            connection, notebook = opened(traffic_of(Workshop(), **limits))
            began = asyncio.get_running_loop().time()
            connection.data_received(sent)
            connection.check_time(began + limit - 0.5)
            early = notebook.is_ended
            connection.check_time(began + limit + 0.5)
            assert (False, True) == (early, notebook.is_ended), (limit, sent)

    connection, notebook = opened(traffic_of(Workshop(), **limits))
    connection.data_received(WAIT)
    connection.check_time(began + 1000)
    assert not notebook.is_ended


async def test_empty_lines_keep_no_connection_alive() -> None:
    """One may stand before a request; a client that sends nothing else is let go in the end."""
    connection, notebook = opened(traffic_of(Workshop(), handshake_timeout=10))

    connection.data_received(b"\r\n")
    connection.data_received(b"\r\n")

    assert 400 == written(notebook)[0].status
    assert notebook.is_ended


async def test_an_idle_connection_is_closed_without_a_word(serve: Serve) -> None:
    """After `keep_alive_timeout`; a 408 might be taken for the answer to a request that is on its way."""
    hall = await serve(keep_alive_timeout=0.1)
    wire = await hall.connect()
    await ask_http(wire, "GET", "/now")

    assert b"" == await wire.reader.read()
    await until(lambda: not hall.traffic.connections)


async def test_w17_a_client_that_never_closes_is_dropped() -> None:
    """`close_timeout` after the last word; before, what it sends is thrown away."""
    connection, notebook = opened(traffic_of(Workshop(), close_timeout=5))
    now = asyncio.get_running_loop().time()
    connection.data_received(http("GET", "/now", "Connection: close"))
    connection.data_received(b"x" * 1000)
    connection.check_time(now + 4.9)
    early = notebook.is_aborted
    connection.check_time(now + 5.5)

    assert (False, True) == (early, notebook.is_aborted)


async def test_a_client_that_does_not_even_take_the_end_is_dropped() -> None:
    """A few bytes that wait for an idle client do not keep its connection for ever."""
    connection, notebook = opened(traffic_of(Workshop(), keep_alive_timeout=65, close_timeout=5))
    now = asyncio.get_running_loop().time()
    connection.data_received(NOW)
    notebook.waiting = 1000

    connection.check_time(now + 66)
    early = notebook.is_aborted
    connection.check_time(asyncio.get_running_loop().time() + 5.5)

    assert (False, True) == (early, notebook.is_aborted)


# The whole process.


async def test_w03_connections_without_a_whole_request_are_bounded() -> None:
    """One more, and the oldest is dropped, be it in a head or in a body; those that have asked for something stay."""
    traffic = traffic_of(Workshop(), max_half_open=3, half_open_grace=0.0)
    asked, in_body, shaken_hands = opened(traffic), opened(traffic), opened(traffic)
    for (connection, _), sent in ((asked, NOW), (in_body, http("POST", "/echo", body=b"{}")[:-1])):
        connection.data_received(sent)
    shaken_hands[1].receive(head())
    silent, dripping, refused, gone = (opened(traffic) for _ in range(4))
    assert silent[1].is_aborted
    dripping[0].data_received(NOW[:9])
    refused[0].data_received(b"nonsense\r\n\r\n")
    gone[0].connection_lost(None)
    others = [opened(traffic) for _ in range(2)]

    aborted = [notebook.is_aborted for _, notebook in (asked, in_body, shaken_hands, dripping, refused, *others)]

    assert [False, True, False, True, False, False, False] == aborted
    assert {"too many at once had not sent a whole request": 3} == traffic.refusals.counts


async def test_w03_a_crowd_that_says_nothing_keeps_nobody_out(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """New clients are served while more than may be there are silent; the log tells of it, at a bounded rate."""
    hall = await serve(max_half_open=50, half_open_grace=0.0, handshake_timeout=60.0, stall_timeout=0.1)
    silent = [await hall.connect() for _ in range(200)]

    for _ in range(3):
        assert 200 == (await ask_http(await hall.connect(), "GET", "/now")).status
    await until(lambda: sum(wire.reader.at_eof() for wire in silent) >= 150)

    assert 53 >= len(hall.traffic.connections)
    await until(lambda: caplog.records)
    assert [("latchgate", "WARNING")] == [(record.name, record.levelname) for record in caplog.records]
    assert "had not sent a whole request" in caplog.text


async def test_a_crowd_that_comes_all_at_once_is_let_in() -> None:
    """More than may be half open are accepted before the first is read: each has its time, and then two go for one."""
    traffic = traffic_of(Workshop(), max_half_open=3)
    crowd = [opened(traffic) for _ in range(10)]
    assert [False] * 10 == [notebook.is_aborted for _, notebook in crowd]
    for connection, _ in crowd[::2]:
        connection.data_received(NOW)
    now = asyncio.get_running_loop().time()

    traffic.expect(opened(traffic)[0], now + 1.5)
    early = [notebook.is_aborted for _, notebook in crowd]
    traffic.expect(opened(traffic)[0], now + 2.5)

    assert [False] * 10 == early
    assert [1, 3] == [at for at, (_, notebook) in enumerate(crowd) if notebook.is_aborted]


async def test_a_process_that_has_its_hands_full_says_so(serve: Serve) -> None:
    """503 for what is beyond the limit of all connections together, HTTP and WebSocket, until there is room again."""
    hall = await serve(concurrent_requests=2)
    slow, other, socket = await hall.connect(), await hall.connect(), await hall.shake_hands()
    await slow.send(WAIT)
    await socket.send(ask("wait", 1))
    await until(lambda: hall.workshop.waiting == 2)

    refused = await ask_http(other, "GET", "/now", "X-Kuzzle-Request-Id: r9")
    assert (503, "api.process.overloaded", "1") == (refused.status, refused.error_id, refused.headers["retry-after"])
    assert ("test", "now", "r9") == tuple(refused.envelope[key] for key in ("controller", "action", "requestId"))
    assert 200 == (await ask_http(other, "GET", "/_healthcheck")).status
    assert (503, "api.process.overloaded") == of_error(await ask_http(other, "GET", "/_ready"))
    hall.workshop.door.set()
    assert ["wait"] == results([await read_answer(slow)])
    await until(lambda: not hall.traffic.in_flight)

    assert 200 == (await ask_http(other, "GET", "/_ready")).status


async def begin_to_stop(hall: Hall) -> asyncio.Task[None]:
    """Stop a listener that has something in hand."""
    stopping = asyncio.create_task(hall.port.close(grace=10))
    await until(lambda: hall.traffic.is_draining)
    return stopping


async def test_a_stop_finishes_what_is_in_hand_and_turns_away_what_is_behind_it(serve: Serve) -> None:
    """The answer in hand arrives, what is pipelined behind it gets 503 and the end; nobody new gets in."""
    hall = await serve(close_timeout=5.0)
    wire = await hall.connect()
    await wire.send(WAIT, NOW, NOW)
    await until(lambda: hall.workshop.waiting)
    stopping = await begin_to_stop(hall)
    with pytest.raises(ConnectionRefusedError):
        await hall.connect()
    hall.workshop.door.set()

    first, second = answers_in(await wire.reader.read())

    assert ("wait", 200) == (first.envelope["result"], first.status)
    assert (503, "network.entrypoint.shutting_down") == of_error(second)
    assert ("close", "1") == (second.headers["connection"], second.headers["retry-after"])
    wire.writer.close()
    await stopping
    assert 1 == len(hall.workshop.done)


async def test_a_stop_lets_idle_connections_go_while_others_are_busy(serve: Serve) -> None:
    """Kept alive or never used: their clients go elsewhere, and do not wait for the grace of strangers."""
    hall = await serve(stall_timeout=0.1)
    busy, kept, fresh = await hall.connect(), await hall.connect(), await hall.connect()
    assert 200 == (await ask_http(kept, "GET", "/now")).status
    await busy.send(WAIT)
    await until(lambda: hall.workshop.waiting)
    stopping = await begin_to_stop(hall)

    async with asyncio.timeout(5):
        for wire in (kept, fresh):
            assert b"" == await wire.reader.read()
    assert (1, False) == (hall.workshop.waiting, stopping.done())
    hall.workshop.door.set()
    assert ["wait"] == results(answers_in(await busy.reader.read()))
    await stopping


async def test_a_stopping_process_is_not_ready(serve: Serve) -> None:
    """`/_ready` says so to a probe whose request was on its way, `/_healthcheck` that the process lives."""
    hall = await serve()
    probe, socket = await hall.connect(), await hall.shake_hands()
    await probe.send(WAIT, http("GET", "/_healthcheck"))
    await until(lambda: hall.workshop.waiting)
    stopping = await begin_to_stop(hall)
    hall.workshop.door.set()
    alive = answers_in(await probe.reader.read())[1]
    await socket.close_code()
    await stopping

    assert (200, "close") == (alive.status, alive.headers["connection"])
    connection, notebook = opened(hall.traffic)
    connection.data_received(http("GET", "/_ready"))
    assert (503, "network.entrypoint.shutting_down") == of_error(written(notebook)[0])
    await hall.port.close(0)
