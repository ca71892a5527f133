"""The HTTP load generator believes nothing that it has not checked: a figure counts right answers only."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import perf_counter
from typing import cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.generator import ID_BYTES, Measure, Tally, Template
from tests.benchmarks.http_load import HttpClient, request_text, take_answer
from tests.ending import output_of

GOOD = b'{"status":200,"error":null,"result":{}}'


def answer(body: bytes = GOOD, status: int = 200) -> bytes:
    """A response."""
    return b"HTTP/1.1 %d x\r\ncontent-LENGTH: %d\r\nX: y\r\n\r\n%s" % (status, len(body), body)


class Wire(asyncio.Transport):
    """What was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.sent += bytes(data)

    def close(self) -> None:
        """Remember it."""
        self.is_closed = True


def asking(depth: int = 1) -> tuple[HttpClient, Wire]:
    """A client that waits for so many answers."""
    client, wire = HttpClient(0, Tally(), Template(b"ask\n")), Wire()
    client.connection_made(wire)
    client.ask(depth, perf_counter())
    return client, wire


@given(st.lists(st.binary(max_size=60), max_size=5), st.data())
def test_answers_are_found_wherever_they_are_cut(bodies: list[bytes], data: st.DataObject) -> None:
    """Every body comes out once, in order, whatever stands in it."""
    wire = b"".join(answer(body) for body in bodies)
    cut = data.draw(st.integers(0, len(wire)))
    found: list[bytes] = []
    rest = b""
    for piece in (wire[:cut], wire[cut:]):
        rest += piece
        start = 0
        while (taken := take_answer(rest, start)) is not None:
            _, body, start = taken
            found.append(body)
        rest = rest[start:]

    assert (bodies, b"") == (found, rest)


def test_each_answer_of_a_read_is_followed_by_a_request() -> None:
    """The number in flight stays what it was."""
    client, wire = asking(3)

    client.data_received(answer() * 2 + answer()[:-1])

    assert (b"ask\n" * 5, 3, 2, 0) == (
        wire.sent,
        len(client.waiting),
        len(client.tally.latencies),
        client.tally.errors,
    )


@pytest.mark.parametrize(
    "wrong",
    [
        answer(status=500),
        answer(b'{"status":200,"error":{"id":"x"}}'),
        answer(b'{"status":206,"error":null}'),
        answer(GOOD[:-1]),
        b"HTTP/1.1 200 OK\r\n\r\n",
        answer() * 2,
    ],
    ids=["status line", "error", "status", "cut JSON", "no length", "one too many"],
)
def test_a_wrong_answer_is_an_error(wrong: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """It is counted and shown."""
    client, _ = asking()
    client.tally.asks_again = False

    client.data_received(wrong)

    assert 1 == client.tally.errors
    assert "error: " in capsys.readouterr().err


def test_a_lost_connection_is_an_error() -> None:
    """Unless the client left."""
    lost, _ = asking()
    left, _ = asking()
    left.is_leaving = True

    lost.connection_lost(None)
    left.connection_lost(None)

    assert (1, 0) == (lost.tally.errors, left.tally.errors)


def test_the_length_counts_the_id() -> None:
    """What stands for it is shorter."""
    sent = Template(request_text("POST /x", "h:1", ["A: $ID"], '{"é":"$ID"}')).fill("i" * ID_BYTES)
    head, _, body = sent.partition(b"\r\n\r\n")

    assert f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")
    assert 2 == sent.count(b"i" * ID_BYTES)


@asynccontextmanager
async def listening(reply: Callable[[], bytes]) -> AsyncIterator[str]:
    """A server that answers every request, which must have no body; an empty reply closes the connection."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                if not (sent := reply()):
                    break
                writer.write(sent)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(converse, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def run(url: str, *words: str) -> tuple[int, Measure]:
    """The generator in a process of its own, for a moment."""
    command = [sys.executable, "-m", "tests.benchmarks.http_load", f"--url={url}", "--request=GET /x"]
    times = ["--seconds=0.2", "--warmup=0.1", "--connections=3"]
    process = await asyncio.create_subprocess_exec(*command, *times, *words, stdout=-1, stderr=-1)
    out, _ = await output_of(process, 60)
    return cast("int", process.returncode), msgspec.json.decode(out, type=Measure)


@pytest.mark.parametrize("words", [(), ("--depth=4",), ("--fresh",)], ids=["kept alive", "pipelined", "fresh"])
async def test_a_server_that_answers_is_measured(words: tuple[str, ...]) -> None:
    """Requests are counted, nothing is wrong."""
    async with listening(answer) as url:
        status, measure = await run(url, *words)

    assert (0, 0) == (status, measure.errors)
    assert measure.requests > 0


async def test_a_server_that_hangs_up_fails_the_run() -> None:
    """The exit status says so."""
    replies = [answer()] * 5

    async with listening(lambda: replies.pop() if replies else b"") as url:
        status, measure = await run(url)

    assert 1 == status
    assert measure.errors > 0
