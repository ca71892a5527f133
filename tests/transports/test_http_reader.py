"""Bytes → HTTP requests, without a socket: however the bytes are cut, the same requests come out in the same order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transports.http_reading import CHUNKED, NOTHING, chunked, cut, read, reader_of
from tests.transports.http_wire import http
from tests.transports.wire import head

# However the bytes are cut.

bodies = st.binary(max_size=40)
targets = st.text("abc/?=&%20._~-", max_size=12).map(lambda text: f"/{text}")
plain_requests = st.builds(lambda target: http("GET", target), targets)
sized_requests = st.builds(lambda target, body: http("POST", target, body=body), targets, bodies)
chunked_requests = st.builds(
    lambda target, pieces: http("PUT", target, CHUNKED) + chunked(*pieces),
    targets,
    st.lists(st.binary(min_size=1, max_size=20), max_size=4),
)
streams = st.lists(plain_requests | sized_requests, max_size=5)


@settings(max_examples=300, deadline=None)
@given(streams, st.none() | chunked_requests, st.data())
def test_any_split_gives_the_same_requests(stream: list[bytes], last: bytes | None, data: st.DataObject) -> None:
    """Byte by byte, at once, and cut anywhere: the same requests in the same order, and nothing is refused."""
    sent = b"".join([*stream, last or b""])
    at = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    pieces = [sent[start:end] for start, end in zip([0, *at], [*at, len(sent)], strict=True)]

    whole = read(sent)

    assert whole == read(*cut(sent)) == read(*pieces)
    assert (NOTHING, len(stream) + (last is not None)) == (whole.refused, len(whole.requests))
    assert [True] * len(whole.requests) == whole.kept


def test_requests_come_out_as_they_were_sent() -> None:
    """Method, path, query, headers with names in lower case, body."""
    (request,) = read(http("POST", "/a%20b/?c=d&e", "X-A: b", "X-a:  c \t", body=b"hello")).requests

    assert ("POST", "/a%20b/", "c=d&e", b"hello") == (request.method, request.path, request.query, request.body)
    assert {"host": "x", "x-a": "b, c", "content-length": "5"} == request.headers


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("body", [b"", b"{}"], ids=["empty", "body"])
def test_every_method_may_have_a_body(method: str, body: bytes) -> None:
    """Whatever a body means there (RFC 9110 §9.3.1), its bytes are not the next request."""
    outcome = read(http(method, "/", body=body) + http("GET", "/next"))

    assert [(method, body), ("GET", b"")] == [(request.method, request.body) for request in outcome.requests]


# Bodies in chunks.


def test_chunks_are_joined_and_their_frills_dropped() -> None:
    """Extensions and trailers mean nothing; a trailer does not become a header (RFC 9110 §6.5.1)."""
    body = b"2;a=b;c\r\nab\r\n3\r\ncde\r\n00\r\nX-Trailer: t\r\nAuthorization: Bearer x\r\n\r\n"
    (request,) = read(http("POST", "/", CHUNKED) + body).requests

    assert b"abcde" == request.body
    assert {"host", "transfer-encoding"} == set(request.headers)


def test_a_kept_alive_connection_takes_one_chunked_body_after_another() -> None:
    """As long as each comes in a read of its own."""
    one = http("POST", "/", CHUNKED) + chunked(b"a", b"b")

    assert ([b"ab"] * 3, [True] * 3) == (read(one, one, one).bodies, read(one, one, one).kept)


@pytest.mark.parametrize(
    "behind",
    [http("GET", "/next"), http("GET", "/next")[:1], head(), b"\x01\x02", b"{}\r\n\r\n", http("POST", "/n", CHUNKED)],
    ids=["request", "its first byte", "upgrade", "garbage", "no head", "chunks"],
)
@pytest.mark.parametrize("connection", ["Connection: close", "X-A: b"])
def test_w19_what_is_pipelined_behind_chunks_is_lost_with_the_connection(behind: bytes, connection: str) -> None:
    """Where it begins cannot be told: the request before it is answered, and the connection ends with that."""
    outcome = read(http("POST", "/", CHUNKED, connection) + chunked(b"ab") + behind)

    assert ([b"ab"], [False], NOTHING, None) == (outcome.bodies, outcome.kept, outcome.refused, outcome.handshake)


def test_an_empty_line_behind_chunks_costs_nothing() -> None:
    """Some clients end every body so (RFC 9112 §2.2)."""
    outcome = read(http("POST", "/", CHUNKED) + chunked(b"ab") + b"\r\n", http("GET", "/next"))

    assert (["/", "/next"], [True, True]) == ([request.path for request in outcome.requests], outcome.kept)


# Keep-alive.


@pytest.mark.parametrize("body", [None, b"ab"], ids=["no body", "body"])
@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [
        ("1.1", None, True),
        ("1.1", "close", False),
        ("1.1", "Close", False),
        ("1.1", "keep-alive", True),
        ("1.1", "keep-alive, close", False),
        ("1.1", "te , close", False),
        ("1.1", "closed", True),
        ("1.0", None, False),
        ("1.0", "close", False),
        ("1.0", "keep-alive", True),
        ("1.0", "Keep-Alive, TE", True),
        ("1.0", "keep-alive, close", False),
    ],
)
def test_the_connection_is_kept_as_the_client_wants_it(
    version: str, connection: str | None, body: bytes | None, *, kept: bool
) -> None:
    """HTTP/1.1 goes on unless told not to, HTTP/1.0 ends unless told not to (RFC 9112 §9.3)."""
    headers = () if connection is None else (f"Connection: {connection}",)
    outcome = read(http("POST", "/", *headers, version=version, body=body) * 2)

    assert ([True, True] if kept else [False]) == outcome.kept
    assert (2 if kept else 1) == len(outcome.requests)


def test_connection_headers_are_read_together() -> None:
    """A second line does not hide a `close` in the first."""
    assert [False] == read(http("GET", "/", "Connection: close", "Connection: te")).kept


@pytest.mark.parametrize(("word", "kept"), [("close", False), ("Close", False), ("keep-alive", True)])
def test_the_other_name_of_connection_closes_too(word: str, *, kept: bool) -> None:
    """No standard knows it, but the parser takes nothing behind it: nobody is told to go on and then refused."""
    outcome = read(http("GET", "/", f"Proxy-Connection: {word}", body=b"ab") + http("GET", "/next"))

    assert (([True, True] if kept else [False]), NOTHING) == (outcome.kept, outcome.refused)


# Expectations.


@pytest.mark.parametrize("body", ["Content-Length: 2", CHUNKED])
@pytest.mark.parametrize("word", ["100-continue", "100-Continue"])
def test_a_client_that_waits_for_a_word_is_to_get_one(body: str, word: str) -> None:
    """Before the body, not behind it."""
    reader = reader_of()
    assert [] == read(http("POST", "/", body, f"Expect: {word}"), reader=reader).requests
    assert reader.must_continue

    reader.must_continue = False
    assert [b"ab"] == read(b"ab" if body != CHUNKED else chunked(b"ab"), reader=reader).bodies
    assert not reader.must_continue


@pytest.mark.parametrize(
    "sent",
    [
        http("POST", "/", "Expect: 100-continue", body=b""),
        http("POST", "/", "Expect: 100-continue", body=b"ab")[:-1],
        http("GET", "/", "Expect: 100-continue"),
        http("POST", "/", "Expect: 100-continue", "Content-Length: 2", version="1.0"),
    ],
    ids=["empty body", "body has begun", "no body", "HTTP/1.0"],
)
def test_a_client_that_does_not_wait_hears_no_word(sent: bytes) -> None:
    """There is nothing to wait for, it has not waited, or it cannot know the word (RFC 9110 §10.1.1)."""
    reader = reader_of()
    read(sent, reader=reader)

    assert not reader.must_continue


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (413, ("Content-Length: 1001", "Expect: 100-continue")),
        (400, ("Content-Length: 2", "Expect: 100-continue", "Content-Type: text/plain")),
        (417, ("Content-Length: 2", "Expect: 200-ok")),
    ],
)
def test_what_is_refused_is_not_told_to_continue(status: int, headers: tuple[str, ...]) -> None:
    """The body of no use is not sent at all."""
    reader = reader_of()

    assert status == read(http("POST", "/", *headers), reader=reader).refused[0]
    assert not reader.must_continue


# Upgrades.


@pytest.mark.parametrize(
    "word", ["websocket", "WebSocket", "WEBSOCKET", "h2c, websocket", "websocket,h2c", " websocket "]
)
@pytest.mark.parametrize("size", [1, 1000])
def test_a_request_for_websocket_is_handed_on(word: str, size: int) -> None:
    """What its head says, and everything behind it, untouched."""
    sent = head("X-A: b").replace(b"Upgrade: websocket", f"Upgrade: {word}".encode())

    outcome = read(*cut(sent, size))
    with_more = read(sent + b"\x00more")

    assert outcome.handshake is not None
    assert with_more.handshake is not None
    assert ("1.1", b"", b"\x00more") == (outcome.handshake.version, outcome.handshake.rest, with_more.handshake.rest)
    assert outcome.handshake.http == with_more.handshake.http
    http = outcome.handshake.http
    assert ("/", word.strip(), "b") == (http.path, http.headers["upgrade"], http.headers["x-a"])


def test_a_request_for_websocket_may_follow_others() -> None:
    """On a connection that was kept alive, and behind pipelined requests."""
    outcome = read(http("GET", "/a") + http("POST", "/b", body=b"{}") + head() + b"x")

    assert ["/a", "/b"] == [request.path for request in outcome.requests]
    assert outcome.handshake is not None
    assert ("localhost", b"x") == (outcome.handshake.http.headers["host"], outcome.handshake.rest)


@pytest.mark.parametrize("word", ["h2c", "TLS/1.2", "websocketx", "x-websocket"])
@pytest.mark.parametrize("connection", ["Upgrade", "Upgrade, HTTP2-Settings", "keep-alive"])
def test_an_upgrade_to_something_else_is_answered_as_plain_http(word: str, connection: str) -> None:
    """A server need not upgrade (RFC 9110 §7.8); the next request is read as ever."""
    outcome = read(http("GET", "/a", f"Upgrade: {word}", f"Connection: {connection}") * 2 + http("GET", "/b"))

    assert (["/a", "/a", "/b"], [True] * 3) == ([request.path for request in outcome.requests], outcome.kept)


def test_an_upgrade_that_closes_closes() -> None:
    """The other words of `Connection` count."""
    assert [False] == read(http("GET", "/", "Upgrade: h2c", "Connection: Upgrade, close") * 2).kept


@pytest.mark.parametrize("word", ["h2c", "websocket"])
@pytest.mark.parametrize("body", ["Content-Length: 2", CHUNKED])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_w19_an_upgrade_with_a_body_is_refused(method: str, body: str, word: str) -> None:
    """Which protocol the body belongs to is a matter of opinion."""
    sent = http(method, "/", f"Upgrade: {word}", "Connection: Upgrade", body) + b"ab" + http("GET", "/next")

    assert ([], None, 400) == (read(sent).requests, read(sent).handshake, read(sent).refused[0])
