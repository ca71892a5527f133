"""A real process under bad HTTP: the documented answer or a clean close, memory flat, well-behaved clients unaffected.

Two canaries, one on a WebSocket and one on a kept HTTP connection, go on through every test; the process must be the
same in the end, and have nothing to complain of.
"""

import asyncio
import contextlib
import gzip
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.client import connected
from tests.http_client import http_connected
from tests.serving import Served, served
from tests.transports.http_wire import Answer, http, read_answer
from tests.transports.wire import Wire, dial

MIB = 2**20
FLAT = 24 * MIB
"""What a process may grow by, at its peak, while it deals with something."""

ORIGIN = "Origin: https://app.example"
ZEROS = gzip.compress(bytes(MIB)) * 1000
"""A gibibyte, nearly, in less than a mebibyte: members of gzip, one behind the other."""


def zeros_in_one() -> bytes:
    """A gibibyte in one member, 128 times the same eight mebibytes; how it would end is not looked at."""
    machine = zlib.compressobj(9, zlib.DEFLATED, -15)
    eight = machine.compress(bytes(8 * MIB)) + machine.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08" + bytes(7) + eight * 128 + machine.flush() + bytes(8)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway that is impatient, and lets pages of one origin in."""
    folder = tmp_path_factory.mktemp("hostile")
    file = folder / "latchgate.toml"
    file.write_text(
        '[security]\ninitial_rights = "open"\n'
        "[websocket]\nhandshake_timeout_ms = 500\nclose_timeout_ms = 500\nstall_timeout_ms = 1000\n"
        '[http]\nrequest_timeout_ms = 1000\naccess_control_allow_origin = ["https://app.example"]\n'
    )
    with served(folder / "data", "--config", str(file)) as it:
        yield it
        assert it.process.poll() is None
        assert 0 == it.stop()
        assert [] == [line for line in it.errors.read_text().splitlines() if " INFO " not in line]


@asynccontextmanager
async def watched(gateway: Served) -> AsyncIterator[None]:
    """Let the canaries sing; fail if one of them stops, or if the process grows."""
    done = asyncio.Event()
    rounds = 0
    before = _reset_peak(gateway)

    async def sing() -> None:
        nonlocal rounds
        async with connected(gateway.port) as socket, http_connected(gateway.port) as client:
            while not done.is_set() or not rounds:
                async with asyncio.timeout(5):
                    assert "-1" == (await socket.succeed("auth:getCurrentUser"))["_id"]
                    assert "-1" == (await client.succeed("GET", "/_me"))["_id"]
                rounds += 1
                await asyncio.sleep(0.01)

    singing = asyncio.create_task(sing())
    try:
        yield
    finally:
        done.set()
        await singing
    assert rounds > 0
    grown = _status(gateway, "VmHWM") - before
    assert grown < FLAT, f"it grew by {grown / MIB:.0f} MiB"


def _reset_peak(gateway: Served) -> int:
    """Forget the process's greatest resident memory (proc(5), clear_refs); give the present one in bytes."""
    Path(f"/proc/{gateway.process.pid}/clear_refs").write_text("5")
    return _status(gateway, "VmRSS")


def _status(gateway: Served, name: str) -> int:
    for line in Path(f"/proc/{gateway.process.pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(name)


async def exchange(port: int, *chunks: bytes) -> Answer:
    """Send something on a connection of its own; give the answer, behind which the connection ends or waits."""
    wire = await dial(port)
    try:
        with contextlib.suppress(ConnectionError):
            for chunk in chunks:
                await wire.send(chunk)
        return await read_answer(wire, has_body=not chunks[0].startswith(b"HEAD "))
    finally:
        wire.reset()


def post(*headers: str, body: bytes = b"{}", path: str = "/users/x/api-keys/_create") -> bytes:
    """A request with a body."""
    return http("POST", path, *headers, body=body)


DOCUMENTED: dict[str, tuple[int, str, bytes]] = {
    "2,000 headers": (431, "unexpected_error", http("GET", "/_now", *(f"X-{number}: a" for number in range(2000)))),
    "long URL": (414, "unexpected_error", http("GET", "/" + "x" * 20_000)),
    "long header": (431, "unexpected_error", http("GET", "/", "X-A: " + "b" * 10 * MIB)),
    "endless line": (414, "unexpected_error", b"GET /" + b"x" * 10 * MIB),
    "large body": (413, "request_too_large", http("POST", "/_query", body=b"x" * 8 * MIB)),
    "large chunk": (
        413,
        "request_too_large",
        http("POST", "/_query", "Transfer-Encoding: chunked") + b"FFFFFFF\r\n" + b"x" * 8 * MIB,
    ),
    "endless extension": (
        413,
        "request_too_large",
        http("POST", "/_query", "Transfer-Encoding: chunked") + b"1;" + b"x" * 8 * MIB,
    ),
    "gzip bomb": (413, "request_too_large", post("Content-Encoding: gzip", body=ZEROS)),
    "gzip bomb in one piece": (413, "request_too_large", post("Content-Encoding: gzip", body=zeros_in_one())),
    "gzip bomb in gzip": (
        413,
        "request_too_large",
        post("Content-Encoding: gzip, gzip", body=gzip.compress(ZEROS)),
    ),
    "gzip bomb three times": (
        413,
        "request_too_large",
        post("Content-Encoding: gzip, gzip, gzip", body=gzip.compress(gzip.compress(ZEROS))),
    ),
    "four encodings": (400, "too_many_encodings", post("Content-Encoding: gzip, gzip, gzip, gzip")),
    "unknown encoding": (400, "unsupported_compression", post("Content-Encoding: br")),
    "no gzip": (400, "unexpected_error", post("Content-Encoding: gzip")),
    "cut gzip": (400, "unexpected_error", post("Content-Encoding: gzip", body=gzip.compress(b"{}" * 99)[:-9])),
    "deep JSON": (400, "body_parse_failed", post(body=b"[" * MIB)),
    "no JSON": (400, "body_parse_failed", post(body=b"\xff\xfe{}")),
    "no type": (400, "unsupported_content", post("Content-Type: text/xml")),
    "no charset": (400, "unsupported_charset", post("Content-Type: application/json; charset=utf-16")),
    "no boundary": (400, "body_parse_failed", post("Content-Type: multipart/form-data")),
    "cut multipart": (
        400,
        "body_parse_failed",
        post("Content-Type: multipart/form-data; boundary=b", body=b"--b\r\nContent-Dis"),
    ),
    "wrong method": (400, "unsupported_verb", http("TRACE", "/")),
    "made-up method": (400, "unsupported_verb", http("STEAL", "/_now")),
    "method of nothing": (404, "url_not_found", http("PATCH", "/_now")),
    "HEAD of nothing": (404, "", http("HEAD", "/_now")),
    "bad volatile": (400, "volatile_parse_failed", http("GET", "/_now", "X-Kuzzle-Volatile: {")),
    "other expectation": (417, "unexpected_error", post("Expect: the best")),
    "other coding": (501, "unexpected_error", http("POST", "/_query", "Transfer-Encoding: gzip, chunked")),
}


@pytest.mark.parametrize(("status", "name", "sent"), DOCUMENTED.values(), ids=DOCUMENTED)
async def test_bad_requests_get_the_documented_answer(status: int, name: str, sent: bytes, gateway: Served) -> None:
    """Ten at once; what is said of the body does not depend on how large it is."""
    async with watched(gateway):
        answers = await asyncio.gather(*(exchange(gateway.port, sent) for _ in range(10 if len(sent) < MIB else 2)))

    for answer in answers:
        assert status == answer.status
        assert not name or f"network.http.{name}" == answer.error_id


COOKIES = {
    "two tokens": "authToken=a; authToken=b",
    "control character": "authToken=%01",
    "space": "authToken=a%20b",
    "NUL": "authToken=%00",
    "no ASCII": "authToken=%ff",
    "lone percent": "authToken=%; authToken=%25x",
}
HARMLESS = {
    "nothing": "",
    "semicolons": ";" * 1000,
    "no value": "authToken",
    "empty": "authToken=",
    "null": "authToken=null",
    "quoted nothing": 'authToken=""',
    "another": "token=authToken=x; =; ==;; a",
    "many": "; ".join(f"c{number}=x" for number in range(2000)),
}


@pytest.mark.parametrize("cookie", [*COOKIES.values(), *HARMLESS.values()], ids=[*COOKIES, *HARMLESS])
async def test_a_malformed_cookie_is_refused_or_means_nothing(cookie: str, gateway: Served) -> None:
    """Under an allowed origin: 401 `security.cookie.invalid`, or nobody; under none it is not looked at."""
    async with watched(gateway):
        trusted = await exchange(gateway.port, http("GET", "/_me", ORIGIN, f"Cookie: {cookie}"))
        plain = await exchange(gateway.port, http("GET", "/_me", f"Cookie: {cookie}"))

    if cookie in COOKIES.values():
        assert (401, "security.cookie.invalid") == (trusted.status, trusted.error_id)
    else:
        assert "-1" == trusted.envelope["result"]["_id"]
    assert "-1" == plain.envelope["result"]["_id"]


async def test_half_requests_end_with_their_connections(gateway: Served) -> None:
    """Cut at every byte, the client gone with and without a reset."""
    whole = post("Content-Type: application/json", body=b'{"description":"half"}')
    async with watched(gateway):
        for at in range(1, len(whole)):
            wire = await dial(gateway.port)
            await wire.send(whole[:at])
            if at % 2:
                wire.reset(hard=True)
            else:
                wire.writer.write_eof()
                assert b"" == await wire.reader.read()
                wire.reset()


async def test_w03_slow_requests_are_told_and_let_go(gateway: Served) -> None:
    """Three hundred at once, some in the head and some in the body: 408 for each, and then the end."""
    parts = [b"GET / HT", http("GET", "/_now")[:-1], post()[:-1]]
    wires = []
    async with watched(gateway):
        for number in range(300):
            wires.append(await dial(gateway.port))
            await wires[-1].send(parts[number % 3])
        answers = [await read_answer(wire) for wire in wires]
        ends = [await wire.reader.read() for wire in wires]
        for wire in wires:
            wire.reset()

    assert ({408}, {b""}) == ({answer.status for answer in answers}, set(ends))


async def test_w13_a_flood_that_nobody_reads_the_answers_of_is_dropped(gateway: Served) -> None:
    """Tens of thousands of requests on each of eight connections; memory does not follow them."""

    async def flood(wire: Wire) -> None:
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
        with contextlib.suppress(ConnectionError):
            while True:
                await wire.send(http("GET", "/_publicApi") * 1000)
        wire.reset()

    async with watched(gateway), asyncio.timeout(60):
        await asyncio.gather(*[flood(await dial(gateway.port)) for _ in range(8)])
