"""The listener: it takes an address, looks at the time limits of all, and stops without losing what is in hand."""

import asyncio

import pytest

from gateway.transports.port import Port, PortTakenError
from tests.transports.conftest import Serve
from tests.transports.doubles import Workshop, at_door, traffic_of, until
from tests.transports.wire import CLOSE, ask, frame


async def test_a_port_in_use_is_told_to_the_operator(serve: Serve) -> None:
    """The sentence names address and port."""
    hall = await serve()
    port = Port(hall.traffic, at_door(hall.traffic))

    with pytest.raises(PortTakenError, match=rf"127\.0\.0\.1:{hall.number}: "):
        await port.open("127.0.0.1", hall.number)

    await port.close(0)


async def test_an_idle_client_is_dropped_without_a_close_frame(serve: Serve) -> None:
    """The listener looks at the clock by itself; the client sees 1006 (frames.md §1)."""
    hall = await serve(idle_timeout=0.1)
    wire = await hall.shake_hands()

    assert 1006 == await wire.close_code()
    assert set() == hall.traffic.connections


@pytest.mark.parametrize("last", [frame(b"\x03\xe8", CLOSE), frame(b"", 3)], ids=["close frame", "violation"])
async def test_w17_a_peer_that_never_closes_tcp_is_dropped(last: bytes, serve: Serve) -> None:
    """After the close handshake, or a failure, the client has `close_timeout` to close TCP; then we do."""
    hall = await serve(close_timeout=0.1)
    wire = await hall.shake_hands()

    await wire.send(last)
    await wire.close_code()
    assert 1 == len(hall.traffic.connections)

    await until(lambda: not hall.traffic.connections)


async def test_a_stop_finishes_what_is_in_hand_and_turns_away_what_is_new(serve: Serve) -> None:
    """Running requests are answered, new ones get 503, no connection is accepted, and all are closed 1012."""
    hall = await serve()
    busy, idle = await hall.shake_hands(), await hall.shake_hands()
    await busy.send(ask("wait", 1))
    await until(lambda: hall.workshop.waiting)

    stopping = asyncio.create_task(hall.port.close(grace=10))
    await asyncio.sleep(0)
    with pytest.raises(ConnectionRefusedError):
        await hall.connect()
    await busy.send(ask("now", 2, volatile={"a": 1}), frame(b'{"p":1}'))
    refusal = (await busy.receive()).answer
    pong = await busy.receive()
    hall.workshop.door.set()
    answer = (await busy.receive()).answer

    assert (503, "network.entrypoint.shutting_down") == (refusal["status"], refusal["error"]["id"])
    assert ("r2", "r2", "now", {"a": 1}) == tuple(refusal[key] for key in ("requestId", "room", "action", "volatile"))
    assert b'{"p":2}' == pong.payload
    assert ("r1", "wait") == (answer["requestId"], answer["result"])
    for wire in (busy, idle):
        assert 1012 == (await wire.receive()).code
        await wire.send(frame(b"\x03\xf4", CLOSE))
        assert b"" == await wire.reader.read()
        wire.writer.close()
    await stopping
    assert ["r1"] == hall.workshop.done


async def test_requests_that_waited_their_turn_are_answered_when_stopping(serve: Serve) -> None:
    """A request that was read before the stop and had not begun gets its 503, not silence."""
    hall = await serve(max_in_flight=1)
    wire = await hall.shake_hands()
    await wire.send(ask("wait", 1), ask("now", 2))
    await until(lambda: hall.workshop.waiting)

    stopping = asyncio.create_task(hall.port.close(grace=10))
    await asyncio.sleep(0)
    hall.workshop.door.set()
    answers = await wire.answers(2)

    assert [("r1", 200), ("r2", 503)] == [(answer["requestId"], answer["status"]) for answer in answers]
    assert 1012 == await wire.close_code()
    await stopping


async def test_a_stop_waits_no_longer_than_its_grace(serve: Serve) -> None:
    """A request that does not end does not hold up the stop, nor do clients that do not answer the close frame."""
    hall = await serve(close_timeout=0.1)
    wire = await hall.shake_hands()
    await wire.send(ask("wait", 1))
    await until(lambda: hall.workshop.waiting)

    async with asyncio.timeout(5):
        await hall.port.close(grace=0.05)

    assert 1012 == await wire.close_code()
    assert [] == hall.workshop.done
    hall.workshop.door.set()


async def test_a_client_that_waits_for_nothing_does_not_hold_up_the_stop(serve: Serve) -> None:
    """In the middle of a request head, or kept alive for a next one: the connection is closed at once."""
    hall = await serve(close_timeout=60.0)
    asking, asked = await hall.connect(), await hall.connect()
    await asking.send(b"GET / HTTP/1.1\r\n")
    await asked.send(b"GET /now HTTP/1.1\r\nHost: x\r\n\r\n")
    assert 200 == (await asked.read_head())[0]
    await until(lambda: len(hall.traffic.connections) == 2)

    async with asyncio.timeout(5):
        await hall.port.close(grace=0)

    assert set() == hall.traffic.connections


async def test_the_listener_leaves_no_timer_behind(serve: Serve) -> None:
    """Once closed it looks at the clock no more."""
    traffic = traffic_of(Workshop(), idle_timeout=0.02)
    looks: list[float] = []

    class Witness:
        def check_time(self, now: float) -> None:
            looks.append(now)

        def close(self, code: int, reason: str) -> None:
            traffic.connections.clear()

    port = Port(traffic, at_door(traffic))
    await port.open("127.0.0.1", 0)
    traffic.connections.add(Witness())  # type: ignore[arg-type]
    await until(lambda: len(looks) >= 3)

    await port.close(0)
    seen = len(looks)
    await asyncio.sleep(0.05)

    assert seen == len(looks)
    assert looks == sorted(looks)


async def test_a_port_handed_over_answers_what_it_has_taken_on(serve: Serve) -> None:
    """Nothing is refused: what runs is answered, then 1012; a client that has just come in may ask once."""
    hall = await serve()
    busy, idle, new = await hall.shake_hands(), await hall.shake_hands(), await hall.connect()
    await busy.send(ask("wait", 1))
    await until(lambda: hall.workshop.waiting and len(hall.traffic.connections) == 3)

    leaving = asyncio.create_task(hall.port.hand_over(grace=10))
    closed = await idle.receive()
    await new.send(b"GET /now HTTP/1.1\r\nHost: x\r\n\r\n")
    status, headers = await new.read_head()
    hall.workshop.door.set()
    answer = (await busy.receive()).answer

    assert (1012, "restart; reconnect after a random delay") == (closed.code, closed.payload[2:].decode())
    assert (200, "close") == (status, headers["connection"])
    assert ("r1", "wait") == (answer["requestId"], answer["result"])
    assert 1012 == await busy.close_code()
    await leaving
    assert set() == hall.traffic.connections


async def test_a_port_handed_over_is_not_ready_and_reads_no_more_of_a_busy_socket(serve: Serve) -> None:
    """A request that was not begun gets no answer, so that its client may send it again elsewhere."""
    hall = await serve()
    busy, probe = await hall.shake_hands(), await hall.connect()
    await busy.send(ask("wait", 1))
    await until(lambda: hall.workshop.waiting and len(hall.traffic.connections) == 2)

    leaving = asyncio.create_task(hall.port.hand_over(grace=10))
    await until(lambda: hall.traffic.is_leaving)
    await asyncio.sleep(0.1)  # longer than it takes to tell every connection
    await busy.send(ask("now", 2))
    await probe.send(b"GET /_ready HTTP/1.1\r\nHost: x\r\n\r\n")
    status = (await probe.read_head())[0]
    hall.workshop.door.set()
    answers = [(await busy.receive()).answer["requestId"]]

    assert 503 == status
    assert ["r1"] == answers
    assert 1012 == await busy.close_code()
    assert ["r1"] == hall.workshop.done
    await leaving


async def test_handing_over_waits_no_longer_than_its_grace(serve: Serve) -> None:
    """A request that does not end is left behind."""
    hall = await serve(close_timeout=0.1)
    wire = await hall.shake_hands()
    await wire.send(ask("wait", 1))
    await until(lambda: hall.workshop.waiting)

    async with asyncio.timeout(5):
        await hall.port.hand_over(grace=0.1)

    assert 1012 == await wire.close_code()
    assert [] == hall.workshop.done
    hall.workshop.door.set()
