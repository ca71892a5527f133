"""The listening socket and the connections that came through it.

Rules of the file: knows no protocol but by the factory that makes a connection. One timer looks at all of them.
Without TLS and PROXY protocol connections come straight from the event loop's own server; else through a `Door`.
"""

import asyncio
import socket
from collections.abc import Sequence

from gateway.transports.door import Door, Factory
from gateway.transports.listening import bind
from gateway.transports.peers import TrustedProxies
from gateway.transports.tls import Certificate
from gateway.transports.traffic import Traffic

__all__ = ["Port", "PortTakenError"]

_BACKLOG = 2048
"""Connections that the kernel may hold before we accept them: a reconnecting crowd comes all at once."""


_RESTART = 1012  # RFC 6455 §7.4 registry: "service restart"
_RESTART_REASON = "restart; reconnect after a random delay"
_RETIRE_PAUSE_S = 0.05


class PortTakenError(Exception):
    """The address cannot be listened on; the text is for the operator."""


class Port:
    """One TCP port.

    Args:
        traffic: the connections and their limits.
        factory: makes the protocol of a new connection, of a peer, or None: its transport must be asked.
        certificate: for TLS, None for none.
        proxies: those alone may connect, and the PROXY protocol tells for whom; None for everybody, without it.
    """

    def __init__(
        self,
        traffic: Traffic,
        factory: Factory,
        certificate: Certificate | None = None,
        proxies: TrustedProxies | None = None,
    ) -> None:
        self._traffic = traffic
        self._factory = factory
        is_guarded = certificate is not None or proxies is not None
        self._door = Door(factory, traffic.limits, certificate, proxies) if is_guarded else None
        self._servers: list[asyncio.Server] = []
        self._sweep: asyncio.TimerHandle | None = None

    async def open(self, host: str, port: int) -> int:
        """Listen; return the port, which is the system's choice where `port` is 0.

        Raises:
            PortTakenError: the address is in use, not ours, or not permitted.
        """
        try:
            bound = await bind(host, port)
        except OSError as error:
            raise _taken(host, port, error) from error
        return await self.open_on(bound)

    async def open_on(self, bound: Sequence[socket.socket]) -> int:
        """Listen on sockets that somebody else has bound; return the port of the first.

        Raises:
            PortTakenError: somebody else listens there by now.
        """
        host, number = bound[0].getsockname()[:2]
        try:
            await self._listen(bound)
        except OSError as error:
            await self._stop_accepting()
            for each in bound:
                each.close()
            raise _taken(host, number, error) from error
        self._look()
        return int(number)

    async def hand_over(self, grace: float) -> None:
        """Leave the port to a successor that listens already, so that no request is lost; then close.

        For `grace` seconds at most every connection goes on until nothing of it is in hand; one that has just come in
        is served.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace
        self._traffic.is_leaving = True
        await self._stop_accepting(grace)
        await asyncio.sleep(0)  # what was accepted in this turn of the loop becomes a connection in the next
        while self._traffic.connections and loop.time() < deadline:
            for connection in list(self._traffic.connections):
                connection.retire(_RESTART, _RESTART_REASON)
            await asyncio.sleep(_RETIRE_PAUSE_S)
        await self.close(max(0.0, deadline - loop.time()))

    async def close(self, grace: float) -> None:
        """Accept no more, let requests in hand finish within `grace` seconds, close every connection with 1012."""
        await self._stop_accepting()
        await self._traffic.drain(grace)
        for connection in list(self._traffic.connections):
            connection.close(_RESTART, _RESTART_REASON)
        await self._wait_gone(self._traffic.limits.close_timeout)
        for connection in list(self._traffic.connections):
            connection.abort()
        if self._sweep is not None:
            self._sweep.cancel()

    async def _listen(self, bound: Sequence[socket.socket]) -> None:
        if self._door is not None:
            self._door.open(bound, _BACKLOG)
            return
        loop = asyncio.get_running_loop()
        for each in bound:
            self._servers.append(await loop.create_server(lambda: self._factory(None), sock=each, backlog=_BACKLOG))

    async def _stop_accepting(self, grace: float = 0) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()
        if self._door is not None:
            await self._door.close(grace)

    async def _wait_gone(self, timeout: float) -> None:  # noqa: ASYNC109 - the limit is part of what is waited for
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while self._traffic.connections and loop.time() < deadline:  # noqa: ASYNC110 - many may go, in any order
            await asyncio.sleep(min(0.02, timeout))

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweep = loop.call_later(self._traffic.limits.sweep_interval, self._look)  # whatever befalls this look
        now = loop.time()
        for connection in list(self._traffic.connections):
            connection.check_time(now)
        self._traffic.refusals.tell(now)
        if self._door is not None:
            self._door.refusals.tell(now)


def _taken(host: str, port: int, error: OSError) -> PortTakenError:
    return PortTakenError(f"cannot listen on {host}:{port}: {error.strerror or error}")
