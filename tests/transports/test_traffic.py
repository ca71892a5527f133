"""What all connections share: who needs a task, how many requests a process takes on, and that nothing is left over."""

import asyncio
from typing import Any

import pytest

from gateway import Config
from gateway.actions import Context, Controller, action
from gateway.protocol.errors import Disconnect
from gateway.protocol.messages import Request
from gateway.routing import Router
from gateway.server import _limits
from gateway.storage.mongo import Database
from gateway.transports.traffic import Limits
from tests.conftest import configured
from tests.transports.conftest import Serve
from tests.transports.doubles import Workshop, shaken, traffic_of, until
from tests.transports.wire import ask, frame


class Tasks(Controller):
    """Actions that tell of the task they run in."""

    name = "test"

    @action("plain")
    def plain(self) -> bool:
        """Tell whether there is a task."""
        return asyncio.current_task() is not None

    @action("waits")
    async def waits(self) -> bool:
        """Use what works inside a task only."""
        async with asyncio.timeout(10):
            await asyncio.sleep(0)
        return asyncio.current_task() is not None

    @action("slow")
    async def slow(self) -> str:
        """Run out of time."""
        try:
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        except TimeoutError:
            return "timeout"
        return "impossible"


async def made_tasks(action_name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, int]:
    """The result of an action, and how many tasks the transport made for it."""
    loop = asyncio.get_running_loop()
    made: list[str] = []
    create_task = loop.create_task

    def counted(coroutine: Any, **options: Any) -> Any:
        made.append(repr(coroutine))
        return create_task(coroutine, **options)

    connection, notebook = shaken(traffic_of(Router([Tasks()])))
    with monkeypatch.context() as patch:
        if isinstance(loop, asyncio.BaseEventLoop):  # uvloop's methods cannot be changed
            patch.setattr(loop, "create_task", counted)
        # A loop's callback runs outside of any task, as the real transport's does.
        loop.call_soon(connection.data_received, ask(action_name))
        await until(lambda: notebook.writes)
    return notebook.read()[0].answer["result"], len(made)


async def test_a_plain_handler_runs_without_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """An action that never waits costs no task."""
    assert (False, 0) == await made_tasks("plain", monkeypatch)


async def test_a_handler_that_waits_runs_in_one_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """`asyncio.timeout` and its like find the task they need."""
    result, made = await made_tasks("waits", monkeypatch)

    assert result is True
    assert made in (0, 1)  # uvloop is not counted
    assert "timeout" == (await made_tasks("slow", monkeypatch))[0]


@pytest.mark.parametrize("kind", ["pending", "done", "failed", "cancelled"])
async def test_a_request_goes_on_where_it_first_waited(kind: str) -> None:
    """Whatever becomes of the future that it waits for before its task exists, the request sees it."""
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    seen: list[str] = []

    async def endpoint(_request: Request, _context: Context) -> object:
        try:
            seen.append(await future)
        except ZeroDivisionError:
            seen.append("failed")
        except asyncio.CancelledError:
            seen.append("cancelled")
        return await asyncio.sleep(0, "end")

    connection, notebook = shaken(traffic_of(endpoint))
    connection.data_received(ask("any"))
    if kind == "pending":
        await asyncio.sleep(0.001)
    if kind in ("pending", "done"):
        future.set_result(kind)
    elif kind == "failed":
        future.set_exception(ZeroDivisionError())
    else:
        future.cancel()
    await until(lambda: notebook.writes)

    assert [kind] == seen
    assert "end" == notebook.read()[0].answer["result"]


@pytest.mark.parametrize("wait", [False, True], ids=["at once", "later"])
async def test_an_action_may_end_the_connection(*, wait: bool) -> None:
    """A `Disconnect` is no answer: the close frame bears its code and reason."""

    async def endpoint(_request: Request, _context: Context) -> object:
        if wait:
            await asyncio.sleep(0)
        raise Disconnect(4401, "revoked")

    connection, notebook = shaken(traffic_of(endpoint))
    connection.data_received(ask("any"))
    await until(lambda: notebook.writes)

    (close,) = notebook.read()
    assert (4401, b"revoked") == (close.code, close.payload[2:])


async def test_a_process_that_has_its_hands_full_says_so() -> None:
    """Requests beyond the limit of all connections together get 503, with id and room, until there is room again."""
    workshop = Workshop()
    traffic = traffic_of(workshop, concurrent_requests=3)
    first, first_notes = shaken(traffic)
    second, second_notes = shaken(traffic)

    first.data_received(ask("wait", 1) + ask("wait", 2))
    second.data_received(ask("wait", 3) + ask("wait", 4, index="i") + frame(b"{") + frame(b'{"p":1}'))

    refusal, bad_frame, pong = second_notes.read()
    assert (503, "api.process.overloaded") == (refusal.answer["status"], refusal.answer["error"]["id"])
    assert ("r4", "r4", "test", "wait", "i") == tuple(
        refusal.answer[key] for key in ("requestId", "room", "controller", "action", "index")
    )
    assert ("network.websocket.unexpected_error", b'{"p":2}') == (bad_frame.answer["error"]["id"], pong.payload)
    assert (["r1", "r2", "r3"], 3) == (workshop.begun, traffic.in_flight)

    workshop.door.set()
    await until(lambda: first_notes.writes)
    second.data_received(ask("now", 5))

    assert ["r3", "r5"] == [received.answer["requestId"] for received in second_notes.read()]
    assert ["r1", "r2"] == sorted(received.answer["requestId"] for received in first_notes.read())


def test_every_setting_reaches_its_limit() -> None:
    """Numbers that are all different: none is mixed up with another, and milliseconds become seconds."""
    config = configured(
        Config(),
        http={
            "max_handshake_bytes": 1024,
            "max_half_open": 4,
            "request_timeout_ms": 8000,
            "keep_alive_timeout_ms": 9000,
        },
        limits={"max_message_bytes": 1025, "concurrent_requests": 1},
        websocket={
            "max_fragments": 2,
            "max_unsent_bytes": 1026,
            "max_in_flight": 3,
            "handshake_timeout_ms": 4000,
            "idle_timeout_ms": 5000,
            "stall_timeout_ms": 6000,
            "close_timeout_ms": 7000,
        },
    )

    assert Limits(
        max_message_bytes=1025,
        max_fragments=2,
        max_handshake_bytes=1024,
        max_half_open=4,
        max_unsent_bytes=1026,
        max_in_flight=3,
        concurrent_requests=1,
        handshake_timeout=4,
        idle_timeout=5,
        stall_timeout=6,
        close_timeout=7,
        request_timeout=8.0,
        keep_alive_timeout=9.0,
    ) == _limits(config)
    assert Limits() == _limits(Config())


async def test_limits_are_looked_at_often_enough_for_the_shortest() -> None:
    """Once a second, or four times in the shortest limit."""
    assert 1.0 == Limits().sweep_interval
    assert 0.05 == Limits(stall_timeout=0.2).sweep_interval


async def test_p13_clients_that_vanish_leave_nothing_behind_and_their_writes_happen(
    serve: Serve, database: Database
) -> None:
    """Two hundred clients go in the middle of an insert: every document is stored, no task or connection remains."""
    collection = database.collection("notes")
    await collection.insert({"_id": "first"})
    begun: list[object] = []
    everybody_is_gone = asyncio.Event()

    async def endpoint(request: Request, _context: Context) -> object:
        begun.append(request.request_id)
        if request.action == "later":
            await everybody_is_gone.wait()
        await collection.insert({"_id": request.request_id})
        return None

    hall = await serve(endpoint)
    tasks = asyncio.all_tasks()
    wires = [await hall.shake_hands() for _ in range(200)]
    for number, wire in enumerate(wires):
        await wire.send(ask("later" if number % 2 else "now", number), ask("now", number)[:9])
    await until(lambda: len(begun) >= 200)

    for wire in wires:
        wire.reset()
    await until(lambda: not hall.traffic.connections)
    everybody_is_gone.set()
    await until(lambda: not hall.traffic.in_flight)
    await asyncio.sleep(0.01)

    assert 201 == await collection.count({})
    assert tasks == asyncio.all_tasks()
    assert ([], 0) == (collection._inserts._waiting, collection._inserts._under_way)
