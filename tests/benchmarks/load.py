"""A WebSocket load generator that also measures the CPU of the server: `python -m tests.benchmarks.load`.

A request is a JSON text in which "$ID" stands for a fresh requestId and "$OWNER" for the next of some users; its reply
must be a JSON object with status 200 and the requestId of a request that still waits on the same connection. See
`windows.py` for the rest. Lasting connections are picows'; those of `--fresh` are opened by hand, because a library's
way to open one costs more than the server's way to accept it.
"""

import asyncio
import sys
from time import perf_counter
from typing import cast
from urllib.parse import urlsplit

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from tests.benchmarks.generator import Client, Tally, Template, options
from tests.benchmarks.windows import Load, run

__all__ = ["main", "text_frame", "text_of"]


class Reply(msgspec.Struct):
    """The part of a reply that is looked at."""

    status: int
    requestId: str  # noqa: N815 - the wire's name


HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)

decode = msgspec.json.Decoder(Reply).decode


class WebSocketClient(Client):
    """One connection. Replies may come in any order."""

    def __init__(self, number: int, tally: Tally, template: Template) -> None:
        super().__init__(number, tally, template)
        self.waiting: dict[str, float] = {}

    def next_request(self, since: float) -> bytes:
        """One that waits from now on."""
        request_id = self.fresh_id()
        self.waiting[request_id] = since
        return self.template.fill(request_id)

    def take(self, raw: bytes) -> None:
        """Check one reply and go on. Time is taken first, so that the check is not counted."""
        now = perf_counter()
        try:
            reply = decode(raw)
        except msgspec.MsgspecError:
            self.tally.error("not a reply", raw)
            return
        sent = self.waiting.pop(reply.requestId, None)
        if sent is None:
            self.tally.error("unknown or repeated requestId", raw)
            return
        if reply.status != 200:
            self.tally.error("status", raw)
        else:
            self.tally.latencies.append(now - sent)
        self.go_on(1)


class Lasting(WebSocketClient, WSListener):
    """A connection that stays."""

    transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Keep the transport."""
        self.transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Only the end of the run may do that."""
        self.transport = None
        self.lost()

    def ask(self, count: int, since: float) -> None:
        """A frame for each request."""
        for _ in range(count):
            if self.transport is None:
                return
            self.transport.send(WSMsgType.TEXT, self.next_request(since))

    def leave(self) -> None:
        """Close the connection without a word, as most clients do."""
        if self.transport is not None:
            self.transport.disconnect()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Replies are taken, pings answered."""
        if frame.msg_type is WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif frame.msg_type is WSMsgType.CLOSE:
            transport.disconnect()
        else:
            self.take(frame.get_payload_as_bytes())


class Visitor(WebSocketClient, asyncio.Protocol):
    """A connection that is opened, asked and left."""

    def __init__(self, number: int, tally: Tally, template: Template, host: str) -> None:
        super().__init__(number, tally, template)
        self.handshake = HANDSHAKE % host.encode()
        self.opened = asyncio.get_running_loop().create_future()
        self.data = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for WebSocket."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self.handshake)

    def connection_lost(self, exc: Exception | None) -> None:
        """Only the end of the visit may do that."""
        self.transport = None
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("no handshake"))
        self.lost()

    def ask(self, count: int, since: float) -> None:
        """A frame for each request."""
        if self.transport is not None:
            self.transport.write(b"".join([text_frame(self.next_request(since)) for _ in range(count)]))

    def leave(self) -> None:
        """Close the connection without a word, as most clients do."""
        if self.transport is not None:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """The server's handshake, then replies."""
        self.data += data
        if not self.opened.done():
            head, end, rest = self.data.partition(b"\r\n\r\n")
            if not end:
                return
            self.data = rest
            if head.startswith(b"HTTP/1.1 101 "):
                self.opened.set_result(None)
            else:
                self.opened.set_exception(ConnectionError(head))
        while (found := text_of(self.data)) is not None:
            text, self.data = found
            self.take(text)


def text_frame(text: bytes) -> bytes:
    """A client's frame (RFC 6455 §5.2). The mask is zero, which costs the server the same and us nothing."""
    size = len(text)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return b"\x81" + length + bytes(4) + text


def text_of(data: bytes) -> tuple[bytes, bytes] | None:
    """The text of a server's frame and what follows it; None while it is cut short.

    Raises:
        ValueError: it is no text, or 64 KiB long.
    """
    if len(data) < 2:
        return None
    if data[0] != 0x81 or data[1] > 126:
        raise ValueError(f"not a short text: {data[:2]!r}")
    start, size = (2, data[1]) if data[1] < 126 else (4, int.from_bytes(data[2:4], "big"))
    return None if len(data) < start + size else (data[start : start + size], data[start + size :])


def main() -> int:
    """Run once and print the measure."""
    parser = options(__doc__)
    parser.add_argument("--template", default="", help='JSON text with "$ID" as requestId')
    given = parser.parse_args()
    place = urlsplit(given.url)
    tally = Tally(stays=not given.fresh)

    async def connect(number: int, template: Template) -> WebSocketClient:
        if given.fresh:
            visitor = Visitor(number, tally, template, place.netloc)
            await asyncio.get_running_loop().create_connection(lambda: visitor, place.hostname, place.port)
            await visitor.opened
            return visitor
        client = Lasting(number, tally, template)
        await ws_connect(lambda: client, given.url)
        return client

    load = Load(given, tally, connect, lambda options: Template(options["template"].encode()))
    return run(given, load.measure, ["template"])


if __name__ == "__main__":
    sys.exit(main())
