"""A proxy between the driver and mongod that behaves badly on command.

It forwards whole messages of MongoDB's wire protocol (OP_MSG), so it knows which command it holds back and whose answer
it loses. The driver's side is TCP, so that a connection can be cut with a reset; mongod's side is its unix socket.
"""

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import unquote, urlsplit

import bson

__all__ = ["Proxy", "proxied"]

_HEADER = struct.Struct("<iiii")  # length, id, the id it answers, kind
_OP_MSG = 2013
_DOCUMENT_AT = _HEADER.size + 4 + 1  # behind the flags and the kind of the first section, which is always the command


class Proxy:
    """The way to one mongod.

    Attributes:
        commands: how often each command has come from the driver.
        latest: command → its latest document, without the documents that it carries.
        delay_s: how long each of the driver's messages is held up.
        late: command → how many seconds each answer to it is held up, for as long as it is in here.
        held_up: how many answers have been held up.
        swallows_requests, swallows_answers: what comes from that side is dropped for good; connections stay.
        lost: how many requests and answers have been lost.
    """

    def __init__(self, socket_path: str) -> None:
        self._socket_path = socket_path
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.StreamWriter, asyncio.StreamWriter] = {}
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._is_refusing = False
        self._lost_command = self._refused_command = ""
        self._to_lose: Counter[str] = Counter()
        self._losing: set[int] = set()
        self._asked: dict[int, str] = {}
        self._then_silent = False
        self.commands: Counter[str] = Counter()
        self.latest: dict[str, dict[str, Any]] = {}
        self.delay_s = 0.0
        self.late: dict[str, float] = {}
        self.swallows_requests = self.swallows_answers = False
        self.lost = self.held_up = 0
        self.uri = ""

    @property
    def is_away(self) -> bool:
        """Nothing passes at present."""
        return self._is_refusing or not self._is_open.is_set()

    async def open(self) -> None:
        """Listen; `uri` is where."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.uri = f"mongodb://127.0.0.1:{port}/?directConnection=true"

    async def close(self) -> None:
        """Cut everything and listen no more."""
        if self._server is not None:
            self._server.close()
        self.refuse()
        while self._connections:  # noqa: ASYNC110 - each ends by itself
            await asyncio.sleep(0.001)

    @property
    def connections(self) -> int:
        """How many pass at present; each costs the process two sockets and three tasks, besides the driver's socket."""
        return len(self._connections)

    def cut(self) -> None:
        """Reset every connection; new ones are served."""
        for driver, mongod in self._connections.items():
            _reset(driver)
            mongod.transport.abort()

    def refuse(self) -> None:
        """Be a server that is down: reset every connection, and new ones too."""
        self._is_refusing = True
        self._is_open.set()
        self.cut()

    def lose_requests(self, command: str) -> None:
        """Cut the connection of every command of that name instead of passing it on."""
        self._lost_command = command

    def refuse_at(self, command: str) -> None:
        """Be down from the next command of that name on, which does not reach the server."""
        self._refused_command = command

    def fall_silent(self) -> None:
        """Be a network that stands still: connections stay, nothing passes until it is healed."""
        self._is_open.clear()

    def heal(self) -> None:
        """Pass everything on at once, what was held back first."""
        self._is_refusing = self._then_silent = False
        self.swallows_requests = self.swallows_answers = False
        self.delay_s = 0.0
        self.late.clear()
        self._lost_command = self._refused_command = ""
        self._to_lose.clear()
        self._is_open.set()

    def lose_answers(self, command: str, times: int = 1_000_000, *, then_fall_silent: bool = False) -> None:
        """Pass the next commands of that name on, and cut their connection when mongod has answered."""
        self._to_lose[command] = times
        self._then_silent = then_fall_silent

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_refusing:
            _reset(writer)
            return
        try:
            from_mongod, to_mongod = await asyncio.open_unix_connection(self._socket_path)
        except OSError:  # there is no mongod
            _reset(writer)
            return
        self._connections[writer] = to_mongod
        pumps = {
            asyncio.create_task(self._pump_requests(reader, to_mongod)),
            asyncio.create_task(self._pump_answers(from_mongod, writer)),
        }
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        del self._connections[writer]
        to_mongod.transport.abort()
        writer.close()

    async def _pump_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                message = await _read_message(reader)
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await self._is_open.wait()
                command = _command(message)
                name = next(iter(command))
                self.commands[name] += 1
                self.latest[name] = command
                if self.swallows_requests:
                    self.lost += 1
                    continue
                if name == self._lost_command:
                    self.lost += 1
                    return
                if name == self._refused_command:
                    self._refused_command = ""
                    self.refuse()
                    return
                if self._to_lose[name] > 0:
                    self._to_lose[name] -= 1
                    self._losing.add(_HEADER.unpack_from(message)[1])
                self._asked[_HEADER.unpack_from(message)[1]] = name
                writer.write(message)
                await writer.drain()

    async def _pump_answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                message = await _read_message(reader)
                answered = _HEADER.unpack_from(message)[2]
                if late_s := self.late.get(self._asked.pop(answered, ""), 0.0):
                    self.held_up += 1
                    await asyncio.sleep(late_s)
                if answered in self._losing:
                    self._losing.discard(answered)
                    self.lost += 1
                    _reset(writer)
                    if self._then_silent:
                        self.fall_silent()
                    return
                await self._is_open.wait()
                if self.swallows_answers:
                    self.lost += 1
                    continue
                writer.write(message)
                await writer.drain()


@asynccontextmanager
async def proxied(uri: str) -> AsyncIterator[Proxy]:
    """Open a proxy before the mongod with that connection string, which names a unix socket."""
    proxy = Proxy(unquote(urlsplit(uri).netloc))
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.close()


async def _read_message(reader: asyncio.StreamReader) -> bytes:
    header = await reader.readexactly(_HEADER.size)
    return header + await reader.readexactly(_HEADER.unpack(header)[0] - _HEADER.size)


def _command(message: bytes) -> dict[str, Any]:
    if _HEADER.unpack_from(message)[3] != _OP_MSG:
        return {"hello": 1}  # the first greeting of a connection is an older kind of message
    length = int.from_bytes(message[_DOCUMENT_AT : _DOCUMENT_AT + 4], "little")
    return bson.decode(message[_DOCUMENT_AT : _DOCUMENT_AT + length])


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset instead of an end of stream: RFC 9293 §3.10.4, through SO_LINGER with no time to linger."""
    raw = writer.get_extra_info("socket")
    with suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
