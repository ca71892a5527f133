"""The listening socket and the connections that came through it.

Rules of the file: knows no protocol but by the factory that makes a connection. One timer looks at all of them.
Without TLS and PROXY protocol connections come straight from the event loop's own server; else through a `Door`.
"""

import asyncio
import socket

from gateway.transports.door import Door, Factory
from gateway.transports.peers import TrustedProxies
from gateway.transports.tls import Certificate
from gateway.transports.traffic import Traffic

__all__ = ["Port", "PortTakenError"]

_BACKLOG = 2048
"""Connections that the kernel may hold before we accept them: a reconnecting crowd comes all at once."""


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
        self._server: asyncio.Server | None = None
        self._sweep: asyncio.TimerHandle | None = None

    async def open(self, host: str, port: int) -> int:
        """Listen; return the port, which is the system's choice where `port` is 0.

        Raises:
            PortTakenError: the address is in use, not ours, or not permitted.
        """
        try:
            number = await (self._door.open(host, port, _BACKLOG) if self._door else self._listen(host, port))
        except OSError as error:
            raise PortTakenError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        self._look()
        return number

    async def close(self, grace: float) -> None:
        """Accept no more, let requests in hand finish within `grace` seconds, close every connection with 1012."""
        if self._server is not None:
            self._server.close()
        if self._door is not None:
            await self._door.close()
        await self._traffic.drain(grace)
        for connection in list(self._traffic.connections):
            connection.close(1012, "restart")  # RFC 6455 §7.4 registry: "service restart"
        await self._wait_gone(self._traffic.limits.close_timeout)
        for connection in list(self._traffic.connections):
            connection.abort()
        if self._sweep is not None:
            self._sweep.cancel()

    async def _listen(self, host: str, port: int) -> int:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: self._factory(None), host, port, backlog=_BACKLOG)
        listening: socket.socket = self._server.sockets[0]
        return int(listening.getsockname()[1])

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
        if self._door is not None:
            self._door.refusals.tell(now)
