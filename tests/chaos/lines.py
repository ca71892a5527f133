"""WebSocket clients that cost little, so that a thousand of them and what they talk to fit on one small machine.

A `Line` is one connection: it asks, many times at once if need be, and notes when it was told what. A line that breaks
fails every request that still waits on it with a `ConnectionError`, and that is all that is known of those.
"""

import asyncio
import itertools
import json
import time
from typing import Any, cast

from tests.transports.wire import CLOSE, PING, PONG, TEXT, frame, frames_in, head

__all__ = ["Answer", "Line", "Note", "error_of", "open_line"]

Answer = dict[str, Any]
Note = tuple[float, str]
"""When, on the monotonic clock, and the notification's type."""

_PATIENCE_S = 60.0
"""What is not answered by then never will be; every scenario has a bound of its own, far below."""


class Line(asyncio.Protocol):
    """One connection.

    Attributes:
        jwt: sent with every request that does not bring its own; None for anonymous.
        notes: notifications, oldest first.
        is_lost: the connection is gone.
    """

    def __init__(self) -> None:
        self.jwt: str | None = None
        self.notes: list[Note] = []
        self.is_lost = False
        self._numbers = itertools.count()
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._data = b""
        self._transport: asyncio.Transport | None = None
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lost = asyncio.Event()

    async def opened(self) -> None:
        """Wait for the handshake."""
        await self._opened

    async def close(self) -> None:
        """Go away without a word, and wait until that is done."""
        self.abort()
        await self._lost.wait()

    async def ask(self, name: str, **arguments: Any) -> Answer:
        """Send `controller:action` with root arguments; return the whole answer.

        Raises:
            ConnectionError: the connection broke; whether the request was heard is not known.
        """
        controller, action = name.split(":")
        number = f"r{next(self._numbers)}"
        request = {"controller": controller, "action": action, "requestId": number}
        if self.jwt is not None:
            request["jwt"] = self.jwt
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.write(frame(json.dumps(request | arguments).encode()))
        self._waiting[number] = answer
        try:
            return await asyncio.wait_for(answer, _PATIENCE_S)
        finally:
            self._waiting.pop(number, None)

    async def succeed(self, name: str, **arguments: Any) -> Any:
        """Ask and return `result`; the answer must be a success."""
        answer = await self.ask(name, **arguments)

        assert (None, 200) == (answer["error"], answer["status"]), answer
        return answer["result"]

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        if self.is_lost or self._transport is None:
            raise ConnectionResetError
        self._transport.write(data)

    def abort(self) -> None:
        """Go away without a word."""
        if self._transport is not None:
            self._transport.abort()

    def half_close(self) -> None:
        """Say that nothing more will be sent, and go on listening."""
        if self._transport is not None:
            self._transport.write_eof()

    async def wait_lost(self) -> None:
        """Wait until the connection is gone."""
        await self._lost.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for WebSocket."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(head())

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail whatever waits."""
        self.is_lost = True
        error = ConnectionResetError("the line broke")
        everybody: list[asyncio.Future[Any]] = [self._opened, *self._waiting.values()]
        for waiting in everybody:
            if not waiting.done():
                waiting.set_exception(error)
                waiting.exception()  # nobody may be waiting any more
        self._lost.set()

    def eof_received(self) -> bool:
        """Close too."""
        return False

    def data_received(self, data: bytes) -> None:
        """Take the handshake, then every whole frame."""
        self._data += data
        if not self._opened.done():
            start, end, rest = self._data.partition(b"\r\n\r\n")
            if not end:
                return
            assert start.startswith(b"HTTP/1.1 101 "), start
            self._data = rest
            self._opened.set_result(None)
        while (size := _first_frame(self._data)) is not None:
            whole, self._data = self._data[:size], self._data[size:]
            for received in frames_in(whole):
                self._take(received.opcode, received.payload)

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            message: Answer = json.loads(payload)
            if "type" in message:
                self.notes.append((time.monotonic(), message["type"]))
            elif waiting := self._waiting.get(message["requestId"]):
                waiting.set_result(message)
        elif opcode == PING:
            self.write(frame(payload, PONG))
        elif opcode == CLOSE:
            self.write(frame(payload, CLOSE))


async def open_line(port: int) -> Line:
    """Connect to a gateway on this machine.

    Raises:
        OSError: it does not listen, or broke the connection off.
    """
    _, line = await asyncio.get_running_loop().create_connection(Line, "127.0.0.1", port)
    async with asyncio.timeout(_PATIENCE_S):
        await line.opened()
    return line


def error_of(answer: Answer) -> tuple[int, str | None]:
    """Status and error id, None for an answer without an error."""
    return answer["status"], (answer["error"] or {}).get("id")


def _first_frame(data: bytes) -> int | None:
    """How many bytes the first frame of a server takes; None while it is cut short."""
    if len(data) < 2:
        return None
    size, at = data[1], 2
    if size >= 126:
        at = 4 if size == 126 else 10
        size = int.from_bytes(data[2:at], "big") if len(data) >= at else len(data)
    return at + size if len(data) >= at + size else None
