"""A client that is nothing but bytes, and a transport that is nothing but a notebook.

Frames are made and read here by hand (RFC 6455 §5.2), so that no library stands between a test and the wire.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from gateway.actions import Context
from gateway.dispatch import Dispatcher
from gateway.protocol.messages import Request
from gateway.transports.traffic import Limits, Traffic
from gateway.transports.websocket import WebSocketConnection

__all__ = [
    "BINARY",
    "CLOSE",
    "CONTINUATION",
    "PING",
    "PONG",
    "TEXT",
    "Notebook",
    "Received",
    "Wire",
    "Workshop",
    "ask",
    "fragments",
    "frame",
    "frames_in",
    "head",
    "opened",
    "shaken",
    "traffic_of",
    "until",
]

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

_MASK = b"\x37\xfa\x21\x3d"
_PATIENCE_S = 10.0


class Received(NamedTuple):
    """One frame of the server."""

    opcode: int
    payload: bytes

    @property
    def code(self) -> int:
        """The code of a close frame."""
        assert CLOSE == self.opcode, self
        return int.from_bytes(self.payload[:2], "big")

    @property
    def answer(self) -> dict[str, Any]:
        """The object in a text frame."""
        assert TEXT == self.opcode, self
        answer: dict[str, Any] = json.loads(self.payload)
        return answer


def frame(
    payload: bytes = b"",
    opcode: int = TEXT,
    *,
    fin: bool = True,
    reserved: int = 0,
    masked: bool = True,
    declared: int | None = None,
) -> bytes:
    """One frame of a client; `declared` is the length that it claims to have, if not its own."""
    length = len(payload) if declared is None else declared
    first = (0x80 if fin else 0) | reserved << 4 | opcode
    mark = 0x80 if masked else 0
    if length < 126:
        start = bytes((first, mark | length))
    elif length < 65_536:
        start = bytes((first, mark | 126)) + length.to_bytes(2, "big")
    else:
        start = bytes((first, mark | 127)) + length.to_bytes(8, "big")
    return start + _MASK + _masked(payload) if masked else start + payload


def fragments(*parts: bytes, opcode: int = TEXT) -> list[bytes]:
    """The frames of one message in parts."""
    last = len(parts) - 1
    return [frame(part, CONTINUATION if at else opcode, fin=at == last) for at, part in enumerate(parts)]


def ask(action: str, number: int = 0, **arguments: Any) -> bytes:
    """A frame with a request `test:action`, whose id is `r<number>`."""
    request = {"controller": "test", "action": action, "requestId": f"r{number}"}
    return frame(json.dumps(request | arguments).encode())


def head(*headers: str, path: str = "/", start: str = "", without: str = "") -> bytes:
    """The request head of an upgrade, with headers added, and without the one that is named."""
    lines = [
        "Host: localhost",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]
    kept = [line for line in lines if not without or not line.startswith(f"{without}:")]
    return "\r\n".join([start or f"GET {path} HTTP/1.1", *kept, *headers, "", ""]).encode("latin-1")


def frames_in(data: bytes) -> Iterator[Received]:
    """The frames of a server in some bytes that hold nothing else."""
    while data:
        assert not data[1] & 0x80, "a server does not mask"
        length, at = data[1], 2
        if length >= 126:
            at = 4 if length == 126 else 10
            length = int.from_bytes(data[2:at], "big")
        assert at + length <= len(data), "the last frame is cut short"
        assert 0x80 == data[0] & 0xF0, "a server does not split its messages, and reserves no bit"
        yield Received(data[0] & 0x0F, data[at : at + length])
        data = data[at + length :]


class Wire:
    """One TCP connection of a client; what does not come in ten seconds fails the test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *chunks: bytes) -> None:
        """Send bytes at once, as one piece; a `ConnectionError` tells that the other side has gone."""
        if self.writer.is_closing():
            raise ConnectionResetError
        self.writer.write(b"".join(chunks))
        await self.writer.drain()

    async def read_head(self) -> tuple[int, dict[str, str]]:
        """Status and headers of an HTTP answer; names in lower case."""
        async with asyncio.timeout(_PATIENCE_S):
            start, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
        pairs = [line.split(": ", 1) for line in lines if line]
        return int(start.split(" ")[1]), {name.lower(): value for name, value in pairs}

    async def receive(self) -> Received:
        """Return the next frame."""
        async with asyncio.timeout(_PATIENCE_S):
            start = await self.reader.readexactly(2)
            length = start[1]
            if length >= 126:
                more = await self.reader.readexactly(2 if length == 126 else 8)
                start, length = start + more, int.from_bytes(more, "big")
            return next(frames_in(start + await self.reader.readexactly(length)))

    async def answers(self, number: int) -> list[dict[str, Any]]:
        """Return the next answers."""
        return [(await self.receive()).answer for _ in range(number)]

    async def close_code(self) -> int:
        """Read to the end of the stream; return the code of the close frame, 1006 where there is none."""
        try:
            while (received := await self.receive()).opcode != CLOSE:
                pass
            async with asyncio.timeout(_PATIENCE_S):
                assert not await self.reader.read(), "nothing follows a close frame"
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return 1006
        return received.code

    def reset(self) -> None:
        """Go away without a word."""
        self.writer.transport.abort()


class Notebook(asyncio.Transport):
    """A transport that writes down what is asked of it.

    Attributes:
        writes: what was written, call by call.
        waiting: bytes that the other side has not taken yet; a test sets it.
    """

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.writes: list[bytes] = []
        self.waiting = 0
        self.is_reading_paused = self.is_ended = self.is_aborted = False

    def write(self, data: Any) -> None:
        """Note it."""
        assert not self.is_ended, "written after the end"
        self.writes.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        """Say what the test says."""
        return self.waiting

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Take any."""

    def pause_reading(self) -> None:
        """Note it; twice is a mistake."""
        assert not self.is_reading_paused
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        """Note it; twice is a mistake."""
        assert self.is_reading_paused
        self.is_reading_paused = False

    def can_write_eof(self) -> bool:
        """Be like TCP."""
        return True

    def write_eof(self) -> None:
        """Note it."""
        self.is_ended = True

    def abort(self) -> None:
        """Note it."""
        self.is_aborted = True

    def is_closing(self) -> bool:
        """Tell whether it was aborted."""
        return self.is_aborted

    def read(self) -> list[Received]:
        """Return the frames written since the last call."""
        written, self.writes[:] = b"".join(self.writes), []
        return list(frames_in(written))


class Workshop:
    """An endpoint with a door.

    `test:wait` answers when the door is open, all others at once: with their name, or a text as long as `body.size`.

    Attributes:
        door: what `test:wait` waits for.
        begun: the ids of requests, as they began.
        done: the ids of requests, as they ended.
        most: most requests that waited at once.
    """

    def __init__(self) -> None:
        self.door = asyncio.Event()
        self.begun: list[str] = []
        self.done: list[str] = []
        self.most = 0

    @property
    def waiting(self) -> int:
        """How many have begun and not ended."""
        return len(self.begun) - len(self.done)

    async def __call__(self, request: Request, _: Context) -> object:
        """Run a request."""
        self.begun.append(str(request.request_id))
        self.most = max(self.most, self.waiting)
        if request.action == "wait":
            await self.door.wait()
        self.done.append(str(request.request_id))
        size = (json.loads(request.payload).get("body") or {}).get("size", 0)
        return "x" * size or request.action


def traffic_of(endpoint: Callable[..., Any], **limits: Any) -> Traffic:
    """Requests that an endpoint answers; an exception that is no `ApiError` fails the test."""

    def report(error: Exception, request: Request) -> None:
        raise AssertionError(f"{request.action} failed") from error

    return Traffic(Dispatcher(endpoint, node="knode-test", new_id=lambda: "made-up", report=report), Limits(**limits))


def opened(traffic: Traffic) -> tuple[WebSocketConnection, Notebook]:
    """A connection before its handshake."""
    connection, notebook = WebSocketConnection(traffic), Notebook()
    connection.connection_made(notebook)
    return connection, notebook


async def until(condition: Callable[[], object]) -> None:
    """Wait for what no event tells of; what does not come in ten seconds fails the test."""
    async with asyncio.timeout(_PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - the gateway's state is looked at from outside
            await asyncio.sleep(0)


def shaken(traffic: Traffic) -> tuple[WebSocketConnection, Notebook]:
    """A connection after its handshake."""
    connection, notebook = opened(traffic)
    connection.data_received(head())
    assert notebook.writes.pop().startswith(b"HTTP/1.1 101 ")
    return connection, notebook


def _masked(payload: bytes) -> bytes:
    length = len(payload)
    key = (_MASK * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")
