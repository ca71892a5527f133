"""Invariant: a handshake whose head the HTTP side has read is answered as if `websockets` had read the head itself.

Whatever the head, accepted key and sub-protocol, or status and sentence, are the same; and what the library cannot read
never becomes a handshake. Two readers of one head that disagree are what request smuggling is made of (W19).
"""

from typing import NamedTuple

from hypothesis import example, given
from hypothesis import strategies as st
from websockets.http11 import Request

from gateway.protocol.errors import ApiError
from gateway.protocol.http.requests import BodyRules
from gateway.security.origins import Origins
from gateway.transports.http_reader import Handshake, HttpReader
from gateway.transports.websocket_frames import Opening
from tests.fuzz.budget import examples
from tests.transports.wire import head

ORIGINS = Origins(["https://good.example"])
HEAD_BYTES = 32_768


class Answer(NamedTuple):
    """What a client makes of it."""

    status: int
    word: str | None
    protocol: str | None


class ByLibrary(Opening):
    """A handshake that begins with the bytes."""

    def read_bytes(self, sent: bytes) -> ApiError | None:
        """Take a head as it came; the library must be able to read it."""
        self.receive_data(sent)
        (event,) = self.events_received()
        assert isinstance(event, Request)
        return self.judge(event)


def _answer(opening: Opening, refusal: ApiError | None) -> Answer:
    if refusal is not None:
        return Answer(refusal.status, refusal.message, None)
    opening.welcome()
    start, *lines = b"".join(opening.data_to_send()).partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return Answer(int(start.split(" ")[1]), headers.get("sec-websocket-accept"), headers.get("sec-websocket-protocol"))


def _handshake(sent: bytes) -> Handshake | None:
    reader = HttpReader(BodyRules(1000), HEAD_BYTES)
    reader.receive(sent)
    try:
        request = reader.next_request()
    except ApiError:
        return None
    return request if isinstance(request, Handshake) else None


def hold(sent: bytes) -> None:
    """Check the invariant for one head."""
    handshake = _handshake(sent)
    if handshake is None:
        return
    ours, theirs = Opening(ORIGINS), ByLibrary(ORIGINS)
    taken = len(sent) - len(handshake.rest)
    refusal = theirs.read_bytes(sent[:taken].removeprefix(b"\r\n"))
    assert _answer(theirs, refusal) == _answer(ours, ours.read(handshake))


WANTED = [
    "Sec-WebSocket-Protocol: null",
    "Sec-WebSocket-Protocol: a, b",
    "Sec-WebSocket-Protocol:",
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
    "Origin: https://good.example",
    "Origin: https://evil.example",
    "Connection: keep-alive, Upgrade",
    "Connection: close",
    "Upgrade: h2c",
    "Cookie: authToken=a; b",
    "Content-Length: 0",
    "X-A: \xff",
]
breakers = st.sampled_from(
    [*(bytes((byte,)) for byte in b'\r\n\t \x00:;,="\x7f\x80\xff'), b"\r\n", b"\r\n ", b"\n", b"a\r\n"]
)


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """A handshake with more headers, cut, doubled, overwritten or stuffed in up to three places."""
    sent = head(
        *draw(st.lists(st.sampled_from(WANTED), max_size=3)),
        path=draw(st.sampled_from(["/", "/a?b=c", "/%F0", "//"])),
        without=draw(st.sampled_from(["", "", "", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Host"])),
    )
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(sent)))
        end = draw(st.integers(start, min(start + 30, len(sent))))
        middle = draw(st.just(b"") | breakers | st.binary(max_size=4) | st.just(sent[start:end] * 2))
        sent = sent[:start] + middle + sent[end:]
    return sent


@examples(1500)
@given(heads())
@example(head())
@example(head(start="GET / HTTP/1.0"))
@example(head("Upgrade: websocket"))
@example(head("Connection: close"))
@example(head("Connection:"))
@example(head("Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: b"))
@example(b"\r\n" + head())
def test_w19_two_readers_of_one_head_agree(sent: bytes) -> None:
    """Sound heads, and damaged ones."""
    hold(sent)


def test_the_sound_head_is_let_in() -> None:
    """What the damage starts from becomes a handshake, so that the two are compared at all."""
    handshake = _handshake(head())

    assert handshake is not None
    assert None is Opening(ORIGINS).read(handshake)
