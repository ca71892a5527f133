"""A client that is nothing but bytes.

Frames are made and read here by hand (RFC 6455 §5.2), so that no library stands between a test and the wire.
"""

import asyncio
import json
import socket
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

__all__ = [
    "BINARY",
    "CLOSE",
    "CONTINUATION",
    "PING",
    "PONG",
    "TEXT",
    "Received",
    "Wire",
    "ask",
    "dial",
    "fragments",
    "frame",
    "frames_in",
    "head",
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

    def reset(self, *, hard: bool = False) -> None:
        """Go away without a word; `hard` with a reset, where else TCP says that nothing more will be sent."""
        if hard:
            linger = struct.pack("ii", 1, 0)
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


async def dial(port: int) -> Wire:
    """Open a TCP connection to this machine."""
    return Wire(*await asyncio.open_connection("127.0.0.1", port, limit=2**26))


def _masked(payload: bytes) -> bytes:
    length = len(payload)
    key = (_MASK * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")
