"""One port, two protocols: a connection that spoke HTTP may become a WebSocket; all others stay what they are."""

import asyncio

from tests.transports.conftest import Serve
from tests.transports.doubles import Workshop, opened, traffic_of, until
from tests.transports.http_wire import answers_in, ask_http, http, read_answer, results
from tests.transports.wire import CLOSE, PING, PONG, TEXT, ask, frame, frames_in, head

NOW, WAIT = http("GET", "/now"), http("GET", "/wait")


async def test_a_connection_that_was_kept_may_become_a_websocket(serve: Serve) -> None:
    """After HTTP requests on it, with frames right behind the head, which are answered behind the 101."""
    hall = await serve()
    wire = await hall.connect()
    assert 200 == (await ask_http(wire, "GET", "/now")).status

    await wire.send(NOW, head(), ask("echo", 1), frame(b"?", PING))

    assert "now" == (await read_answer(wire)).envelope["result"]
    assert 101 == (await wire.read_head())[0]
    answers = {received.opcode: received for received in [await wire.receive(), await wire.receive()]}
    assert {TEXT, PONG} == set(answers)
    assert "r1" == answers[TEXT].answer["requestId"]
    assert 1 == len(hall.traffic.connections)
    await wire.send(frame(b"\x03\xe8", CLOSE))
    assert 1000 == await wire.close_code()


async def test_a_websocket_behind_a_slow_request_is_read_from() -> None:
    """Though reading had been paused, for all that waited."""
    workshop = Workshop()
    connection, notebook = opened(traffic_of(workshop))
    connection.data_received(WAIT + head() + ask("now", 1, body={"size": 1}) * 1000)
    paused = [notebook.is_reading_paused]

    workshop.door.set()
    await until(lambda: len(workshop.done) == 1001)

    paused.append(notebook.is_reading_paused)
    data = b"".join(notebook.writes)
    assert [True, False] == paused
    answer, _, rest = data.partition(b"HTTP/1.1 101 ")
    assert ["wait"] == results(answers_in(answer))
    assert 1000 == len(list(frames_in(rest.partition(b"\r\n\r\n")[2])))


async def test_a_half_closed_client_does_not_keep_a_websocket(serve: Serve) -> None:
    """Who asks for one behind a slow request and hangs up is answered and let go."""
    hall = await serve(close_timeout=60.0)
    wire = await hall.connect()
    await wire.send(WAIT, head())
    wire.writer.write_eof()
    await until(lambda: hall.workshop.waiting)
    await asyncio.sleep(0.02)
    hall.workshop.door.set()

    assert b"101 Switching" in await wire.reader.read()
    await until(lambda: not hall.traffic.connections)


async def test_an_upgrade_to_something_else_is_answered_in_http(serve: Serve) -> None:
    """`h2c` is not spoken; the connection is kept, also for a WebSocket."""
    hall = await serve()
    wire = await hall.connect()
    upgrade = ("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")

    for _ in range(2):
        answer = await ask_http(wire, "GET", "/now", *upgrade)
        assert (200, "now") == (answer.status, answer.envelope["result"])
    await wire.send(head(), ask("now", 1))

    assert 101 == (await wire.read_head())[0]
    assert "r1" == (await wire.receive()).answer["requestId"]


async def test_what_is_behind_a_refused_upgrade_is_read_as_nothing(serve: Serve) -> None:
    """Neither as frames nor as requests."""
    hall = await serve()
    wire = await hall.connect()

    await wire.send(head(without="Sec-WebSocket-Key"), ask("now", 1), NOW)

    status, _ = await wire.read_head()
    assert (400, []) == (status, hall.workshop.begun)
