"""Headers that a connection repeats: what is told without the parser is what the parser would have told, or nothing."""

from collections.abc import Mapping

import pytest

from gateway.protocol.http.heads import MAX_TARGET_BYTES, read_head
from gateway.protocol.http.repeats import Repeats
from gateway.protocol.http.requests import METHODS, HttpRequest

LINES = b"Host: x\r\nX-A: b\r\n\r\n"
FIELDS = {"host": "x", "x-a": "b"}


def taught(lines: bytes = LINES, more: Mapping[str, str] | None = None) -> Repeats:
    """What has seen one head; `more` are fields beside `Host` and `X-A`."""
    repeats = Repeats()
    repeats.learn(b"GET /first HTTP/1.1\r\n" + lines, HttpRequest("GET", "/first", "", {**FIELDS, **(more or {})}))
    return repeats


@pytest.mark.parametrize("method", sorted(METHODS))
@pytest.mark.parametrize(
    "target", [b"/", b"//a/b", b'/{"a":[1]}?<b>|^`\\', b"/?", b"/??", b"/a:80", b"/@b", b"/~!$", b"/a%20b?c=d?e&f"]
)
def test_the_request_line_is_read_as_ever(method: str, target: bytes) -> None:
    """Each method that is handled, each kind of path and query: as `read_head` makes them."""
    repeated = taught().recall(b"%s %s HTTP/1.1\r\n%s" % (method.encode(), target, LINES))

    assert read_head(method, target, "1.1", [(b"host", b"x"), (b"x-a", b"b")]) == repeated


@pytest.mark.parametrize(
    "line",
    [
        b"GET /a HTTP/1.0\r\n",
        b"GET /a HTTP/2.0\r\n",
        b"GET /a\r\n",
        b"get /a HTTP/1.1\r\n",
        b"BREW /a HTTP/1.1\r\n",
        b"CONNECT /a HTTP/1.1\r\n",
        b"GET  /a HTTP/1.1\r\n",
        b"GET /a  HTTP/1.1\r\n",
        b"GET /a HTTP/1.1 \r\n",
        b"GET\t/a HTTP/1.1\r\n",
        b" GET /a HTTP/1.1\r\n",
        b"\r\nGET /a HTTP/1.1\r\n",
        b"GET /a HTTP/1.1\n",
        b"GET /a HTTP/1.1\r\n\r\n",
        b"GET /a HTTP/1.1\r\nX-B: c\r\n",
        b"GET /a HTTP/1.1\r\n x\r\n",
        b"GET a HTTP/1.1\r\n",
        b"GET * HTTP/1.1\r\n",
        b"OPTIONS * HTTP/1.1\r\n",
        b"GET http://x/a HTTP/1.1\r\n",
        b"GET /a#b HTTP/1.1\r\n",
        b"GET /a?b#c HTTP/1.1\r\n",
        b"GET /\xe9 HTTP/1.1\r\n",
        b"GET /\x7f HTTP/1.1\r\n",
        b"GET /\x00 HTTP/1.1\r\n",
        b"GET /a b HTTP/1.1\r\n",
        b"GET /" + b"a" * MAX_TARGET_BYTES + b" HTTP/1.1\r\n",
        b"",
    ],
    ids=lambda line: repr(line[:30]),
)
def test_w19_any_other_request_line_is_left_to_the_parser(line: bytes) -> None:
    """Right or wrong, and with further headers behind it."""
    assert taught().recall(line + LINES) is None


@pytest.mark.parametrize(
    "lines",
    [
        b"\r\n",
        b"Host: x\r\n\r\n",
        b"Host: x\r\nX-A: c\r\n\r\n",
        b"host: x\r\nX-A: b\r\n\r\n",
        b"Host: x\r\nX-A: b\r\nX-B: c\r\n\r\n",
    ],
)
def test_other_headers_are_left_to_the_parser(lines: bytes) -> None:
    """One byte makes them others."""
    assert taught().recall(b"GET /a HTTP/1.1\r\n" + lines) is None


def test_nothing_is_known_at_first() -> None:
    """Not even no headers."""
    assert Repeats().recall(b"GET /a HTTP/1.1\r\n" + LINES) is None
    assert Repeats().recall(b"GET /a HTTP/1.1\r\n") is None


@pytest.mark.parametrize(
    "fields", [{"expect": "100-continue"}, {"transfer-encoding": "chunked"}, {"upgrade": "h2c"}, {"upgrade": ""}]
)
def test_headers_that_change_what_follows_are_not_remembered(fields: dict[str, str]) -> None:
    """The client waits for a word, or what comes behind is cut in another way."""
    assert taught(more=fields).recall(b"GET /a HTTP/1.1\r\n" + LINES) is None


def test_the_length_of_a_body_is_remembered() -> None:
    """None, as many bytes as were announced, and of the last headers only."""
    repeats = taught(more={"content-length": "12"})
    assert 12 == repeats.body_bytes

    repeats.learn(b"GET /a HTTP/1.1\r\n" + LINES, HttpRequest("GET", "/a", "", FIELDS))
    assert 0 == repeats.body_bytes


def test_what_is_forgotten_is_not_known() -> None:
    """Headers hold secrets: none outlives its connection."""
    repeats = taught(more={"content-length": "12"})
    repeats.forget()

    assert (None, 0) == (repeats.recall(b"GET /a HTTP/1.1\r\n" + LINES), repeats.body_bytes)


def test_long_headers_are_not_remembered() -> None:
    """A connection keeps 4 KiB of them at most."""
    for length, is_known in ((4096, True), (4097, False)):
        lines = b"Host: x\r\nX-A: " + b"b" * (length - 18) + b"\r\n\r\n"
        assert len(lines) == length
        assert is_known is (taught(lines).recall(b"GET /a HTTP/1.1\r\n" + lines) is not None)
