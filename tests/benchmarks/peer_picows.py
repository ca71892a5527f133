"""Peer: picows, a WebSocket library in Cython, on uvloop: about the limit of what Python can do.

Frames are parsed and written by compiled code; only the JSON of a request is Python's business. It takes whole text
messages only, and writes each answer by itself, as its interface has it.
"""

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from tests.benchmarks.peer_frames import answer, port_argument

__all__ = ["PeerListener"]


class PeerListener(WSListener):
    """One connection."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Answer a text, follow a close."""
        if frame.msg_type is WSMsgType.TEXT:
            transport.send(WSMsgType.TEXT, answer(frame.get_payload_as_memoryview()))
        elif frame.msg_type is WSMsgType.CLOSE:
            transport.disconnect()


def accept(_request: WSUpgradeRequest) -> PeerListener:
    """Take every connection."""
    return PeerListener()


async def main(port: int) -> None:
    """Serve until the process is stopped."""
    server = await ws_create_server(accept, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(port_argument()))
