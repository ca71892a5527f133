"""HTTP requests of one connection: answered in order, one after the other, in as few writes as there are reads."""

import asyncio

import pytest

from gateway.actions import Context
from gateway.protocol.errors import Disconnect, api_error
from gateway.protocol.messages import Request
from tests.transports.conftest import Serve
from tests.transports.doubles import Workshop, opened, traffic_of, until
from tests.transports.http_wire import answers_in, ask_http, http, read_answer, results, written

NOW, WAIT = http("GET", "/now"), http("GET", "/wait")
MIB = 2**20


# One after the other.


async def test_a_connection_is_kept_for_the_next_request(serve: Serve) -> None:
    """As many as one likes, with and without bodies, the keep-alive left unsaid."""
    wire = await (await serve()).connect()

    for number in range(20):
        answer = await ask_http(wire, "POST", "/echo", f"X-Kuzzle-Request-Id: r{number}", body=b'{"size":3}')
        assert ("xxx", f"r{number}") == (answer.envelope["result"], answer.envelope["requestId"])
        assert "connection" not in answer.headers


async def test_pipelined_answers_leave_in_one_write() -> None:
    """What one read asks for and can be answered at once."""
    connection, notebook = opened(traffic_of(Workshop()))

    connection.data_received(NOW * 50)

    assert 1 == len(notebook.writes)
    assert ["now"] * 50 == results(written(notebook))


async def test_a_quick_request_does_not_overtake_a_slow_one(serve: Serve) -> None:
    """Answers come in the order of the requests, and the second begins when the first is answered."""
    hall = await serve()
    wire = await hall.connect()
    ids = [f"X-Kuzzle-Request-Id: r{number}" for number in range(4)]
    asked = [http("GET", path, name) for path, name in zip(["/now", "/wait", "/now", "/echo"], ids, strict=True)]

    await wire.send(*asked)
    assert "r0" == (await read_answer(wire)).envelope["requestId"]
    await until(lambda: hall.workshop.waiting)
    await asyncio.sleep(0.02)
    assert ["r0", "r1"] == hall.workshop.begun
    hall.workshop.door.set()

    assert ["r1", "r2", "r3"] == [(await read_answer(wire)).envelope["requestId"] for _ in range(3)]
    assert 1 == hall.workshop.most


async def test_a_second_request_may_come_while_the_first_is_in_hand(serve: Serve) -> None:
    """In another read, in pieces, with a body."""
    hall = await serve()
    wire = await hall.connect()
    await wire.send(WAIT)
    await until(lambda: hall.workshop.waiting)

    for byte in http("POST", "/echo", body=b'{"size":1}'):
        await wire.send(bytes((byte,)))
    hall.workshop.door.set()

    assert ["wait", "x"] == results([await read_answer(wire), await read_answer(wire)])


async def test_reading_pauses_while_much_waits_behind_a_request() -> None:
    """What has been read and not begun stays small; when the request is done, reading goes on, and nothing is lost."""
    workshop = Workshop()
    connection, notebook = opened(traffic_of(workshop))

    connection.data_received(WAIT + NOW)
    paused = [notebook.is_reading_paused]
    connection.data_received(NOW * 3000)
    paused.append(notebook.is_reading_paused)
    workshop.door.set()
    await until(lambda: len(workshop.done) == 3002)
    paused.append(notebook.is_reading_paused)

    assert [False, True, False] == paused
    assert ["wait", *["now"] * 3001] == results(written(notebook))


# Bodies.


async def test_a_chunked_upload_is_answered(serve: Serve) -> None:
    """Chunk by chunk, on a connection that is kept."""
    wire = await (await serve()).connect()
    for _ in range(2):
        await wire.send(http("POST", "/echo", "Transfer-Encoding: chunked"))
        for piece in (b'3\r\n{"s', b'\r\n8\r\nize":10}\r\n', b"0\r\n", b"X-T: a\r\n\r\n"):
            await wire.send(piece)
            await asyncio.sleep(0.001)
        assert "x" * 10 == (await read_answer(wire)).envelope["result"]


async def test_the_answer_before_a_lost_request_says_that_the_connection_ends(serve: Serve) -> None:
    """A request right behind a chunked body is not taken; who sent it reads so, and sends it again."""
    wire = await (await serve()).connect()

    await wire.send(http("POST", "/echo", "Transfer-Encoding: chunked") + b"0\r\n\r\n", NOW)
    answer = await read_answer(wire)

    assert ("echo", "close") == (answer.envelope["result"], answer.headers["connection"])
    assert b"" == await wire.reader.read()


async def test_a_body_that_is_expected_is_asked_for(serve: Serve) -> None:
    """`100 Continue` before the body, the answer behind it; in one write each."""
    wire = await (await serve()).connect()
    for _ in range(2):
        await wire.send(http("POST", "/echo", "Expect: 100-continue", "Content-Length: 10"))
        assert (100, {}, b"") == await read_answer(wire)
        await wire.send(b'{"size":4}')
        assert "xxxx" == (await read_answer(wire)).envelope["result"]


async def test_a_body_that_would_be_refused_is_not_asked_for(serve: Serve) -> None:
    """413 in the place of `100 Continue`."""
    wire = await (await serve()).connect()

    answer = await ask_http(wire, "POST", "/echo", "Expect: 100-continue", f"Content-Length: {MIB + 1}")

    assert (413, "network.http.request_too_large") == (answer.status, answer.error_id)
    assert ("close", b"") == (answer.headers["connection"], await wire.reader.read())


async def test_a_word_that_is_expected_comes_behind_the_answers_before_it() -> None:
    """In order with them."""
    connection, notebook = opened(traffic_of(Workshop()))

    connection.data_received(NOW + http("POST", "/echo", "Expect: 100-continue", "Content-Length: 2"))

    assert [200, 100] == [answer.status for answer in written(notebook)]


# What an action may do.


@pytest.mark.parametrize("wait", [False, True], ids=["at once", "later"])
async def test_an_action_may_end_the_connection(*, wait: bool, serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """A `Disconnect` is no answer; what was answered before it arrives, what is behind it does not begin."""
    begun: list[str] = []

    async def endpoint(request: Request, _context: Context) -> object:
        begun.append(request.action)
        if request.action == "wait":
            if wait:
                await asyncio.sleep(0)
            raise Disconnect(4401, "revoked")
        return request.action

    wire = await (await serve(endpoint)).connect()
    await wire.send(NOW, WAIT, NOW)

    assert ["now"] == results(answers_in(await wire.reader.read()))
    assert (["now", "wait"], []) == (begun, caplog.records)


async def test_an_action_that_ends_the_connection_of_a_client_that_has_gone_is_no_fault(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody is there to hear of it, so the log does not either."""
    door, gone = asyncio.Event(), []

    async def endpoint(_request: Request, _context: Context) -> object:
        gone.append(False)
        await door.wait()
        raise Disconnect(4401, "revoked")

    hall = await serve(endpoint)
    wire = await hall.connect()
    await wire.send(WAIT)
    await until(lambda: gone)
    wire.reset(hard=True)
    await until(lambda: not hall.traffic.connections)
    door.set()
    await until(lambda: not hall.traffic.in_flight)

    assert [] == caplog.records


async def test_an_action_may_close_the_connection_behind_its_answer() -> None:
    """`Connection.close` of the request's own connection (see `gateway.actions`); pushing to it does nothing."""

    async def endpoint(_request: Request, context: Context) -> object:
        context.connection.send(b"a push")
        context.connection.close(1000, "enough")
        return context.connection.protocol

    connection, notebook = opened(traffic_of(endpoint))
    connection.data_received(NOW + NOW)

    assert (["http"], True) == (results(written(notebook)), notebook.is_ended)


async def test_an_error_is_an_answer_and_the_connection_lives(serve: Serve) -> None:
    """Of an action, and of a URL that leads nowhere."""

    async def endpoint(request: Request, _context: Context) -> object:
        raise api_error("security.user.not_found", request.action)

    wire = await (await serve(endpoint)).connect()

    answer = await ask_http(wire, "GET", "/now")
    assert (404, "security.user.not_found", "now") == (answer.status, answer.error_id, answer.envelope["action"])
    answer = await ask_http(wire, "GET", "/nowhere/?a=b")
    assert ("network.http.url_not_found", ["/nowhere"]) == (answer.error_id, answer.envelope["error"]["props"])
    assert "connection" not in answer.headers
