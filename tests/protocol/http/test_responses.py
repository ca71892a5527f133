"""Answers over HTTP: status line, headers and body, to the letter."""

import gzip
import json
import zlib
from collections.abc import Callable

import pytest
from msgspec import UNSET, Raw

from gateway.protocol.http.responses import CONTINUE, Wish
from gateway.protocol.messages import Cookie
from tests.protocol.http.received import DATE, ORIGIN, WISH, Received, answer, responses, written

ALLOWED = (
    "Content-Type, Access-Control-Allow-Headers, Authorization, X-Requested-With, Content-Encoding, Content-Length, "
    "X-Kuzzle-Volatile"
)
UNDO: dict[str, Callable[[bytes], bytes]] = {"identity": bytes, "gzip": gzip.decompress, "deflate": zlib.decompress}


def test_an_ordinary_answer_to_the_letter() -> None:
    """Every header that http.md §4 lists, but for the end of the connection (deviation 24)."""
    received = written()

    assert "HTTP/1.1 200 OK" == received.start
    assert {
        "x-kuzzle-node": "knode-test",
        "x-kuzzle-request-id": "r",
        "content-type": "application/json",
        "content-encoding": "identity",
        "content-length": str(len(received.body)),
        "accept-encoding": "gzip,deflate,identity",
        "access-control-allow-headers": f"{ALLOWED}, X-Kuzzle-Request-Id",
        "access-control-allow-methods": "GET,POST,PUT,PATCH,DELETE,OPTIONS,HEAD",
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "X-Kuzzle-Request-Id, X-Kuzzle-Node, Retry-After",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "date": DATE,
    } == received.headers
    assert (
        b'{"action":"now","controller":"server","error":null,"headers":{},"node":"knode-test","requestId":"r",'
        b'"result":{"now":1},"status":200,"volatile":null}'
    ) == received.body


def test_the_envelope_has_no_room() -> None:
    """All else is that of a socket (http.md)."""
    received = written(index=Raw(b'"i"'), collection=Raw(b"null"), volatile=Raw(b'{"a" : 1}'), result=UNSET)

    assert [
        "action",
        "collection",
        "controller",
        "error",
        "headers",
        "index",
        "node",
        "requestId",
        "status",
        "volatile",
    ] == list(received.json)
    assert b'"volatile":{"a" : 1}' in received.body


def test_what_is_switched_off_is_not_announced() -> None:
    """Compression and cookies."""
    received = written(Wish("r", accept_encoding="gzip"), compresses=False, cookies=False)

    assert ("identity", "identity") == (received.headers["accept-encoding"], received.headers["content-encoding"])
    assert "access-control-allow-credentials" not in received.headers
    assert "vary" not in received.headers
    assert {"now": 1} == received.json["result"]


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (200, "HTTP/1.1 200 OK"),
        (206, "HTTP/1.1 206 Partial Content"),
        (400, "HTTP/1.1 400 Bad Request"),
        (404, "HTTP/1.1 404 Not Found"),
        (412, "HTTP/1.1 412 Precondition Failed"),
        (500, "HTTP/1.1 500 Internal Server Error"),
        (499, "HTTP/1.1 499 "),
        (299, "HTTP/1.1 299 "),
    ],
)
def test_the_status_is_that_of_the_envelope(status: int, line: str) -> None:
    """One without a name of its own has an empty one (RFC 9112 §4)."""
    received = written(status=status)

    assert (line, status) == (received.start, received.json["status"])
    assert {"retry-after", "www-authenticate"}.isdisjoint(received.headers)


@pytest.mark.parametrize(
    ("status", "name", "value"),
    [(401, "www-authenticate", "Bearer"), (429, "retry-after", "1"), (503, "retry-after", "1")],
)
def test_some_statuses_say_what_to_do(status: int, name: str, value: str) -> None:
    """Log in, or try again in a second (deviation 24)."""
    received = written(status=status)

    assert value == received.headers[name]
    assert 1 == len({"retry-after", "www-authenticate"} & received.headers.keys())


def test_the_origin_is_echoed_and_the_answer_varies_with_it() -> None:
    """Whether it is allowed is told inside (http.md §5); never a star."""
    for origin in (ORIGIN, "null", "https://evil.example"):
        received = written(Wish("r", origin=origin))
        assert (origin, "Origin") == (received.headers["access-control-allow-origin"], received.headers["vary"])
    assert {"access-control-allow-origin", "vary"}.isdisjoint(written().headers)


def test_an_answer_varies_with_all_that_it_depends_on() -> None:
    """What an action says stands first; nothing is there twice."""
    wish = Wish("r", origin=ORIGIN, accept_encoding="br")

    assert "Origin, Accept-Encoding" == written(wish).headers["vary"]
    assert "Accept-Encoding" == written(Wish("r", accept_encoding="gzip")).headers["vary"]
    for name in ("vary", "Vary", "VARY"):
        assert "Accept, Origin, Accept-Encoding" == written(wish, headers={name: "Accept"}).headers["vary"]
        assert "Accept" == written(headers={name: "Accept"}).headers["vary"]


@pytest.mark.parametrize(
    ("asked", "encoding"),
    [
        (None, "identity"),
        ("", "identity"),
        ("br", "identity"),
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("gzip;q=0", "identity"),
    ],
)
def test_only_who_asks_gets_a_compressed_answer(asked: str | None, encoding: str) -> None:
    """The length is that of what is sent; the JS SDK of Node asks for nothing and could not read it."""
    received = written(Wish("r", accept_encoding=asked), result="x" * 1000)

    assert encoding == received.headers["content-encoding"]
    assert str(len(received.body)) == received.headers["content-length"]
    assert "x" * 1000 == json.loads(UNDO[encoding](received.body))["result"]


@pytest.mark.parametrize("asked", [None, "gzip"])
def test_head_has_the_headers_of_the_body_that_it_lacks(asked: str | None) -> None:
    """RFC 9110 §9.3.2."""
    whole, head = (written(Wish("r", accept_encoding=asked, has_body=has_body)) for has_body in (True, False))

    assert (b"", whole.headers) == (head.body, head.headers)


def test_an_answer_for_human_eyes_is_indented() -> None:
    """Two spaces a level."""
    received = written(Wish("r", is_pretty=True))

    assert b'{\n  "action": "now",\n' == received.body[:21]
    assert written().json == received.json
    assert str(len(received.body)) == received.headers["content-length"]


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
def test_the_connection_is_announced_where_there_is_something_to_say(connection: str) -> None:
    """Nothing said is HTTP/1.1's own way."""
    assert connection == written(Wish("r", connection=connection)).headers["connection"]
    assert "connection" not in written().headers


def test_a_cookie_is_set_and_the_envelope_does_not_show_it() -> None:
    """For TLS only where the client has it (http.md §7)."""
    for is_secure in (False, True):
        received = written(Wish("r", is_secure=is_secure), cookie=Cookie("t", 1_795_385_305_371))
        end = "; Secure" if is_secure else ""
        assert (
            f"authToken=t; Path=/; Expires=Sun, 22 Nov 2026 22:08:25 GMT; HttpOnly; SameSite=Strict{end}"
        ) == received.headers["set-cookie"]
        assert {} == received.json["headers"]
        assert b"authToken" not in received.body
    assert "authToken=null; Path=/; HttpOnly; SameSite=Strict" == written(cookie=Cookie(None)).headers["set-cookie"]
    assert "set-cookie" not in written().headers


def test_the_encoder_of_a_request_knows_its_wish() -> None:
    """It is what the dispatcher is given."""
    wish = Wish("mine", origin=ORIGIN)

    assert responses().write(answer(), wish) == responses().encoder(wish)(answer())


def test_a_page_is_shown_under_its_policy() -> None:
    """As HTML in UTF-8, never cached, and a different answer than that of the API at the same place."""
    policy = "default-src 'none'"
    received = Received(responses().page("<p>\u00e9", policy, Wish("r", origin=ORIGIN, accept_encoding="gzip")))

    assert "HTTP/1.1 200 OK" == received.start
    assert {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "vary": "Accept, Origin, Accept-Encoding",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "content-encoding": "gzip",
    }.items() <= received.headers.items()
    assert "<p>\u00e9".encode() == gzip.decompress(received.body)
    assert "Accept" == Received(responses().page("", policy, WISH)).headers["vary"]


def test_a_client_may_be_told_to_go_on() -> None:
    """RFC 9110 §10.1.1."""
    assert b"HTTP/1.1 100 Continue\r\n\r\n" == CONTINUE
