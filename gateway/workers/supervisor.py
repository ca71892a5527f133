"""The process above the workers: one place on the port for each, and never a place without a process for long.

Rules of the file: serves no client. The sockets are bound here and stay open here, so that neither the end of a worker
nor its replacement loses what the kernel has accepted; who listens first is the worker. The embedded MongoDB is this
process's, one for all.
"""

import asyncio
import functools
import itertools
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from gateway.config import Config
from gateway.server import certificate_of, database_uri, open_database
from gateway.transports.listening import bind_again, bind_shared
from gateway.transports.port import PortTakenError
from gateway.workers.backoff import Backoff
from gateway.workers.duty import Duty, count_workers
from gateway.workers.process import Worker

__all__ = ["Place", "Started", "Supervisor", "WorkerFailed", "supervise"]

_log = logging.getLogger("latchgate")

_START_S = 90.0
_MARGIN_S = 5.0  # beyond what a worker may take to leave
_RETRY_S = 1.0

Sockets = Sequence[socket.socket]


class WorkerFailed(Exception):  # noqa: N818 - named for what happened
    """A worker ended before it was ready, at the first start; `status` is its exit status, negative for a signal."""

    def __init__(self, status: int) -> None:
        super().__init__(f"a worker ended with status {status} before it was ready")
        self.status = status


class Started(NamedTuple):
    """What there is to tell once every worker is ready."""

    port: int
    workers: int
    has_administrator: bool


class Place:
    """One place on the port: its sockets, and the worker that listens on them."""

    def __init__(self, bound: Sockets) -> None:
        self.bound = bound
        self.backoff = Backoff()
        self.changing = asyncio.Lock()
        self.worker: Worker | None = None

    def close(self) -> None:
        """Give the sockets up; a worker has its own copies."""
        for each in self.bound:
            each.close()


class Supervisor:
    """Keeps a worker at every place.

    Args:
        places: on the port.
        begin: starts a worker that is to listen on some sockets.
        bind: takes one more share of the port.
        patience: how long a worker may take to end, in seconds.
    """

    def __init__(
        self,
        places: Sequence[Place],
        begin: Callable[[Sockets], Awaitable[Worker]],
        bind: Callable[[], Awaitable[Sockets]],
        patience: float,
    ) -> None:
        self._places = places
        self._start_worker = begin
        self._bind = bind
        self._patience = patience
        self._alive: set[Worker] = set()

    async def start(self) -> bool:
        """Start every worker; return whether there is an administrator.

        One comes first: what keeps it from starting would keep all, and is told once.

        Raises:
            WorkerFailed: one ended instead; what it had to say is on standard error.
        """
        first, *others = self._places
        has_administrator = await self._fill(first)
        await asyncio.gather(*(self._fill(place) for place in others))
        return has_administrator

    async def keep(self, roll_wanted: asyncio.Event) -> None:
        """Start again what ends, and replace all when that is wanted; never returns."""
        async with asyncio.TaskGroup() as group:
            for place in self._places:
                group.create_task(self._keep(place))
            while True:
                await roll_wanted.wait()
                roll_wanted.clear()
                await self.roll()

    async def roll(self) -> None:
        """Replace one worker after the other; if a new one does not become ready, the others stay as they are."""
        for place in self._places:
            async with place.changing:
                old, new = place.worker, await self._begin(place)
                if new is None or not await new.ready(_START_S):
                    _log.error("a new worker did not become ready: those that run stay")
                    return
                place.worker = new
            if old is not None:
                old.retire()
                await old.end(self._patience)
        _log.info("all workers have been replaced")

    async def stop(self) -> None:
        """End every worker, and give the port up."""
        for place in self._places:
            place.close()
        workers = list(self._alive)
        for worker in workers:
            worker.stop()
        await asyncio.gather(*(worker.end(self._patience) for worker in workers))

    async def _fill(self, place: Place) -> bool:
        worker = place.worker = await self._begin(place)
        if worker is None:
            raise WorkerFailed(1)
        if not await worker.ready(_START_S):
            raise WorkerFailed(await worker.ended)
        return worker.has_administrator

    async def _keep(self, place: Place) -> None:
        while True:
            worker = place.worker
            if worker is not None:
                status = await asyncio.shield(worker.ended)
                if place.worker is worker:  # else it was replaced
                    await self._pause(place, worker, status)
            async with place.changing:
                if place.worker is worker:
                    place.worker = await self._begin(place) or worker
                    await (asyncio.sleep(_RETRY_S) if place.worker is worker else self._ready(place))

    async def _pause(self, place: Place, worker: Worker, status: int) -> None:
        wait = place.backoff.after(worker.lived)
        when = f"in {wait:g} s" if wait else "now"
        _log.error("the worker with pid %s ended with status %s; starting another %s", worker.pid, status, when)
        if wait:
            await self._vacate(place)
            await asyncio.sleep(wait)

    async def _ready(self, place: Place) -> None:
        if place.worker is not None and await place.worker.ready(_START_S):
            _log.info("another worker is ready, pid %s", place.worker.pid)

    async def _vacate(self, place: Place) -> None:
        """Let the kernel hand new connections to the other places: here nobody will be for a while."""
        try:
            bound = await self._bind()
        except OSError as error:
            _log.error("the port cannot be shared once more: %s", error.strerror or error)
        else:
            place.close()
            place.bound = bound

    async def _begin(self, place: Place) -> Worker | None:
        try:
            worker = await self._start_worker(place.bound)
        except OSError as error:
            _log.error("a worker cannot be started: %s", error.strerror or error)
            return None
        self._alive.add(worker)
        worker.ended.add_done_callback(lambda _: self._alive.discard(worker))
        return worker


async def supervise(config: Config, words: Sequence[str], tell: Callable[[Started], None]) -> int:
    """Run workers until a signal or an administrator ends it; give the exit status. SIGHUP replaces them.

    Args:
        config: settings.
        words: the command that was given; a worker gets its duty behind them.
        tell: called once, when all are ready.

    Raises:
        MongoUnreachable, EmbeddedError, PortTakenError, TlsError: with a sentence for the operator.
    """
    stop, roll = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, roll.set)
    running = asyncio.create_task(_run(config, words, tell, stop.set, roll))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not running.done():
        running.cancel()
    try:
        await running
    except WorkerFailed as error:
        if error.status < 0:  # else it has said why
            _log.error("%s", error)
        return max(1, error.status)
    except asyncio.CancelledError:
        pass
    return 0


async def _run(
    config: Config,
    words: Sequence[str],
    tell: Callable[[Started], None],
    shutdown: Callable[[], None],
    roll: asyncio.Event,
) -> None:
    server = config.server
    certificate_of(server)  # what cannot be used is told before anything starts
    shares = await _shares(server.host, server.port, count_workers(config))
    port = int(shares[0][0].getsockname()[1])
    places = [Place(bound) for bound in shares]
    try:
        async with database_uri(config) as uri:
            async with open_database(replace(config, mongodb=replace(config.mongodb, uri=uri))):
                pass  # it answers
            supervisor = Supervisor(
                places,
                _beginner(words, "" if config.mongodb.uri else uri, shutdown),
                functools.partial(bind_again, server.host, port),
                server.shutdown_grace_s + config.websocket.close_timeout_ms / 1000 + _MARGIN_S,
            )
            try:
                tell(Started(port, len(places), await supervisor.start()))
                await supervisor.keep(roll)
            finally:
                await supervisor.stop()
    finally:
        for place in places:
            place.close()


async def _shares(host: str, port: int, workers: int) -> list[list[socket.socket]]:
    try:
        return await bind_shared(host, port, workers)
    except OSError as error:
        raise PortTakenError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error


def _beginner(words: Sequence[str], uri: str, shutdown: Callable[[], None]) -> Callable[[Sockets], Awaitable[Worker]]:
    numbers = itertools.count(1)

    async def begin(bound: Sockets) -> Worker:
        number = next(numbers)

        def command(files: Sequence[int]) -> list[str]:
            return [*words, "--duty", Duty(number, tuple(files), uri).word]

        return await Worker.start(command, bound, shutdown)

    return begin
