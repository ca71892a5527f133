"""The composition root: builds everything from a `Config`, starts it, drains it, stops it.

Rules of the file: the only one that knows all rooms; it decides nothing else. Our own controllers stand in the same
list as those of whoever uses the gateway as a library.
"""

import asyncio
import contextlib
import functools
import logging
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Self

from gateway.actions import Controller, Endpoint, Middleware
from gateway.config import Config, ServerSettings
from gateway.dispatch import Dispatcher
from gateway.protocol.http.requests import BodyRules
from gateway.protocol.http.responses import Responses
from gateway.protocol.http.routing import RouteTree
from gateway.protocol.messages import Request
from gateway.protocol.routes import ROUTES
from gateway.rooms import Rooms
from gateway.routing import Router
from gateway.security.first_admin import is_loopback
from gateway.security.origins import Origins
from gateway.security.strategies import Strategy
from gateway.sources import http_date, new_id, new_node_name
from gateway.storage import embedded
from gateway.storage.mongo import Database, run_admin_command
from gateway.transports.http import HttpConnection
from gateway.transports.http_desk import Desk
from gateway.transports.peers import TrustedProxies
from gateway.transports.port import Port
from gateway.transports.tls import Certificate, TlsError
from gateway.transports.traffic import Limits, Traffic
from gateway.transports.websocket import WebSocketConnection

__all__ = ["Gateway", "certificate_of", "database_uri", "open_database"]

_log = logging.getLogger("latchgate")

_RESTART_PAUSE_S = 1.0


def _report(error: Exception, request: Request) -> None:
    _log.error("%s:%s failed", request.controller, request.action, exc_info=error)


@contextlib.asynccontextmanager
async def open_database(config: Config, *, join: bool = False) -> AsyncIterator[Database]:
    """Connect to the configured MongoDB, or start the embedded one and keep it running.

    Args:
        config: settings.
        join: use the embedded MongoDB of a gateway that runs on the same data folder, if there is one.

    Raises:
        MongoUnreachable, EmbeddedError: with a sentence for the operator.
    """
    settings = config.mongodb
    async with database_uri(config, join=join) as uri, contextlib.AsyncExitStack() as stack:
        database = Database(
            uri,
            settings.database,
            selection_timeout_ms=settings.server_selection_timeout_ms,
            timeout_ms=settings.operation_timeout_ms,
            pool_size=settings.pool_size,
        )
        stack.callback(database.close)
        _log.info("MongoDB %s", await database.connect())
        yield database


@contextlib.asynccontextmanager
async def database_uri(config: Config, *, join: bool = False) -> AsyncIterator[str]:
    """Where MongoDB is; the embedded one is started and kept running. Arguments and errors as `open_database`."""
    async with contextlib.AsyncExitStack() as stack:
        yield config.mongodb.uri or await _embedded_uri(config, stack, join=join)


async def _embedded_uri(config: Config, stack: contextlib.AsyncExitStack, *, join: bool) -> str:
    data_dir = Path(config.server.data_dir)
    if join and (socket := embedded.announced(data_dir)) is not None:
        return embedded.uri(socket)
    binary = Path(config.mongodb.binary) if config.mongodb.binary else None
    mongod = embedded.EmbeddedMongo(data_dir, run_admin_command, binary=binary, cache_gb=config.mongodb.cache_gb)
    stack.push_async_callback(mongod.stop)
    socket = await mongod.start()
    watch = asyncio.create_task(_keep_running(mongod))
    stack.push_async_callback(_cancelled, watch)
    return embedded.uri(socket)


async def _keep_running(mongod: embedded.EmbeddedMongo) -> None:
    while True:
        _log.error("the embedded MongoDB ended with status %s; starting it again", await mongod.wait_exit())
        try:
            await mongod.start()
        except embedded.EmbeddedError as error:
            _log.error("%s", error)
            await asyncio.sleep(_RESTART_PAUSE_S)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


class Gateway:
    """A whole gateway: `async with Gateway(config) as gateway` listens on `gateway.port`.

    Args:
        config: settings.
        controllers: actions of one's own, beside ours.
        middleware: of one's own, between ours and the actions; outermost first.
        strategies: ways to log in, beside `local`.
        bound: sockets to listen on, in the place of `server.host` and `server.port`.

    Attributes:
        node: the name of this process in every answer.
        port: where it listens.
        has_administrator: whether there was one at the start.
        has_successor: another process listens on the same sockets, so that this one may leave without refusing anybody.
        stop_wanted: somebody who may has asked the process to end.
    """

    def __init__(
        self,
        config: Config,
        controllers: Iterable[Controller] = (),
        middleware: Sequence[Middleware] = (),
        strategies: Iterable[Strategy] = (),
        *,
        bound: Sequence[socket.socket] = (),
    ) -> None:
        self._config = config
        self._controllers = tuple(controllers)
        self._middleware = tuple(middleware)
        self._strategies = tuple(strategies)
        self._bound = tuple(bound)
        self._stack = contextlib.AsyncExitStack()
        self._certificate: Certificate | None = None
        self.node = config.server.node_name or new_node_name()
        self.port = 0
        self.has_administrator = self.has_successor = False
        self.stop_wanted = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Start.

        Raises:
            MongoUnreachable, EmbeddedError, PortTakenError, RegistrationError, TlsError: with a sentence for the
                operator.
        """
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Finish what is in hand, then stop everything."""
        await self._stack.aclose()

    def reload_tls(self) -> None:
        """Read certificate and key again, for new connections; what cannot be used is logged and changes nothing."""
        if self._certificate is None:
            return
        try:
            self._certificate.reload()
        except TlsError as error:
            _log.error("the TLS certificate in force stays: %s", error)
        else:
            _log.info("new connections get the TLS certificate that was read just now")

    async def _start(self) -> None:
        server = self._config.server
        self._certificate = certificate_of(server)
        database = await self._stack.enter_async_context(open_database(self._config))
        self._rooms = rooms = Rooms(self._config, database, self._strategies, node=self.node)
        self._stack.push_async_callback(rooms.close)
        await rooms.prepare()
        self._stack.push_async_callback(_cancelled, asyncio.create_task(rooms.watch()))
        traffic = await self._traffic(rooms)
        rooms.load = traffic.load
        new_websocket = functools.partial(WebSocketConnection, traffic)
        port = Port(
            traffic,
            functools.partial(HttpConnection, traffic, self._desk(rooms, traffic), new_websocket),
            self._certificate,
            _proxies(server) if server.proxy_protocol else None,
        )
        self._stack.push_async_callback(self._leave, port)
        self.has_administrator = await rooms.users.administrator_exists()
        await rooms.passwords.prepare()
        self.port = await (port.open_on(self._bound) if self._bound else port.open(server.host, server.port))
        if not (server.tls_cert or server.trusted_proxies or is_loopback(server.host)):
            _log.warning("tokens and passwords travel in clear: server.host is %s, and there is no TLS", server.host)

    async def _leave(self, port: Port) -> None:
        grace = self._config.server.shutdown_grace_s
        await (port.hand_over(grace) if self.has_successor else port.close(grace))

    async def _traffic(self, rooms: Rooms) -> Traffic:
        http, server = self._config.http, self._config.server
        origins = Origins(http.access_control_allow_origin, patterns=http.access_control_allow_origin_use_regexp)
        # A proxy that passes bytes on writes no headers, so behind a preamble they are the client's own.
        proxies = None if server.proxy_protocol else _proxies(server)
        dispatcher = await self._dispatcher(rooms)
        return Traffic(dispatcher, _limits(self._config), origins, proxies, clients=rooms.connections)

    def _desk(self, rooms: Rooms, traffic: Traffic) -> Desk:
        http = self._config.http
        responses = Responses(
            self.node, compresses=http.allow_compression, cookies=http.cookie_authentication, date=http_date
        )
        rules = BodyRules(
            self._config.limits.max_message_bytes,
            frozenset(http.additional_content_types),
            compressed=http.allow_compression,
        )
        return Desk(traffic, responses, RouteTree(ROUTES), rules, site=rooms.site, new_id=new_id)

    async def _dispatcher(self, rooms: Rooms) -> Dispatcher:
        router = Router([*rooms.controllers(await rooms.founding.signer(), self.stop_wanted.set), *self._controllers])
        rooms.router = router
        endpoint: Endpoint = router
        for around in reversed([*rooms.middleware(), *self._middleware]):
            endpoint = around(endpoint)
        return Dispatcher(endpoint, node=self.node, new_id=new_id, report=_report)


def certificate_of(server: ServerSettings) -> Certificate | None:
    """The configured certificate, None without TLS.

    Raises:
        TlsError: it cannot be used.
    """
    return Certificate(Path(server.tls_cert), Path(server.tls_key)) if server.tls_cert else None


def _proxies(server: ServerSettings) -> TrustedProxies | None:
    return TrustedProxies(server.trusted_proxies, server.forwarded_header) if server.trusted_proxies else None


def _limits(config: Config) -> Limits:
    websocket, http = config.websocket, config.http
    return Limits(
        max_message_bytes=config.limits.max_message_bytes,
        max_fragments=websocket.max_fragments,
        max_handshake_bytes=http.max_handshake_bytes,
        max_half_open=http.max_half_open,
        max_unsent_bytes=websocket.max_unsent_bytes,
        max_in_flight=websocket.max_in_flight,
        concurrent_requests=config.limits.concurrent_requests,
        handshake_timeout=websocket.handshake_timeout_ms / 1000,
        idle_timeout=websocket.idle_timeout_ms / 1000,
        stall_timeout=websocket.stall_timeout_ms / 1000,
        close_timeout=websocket.close_timeout_ms / 1000,
        request_timeout=http.request_timeout_ms / 1000,
        keep_alive_timeout=http.keep_alive_timeout_ms / 1000,
    )
