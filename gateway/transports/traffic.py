"""What all connections of a process share: limits, the dispatcher, and the count of what is in hand.

Rules of the file: knows no protocol. It drives a request without a task up to where it waits for the first time,
which most never do.
"""

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator, Iterable
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from gateway.actions import Connection
from gateway.connections import Connections, Load
from gateway.dispatch import Dispatcher
from gateway.protocol.errors import ApiError, api_error
from gateway.security.origins import Origins
from gateway.transports.peers import Peer, TrustedProxies
from gateway.transports.refusals import Refusals

__all__ = ["Finished", "Limits", "Stoppable", "Traffic"]

Finished = Callable[[asyncio.Task[bytes]], None]
"""Told of the task of a request that had to wait."""

_MOST_DROPPED = 2
"""For one connection that comes in: so a crowd that said nothing shrinks, and nobody waits until it is gone."""


class Limits(Struct, frozen=True):
    """Bounds on a connection; times in seconds, sizes in bytes. `gateway.config` says what each is for.

    Attributes:
        half_open_grace: no setting; for so long a connection may be half open, however many are: of a crowd that
            comes all at once hundreds are accepted before the first of them is read.
    """

    max_message_bytes: int = 1_048_576
    max_fragments: int = 4096
    max_handshake_bytes: int = 32_768
    max_unsent_bytes: int = 1_048_576
    max_in_flight: int = 100
    max_half_open: int = 4096
    half_open_grace: float = 2.0
    concurrent_requests: int = 10_000
    handshake_timeout: float = 10.0
    idle_timeout: float = 60.0
    stall_timeout: float = 10.0
    close_timeout: float = 5.0
    request_timeout: float = 30.0
    keep_alive_timeout: float = 65.0

    @property
    def sweep_interval(self) -> float:
        """How often time limits are looked at: often enough for the shortest of them."""
        shortest = min(
            self.handshake_timeout,
            self.idle_timeout,
            self.stall_timeout,
            self.close_timeout,
            self.request_timeout,
            self.keep_alive_timeout,
        )
        return min(1.0, shortest / 4)


class Stoppable(Protocol):
    """A connection as the listener sees it."""

    def close(self, code: int, reason: str) -> None:
        """Begin to end it; see `gateway.actions.Connection`."""

    def check_time(self, now: float) -> None:
        """Enforce the time limits; `now` is the loop's clock in seconds."""

    def retire(self, code: int, reason: str) -> None:
        """End it as soon as nothing of it is in hand; to be called again and again until it is gone."""

    def abort(self) -> None:
        """Drop the connection at once."""


class Traffic:
    """The requests of a process.

    Args:
        dispatcher: answers them.
        limits: of each connection, and of all together.
        origins: whose pages may call, and whose cookies count.
        proxies: whose word counts for who the client is; None for nobody's.
        clients: the list of those who have opened a WebSocket.

    Attributes:
        refusals: connections that were dropped before they had asked for anything, and why.
        is_draining: no request is taken on any more.
        is_leaving: connections end as soon as nothing of them is in hand; until then they are served.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        limits: Limits,
        origins: Origins | None = None,
        proxies: TrustedProxies | None = None,
        clients: Connections | None = None,
    ) -> None:
        self.dispatcher = dispatcher
        self.limits = limits
        self.origins = origins or Origins()
        self._proxies = proxies
        self.connections: set[Stoppable] = set()
        self.refusals = Refusals()
        self._half_open: dict[Stoppable, float] = {}  # since when; the oldest first
        self.clients = Connections() if clients is None else clients
        self.is_draining = self.is_leaving = False
        self._tasks: set[asyncio.Task[bytes]] = set()

    @property
    def in_flight(self) -> int:
        """Requests that wait for something."""
        return len(self._tasks)

    def load(self) -> Load:
        """What is going on at this moment."""
        clients = len(self.clients)
        return Load(
            in_flight=self.in_flight,
            waiting=sum(client.waiting for client in self.clients),
            connections={"websocket": clients, "http": len(self.connections) - clients},
        )

    def expect(self, connection: Stoppable, now: float) -> None:
        """Take in a connection whose first request is awaited; if too many are, the oldest that had their time go.

        An honest client sends its request at once, so among too many the oldest is the least likely to send one.

        Args:
            connection: has just come in.
            now: the loop's clock in seconds.
        """
        for _ in range(_MOST_DROPPED):
            if len(self._half_open) < self.limits.max_half_open or not self._make_room(now):
                break
        self._half_open[connection] = now
        self.connections.add(connection)

    def _make_room(self, now: float) -> bool:
        """Drop the connection that has been half open for longest, if it had its time; tell whether it had."""
        oldest, since = next(iter(self._half_open.items()))
        if now - since < self.limits.half_open_grace:
            return False
        del self._half_open[oldest]
        oldest.abort()
        self.refusals.note("too many at once had not sent a whole request")
        return True

    def hear(self, connection: Stoppable) -> None:
        """Note that a connection has sent a whole request, or is gone."""
        self._half_open.pop(connection, None)

    def client(self, peer: Peer, headers: Iterable[tuple[str, str]]) -> Peer:
        """Tell who sent a request: the peer, or whom it speaks for.

        Args:
            peer: the other end of the transport, or whom a preamble told of.
            headers: of the request.
        """
        if self._proxies is None:
            return peer
        told = self._proxies.client(peer.address, peer.is_secure, headers)
        return told if peer.is_direct else replace(told, is_direct=False)

    def refusal(self) -> ApiError | None:
        """Tell why no request is taken on at the moment; None where one is."""
        if self.is_draining:
            return api_error("network.entrypoint.shutting_down")
        if len(self._tasks) >= self.limits.concurrent_requests:
            return api_error("api.process.overloaded")
        return None

    def run(self, frame: bytes, connection: Connection, finished: Finished) -> bytes | None:
        """Begin one request of a socket.

        Args:
            frame: the message.
            connection: where it came from.
            finished: told of the task when the request had to wait and is done.

        Returns:
            The answer, or None if it is to come.

        Raises:
            Disconnect: the request ends the connection.
        """
        error = self.refusal()
        if error is not None:
            return self.dispatcher.turn_away(frame, error)
        return self.start(self.dispatcher.handle(frame, connection), finished)

    def start(self, request: Coroutine[Any, Any, bytes], finished: Finished) -> bytes | None:
        """Run a request up to where it waits for the first time, and from there on in a task; as `run`."""
        try:
            waits_for = request.send(None)
        except StopIteration as done:
            answer: bytes = done.value
            return answer
        # A request that gave way on purpose goes on in a task as it is; one that already waits for a future must
        # hand that future to its task first.
        task = asyncio.get_running_loop().create_task(request if waits_for is None else _resume(request, waits_for))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(finished)
        return None

    async def drain(self, grace: float) -> None:
        """Take no more requests and wait for those in hand, at most `grace` seconds."""
        self.is_draining = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)


async def _resume(request: Coroutine[Any, Any, bytes], waits_for: Any) -> bytes:
    return await _continued(request, waits_for)


@types.coroutine
def _continued(request: Coroutine[Any, Any, bytes], waits_for: Any) -> Generator[Any, Any, bytes]:
    while True:
        try:
            yield waits_for
        except GeneratorExit:
            request.close()
            raise
        except BaseException as error:  # noqa: BLE001 - what it waits for failed, and the request must hear of it
            try:
                waits_for = request.throw(error)
            except StopIteration as done:
                answer: bytes = done.value
                return answer
        else:
            return (yield from request.__await__())
