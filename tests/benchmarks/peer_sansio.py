"""Peer: the bare Sans-I/O core of `websockets` in an `asyncio.Protocol`, on uvloop.

The same foundation as the gateway's own transport with nothing upon it: each request is decoded and
answered at once, all frames of one read in one write. It takes whole text messages only.
"""

import asyncio
from typing import cast

import uvloop
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from tests.benchmarks.peer_frames import answer, port_argument

__all__ = ["PeerProtocol"]


class PeerProtocol(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self.ws = ServerProtocol()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take every frame of this read and answer them in one write."""
        ws = self.ws
        ws.receive_data(data)
        for event in ws.events_received():
            if isinstance(event, Frame):
                if event.opcode is Opcode.TEXT:
                    ws.send_text(answer(bytes(event.data)))
            elif isinstance(event, Request):
                ws.send_response(ws.accept(event))
        self.transport.write(b"".join(ws.data_to_send()))
        if ws.close_expected():
            self.transport.close()


async def main(port: int) -> None:
    """Serve until the process is stopped."""
    server = await asyncio.get_running_loop().create_server(PeerProtocol, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(port_argument()))
