"""The gateway's WebSocket transport with an echo behind it, for the Autobahn test suite.

Everything between the socket and the dispatcher is the gateway's own, limits included. Two things the
suite asks for that the protocol does not have are added: a binary message is answered by a binary
one, and an empty message is answered at all. The port is printed as the first line.
"""

import asyncio
import functools

import uvloop

from gateway.actions import Connection
from gateway.dispatch import Dispatcher
from gateway.transports.port import Port
from gateway.transports.traffic import Limits, Traffic
from gateway.transports.websocket import WebSocketConnection
from tests.transports.doubles import at_door

__all__ = ["EchoConnection", "EchoDispatcher", "main"]

_BINARY = b"\x82"


class EchoDispatcher(Dispatcher):
    """Answers each frame with itself."""

    def __init__(self) -> None:
        """Nothing of a real dispatcher is needed."""

    async def handle(self, frame: bytes, connection: Connection) -> bytes:
        """Give it back at once: the answer is sent while its message is still the last one read."""
        return frame


class EchoConnection(WebSocketConnection):
    """Answers in kind."""

    __slots__ = ()

    def send(self, message: bytes) -> None:
        """Text for text, binary for binary."""
        if self._is_text:
            super().send(message)
        elif self._frames.is_open:
            self._frames.send_text(message)
            self._frames._writes[-1] = _BINARY + self._frames._writes[-1][1:]
            self._flush_soon()

    def _deliver(self, message: bytes) -> None:
        if message:
            super()._deliver(message)
        else:
            self.send(message)


async def main() -> None:
    """Serve until the process is stopped."""
    traffic = Traffic(EchoDispatcher(), Limits())
    port = Port(traffic, at_door(traffic, functools.partial(EchoConnection, traffic)))
    print(await port.open("127.0.0.1", 0), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
