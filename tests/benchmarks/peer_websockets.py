"""Peer: the asyncio server of `websockets`, one coroutine per connection, on uvloop.

Tuned as its documentation advises: no compression, and text taken and sent as the bytes that it is.
"""

import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.benchmarks.peer_frames import answer, port_argument

__all__ = ["converse"]


async def converse(connection: ServerConnection) -> None:
    """Answer each message until the client leaves."""
    try:
        while True:
            await connection.send(answer(await connection.recv(decode=False)), text=True)
    except ConnectionClosed:
        return


async def main(port: int) -> None:
    """Serve until the process is stopped."""
    async with serve(converse, "127.0.0.1", port, compression=None) as server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(port_argument()))
