"""Invariant: how a request is read does not depend on the headers of those before it on its connection."""

import gc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.protocol.http.repeats import Repeats
from tests.transports.http_reading import CHUNKED, Outcome, chunked, cut, read, reader_of
from tests.transports.http_wire import MALFORMED, SMUGGLED, http

lines = st.sampled_from(
    [
        b"Host: x\r\n",
        b"Host: y\r\n",
        b"Connection: close\r\n",
        b"Connection: keep-alive\r\n",
        b"Proxy-Connection: close\r\n",
        b"Content-Length: 0\r\n",
        b"Content-Length: 5\r\n",
        b"content-length: 05\r\n",
        b"Content-Length: 6\r\n",
        b"Content-Length: 5000\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Type: application/json\r\n",
        b"Content-Type: text/plain\r\n",
        b"Expect: 100-continue\r\n",
        b"Upgrade: websocket\r\n",
        b"Upgrade: h2c\r\n",
        b"Connection: Upgrade\r\n",
        b"X-A: \xe9\r\n",
        b" folded\r\n",
        b"X-A : b\r\n",
        b"X-A: b\n",
    ]
)
blocks = st.lists(lines, max_size=4).map(lambda some: b"Host: x\r\n" + b"".join(some) + b"\r\n") | st.lists(
    lines, max_size=4
).map(lambda some: b"".join(some) + b"\r\n")
request_lines = st.builds(
    b"%s%s%s%s%s".__mod__,
    st.tuples(
        st.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS", b"CONNECT", b"get", b"PRI", b"\r\nGET", b"G"]),
        st.sampled_from([b" ", b"  ", b"\t", b""]),
        st.sampled_from([b"/", b"/a?b", b"*", b"/#", b"/\xe9", b"http://x/", b"/a?b?c", b"/\x7f", b"/" + b"a" * 8192]),
        st.sampled_from([b" HTTP/1.1", b" HTTP/1.0", b"  HTTP/1.1", b" HTTP/2.0", b" HTTP/1.1 ", b""]),
        st.sampled_from([b"\r\n", b"\n", b"\r\n\r\n"]),
    ),
) | st.sampled_from([b"GET /b HTTP/1.1\r\n", b"POST /b?c=d HTTP/1.1\r\n", b"HEAD / HTTP/1.1\r\n"])
openers = st.sampled_from([b"POST", b"POST", b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"CONNECT"])
rests = st.sampled_from([b"", b"hello", b"hell", b"5\r\nhello\r\n0\r\n\r\n", b"hello world", b"GET / HTTP/1.1\r\n\r\n"])

BARE = b"Host: x\r\n\r\n"
OF_FIVE = b"Host: x\r\nContent-Length: 5\r\n\r\n"
OVERLONG = b"Host: x\r\nContent-Length: 5000\r\n\r\n"
PROXYS = b"Host: x\r\nProxy-Connection: close\r\n\r\n"


def behind(first: Outcome, both: Outcome) -> Outcome:
    """What is left of the outcome of two when the first is taken away."""
    return both._replace(requests=both.requests[len(first.requests) :], kept=both.kept[len(first.kept) :])


@settings(max_examples=2000, deadline=None)
@given(
    opener=openers,
    block=blocks,
    other=st.none() | blocks,
    line=request_lines,
    rest=rests,
    size=st.sampled_from([1, 7, 100_000]),
)
@example(opener=b"POST", block=BARE, other=None, line=b"GET /b HTTP/1.1\r\n", rest=b"", size=1)
@example(opener=b"POST", block=OF_FIVE, other=None, line=b"PUT /b HTTP/1.1\r\n", rest=b"hello", size=3)
@example(opener=b"CONNECT", block=OVERLONG, other=None, line=b"PUT /b HTTP/1.1\r\n", rest=b"hello", size=3)
@example(opener=b"GET", block=PROXYS, other=BARE, line=b"GET /b HTTP/1.1\r\n", rest=b"", size=1)
def test_a_request_is_read_as_if_it_were_the_first(
    *, opener: bytes, block: bytes, other: bytes | None, line: bytes, rest: bytes, size: int
) -> None:
    """Behind one with the same headers, behind one with others, and alone: the same request, refusal or handshake."""
    start = opener + b" /a HTTP/1.1\r\n"
    first = read(start + block + b"hello" * (b"5" in block and b"5000" not in block))
    if first.kept != [True]:
        return
    sent = line + (block if other is None else other) + rest
    opening = start + block + first.requests[0].body

    assert read(*cut(sent, size)) == behind(first, read(opening, *cut(sent, size)))
    assert read(sent) == behind(first, read(opening + sent))


@pytest.mark.parametrize("sent", (SMUGGLED | MALFORMED).values(), ids=(SMUGGLED | MALFORMED).keys())
def test_w19_what_is_refused_is_refused_behind_its_like(sent: bytes) -> None:
    """A connection that was well-behaved so far earns nothing by it."""
    opening = b"GET /a HTTP/1.1\r\n" + sent[sent.find(b"\n") + 1 : sent.find(b"\r\n\r\n") + 4]
    if read(opening).kept != [True]:
        opening = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"

    assert read(sent) == behind(read(opening), read(opening, sent))


def test_bodies_of_one_length_come_one_after_the_other() -> None:
    """In chunks between them too, and however they are cut."""
    bodies = [b"first", b"other", b"third"]
    sent = [http("POST", "/", body=body) for body in bodies]

    assert bodies == read(*sent).bodies == read(b"".join(sent)).bodies == read(*cut(b"".join(sent))).bodies
    mixed = read(sent[0], http("POST", "/", CHUNKED) + chunked(b"ab"), *sent, http("GET", "/"), sent[2])
    assert [b"first", b"ab", *bodies, b"", b"third"] == mixed.bodies
    assert [True] * 7 == mixed.kept


def test_nothing_is_remembered_of_a_connection_that_has_ended() -> None:
    """Headers hold tokens: they go with it."""
    reader = reader_of()
    (request,) = read(http("GET", "/", "Authorization: Bearer kauth-a.b.c"), reader=reader).requests

    def keepers() -> list[object]:
        return [each for each in gc.get_referrers(request.headers) if isinstance(each, Repeats)]

    assert 1 == len(keepers())
    reader.clear()
    assert [] == keepers()
