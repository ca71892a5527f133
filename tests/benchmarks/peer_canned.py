"""Peer: canned answers on uvloop, which cost next to nothing, so what is measured before it is the generator.

It takes one kind of request from a connection, looks at the first and supposes that all others are as long: in a frame
it finds the requestId at the same place and puts it into an answer made before; over HTTP it counts requests without a
body and repeats one answer. The answer is that of the bare echoes. Only a generator of this folder talks to it.
"""

import asyncio
from typing import cast

import uvloop
from websockets.utils import accept_key

from tests.benchmarks.generator import ID_BYTES
from tests.benchmarks.peer_frames import answer, port_argument

__all__ = ["CannedProtocol"]

KEY = b"sec-websocket-key: "
ID = b'"requestId":"'
MASK = 4  # bytes, before the payload
SWITCHING = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n"
)
END_OF_HEAD = b"\r\n\r\n"
HTTP_BODY = answer(b'{"controller":"server","action":"now","requestId":"%s"}' % (b"0" * ID_BYTES))
HTTP_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(HTTP_BODY), HTTP_BODY)


class CannedProtocol(asyncio.Protocol):
    """One connection.

    Attributes:
        size: of a frame, 0 before the first.
        start: of the payload in a frame.
        place: of the requestId in the payload.
        parts: of an answer, on both sides of each requestId in it.
    """

    size = start = place = 0
    is_open = False

    def __init__(self) -> None:
        self.data = b""
        self.parts: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer all that is whole in one write."""
        data = self.data + data
        if self.is_open:
            self.data = self.answer_frames(data)
        elif KEY in data.lower():
            self.data = self.open(data)
        else:
            self.transport.write(HTTP_ANSWER * data.count(END_OF_HEAD))
            self.data = data.rpartition(END_OF_HEAD)[2]

    def open(self, data: bytes) -> bytes:
        """Shake hands; what is left is returned."""
        head, end, rest = data.partition(END_OF_HEAD)
        if not end:
            return data
        start = head.lower().index(KEY) + len(KEY)
        self.transport.write(SWITCHING.format(accept_key(head[start:].partition(b"\r\n")[0].decode())).encode())
        self.is_open = True
        return rest

    def learn(self, data: bytes) -> bool:
        """Look at the first frame (RFC 6455 §5.2); whether it is whole."""
        if len(data) < 2:
            return False
        length = data[1] & 0x7F
        start = 2 + MASK
        if length == 126:
            length, start = int.from_bytes(data[2:4], "big"), start + 2
        if len(data) < start + length:
            return False
        text = unmasked(data, start, 0, length)
        self.place = text.index(ID) + len(ID)
        reply = answer(text)
        head = bytes([0x81, len(reply)]) if len(reply) < 126 else b"\x81\x7e" + len(reply).to_bytes(2, "big")
        self.parts = (head + reply).split(text[self.place : self.place + ID_BYTES])
        self.size, self.start = start + length, start
        return True

    def answer_frames(self, data: bytes) -> bytes:
        """Answer the whole frames; what is left is returned."""
        if not self.size and not self.learn(data):
            return data
        size, start, place, parts = self.size, self.start, self.place, self.parts
        whole = len(data) // size * size
        answers = [unmasked(data, first, place, ID_BYTES).join(parts) for first in range(start, whole, size)]
        self.transport.write(b"".join(answers))
        return data[whole:]


def unmasked(data: bytes, start: int, place: int, length: int) -> bytes:
    """A part of the payload that begins at `start`, after its mask (RFC 6455 §5.3)."""
    first = start + place
    mask = data[start - MASK : start] * (length // MASK + 2)
    phase = place % MASK
    plain = int.from_bytes(data[first : first + length], "big") ^ int.from_bytes(mask[phase : phase + length], "big")
    return plain.to_bytes(length, "big")


async def main(port: int) -> None:
    """Serve until the process is stopped."""
    server = await asyncio.get_running_loop().create_server(CannedProtocol, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(port_argument()))
