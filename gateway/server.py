"""The composition root: builds everything from a `Config`, starts it, drains it, stops it.

Rules of the file: the only one that knows all rooms; it decides nothing else. Our own controllers stand in the same
list as those of whoever uses the gateway as a library.
"""

import asyncio
import contextlib
import logging
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from random import SystemRandom
from typing import Self

from gateway.actions import Controller, Endpoint, Middleware
from gateway.config import Config
from gateway.dispatch import Dispatcher
from gateway.middleware.authentication import authentication
from gateway.middleware.authorization import authorization
from gateway.middleware.login_limit import login_limit
from gateway.protocol.errors import ApiError
from gateway.protocol.messages import Request
from gateway.routing import Router
from gateway.security.api_keys import API_KEY_MARKS, ApiKeys, ApiKeysController, KeyPolicy, OwnApiKeysController
from gateway.security.credentials import LocalCredentials
from gateway.security.directory import Directory
from gateway.security.first_admin import FirstAdmin, FirstAdminController, seed_rights
from gateway.security.names import human_name
from gateway.security.passwords import Passwords
from gateway.security.profiles import OPEN_PROFILES, RESTRICTED_PROFILES, Profiles, ProfilesController
from gateway.security.roles import OPEN_ROLES, RESTRICTED_ROLES, Roles, RolesController
from gateway.security.sessions import LoginPolicy, Sessions, SessionsController
from gateway.security.tokens import Signer
from gateway.security.users import Owned, Users, UsersController
from gateway.storage import embedded
from gateway.storage.certain_insert import CertainInsert
from gateway.storage.mongo import Database, Transaction, run_admin_command
from gateway.system.server import ServerController
from gateway.transports.port import Port
from gateway.transports.traffic import Limits, Traffic
from gateway.transports.websocket import WebSocketConnection

__all__ = ["Gateway", "Rooms", "open_database"]

_log = logging.getLogger("latchgate")

_RESTART_PAUSE_S = 1.0
_SECRET_BYTES = 64


def _now() -> int:
    """The time in whole milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000


def _new_id() -> str:
    return str(uuid.uuid4())


def _new_kuid(readable: bool) -> str:  # noqa: FBT001 - the shape that `Users` is handed
    return human_name("kuid", SystemRandom()) if readable else f"kuid-{uuid.uuid4()}"


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
    async with contextlib.AsyncExitStack() as stack:
        uri = settings.uri or await _embedded_uri(config, stack, join=join)
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


class Rooms:
    """Every service of the gateway, over one database.

    Args:
        config: settings.
        database: connected.
    """

    def __init__(self, config: Config, database: Database) -> None:
        self._config = config
        self.database = database
        self.router: Router | None = None
        self.roles_collection = database.collection("roles")
        self.profiles_collection = database.collection("profiles")
        self.users_collection = database.collection("users")
        self.credentials_collection = database.collection("credentials")
        self.tokens_collection = database.collection("tokens")
        self.keys_collection = database.collection("api-keys")
        self.internals = database.collection("internals")
        self.directory = Directory(self.roles_collection, self.profiles_collection)
        self.passwords = Passwords(config.limits.password_hashers)
        self.credentials = LocalCredentials(self.credentials_collection, self.passwords)
        self.roles = Roles(self.roles_collection, self.directory, self._is_registered, _now)
        self.profiles = Profiles(self.profiles_collection, self.roles, self.directory, _now)
        self.users = Users(
            database,
            self.users_collection,
            self.profiles,
            credentials=self.credentials,
            owned=(
                Owned(self.credentials_collection, "kuid"),
                Owned(self.tokens_collection, "userId"),
                Owned(self.keys_collection, "userId"),
            ),
            new_kuid=_new_kuid,
            now=_now,
        )
        self.first_admin = FirstAdmin(
            self.users,
            self.internals,
            (self.roles_collection, self.profiles_collection),
            self.directory,
            restricted=config.security.initial_rights == "restricted",
            anywhere=config.security.first_admin_from == "anywhere",
            now=_now,
        )
        self.key_inserts = CertainInsert(self.keys_collection, API_KEY_MARKS)

    async def prepare(self) -> None:
        """Make indexes, seed the rights of a new database, read them."""
        await self.users_collection.index("content.profileIds")
        await self.credentials_collection.index("kuid", unique=True)
        await self.tokens_collection.index("userId")
        await self.tokens_collection.index("expireOn", expire=True)
        await self.keys_collection.index("fingerprint", unique=True)
        await self.keys_collection.index("userId", "_kuzzle_info.createdAt", "_id")
        await self._seed()
        await self.directory.refresh()

    async def signer(self) -> Signer:
        """The signer with the configured secret, or the one of the database, which is made once."""
        secret = self._config.security.jwt_secret
        if not secret:
            fresh = {"_id": "secret", "value": secrets.token_hex(_SECRET_BYTES)}
            secret = str((await self._once(fresh))["value"])
        return Signer(secret.encode())

    def controllers(self, signer: Signer) -> list[Controller]:
        """Our own controllers."""
        api_keys = ApiKeys(
            self.keys_collection,
            self.key_inserts,
            self.users,
            signer,
            policy=KeyPolicy(
                prefix=self._config.api_keys.token_prefix,
                soft_span=self._config.api_keys.soft_max_ttl,
                hard_span=self._config.api_keys.hard_max_ttl,
                most_hits=self._config.limits.documents_fetch_count,
            ),
            now=_now,
            new_id=_new_id,
            new_jti=_new_jti,
        )
        self.sessions = Sessions(
            self.tokens_collection,
            api_keys=api_keys,
            users=self.users,
            directory=self.directory,
            signer=signer,
            credentials=self.credentials,
            policy=LoginPolicy(self._config.security.auth_token_expires_in, self._config.security.auth_token_max_ttl),
            now=_now,
            new_jti=_new_jti,
        )
        return [
            ApiKeysController(api_keys),
            OwnApiKeysController(api_keys),
            UsersController(self.users),
            FirstAdminController(self.first_admin),
            RolesController(self.roles),
            ProfilesController(self.profiles),
            SessionsController(self.sessions),
            ServerController(
                users=self.users,
                actions=lambda: self.router.actions if self.router else {},
                database_answers=self.database.ping,
                now=_now,
                version=version("latchgate"),
            ),
        ]

    def middleware(self) -> list[Middleware]:
        """Ours, outermost first."""
        return [
            authentication(self.sessions),
            authorization(self.first_admin),
            login_limit(self._config.limits.logins_per_second, _now),
        ]

    async def watch(self) -> None:
        """Follow what other processes change; never returns."""
        await self.database.watch(("roles", "profiles"), self.directory.refresh)

    async def close(self) -> None:
        """End what runs beside the requests."""
        await self.key_inserts.close()
        self.passwords.close()

    def _is_registered(self, controller: str) -> bool:
        return self.router is not None and controller in self.router.actions

    async def _once(self, document: dict[str, str]) -> dict[str, str]:
        """Store a document unless one with its `_id` is there; return the one that is."""
        found = await self.internals.find_one({"_id": document["_id"]})
        if found is not None:
            return found
        try:
            await self.internals.insert_one(dict(document))
        except ApiError as error:
            if error.id != "services.storage.document_already_exists":
                raise
        return await self._once(document)

    async def _seed(self) -> None:
        is_open = self._config.security.initial_rights == "open"
        rights = (OPEN_ROLES, OPEN_PROFILES) if is_open else (RESTRICTED_ROLES, RESTRICTED_PROFILES)
        marker = {"_id": "rights", "initial": self._config.security.initial_rights}
        if await self.internals.find_one({"_id": "rights"}) is not None:
            return

        async def work(transaction: Transaction) -> None:
            await self.internals.insert_one(dict(marker), transaction)
            await seed_rights((self.roles_collection, self.profiles_collection), rights, _now(), transaction)

        try:
            await self.database.transaction(work)
        except ApiError as error:
            if error.id != "services.storage.document_already_exists":  # another process was first
                raise


def _new_jti() -> str:
    return secrets.token_hex(16)


class Gateway:
    """A whole gateway: `async with Gateway(config) as gateway` listens on `gateway.port`.

    Args:
        config: settings.
        controllers: actions of one's own, beside ours.
        middleware: of one's own, between ours and the actions; outermost first.
    """

    def __init__(
        self, config: Config, controllers: Iterable[Controller] = (), middleware: Sequence[Middleware] = ()
    ) -> None:
        self._config = config
        self._controllers = tuple(controllers)
        self._middleware = tuple(middleware)
        self._stack = contextlib.AsyncExitStack()
        self.node = config.server.node_name or human_name("knode", SystemRandom())
        self.port = 0
        self.has_administrator = False

    async def __aenter__(self) -> Self:
        """Start.

        Raises:
            MongoUnreachable, EmbeddedError, PortTakenError, RegistrationError: with a sentence for the operator.
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

    async def _start(self) -> None:
        database = await self._stack.enter_async_context(open_database(self._config))
        rooms = Rooms(self._config, database)
        self._stack.push_async_callback(rooms.close)
        await rooms.prepare()
        self._stack.push_async_callback(_cancelled, asyncio.create_task(rooms.watch()))
        traffic = Traffic(await self._dispatcher(rooms), _limits(self._config))
        port = Port(traffic, lambda: WebSocketConnection(traffic))
        self._stack.push_async_callback(port.close, self._config.server.shutdown_grace_s)
        self.has_administrator = await rooms.users.administrator_exists()
        await rooms.passwords.prepare()
        self.port = await port.open(self._config.server.host, self._config.server.port)

    async def _dispatcher(self, rooms: Rooms) -> Dispatcher:
        router = Router([*rooms.controllers(await rooms.signer()), *self._controllers])
        rooms.router = router
        endpoint: Endpoint = router
        for around in reversed([*rooms.middleware(), *self._middleware]):
            endpoint = around(endpoint)
        return Dispatcher(endpoint, node=self.node, new_id=_new_id, report=_report)


def _limits(config: Config) -> Limits:
    websocket, origins = config.websocket, config.http.access_control_allow_origin
    return Limits(
        max_message_bytes=config.limits.max_message_bytes,
        max_fragments=websocket.max_fragments,
        max_handshake_bytes=config.http.max_handshake_bytes,
        max_unsent_bytes=websocket.max_unsent_bytes,
        max_in_flight=websocket.max_in_flight,
        concurrent_requests=config.limits.concurrent_requests,
        handshake_timeout=websocket.handshake_timeout_ms / 1000,
        idle_timeout=websocket.idle_timeout_ms / 1000,
        stall_timeout=websocket.stall_timeout_ms / 1000,
        close_timeout=websocket.close_timeout_ms / 1000,
        origins=None if "*" in origins else tuple(origins),
    )
