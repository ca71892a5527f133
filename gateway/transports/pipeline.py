"""The requests of one connection: some run at once, the others wait their turn.

Rules of the file: knows no protocol. Answers are sent as they come, so a quick request overtakes a slow one; begun is
what came first. The connection reads no more while a request waits, so what waits is never more than one read.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from gateway.actions import Connection
from gateway.protocol.errors import Disconnect
from gateway.transports.traffic import Traffic

__all__ = ["Pipeline"]


class Pipeline:
    """What one connection has asked for.

    Args:
        traffic: runs the requests.
        connection: whose they are; the answers are sent to it.
        changed: told when `is_full` may have changed.
    """

    __slots__ = ("_backlog", "_changed", "_connection", "_in_flight", "_is_held", "_traffic")

    def __init__(self, traffic: Traffic, connection: Connection, changed: Callable[[], None]) -> None:
        self._traffic = traffic
        self._connection = connection
        self._changed = changed
        self._backlog: deque[bytes] | None = None  # an empty one takes more memory than all else here
        self._in_flight = 0
        self._is_held = False

    @property
    def is_full(self) -> bool:
        """A request waits its turn: read no more."""
        return bool(self._backlog)

    @property
    def waiting(self) -> int:
        """Requests that wait their turn."""
        return len(self._backlog or ())

    @property
    def is_idle(self) -> bool:
        """Nothing runs and nothing waits."""
        return not self._in_flight and not self._backlog

    def take(self, message: bytes) -> None:
        """Start a request, or let it wait its turn."""
        if self._backlog or self._is_held or self._in_flight >= self._traffic.limits.max_in_flight:
            if self._backlog is None:
                self._backlog = deque()
            self._backlog.append(message)
            self._changed()
        else:
            self._start(message)

    def hold(self) -> None:
        """Begin nothing more: the client does not take the answers."""
        self._is_held = True

    def release(self) -> None:
        """Go on with what waits."""
        self._is_held = False
        self._go_on()

    def clear(self) -> None:
        """Forget what waits; what has begun goes on."""
        self._backlog = None

    def _start(self, message: bytes) -> None:
        try:
            answer = self._traffic.run(message, self._connection, self._finished)
        except Disconnect as end:
            self._connection.close(end.code, end.reason)
            return
        if answer is not None:
            self._connection.send(answer)
        else:
            self._in_flight += 1

    def _finished(self, task: asyncio.Task[bytes]) -> None:
        self._in_flight -= 1
        if not task.cancelled():
            error = task.exception()
            if error is None:
                self._connection.send(task.result())
            elif isinstance(error, Disconnect):
                self._connection.close(error.code, error.reason)
        self._go_on()

    def _go_on(self) -> None:
        while self._backlog and not self._is_held and self._in_flight < self._traffic.limits.max_in_flight:
            self._start(self._backlog.popleft())
        self._backlog = self._backlog or None
        self._changed()
