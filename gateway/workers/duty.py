"""What a worker does for its supervisor: listen where it is told, say when it is ready, and not outlive it.

Rules of the file: the other end of `process.py`, whose words these are. A worker ends when its supervisor does, however
that ends: then nothing can be read any more from the pair of sockets between them.
"""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Sequence
from typing import Self, cast

from msgspec import Struct
from msgspec.structs import replace

from gateway.config import Config
from gateway.server import Gateway

__all__ = ["Duty", "count_workers", "serve_on_duty"]


class Duty(Struct, frozen=True):
    """What a worker is told on its command line, `NUMBER:FILE,FILE…:URI`.

    Attributes:
        number: of all workers that the supervisor has started.
        files: numbers of open files: its end of the pair, then the sockets to listen on.
        uri: where MongoDB is, if that is not in the settings.
    """

    number: int
    files: tuple[int, ...]
    uri: str

    @classmethod
    def read(cls, word: str) -> Self:
        """Read what `word` has written.

        Raises:
            ValueError: it is something else.
        """
        number, files, uri = word.split(":", 2)
        return cls(int(number), tuple(int(file) for file in files.split(",")), uri)

    @property
    def word(self) -> str:
        """For the command line; it holds no secret, as the embedded MongoDB has none."""
        return f"{self.number}:{','.join(map(str, self.files))}:{self.uri}"

    def settings(self, config: Config) -> Config:
        """The settings of this worker: its own name, and where MongoDB is."""
        name = config.server.node_name
        return replace(
            config,
            server=replace(config.server, node_name=name and f"{name}-{self.number}", workers=count_workers(config)),
            mongodb=replace(config.mongodb, uri=self.uri or config.mongodb.uri),
        )


def count_workers(config: Config) -> int:
    """How many workers the settings ask for; 0 stands for the CPUs that this process may use."""
    return config.server.workers or len(os.sched_getaffinity(0))


class _Orders(asyncio.Protocol):
    """The worker's end of the pair.

    Attributes:
        end: the worker is to end, for whatever reason.
        is_retired: because a successor listens already.
    """

    def __init__(self) -> None:
        self.end = asyncio.Event()
        self.is_retired = False
        self._transport: asyncio.Transport | None = None
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._heard += data
        if b"retire\n" in self._heard:
            self.is_retired = True
            self.end.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop's signature
        """End: the supervisor has gone."""
        self.end.set()

    def say(self, words: str) -> None:
        if self._transport is not None:
            self._transport.write(f"{words}\n".encode())


async def serve_on_duty(config: Config, duty: Duty) -> int:
    """Run a gateway until the supervisor, a signal or somebody who may says that it is to end; give the status.

    Raises:
        MongoUnreachable, PortTakenError, TlsError: with a sentence for the operator.
    """
    loop = asyncio.get_running_loop()
    pair, *listening = (socket.socket(fileno=file) for file in duty.files)
    _, orders = await loop.create_unix_connection(_Orders, sock=pair)
    gateway = Gateway(duty.settings(config), bound=_unblocked(listening))
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, orders.end.set)
    loop.add_signal_handler(signal.SIGHUP, gateway.reload_tls)
    ending = asyncio.create_task(orders.end.wait())
    starting = asyncio.create_task(_started(gateway))
    await asyncio.wait((starting, ending), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        for each in listening:  # who comes after us wants the port, and the driver's threads may take their time to end
            each.close()
        starting.cancel()
        await asyncio.wait((starting,))
        return 0
    await starting
    try:
        orders.say(f"ready {gateway.has_administrator:d}")
        await _until_ended(gateway, orders, ending)
    finally:
        gateway.has_successor = orders.is_retired
        await gateway.__aexit__(None, None, None)
    return 0


async def _started(gateway: Gateway) -> Gateway:
    return await gateway.__aenter__()


async def _until_ended(gateway: Gateway, orders: _Orders, ending: asyncio.Task[bool]) -> None:
    """Hand on what an administrator asks of one worker: it is meant for the whole gateway."""
    asked = asyncio.create_task(gateway.stop_wanted.wait())
    await asyncio.wait((asked, ending), return_when=asyncio.FIRST_COMPLETED)
    if asked.done():
        orders.say("shutdown")
        await ending
    asked.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asked


def _unblocked(sockets: Sequence[socket.socket]) -> Sequence[socket.socket]:
    for each in sockets:
        each.settimeout(0)  # the event loop's wish; Python forgets it where a socket changes hands
    return sockets
