"""Invariant: whatever bytes come to the port, the connection ends by itself, and all that it says is HTTP or WebSocket.

Every answer is one that a client can read: a status that the protocol knows, a length that is kept, an envelope that
agrees with both; 500 is none of them. The process lives, has nothing to complain of, and two well-behaved clients, one
kept alive over HTTP and one on a WebSocket, are answered after every attack (W16).
"""

import contextlib
import gzip
import http.client
import json
import socket
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzz.budget import examples
from tests.serving import Served, served
from tests.transports.http_wire import MALFORMED, SMUGGLED, answers_in
from tests.transports.http_wire import http as request
from tests.transports.wire import TEXT, ask, frame, frames_in, head

STATUSES = {100, 200, 206, 400, 401, 403, 404, 408, 412, 413, 414, 417, 426, 429, 431, 501, 503, 505}
PATIENCE_S = 20.0

BODY = b'{"description":"for the sensor"}'
CREATE = "/users/nobody/api-keys/_create?refresh=wait_for&expiresIn=-1&_id=key"
ROLE = b'{"controllers":{"server":{"actions":{"now":true}}}}'
JSON = "Content-Type: application/json"
VALID = {
    "json": request("POST", CREATE, JSON, "X-Kuzzle-Volatile: {}", "Authorization: Bearer kauth-a.b.c", body=BODY),
    "gzip": request("POST", CREATE, JSON, "Content-Encoding: gzip", "Accept-Encoding: gzip", body=gzip.compress(BODY)),
    "chunks": request("POST", CREATE, JSON, "Transfer-Encoding: chunked")
    + b"%x;a=b\r\n%s\r\n0\r\nX-T: a\r\n\r\n" % (len(BODY), BODY),
    "form": request(
        "POST", CREATE, "Content-Type: application/x-www-form-urlencoded; charset=utf-8", body=b"description=a+b%20c&d"
    ),
    "multipart": request(
        "POST",
        CREATE,
        "Content-Type: multipart/form-data; boundary=bo",
        body=b'--bo\r\nContent-Disposition: form-data; name="description"\r\n\r\na\r\n--bo--\r\n',
    ),
    "query": request(
        "POST", "/_query", JSON, body=b'{"controller":"server","action":"now","jwt":null,"requestId":"a","body":{}}'
    ),
    "page": request(
        "GET", "/?pretty", "Accept: text/html,*/*;q=0.8", "Origin: https://a.example", "Cookie: authToken=a"
    ),
    "preflight": request("OPTIONS", "*", "Origin: null", "Access-Control-Request-Method: POST"),
    "websocket": head("Origin: https://a.example") + ask("now") + frame(b'{"p":1}') + frame(b"\x03\xe8", 8),
    "expectation": request("PUT", "/roles/r", "Expect: 100-continue", body=ROLE),
}


class Sound(NamedTuple):
    """The process, and the two clients that must stay well."""

    gateway: Served
    kept: http.client.HTTPConnection
    websocket: socket.socket

    def check(self) -> None:
        """Both are answered."""
        self.kept.request("GET", "/_healthcheck")
        assert 200 == json.loads(self.kept.getresponse().read())["status"]
        self.websocket.sendall(frame(b'{"p":1}'))
        received = self.websocket.recv(1000)
        assert [(TEXT, b'{"p":2}')] == list(frames_in(received))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sound]:
    """A gateway where everybody may do everything, so that bad input gets far."""
    environment = {"LATCHGATE_SECURITY_INITIAL_RIGHTS": "open", "LATCHGATE_WEBSOCKET_CLOSE_TIMEOUT_MS": "2000"}
    with (
        served(tmp_path_factory.mktemp("fuzz") / "data", environment=environment) as gateway,
        contextlib.closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE_S)) as kept,
        socket.create_connection(("127.0.0.1", gateway.port), PATIENCE_S) as websocket,
    ):
        websocket.sendall(head())
        assert websocket.recv(1000).startswith(b"HTTP/1.1 101 ")
        yield Sound(gateway, kept, websocket)
        assert gateway.process.poll() is None
        assert [] == [line for line in gateway.errors.read_text().splitlines() if " INFO " not in line]


def talk(sound: Sound, *parts: bytes) -> bytes:
    """Send something, hang up, and read to the end of the connection."""
    heard = bytearray()
    with socket.create_connection(("127.0.0.1", sound.gateway.port), PATIENCE_S) as wire:
        with contextlib.suppress(ConnectionError):
            for part in parts:
                wire.sendall(part)
            wire.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):  # it was still sending when the end had been said for long
            while piece := wire.recv(65_536):
                heard += piece
    return bytes(heard)


def hold(sound: Sound, sent: bytes, cut: int = 0) -> None:
    """Check the invariant for one connection."""
    _check(talk(sound, sent[:cut], sent[cut:]))
    sound.check()


def _check(heard: bytes) -> None:
    spoken, switched, rest = heard.partition(b"HTTP/1.1 101 ")
    for answer in answers_in(spoken):
        assert answer.status in STATUSES, answer
        if answer.status == 100 or answer.headers["content-type"] != "application/json":
            continue
        assert "traceback" not in answer.plain.decode().lower()
        assert answer.envelope["error"] is None or answer.envelope["error"]["status"] == answer.status
    if switched:
        list(frames_in(rest.partition(b"\r\n\r\n")[2]))


breakers = [
    *(bytes([byte]) for byte in b'\r\n\t \x00:;,%/?"\\{}[]\x7f\x80\xff0-+'),
    b"\r\n\r\n",
    b"\r\n ",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Upgrade: websocket\r\n",
    b"Expect: 100-continue\r\n",
    b"0\r\n\r\n",
    b"%00",
    b"%ff",
    b"../",
    b"HTTP/1.0",
    b"\xf0\x9f\x94\x91",
    b"9" * 30,
]
pieces = st.binary(max_size=6) | st.sampled_from(breakers)


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """One to three valid requests, cut, doubled, overwritten or stuffed in up to four places."""
    sent = b"".join(draw(st.lists(st.sampled_from(list(VALID.values())), min_size=1, max_size=3)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(sent)))
        end = draw(st.integers(start, min(start + 40, len(sent))))
        middle = draw(st.just(b"") | pieces | st.just(sent[start:end] * 2))
        sent = sent[:start] + middle + sent[end:]
    return sent


@examples(150)
@given(st.binary(max_size=200))
@example(b"")
@example(b"\x00" * 100_000)
@example(b"\n" * 100_000)
@example(b"\r\n" * 100_000)
@example(b"GET / HTTP/1.1\r\n" * 10_000)
def test_w16_any_bytes_end_with_their_connection(sound: Sound, sent: bytes) -> None:
    """Noise."""
    hold(sound, sent)


@examples(400)
@given(mutations(), st.integers(0, 200))
def test_w16_damaged_requests_are_answered_or_dropped(sound: Sound, sent: bytes, cut: int) -> None:
    """What comes out of a broken client or a broken proxy, in one piece or in two."""
    hold(sound, sent, cut)


@pytest.mark.parametrize("sent", [*SMUGGLED.values(), *MALFORMED.values()], ids=[*SMUGGLED, *MALFORMED])
def test_w19_nothing_is_smuggled_past_the_port(sound: Sound, sent: bytes) -> None:
    """One refusal, however many requests stand behind it, and the end."""
    (answer,) = answers_in(talk(sound, sent + request("GET", "/_now") * 3))

    assert answer.status in (400, 501, 505)
    assert ("close", None) == (answer.headers["connection"], answer.envelope["controller"])


@pytest.mark.parametrize("sent", VALID.values(), ids=VALID)
def test_the_valid_requests_are_valid(sound: Sound, sent: bytes) -> None:
    """What the mutations start from is understood, so that they do not all fail at the same place."""
    assert talk(sound, sent).split(b" ")[1] in (b"101", b"200", b"401", b"404")
