"""Where connections have something to do before they begin: tell who they are, and agree on TLS.

Rules of the file: knows no protocol above TCP. It accepts by itself, because the event loop's own servers read
nothing before TLS, count nobody who is half inside and keep one certificate. Whoever is not inside in time is
dropped without a word. When too many are half inside, nobody is accepted until one has come in, or has been half
inside for two seconds and gives way: a crowd waits its turn, and those who never come in keep nobody out.
"""

import asyncio
import errno
import functools
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from gateway.transports.peers import Peer, TrustedProxies
from gateway.transports.proxy_protocol import (
    HEAD_BYTES,
    BadPreambleError,
    check_signature,
    read_preamble,
    rest_length,
)
from gateway.transports.refusals import Refusals
from gateway.transports.tls import Certificate
from gateway.transports.traffic import Limits

__all__ = ["Door", "Factory"]

Factory = Callable[[Peer | None], asyncio.Protocol]
"""Makes the protocol of a new connection, whose client is the peer; None: the transport itself must be asked."""

_MOST_HALF_INSIDE = 2048
_GRACE_S = 2.0
_PAUSE_S = 0.02
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class _Guest(Struct, eq=False):
    """Somebody half inside; `is_handed_on` once a transport has the socket, which then closes it."""

    socket: socket.socket
    address: str
    is_handed_on: bool = False


class Door:
    """Listening sockets, and those who are half inside.

    Args:
        factory: makes the protocol of whoever is inside.
        limits: of which `handshake_timeout` bounds preamble and TLS handshake together.
        certificate: for TLS, None for none.
        proxies: who may connect, each time with a PROXY protocol preamble; None where none is awaited.

    Attributes:
        refusals: who did not come in, and why.
    """

    def __init__(
        self, factory: Factory, limits: Limits, certificate: Certificate | None, proxies: TrustedProxies | None
    ) -> None:
        self._factory = factory
        self._limits = limits
        self._certificate = certificate
        self._proxies = proxies
        self._listening: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._half_inside: dict[asyncio.Task[None], float] = {}  # since when; the oldest first
        self._is_closing = False
        self.refusals = Refusals()

    def open(self, bound: Sequence[socket.socket], backlog: int) -> None:
        """Listen on sockets that are bound and do not block; they are closed here.

        Raises:
            OSError: an address is in use.
        """
        self._listening = list(bound)
        for each in bound:
            each.listen(backlog)
        self._accepting = [asyncio.create_task(self._accept(each)) for each in bound]

    async def close(self, grace: float = 0) -> None:
        """Accept no more, let who is half inside come in within `grace` seconds, and drop the others."""
        self._is_closing = True
        await _end(self._accepting)
        for listening in self._listening:
            listening.close()
        if self._half_inside and grace > 0:
            await asyncio.wait(self._half_inside, timeout=grace)
        await _end(list(self._half_inside))

    async def _accept(self, listening: socket.socket) -> None:
        while not self._is_closing:
            try:
                accepted, address = await _accepted(listening)
            except OSError as error:  # the client has gone already, or there is no room for one more
                if error.errno in _EXHAUSTED:
                    self._make_room()
                    await asyncio.sleep(_PAUSE_S)
            else:
                await self._let_in(_Guest(accepted, str(address[0])))
            # A turn for everybody else: a crowd must not come in faster than it is dealt with.
            await asyncio.sleep(0)

    async def _let_in(self, guest: _Guest) -> None:
        if self._proxies is not None and not self._proxies.trusts(guest.address):
            self.refusals.note("their address is not among server.trusted_proxies")
            guest.socket.close()
            return
        try:
            while len(self._half_inside) >= _MOST_HALF_INSIDE and not self._make_room():  # noqa: ASYNC110 - time makes room
                await asyncio.sleep(_PAUSE_S)
        except asyncio.CancelledError:
            guest.socket.close()
            raise
        task = asyncio.create_task(self._introduce(guest))
        self._half_inside[task] = asyncio.get_running_loop().time()
        task.add_done_callback(functools.partial(self._be_done, guest))

    def _make_room(self) -> bool:
        """Drop the one that has been half inside for longest, if it has had its time; tell whether there was one."""
        oldest, since = next(iter(self._half_inside.items()), (None, 0.0))
        if oldest is None or asyncio.get_running_loop().time() - since < _GRACE_S:
            return False
        del self._half_inside[oldest]
        oldest.cancel()
        self.refusals.note("too many at once were not ready to begin")
        return True

    def _be_done(self, guest: _Guest, task: asyncio.Task[None]) -> None:
        self._half_inside.pop(task, None)
        if not guest.is_handed_on:
            guest.socket.close()
        if not task.cancelled():
            task.result()  # what nobody expected goes to the event loop's log

    async def _introduce(self, guest: _Guest) -> None:
        try:
            async with asyncio.timeout(self._limits.handshake_timeout):
                peer = None if self._proxies is None else await self._tell(guest)
                await self._hand_on(guest, peer)
        except BadPreambleError as error:
            self.refusals.note(str(error))
        except TimeoutError:
            self.refusals.note("not ready to begin in time")
        except ssl.SSLError:
            self.refusals.note("no TLS handshake that could be understood")
        except OSError:
            return  # gone

    async def _tell(self, guest: _Guest) -> Peer:
        """Read the preamble and nothing behind it; a proxy that speaks for itself is the peer."""
        head = await _read(guest.socket, HEAD_BYTES, check_signature)
        told = read_preamble(head, await _read(guest.socket, rest_length(head)))
        is_tls = self._certificate is not None
        if told is None:
            return Peer(guest.address, is_tls, is_direct=False)
        return Peer(told.address, is_tls or told.is_secure, is_direct=False)

    async def _hand_on(self, guest: _Guest, peer: Peer | None) -> None:
        options: dict[str, Any] = {}
        if self._certificate is not None:
            options = {
                "ssl": self._certificate.context,
                "ssl_handshake_timeout": self._limits.handshake_timeout,
                "ssl_shutdown_timeout": self._limits.close_timeout,
            }
        guest.is_handed_on = True
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(functools.partial(self._factory, peer), guest.socket, **options)


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _read(stream: socket.socket, size: int, check: Callable[[bytes], None] | None = None) -> bytes:
    """Read exactly so many bytes; each time some have come, check what there is."""
    loop = asyncio.get_running_loop()
    data = b""
    while len(data) < size:
        more = await loop.sock_recv(stream, size - len(data))
        if not more:
            raise BadPreambleError("gone before their PROXY protocol preamble was whole")
        data += more
        if check is not None:
            check(data)
    return data


async def _accepted(listening: socket.socket) -> tuple[socket.socket, Any]:
    """Accept one; a cancellation that comes at the same moment does not drop who has been let in."""
    accepting = asyncio.ensure_future(asyncio.get_running_loop().sock_accept(listening))
    try:
        return await asyncio.shield(accepting)
    except asyncio.CancelledError:
        if not accepting.done() or accepting.exception() is not None:
            accepting.cancel()
            raise
        return accepting.result()
