"""The opening handshake: who is let in, what is promised to them, and what the others are told."""

import asyncio
import time
from typing import Any

import pytest

from gateway.transports.websocket import WebSocketConnection
from tests.transports.conftest import Serve
from tests.transports.doubles import Workshop, opened, shaken, traffic_of
from tests.transports.http_wire import written
from tests.transports.wire import PING, PONG, TEXT, ask, frame, frames_in, head


def answer_to(*chunks: bytes, **limits: Any) -> tuple[int, dict[str, str]]:
    """Status and headers (names in lower case) of the answer to a request head; a refusal ends the stream."""
    _, notebook = opened(traffic_of(Workshop(), **limits))
    for chunk in chunks:
        notebook.receive(chunk)
    assert 1 == len(notebook.writes)
    start, *lines = notebook.writes[0].partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    status = int(start.split(" ")[1])
    assert notebook.is_ended is (status != 101)
    return status, {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


async def test_an_upgrade_is_accepted() -> None:
    """The accept token is the RFC's own example (RFC 6455 §1.3), and nothing that was not offered is named."""
    status, headers = answer_to(head())

    assert (101, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == (status, headers["sec-websocket-accept"])
    assert ("websocket", "upgrade") == (headers["upgrade"].lower(), headers["connection"].lower())
    assert {"sec-websocket-protocol", "sec-websocket-extensions"}.isdisjoint(headers)


async def test_nothing_of_http_stands_between_the_loop_and_a_websocket() -> None:
    """Which of the two a connection is, is asked once: the loop hands messages to the WebSocket side itself."""
    traffic = traffic_of(Workshop())
    door, notebook = opened(traffic)
    assert notebook.get_protocol() is door

    notebook.receive(head())

    inside = notebook.get_protocol()
    assert isinstance(inside, WebSocketConnection)
    assert {inside} == traffic.connections


@pytest.mark.parametrize("path", ["/", "/_", "/a/b?c=d", "//", "/%F0%9F%94%91", "/" + "x" * 4000])
async def test_any_path_is_accepted(path: str) -> None:
    """The path means nothing (frames.md §1)."""
    assert 101 == answer_to(head(path=path))[0]


@pytest.mark.parametrize(
    ("offered", "echoed"),
    [
        (["null"], "null"),
        (["a, b"], "a"),
        (["a,b", "c"], "a"),
        (["  mqtt  "], "mqtt"),
        (["gr\xfc\xdf"], "gr\xfc\xdf"),
        ([""], None),
        ([" , a"], None),
    ],
    ids=["null", "list", "two headers", "spaces", "latin-1", "empty", "empty first"],
)
async def test_the_first_sub_protocol_offered_is_echoed(offered: list[str], echoed: str | None) -> None:
    """Browsers' SDKs send `null` and insist on it (frames.md §1)."""
    status, headers = answer_to(head(*(f"Sec-WebSocket-Protocol: {value}" for value in offered)))

    assert (101, echoed) == (status, headers.get("sec-websocket-protocol"))


async def test_w10_compression_is_declined() -> None:
    """No extension is agreed upon, so there is nothing to inflate: a compressed frame breaks the protocol."""
    status, headers = answer_to(head("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x"))
    connection, notebook = shaken(traffic_of(Workshop()))
    connection.data_received(frame(b"\xaaV*.M*J-.V\xb2RP\xaaU\x00\x00", reserved=4))

    assert (101, None) == (status, headers.get("sec-websocket-extensions"))
    assert 1002 == notebook.read()[0].code


ALLOWED = ("https://good.example", "http://localhost:3000")


@pytest.mark.parametrize("origin", ALLOWED)
async def test_w01_a_listed_origin_is_let_in(origin: str) -> None:
    """Scheme, host and port as in the setting."""
    assert 101 == answer_to(head(f"Origin: {origin}"), origins=ALLOWED)[0]


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://good.example.evil.example",
        "https://evilgood.example",
        "https://good.exampl",
        "http://good.example",
        "https://good.example:444",
        "https://good.example/",
        "https://sub.good.example",
        "https://GOOD.example",
        "https://good.example, https://evil.example",
        "http://localhost",
        "null",
        "*",
        "",
    ],
)
async def test_w01_a_foreign_origin_is_refused_with_403(origin: str) -> None:
    """With an explicit list only exact matches are let in (deviations.md 10)."""
    assert 403 == answer_to(head(f"Origin: {origin}"), origins=ALLOWED)[0]


@pytest.mark.parametrize("origins", [None, ALLOWED], ids=["any", "listed"])
async def test_w01_two_origins_are_refused(origins: tuple[str, ...] | None) -> None:
    """One of them might be the page's and the other an attacker's (RFC 6454 §7.3)."""
    two = head(f"Origin: {ALLOWED[0]}", f"Origin: {ALLOWED[0]}")

    assert 400 == answer_to(two, origins=origins)[0]


async def test_w02_a_device_without_origin_is_let_in() -> None:
    """Only browsers send one; without it no cookie is honoured."""
    assert 101 == answer_to(head(), origins=ALLOWED)[0]


async def test_any_origin_is_let_in_without_a_list() -> None:
    """The setting `*` asks no questions."""
    assert 101 == answer_to(head("Origin: https://evil.example"))[0]


REFUSED = {
    "no Connection": (426, head(without="Connection")),
    "HTTP/1.0": (505, head(start="GET / HTTP/1.0")),
    "no key": (400, head(without="Sec-WebSocket-Key")),
    "two keys": (400, head("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")),
    "short key": (400, head("Sec-WebSocket-Key: dGhlIA==", without="Sec-WebSocket-Key")),
    "key no base64": (400, head("Sec-WebSocket-Key: ?", without="Sec-WebSocket-Key")),
    "no version": (426, head(without="Sec-WebSocket-Version")),
    "old version": (426, head("Sec-WebSocket-Version: 8", without="Sec-WebSocket-Version")),
}


@pytest.mark.parametrize(("status", "sent"), REFUSED.values(), ids=REFUSED)
async def test_a_faulty_handshake_is_told_so(status: int, sent: bytes) -> None:
    """Who asks for WebSocket, but not as the RFC wants it, gets the status that it names, and the stream ends."""
    got, headers = answer_to(sent)

    assert (status, True) == (got, headers["connection"].startswith("close"))
    if status == 426:  # RFC 9110 §15.5.22, §7.8; RFC 6455 §4.2.2
        assert ("websocket", "13") == (headers["upgrade"], headers["sec-websocket-version"])
        assert "close, upgrade" == headers["connection"]


@pytest.mark.parametrize(
    ("sent", "error_id"),
    [
        *((sent, "network.http.unexpected_error") for _, sent in REFUSED.values()),
        (head("Origin: https://evil.example"), "api.process.unauthorized_origin"),
    ],
    ids=[*REFUSED, "foreign origin"],
)
async def test_p08_a_refused_handshake_gets_the_envelope(sent: bytes, error_id: str) -> None:
    """The usual one, with the usual headers, and nothing that the client sent is taken for a sentence of ours."""
    _, notebook = opened(traffic_of(Workshop(), origins=ALLOWED))
    notebook.receive(sent.replace(b"\r\n", b"\r\nX-Kuzzle-Request-Id: r1\r\n", 1))

    (answer,) = written(notebook)

    assert ("nosniff", "no-store") == (answer.headers["x-content-type-options"], answer.headers["cache-control"])
    assert (error_id, "r1") == (answer.error_id, answer.envelope["requestId"])
    assert "websockets" not in answer.envelope["error"]["message"]


MALFORMED = {
    "body": (400, head("Content-Length: 5") + b"hello"),
    "two lengths": (400, head("Content-Length: 0", "Content-Length: 5") + b"hello"),
    "length no number": (400, head("Content-Length: 0x0")),
    "chunks": (400, head("Transfer-Encoding: chunked") + b"0\r\n\r\n"),
    "transfer coding identity": (400, head("Transfer-Encoding: identity")),
    "absolute form": (400, head(path="http://localhost/")),
    "asterisk form": (400, head(path="*")),
    "path no ASCII": (400, head(path="/\xe9")),
    "space in the path": (400, head(path="/a b")),
    "folded header": (400, head("X-A: b\r\n c")),
    "space before the colon": (400, head("Content-Length : 0")),
    "header without colon": (400, head("nonsense")),
    "control character": (400, head("X-A: b\x00c")),
    "bare line feeds": (400, b"GET / HTTP/1.1\nHost: x\n\n" + head()),
    "HTTP/2": (400, head(start="GET / HTTP/2")),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"),
    "upgrade by POST with a body": (400, head("Content-Length: 2", start="POST / HTTP/1.1") + b"{}"),
    "long request line": (414, head(path="/" + "x" * 9000)),
    "many headers": (431, head(*["X-A: b"] * 200)),
    "long header": (431, head("Cookie: a=" + "b" * 8191)),
    "long head": (431, head(*["X-A: " + "b" * 1000] * 40)),
    "endless line": (431, b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000),
    "endless request line": (414, b"GET /" + b"x" * 40_000),
}


@pytest.mark.parametrize(("status", "sent"), MALFORMED.values(), ids=MALFORMED)
async def test_w19_w04_a_malformed_head_never_becomes_a_handshake(status: int, sent: bytes) -> None:
    """Bodies, forms and sizes that have no place in an upgrade get their status as JSON, and the stream ends."""
    got, headers = answer_to(sent)

    assert (status, "close", "application/json") == (got, headers["connection"], headers["content-type"])


@pytest.mark.parametrize("more", [b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 100, frame(b"", 8), b"x" * 100_000], ids=len)
@pytest.mark.parametrize("refused", [head(without="Connection"), head("X-A: b\x00c")], ids=["handshake", "head"])
async def test_what_follows_a_refused_head_is_thrown_away(refused: bytes, more: bytes) -> None:
    """A second request, a body or a frame behind it changes nothing, in the same read or in the next."""
    whole, _ = answer_to(refused + more)
    in_turns, _ = answer_to(refused, more, more)

    assert whole == in_turns
    assert whole in (400, 426)


async def test_frames_that_come_with_the_head_are_answered_after_it() -> None:
    """A client in a hurry loses nothing: the 101 comes first, the answers behind it, in one write."""
    workshop = Workshop()
    connection, notebook = opened(traffic_of(workshop))

    connection.data_received(head() + ask("now", 1) + frame(b"?", PING))

    (written,) = notebook.writes
    response, _, rest = written.partition(b"\r\n\r\n")
    assert response.startswith(b"HTTP/1.1 101 ")
    assert {PONG, TEXT} == {received.opcode for received in frames_in(rest)}
    assert ["r1"] == workshop.done


async def test_a_head_may_come_byte_by_byte() -> None:
    """Nothing depends on how TCP cuts the stream, and what follows the head is not lost."""
    _, notebook = opened(traffic_of(Workshop()))

    for byte in head() + ask("now", 7):
        notebook.receive(bytes((byte,)))

    assert 2 == len(notebook.writes)
    notebook.writes.pop(0)
    assert "r7" == notebook.read()[0].answer["requestId"]


@pytest.mark.parametrize(
    "name", ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Connection", "Upgrade", "Cookie"]
)
@pytest.mark.parametrize("filling", [" ", ",", '"', ", ", '",', "a=\\", ";"], ids=repr)
async def test_w05_parsing_a_header_takes_linear_time(name: str, filling: str) -> None:
    """The longest header of the nastiest characters is parsed in no time, where quadratic work would take seconds."""
    sent = head(f"{name}: a{filling * (8000 // len(filling))}b")
    began = time.perf_counter()

    answer_to(sent)

    assert time.perf_counter() - began < 0.5


async def test_refusals_arrive_over_tcp_while_the_client_still_sends(serve: Serve) -> None:
    """A client that sends a large body gets the answer and not a reset."""
    wire = await (await serve()).connect()

    await wire.send(b"POST /now HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n", b"x" * 3_000_000)

    status, headers = await wire.read_head()
    body = await wire.reader.read()
    assert (413, int(headers["content-length"])) == (status, len(body))


async def test_w03_a_slow_handshake_is_dropped(serve: Serve) -> None:
    """Who has not sent the request head in time is dropped, dripping bytes or silent; others get in meanwhile."""
    hall = await serve(handshake_timeout=0.2)
    silent, dripping = await hall.connect(), await hall.connect()

    async def drip() -> None:
        for byte in head():
            await dripping.send(bytes((byte,)))
            await asyncio.sleep(0.02)

    with pytest.raises(ConnectionError):
        await drip()
    assert b"" == await silent.reader.read()
    other = await hall.shake_hands()
    await other.send(ask("now"))
    assert "now" == (await other.receive()).answer["result"]
