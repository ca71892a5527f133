"""Requests of one connection: how many run at once, in which order, and what happens to the others."""

import asyncio

from gateway.actions import Context
from gateway.protocol.messages import Request
from tests.transports.conftest import Serve
from tests.transports.doubles import Workshop, shaken, traffic_of, until
from tests.transports.wire import PING, PONG, Received, ask, frame


async def turns(number: int = 3) -> None:
    """Let the event loop go round some times."""
    for _ in range(number):
        await asyncio.sleep(0)


async def test_a_quick_request_overtakes_a_slow_one(serve: Serve) -> None:
    """Requests of one connection run at once, and answers are not held back for order's sake."""
    hall = await serve()
    wire = await hall.shake_hands()

    await wire.send(ask("wait", 1), ask("now", 2), ask("wait", 3), ask("now", 4))
    early = await wire.answers(2)
    hall.workshop.door.set()
    late = await wire.answers(2)

    assert ["r1", "r2", "r3", "r4"] == hall.workshop.begun
    assert ["r2", "r4"] == [answer["requestId"] for answer in early]
    assert {"r1", "r3"} == {answer["requestId"] for answer in late}


async def test_at_most_a_hundred_requests_of_a_connection_run_at_once() -> None:
    """The others wait while reading pauses; as one ends the next begins, in order, and none is lost."""
    workshop = Workshop()
    doors = [asyncio.Event() for _ in range(250)]

    async def endpoint(request: Request, context: Context) -> object:
        number = int(str(request.request_id)[1:])
        workshop.begun.append(str(request.request_id))
        workshop.most = max(workshop.most, workshop.waiting)
        await doors[number].wait()
        workshop.done.append(str(request.request_id))
        return number

    connection, notebook = shaken(traffic_of(endpoint))
    connection.data_received(b"".join(ask("wait", number) for number in range(250)))
    assert (100, True) == (len(workshop.begun), notebook.is_reading_paused)

    answers = []
    for number, door in enumerate(doors):
        door.set()
        await turns(4)
        answers += [received.answer["result"] for received in notebook.read()]
        assert min(250, 101 + number) == len(workshop.begun)
        assert notebook.is_reading_paused is (number < 149)  # until the last that waited has begun

    assert list(range(250)) == answers
    assert [f"r{number}" for number in range(250)] == workshop.begun
    assert 100 == workshop.most


async def test_requests_beyond_the_limit_are_not_lost_over_tcp(serve: Serve) -> None:
    """Two thousand requests sent without a look at the answers are all answered, once."""
    hall = await serve(max_in_flight=10)
    wire = await hall.shake_hands()

    sending = asyncio.create_task(wire.send(*(ask("wait", number, padding="x" * 1000) for number in range(2000))))
    await until(lambda: hall.workshop.waiting >= 10)
    hall.workshop.door.set()
    answers = await wire.answers(2000)
    await sending

    assert [f"r{number}" for number in range(2000)] == sorted(
        (answer["requestId"] for answer in answers), key=lambda name: int(name[1:])
    )
    assert 10 == hall.workshop.most


async def test_pings_of_both_kinds_are_answered_though_no_more_requests_may_run() -> None:
    """What has been read before reading paused is looked at: a client with slow requests is not thought dead."""
    workshop = Workshop()
    connection, notebook = shaken(traffic_of(workshop, max_in_flight=2))

    connection.data_received(
        ask("wait", 1) + ask("wait", 2) + ask("wait", 3) + frame(b"?", PING) + frame(b'{"p":1}') + ask("now", 4)
    )

    assert notebook.is_reading_paused
    pong, application_pong = notebook.read()
    assert (Received(PONG, b"?"), b'{"p":2}') == (pong, application_pong.payload)
    assert ["r1", "r2"] == workshop.begun


async def test_the_idle_time_stops_while_we_do_not_read() -> None:
    """A client that could not be heard was not silent; the time begins anew when it can be heard again."""
    workshop = Workshop()
    connection, notebook = shaken(traffic_of(workshop, max_in_flight=1, idle_timeout=0.05))
    connection.data_received(ask("wait", 1) + ask("wait", 2))
    loop = asyncio.get_running_loop()

    connection.check_time(loop.time() + 1000)
    assert not notebook.is_aborted

    await asyncio.sleep(0.06)
    workshop.door.set()
    await turns(4)
    assert not notebook.is_reading_paused
    connection.check_time(loop.time())
    assert not notebook.is_aborted

    connection.check_time(loop.time() + 1)
    assert notebook.is_aborted


async def test_quick_requests_that_waited_run_in_one_go() -> None:
    """What waited behind a slow request is begun when that ends, and its answers share a write."""
    workshop = Workshop()
    connection, notebook = shaken(traffic_of(workshop, max_in_flight=1))

    connection.data_received(ask("wait", 0) + b"".join(ask("now", number) for number in range(1, 50)))
    workshop.door.set()
    await until(lambda: notebook.writes)

    assert 1 == len(notebook.writes)
    assert [f"r{number}" for number in range(50)] == [received.answer["requestId"] for received in notebook.read()]


async def test_a_client_that_goes_takes_back_what_had_not_begun() -> None:
    """What waits its turn is forgotten, what has begun goes on to its end; nobody is sent the answer."""
    workshop = Workshop()
    traffic = traffic_of(workshop, max_in_flight=2)
    connection, notebook = shaken(traffic)
    connection.data_received(b"".join(ask("wait", number) for number in range(1, 6)))

    connection.connection_lost(None)
    workshop.door.set()
    await turns(4)

    assert ["r1", "r2"] == workshop.done == workshop.begun
    assert ([], 0) == (notebook.writes, traffic.in_flight)


async def test_a_failing_request_makes_room_too() -> None:
    """An exception is an answer like any other; a cancelled request has none, but its place is free again."""
    begun: list[asyncio.Task[object] | None] = []

    async def endpoint(request: Request, context: Context) -> object:
        await asyncio.sleep(0)
        begun.append(asyncio.current_task())
        if request.action == "wait":
            await asyncio.Event().wait()
        return request.action

    connection, notebook = shaken(traffic_of(endpoint, max_in_flight=1))
    connection.data_received(ask("wait", 1) + ask("now", 2))
    await turns()
    (waiting,) = begun
    assert waiting is not None

    waiting.cancel()
    await until(lambda: notebook.writes)

    assert ["r2"] == [received.answer["requestId"] for received in notebook.read()]
