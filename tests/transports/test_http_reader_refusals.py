"""What the reader of HTTP does not take: with one refusal, and nothing behind it is ever taken for a request."""

import pytest

from gateway.protocol.http.heads import MAX_HEADERS, MAX_TARGET_BYTES
from tests.transports.http_reading import BODY_BYTES, CHUNKED, HEAD_BYTES, NOTHING, chunked, cut, read, reader_of
from tests.transports.http_wire import MALFORMED, SMUGGLED, http

EVERYTHING = dict([*MALFORMED.items(), *SMUGGLED.items()])


@pytest.mark.parametrize("sent", EVERYTHING.values(), ids=EVERYTHING)
def test_a_refusal_does_not_depend_on_the_split(sent: bytes) -> None:
    """What is refused at once is refused byte by byte, and no request comes out before."""
    at_once, bytewise = read(sent), read(*cut(sent))

    assert ([], []) == (at_once.requests, bytewise.requests)
    assert at_once.refused[0] == bytewise.refused[0] >= 400


# Smuggling, and what is no HTTP.


@pytest.mark.parametrize("sent", SMUGGLED.values(), ids=SMUGGLED)
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_w19_smuggling_shapes_are_refused(sent: bytes, size: int) -> None:
    """400 or 501, no request comes out, and least of all the one that is hidden behind."""
    outcome = read(*cut(sent + http("GET", "/smuggled"), size))

    assert ([], None) == (outcome.requests, outcome.handshake)
    assert outcome.refused[0] in (400, 501)


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_http_is_refused(sent: bytes) -> None:
    """With 400, or 505 for another version of it."""
    outcome = read(sent + http("GET", "/smuggled"))

    assert ([], None) == (outcome.requests, outcome.handshake)
    assert outcome.refused[0] in (400, 505)


@pytest.mark.parametrize("verb", ["BREW", "GE", "GETS"])
def test_an_unknown_method_is_named(verb: str) -> None:
    """`network.http.unsupported_verb`, where the parser has not heard of it."""
    assert (400, "network.http.unsupported_verb") == read(http(verb, "/")).refused


@pytest.mark.parametrize("verb", ["TRACE", "PROPFIND", "QUERY"])
def test_a_method_that_is_not_served_is_refused_once_its_request_is_read(verb: str) -> None:
    """By the desk, on a connection that goes on; with a body it is refused at once."""
    outcome = read(http(verb, "/"))

    assert ((0, None), [verb]) == (outcome.refused, [each.method for each in outcome.requests])
    assert (400, "network.http.unsupported_verb") == read(http(verb, "/", body=b"{}")).refused


def test_a_tunnel_is_refused() -> None:
    """CONNECT has no path, and nothing behind it is read as anything."""
    outcome = read(http("CONNECT", "x:80", host="x:80") + http("GET", "/smuggled"))

    assert ([], 400) == (outcome.requests, outcome.refused[0])


@pytest.mark.parametrize("framing", ["Content-Length: 32", CHUNKED, "X-A: b"])
def test_w19_nothing_behind_connect_is_a_request(framing: str) -> None:
    """With a path it is no tunnel, and still the parser sees no body: whatever its length, it ends the connection."""
    outcome = read(http("CONNECT", "/now", framing) + http("GET", "/smuggled"))

    assert (["CONNECT"], [False]) == ([each.method for each in outcome.requests], outcome.kept)


def test_a_refusal_knows_the_head_if_there_is_one() -> None:
    """So that its answer can go to the page that asked, and without a body to HEAD."""
    reader = reader_of()
    read(http("HEAD", "/", "Origin: https://a.example", "Content-Type: text/plain", body=b"{}"), reader=reader)

    assert reader.head is not None
    assert ("HEAD", "https://a.example") == (reader.head.method, reader.head.headers["origin"])


# Empty lines.


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_one_empty_line_before_a_request_is_skipped(size: int) -> None:
    """Some clients send one behind a body (RFC 9112 §2.2)."""
    outcome = read(*cut(b"\r\n" + http("GET", "/a") + b"\r\n" + http("GET", "/b"), size))

    assert (["/a", "/b"], NOTHING) == ([request.path for request in outcome.requests], outcome.refused)


@pytest.mark.parametrize("sent", [b"\r\n\r\n", b"\r\n\r\n" + http("GET", "/"), b"\n", b"\rG", b"\r\n\n", b" GET"])
@pytest.mark.parametrize("size", [1, 1000])
def test_more_than_one_empty_line_is_no_request(sent: bytes, size: int) -> None:
    """Else a client could keep a connection for ever without asking for anything; a bare LF is no empty line."""
    assert ([], 400) == (read(*cut(sent, size)).requests, read(*cut(sent, size)).refused[0])


def test_a_reader_is_idle_between_requests_only() -> None:
    """Before, in the middle of, and after one; an empty line is nothing."""
    reader = reader_of()
    assert reader.is_idle
    for number, byte in enumerate(cut(b"\r\n" + http("POST", "/", body=b"ab")[:-1])):
        assert NOTHING == read(byte, reader=reader).refused
        assert reader.is_idle is (number == 1)
    assert [b"ab"] == read(b"b", reader=reader).bodies
    assert reader.is_idle
    read(b"\r\n", reader=reader)
    assert reader.is_idle


# Limits.


@pytest.mark.parametrize("size", [1000, 100_000])
@pytest.mark.parametrize(
    ("status", "sent"),
    [
        (414, b"GET /" + b"x" * HEAD_BYTES),
        (414, http("GET", "/" + "x" * MAX_TARGET_BYTES)),
        (414, b"G" * (HEAD_BYTES + 1) + b"\r\n\r\n"),
        (431, http("GET", "/", "X-A: " + "b" * HEAD_BYTES)),
        (431, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * (HEAD_BYTES // 6)),
        (431, http("GET", "/", *["A: b"] * MAX_HEADERS)),
        (431, http("GET", "/", *["A: b"] * 2000)),
        (431, http("GET", "/", "X-" + "a" * HEAD_BYTES + ": b")),
    ],
    ids=["line", "url", "method", "value", "endless", "one header", "2,000 headers", "name"],
)
def test_w04_a_head_beyond_its_limits_is_refused(status: int, sent: bytes, size: int) -> None:
    """The line with 414, the headers with 431, however the bytes arrive."""
    assert ([], status) == (read(*cut(sent, size)).requests, read(*cut(sent, size)).refused[0])


@pytest.mark.parametrize(
    "sent",
    [
        http("GET", "/" + "x" * (MAX_TARGET_BYTES - 1)),
        http("GET", "/", *["A: b"] * (MAX_HEADERS - 1)),
        http("GET", "/", "X: " + "b" * (HEAD_BYTES - len(http("GET", "/", "X: ")))),
    ],
    ids=["url", "headers", "head"],
)
def test_a_head_at_its_limit_is_taken(sent: bytes) -> None:
    """To the byte."""
    assert (1, NOTHING) == (len(read(sent).requests), read(sent).refused)


def test_what_is_behind_a_head_does_not_count_as_part_of_it() -> None:
    """A body, or further requests in the same read."""
    sent = http("GET", "/") * 2000

    assert len(sent) > HEAD_BYTES
    assert (2000, NOTHING) == (len(read(sent).requests), read(sent).refused)


@pytest.mark.parametrize("length", [BODY_BYTES + 1, 10**9, 2**64 - 1])
def test_w08_a_body_that_is_announced_too_large_is_not_waited_for(length: int) -> None:
    """413 from the head alone."""
    assert (413, "network.http.request_too_large") == read(http("POST", "/", f"Content-Length: {length}")).refused


@pytest.mark.parametrize("length", ["0" * 5000 + "2", "0" * 20 + "2"])
def test_a_length_of_too_many_digits_is_refused(length: str) -> None:
    """Even one that means something: nobody else writes it so."""
    assert 400 == read(http("POST", "/", f"Content-Length: {length}") + b"ab").refused[0]


def test_a_body_of_the_greatest_size_is_taken() -> None:
    """Sized or in chunks; one byte more is too much."""
    most = b"x" * BODY_BYTES

    assert [most] == read(http("POST", "/", body=most)).bodies
    assert [most] == read(http("POST", "/", CHUNKED) + chunked(most)).bodies
    assert (413, "network.http.request_too_large") == read(http("POST", "/", CHUNKED) + chunked(most, b"x")).refused


ENDLESS = {
    "chunk": b"FFFFFFF\r\n" + b"x" * 100_000,
    "chunks": b"1\r\nx\r\n" * 20_000,
    "extension": b"1;" + b"x" * 2_000_000,
    "extensions": b"1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n" * 20_000,
    "quoted extension": b'1;a="' + b"x" * 2_000_000,
    "trailer": b"0\r\nX: " + b"x" * 2_000_000,
    "trailers": b"0\r\n" + b"X: y\r\n" * 400_000,
    "size": b"0" * 2_000_000,
}


@pytest.mark.parametrize("sent", ENDLESS.values(), ids=ENDLESS)
def test_w08_a_chunked_body_without_end_is_refused(sent: bytes) -> None:
    """What is not body counts as well: sizes, extensions, trailers."""
    reader = reader_of(most_bytes=10_000)

    outcome = read(http("POST", "/", CHUNKED), *cut(sent, 1000), reader=reader)

    assert [] == outcome.requests
    assert outcome.refused[0] in (400, 413)
