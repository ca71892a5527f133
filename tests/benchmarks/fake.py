"""A gateway in this process, and clients without sockets: what a benchmark of single functions drives.

Rules of the file: it takes hold of the gateway at its seams only. The event loop is asked for the factory of
connections, the dispatcher is a subclass that can answer without asking anybody, and a middleware, the last before
the actions, can do the same.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any, cast
from unittest import mock

import msgspec
import uvloop

import gateway.server
from gateway import Config, Gateway
from gateway.actions import Connection, Context, Endpoint
from gateway.dispatch import Dispatcher
from gateway.protocol.messages import Request
from tests.benchmarks.load import HANDSHAKE, text_frame, text_of

__all__ = ["FakeClient", "FakeGateway", "Listening", "constant", "fake_gateway"]


class Listening(uvloop.Loop):
    """A loop that remembers what makes the connections of its last server."""

    factory: Callable[[], asyncio.Protocol]

    async def create_server(self, protocol_factory: Any, *args: Any, **options: Any) -> Any:
        """Listen as ever."""
        self.factory = protocol_factory
        return await super().create_server(protocol_factory, *args, **options)


async def constant(value: Any) -> Any:
    """What is known already."""
    return value


class Watched(Dispatcher):
    """A dispatcher that answers every message with `answer`, where that is set."""

    made: "Watched"

    def __init__(self, endpoint: Endpoint, **rest: Any) -> None:
        super().__init__(endpoint, **rest)
        self.endpoint = endpoint
        self.always: bytes | None = None
        Watched.made = self

    def handle(self, frame: bytes, connection: Connection) -> Coroutine[Any, Any, bytes]:
        """Answer one message."""
        return super().handle(frame, connection) if self.always is None else constant(self.always)


class Gate:
    """A middleware that lets the action alone where `result` is set, and remembers what would have reached it."""

    def __init__(self) -> None:
        self.result: object = None
        self.seen: tuple[Request, Context] | None = None

    def around(self, endpoint: Endpoint) -> Endpoint:
        """The middleware."""
        self.action = endpoint
        return self.let_through

    def let_through(self, request: Request, context: Context) -> Any:
        """An endpoint."""
        if self.result is None:
            return self.action(request, context)
        self.seen = request, context
        return constant(self.result)


class FakeTransport(asyncio.Transport):
    """Keeps what was written; never full, never closed. `wrote` is set by each write."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.protocol = protocol
        self.written = bytearray()
        self.wrote = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written += data
        self.wrote.set()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """The handshake hands the transport on."""
        self.protocol = cast("asyncio.Protocol", protocol)

    def get_write_buffer_size(self) -> int:
        """Nothing waits."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is no buffer."""

    def is_closing(self) -> bool:
        """No."""
        return False

    def can_write_eof(self) -> bool:
        """No."""
        return False

    def pause_reading(self) -> None:
        """Whoever writes here is in no hurry."""

    def resume_reading(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def abort(self) -> None:
        """Nothing to do."""


class FakeClient:
    """One WebSocket connection over a fake transport, its handshake done."""

    def __init__(self, factory: Callable[[], asyncio.Protocol]) -> None:
        first = factory()
        self.transport = FakeTransport(first)
        first.connection_made(self.transport)
        first.data_received(HANDSHAKE % b"localhost")
        self.transport.written.clear()

    @property
    def connection(self) -> Any:
        """The gateway's side: an `asyncio.Protocol`, and a `gateway.actions.Connection`."""
        return self.transport.protocol

    async def ask(self, request: Mapping[str, object]) -> Any:
        """Send a request; return the result, which must be one."""
        self.connection.data_received(text_frame(json.dumps(request).encode()))
        (reply,) = await self.replies(1)
        answer = json.loads(reply)
        if answer["error"]:
            raise RuntimeError(answer["error"])
        return answer["result"]

    async def replies(self, count: int) -> list[bytes]:
        """Wait for so many answers and take them."""
        found: list[bytes] = []
        while len(found) < count:
            await self.wait()
            rest = bytes(self.transport.written)
            while (taken := text_of(rest)) is not None:
                text, rest = taken
                found.append(text)
            self.transport.written[:] = rest
        return found

    async def wait(self) -> None:
        """Wait until anything is written."""
        await self.transport.wrote.wait()
        self.transport.wrote.clear()


class FakeGateway:
    """A gateway and its seams.

    Attributes:
        dispatcher: turns frames into frames.
        gate: stands before the actions.
        client: a first connection.
    """

    def __init__(self, factory: Callable[[], asyncio.Protocol], gate: Gate) -> None:
        self.factory = factory
        self.dispatcher = Watched.made
        self.gate = gate
        self.client = FakeClient(factory)


@contextlib.asynccontextmanager
async def fake_gateway(uri: str) -> AsyncIterator[FakeGateway]:
    """A gateway on a MongoDB, open to everybody; the running loop must be a `Listening` one."""
    gate, config = Gate(), Config()
    config = msgspec.structs.replace(
        config,
        server=msgspec.structs.replace(config.server, host="127.0.0.1", port=0),
        mongodb=msgspec.structs.replace(config.mongodb, uri=uri),
        # Nobody else revokes anything here, and a benchmark may keep the loop from hearing so for longer than usual.
        security=msgspec.structs.replace(config.security, initial_rights="open", revocation_bound_ms=8_000),
    )
    with mock.patch.object(gateway.server, "Dispatcher", Watched):
        async with Gateway(config, middleware=[gate.around]):
            loop = cast("Listening", asyncio.get_running_loop())
            yield FakeGateway(loop.factory, gate)
