"""W19 behind nginx and HAProxy: what they make of odd requests, and send on, is never one request more than they think.

Both keep connections to the gateway and send requests of different clients over them, so one request more would take
the answer that is another's. Skipped, with its reason, where the programs are not installed; see `tests.real_proxies`.
"""

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from gateway.transports.peers import TrustedProxies
from gateway.transports.port import Port
from tests.certificates import Authority
from tests.real_proxies import Proxies
from tests.transports.doubles import Workshop, at_door, traffic_of
from tests.transports.http_wire import MALFORMED, SMUGGLED, ask_http, http, read_answer
from tests.transports.wire import dial

HIDDEN = http("GET", f"/now?{'h' * 13}")
"""What an attacker would like to have read behind his own request: 44 bytes, as some lengths in the corpus say."""

HARMLESS = (
    http("POST", "/now", body=HIDDEN),
    http("POST", "/now", "Transfer-Encoding: chunked") + b"2c\r\n" + HIDDEN + b"\r\n0\r\n\r\n",
)
"""What proxies let through, and what a gateway that lost count of a body would take for two."""

SILENCE_S = 1.5


@pytest.fixture
def proxies(tmp_path: Path) -> Iterator[Proxies]:
    """Proxies that end with the test."""
    with ExitStack() as stack:
        yield Proxies(tmp_path, Authority(tmp_path), stack)


def nginx(proxies: Proxies, backend: int) -> int:
    """In clear, so that bytes are what is sent; it keeps connections to the gateway, as it does not by itself."""
    keeping = f"upstream gateway {{ server 127.0.0.1:{backend}; keepalive 4; }}\n\nserver {{"
    return proxies.nginx(backend, **{"server {": keeping, "443 ssl": "443", "http://127.0.0.1:7512": "http://gateway"})


def haproxy(proxies: Proxies, backend: int) -> int:
    """In clear; it keeps connections by itself, here for everybody."""
    keeping = "    http-reuse always\n    server gateway"
    return proxies.haproxy(
        0, backend, **{" ssl crt /etc/haproxy/chain-and-key.pem alpn http/1.1": "", "    server gateway": keeping}
    )


def haproxy_for_bytes(proxies: Proxies, backend: int) -> int:
    """The one that passes bytes on, behind a preamble."""
    return proxies.haproxy(1, backend)


@asynccontextmanager
async def listening(trusted: TrustedProxies | None = None) -> AsyncIterator[tuple[int, Workshop]]:
    """A port, and what has come by it."""
    workshop = Workshop()
    traffic = traffic_of(workshop, request_timeout=1.0, handshake_timeout=1.0)
    port = Port(traffic, at_door(traffic), None, trusted)
    try:
        yield await port.open("127.0.0.1", 0), workshop
    finally:
        await port.close(0)


async def send(port: int, sent: bytes) -> list[str]:
    """Send something on a connection of its own; return the ids of the gateway's answers that have come back by it."""
    wire = await dial(port)
    data = b""
    with contextlib.suppress(ConnectionError, TimeoutError):
        await wire.send(sent)
        while True:
            async with asyncio.timeout(SILENCE_S):
                piece = await wire.reader.read(65_536)
            if not piece:
                break
            data += piece
    wire.reset()
    return [match.decode() for match in re.findall(rb'"requestId":"([^"]*)"', data)]


async def canary(port: int, enough: asyncio.Event) -> int:
    """Ask over and over, on connections that come and go; each answer must be the one that was asked for."""
    rounds = 0
    while not enough.is_set() or not rounds:
        wire = await dial(port)
        for _ in range(3):
            answer = await ask_http(wire, "GET", "/echo", f"X-Kuzzle-Request-Id: canary-{rounds}")
            assert ("echo", f"canary-{rounds}") == (answer.envelope["result"], answer.envelope["requestId"])
            rounds += 1
        wire.reset()
    return rounds


@pytest.mark.parametrize("behind", [nginx, haproxy, haproxy_for_bytes])
async def test_w19_nothing_is_smuggled_past_a_real_proxy(behind: type, proxies: Proxies) -> None:
    """Every request that the gateway ran was answered to the client that had sent it, and nobody got another's."""
    async with listening(TrustedProxies(["127.0.0.1"]) if behind is haproxy_for_bytes else None) as (backend, workshop):
        port = behind(proxies, backend)
        enough = asyncio.Event()
        singing = asyncio.create_task(canary(port, enough))
        shapes = (*SMUGGLED.values(), *MALFORMED.values(), *HARMLESS)
        heard = await asyncio.gather(*(send(port, shape + more) for shape in shapes for more in (HIDDEN, b"")))
        enough.set()
        rounds = await singing
        wire = await dial(port)
        await wire.send(HIDDEN, HIDDEN)
        last = [(await read_answer(wire)).envelope["requestId"] for _ in range(2)]
        wire.reset()

    told = Counter(request_id for each in heard for request_id in each)
    ran = Counter(request_id for request_id in workshop.begun if not request_id.startswith("canary-"))
    assert rounds
    assert ran.keys() - told.keys() == set(last)
    assert {1} == set(ran.values())
