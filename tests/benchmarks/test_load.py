"""The WebSocket load generator counts right answers only, on connections that stay and on those that leave."""

import argparse
import asyncio
import os
import sys
from time import perf_counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websockets
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from tests.benchmarks.generator import OWNERS, Measure, Tally, Template
from tests.benchmarks.load import WebSocketClient, text_frame, text_of
from tests.benchmarks.peer_websockets import converse
from tests.benchmarks.processes import free_port, serve
from tests.benchmarks.windows import Load, Order
from tests.ending import output_of

REQUEST = '{"controller":"server","action":"now","requestId":"$ID"%s}'
LIMIT_S = 60.0


class Silent(WebSocketClient):
    """A connection whose other end is played by the test."""

    def ask(self, count: int, since: float) -> None:
        """Let them wait."""
        for _ in range(count):
            self.next_request(since)

    def leave(self) -> None:
        """There is nothing to close."""


class Prompt(Silent):
    """A connection whose other end answers at once; a request is its id alone."""

    def ask(self, count: int, since: float) -> None:
        """Answer in the next turn of the loop."""
        for _ in range(count):
            reply = b'{"status":200,"requestId":"%s"}' % self.next_request(since)
            asyncio.get_running_loop().call_soon(self.take, reply)


@given(st.binary(max_size=300), st.binary(max_size=9))
def test_a_text_is_found_once_it_is_whole(text: bytes, rest: bytes) -> None:
    """What follows it is left."""
    frame = Frame(Opcode.TEXT, text).serialize(mask=False)

    assert (text, rest) == text_of(frame + rest)
    assert all(text_of(frame[:size]) is None for size in range(len(frame)))


@pytest.mark.parametrize("wrong", [Frame(Opcode.CLOSE, b"\x03\xe8"), Frame(Opcode.TEXT, bytes(70_000))])
def test_another_frame_is_refused(wrong: Frame) -> None:
    """It is no reply."""
    with pytest.raises(ValueError, match="not a short text"):
        text_of(wrong.serialize(mask=False))


@pytest.mark.parametrize("size", [0, 125, 126, 2000])
def test_a_frame_is_what_a_server_reads(size: int) -> None:
    """In every form of its length."""
    server = ServerProtocol(state=State.OPEN)

    server.receive_data(text_frame(b"x" * size))

    assert [Frame(Opcode.TEXT, b"x" * size)] == server.events_received()


@pytest.mark.parametrize(
    ("replies", "errors"),
    [
        (['{"status":200,"requestId":"00000-000000001"}'], 0),
        (['{"status":403,"requestId":"00000-000000001"}'], 1),
        (['{"status":200,"requestId":"00000-000000009"}'], 1),
        (['{"status":200,"requestId":"00000-000000001"}'] * 2, 1),
        (["nonsense"], 1),
    ],
    ids=["right", "status", "unknown", "repeated", "no reply"],
)
def test_what_was_not_asked_is_an_error(replies: list[str], errors: int, capsys: pytest.CaptureFixture[str]) -> None:
    """A reply counts once, by its requestId."""
    client = Silent(0, Tally(stays=False), Template(b"$ID"))
    client.ask(1, perf_counter())

    for reply in replies:
        client.take(reply.encode())

    assert errors == client.tally.errors
    assert bool(errors) == ("error: " in capsys.readouterr().err)


def test_owners_take_turns() -> None:
    """Each has its request before any has a second; names are of one length, so a Content-Length stays right."""
    template = Template(b"$OWNER $ID")
    filled = [template.fill(str(number)).decode().split() for number in range(2 * len(OWNERS))]

    assert [[owner, str(number)] for number, owner in enumerate(OWNERS * 2)] == filled
    assert len(OWNERS) == len(set(OWNERS)) >= 100
    assert 1 == len({len(owner) for owner in OWNERS})


@pytest.mark.parametrize("words", [(), ("--depth=4",), ("--fresh",)], ids=["lasting", "ahead", "fresh"])
@pytest.mark.parametrize("extra", ["", ',"volatile":{"x":"%s"}' % ("x" * 200)], ids=["short", "long"])
async def test_a_server_that_answers_is_measured(words: tuple[str, ...], extra: str) -> None:
    """Requests are counted, nothing is wrong."""
    port = free_port()
    times = ["--seconds=0.2", "--warmup=0.1", "--connections=3"]
    command = [sys.executable, "-m", "tests.benchmarks.load", f"--url=ws://127.0.0.1:{port}/", *times, *words]
    with serve([sys.executable, "-m", "tests.benchmarks.peer_sansio", f"--port={port}"], port, {}):
        process = await asyncio.create_subprocess_exec(*command, f"--template={REQUEST % extra}", stdout=-1)
        out, _ = await output_of(process, LIMIT_S)
    measure = msgspec.json.decode(out, type=Measure)

    assert (0, 0) == (process.returncode, measure.errors)
    assert measure.requests > 0


async def test_orders_are_carried_out_on_the_same_connections() -> None:
    """One line for each, of whatever requests; the end of standard input is the end."""
    come: list[ServerConnection] = []

    async def count(connection: ServerConnection) -> None:
        come.append(connection)
        await converse(connection)

    kinds = [(REQUEST % "", 1), (REQUEST % ',"jwt":"x"', 8), (REQUEST % "", 2)]
    orders = [Order({"template": kind}, depth, 0.0, 0.1) for kind, depth in kinds]
    async with serve_websockets(count, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        words = [f"--url=ws://127.0.0.1:{port}/", "--connections=3", "--obey"]
        command = [sys.executable, "-m", "tests.benchmarks.load", *words]
        process = await asyncio.create_subprocess_exec(*command, stdin=-1, stdout=-1)
        out, _ = await process.communicate(b"".join(msgspec.json.encode(order) + b"\n" for order in orders))
    found = [msgspec.json.decode(line, type=Measure) for line in out.splitlines()]

    assert (0, 3) == (process.returncode, len(come))
    assert [(0, True)] * 3 == [(measure.errors, measure.requests > 0) for measure in found]


async def test_a_lost_connection_is_an_error_in_every_window_after() -> None:
    """It is not opened again: what is measured must be what was asked for; the others go on."""
    tally, order = Tally(), Order({}, 1, 0.0, 0.05)

    async def connected(number: int, template: Template) -> Prompt:
        return Prompt(number, tally, template)

    given = argparse.Namespace(pid=os.getpid(), mongod=None, connections=2)
    load = Load(given, tally, connected, lambda _: Template(b"$ID"))
    first = await load.measure(order)
    load.clients[0].lost()
    later = [await load.measure(order) for _ in range(2)]

    assert 0 == first.errors
    assert [1, 1] == [measure.errors for measure in later]
    assert all(measure.requests > 0 for measure in later)
