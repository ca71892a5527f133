"""Every room of the gateway, furnished: which service stands on which collection and knows which other.

Rules of the file: builds and connects; decides nothing. The clock, ids and randomness come from here and nowhere else.
"""

import functools
import logging
import os
import secrets
import sys
import time
import traceback
import uuid
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate
from importlib.metadata import version
from random import SystemRandom

from gateway.actions import Controller, Middleware
from gateway.config import Config
from gateway.connections import Connections, Load
from gateway.middleware.authentication import authentication
from gateway.middleware.authorization import authorization
from gateway.middleware.login_limit import login_limit
from gateway.middleware.rate_limit import rate_limit
from gateway.protocol.errors import ApiError
from gateway.routing import Router
from gateway.security.api_keys import API_KEY_MARKS, ApiKeys, ApiKeysController, KeyPolicy, OwnApiKeysController
from gateway.security.credentials import Credentials, CredentialsController, OwnCredentialsController
from gateway.security.directory import Directory
from gateway.security.first_admin import FirstAdmin, FirstAdminController, seed_rights
from gateway.security.guards import Guards
from gateway.security.local import Local, PasswordPolicy
from gateway.security.maintenance import MaintenanceController
from gateway.security.mappings import Mappings, MappingsController
from gateway.security.names import human_name
from gateway.security.passwords import Passwords
from gateway.security.permits import Permits
from gateway.security.profiles import (
    OPEN_PROFILES,
    PROFILE_SCHEMA,
    RESTRICTED_PROFILES,
    Profiles,
    ProfilesController,
)
from gateway.security.roles import OPEN_ROLES, RESTRICTED_ROLES, ROLE_SCHEMA, Roles, RolesController
from gateway.security.scrolls import Scrolls
from gateway.security.seats import Seats
from gateway.security.sessions import LoginPolicy, Recogniser, Sessions, SessionsController
from gateway.security.shelf import Shelf
from gateway.security.strategies import Strategies, Strategy
from gateway.security.tokens import Signer
from gateway.security.upkeep import Upkeep, ending
from gateway.security.users import USER_SCHEMA, Owned, Portraits, SelfController, Users, UsersController
from gateway.storage.certain_insert import CertainInsert
from gateway.storage.mongo import Collection, Database, Document, Transaction
from gateway.storage.queries import Schema
from gateway.system.admin import AdminController
from gateway.system.documents import DocumentsController
from gateway.system.oversight import ConnectionsController, MetricsController
from gateway.system.places import CollectionController, IndexController, Places
from gateway.system.server import ServerController
from gateway.system.site import Site

__all__ = ["Collections", "Rooms", "http_date", "new_id", "new_node_name"]

_log = logging.getLogger("latchgate")

_SECRET_BYTES = 64
_SEEDED = "rights"
Definitions = tuple[Mapping[str, Document], Mapping[str, Document]]
"""Built-in roles and profiles: id → content."""


def _now() -> int:
    """The time in whole milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """A UUID of version 4 (RFC 9562 §5.4): every answer over HTTP needs one, and `uuid` takes twice as long."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _new_kuid(readable: bool) -> str:  # noqa: FBT001 - the shape that `Users` is handed
    return human_name("kuid", SystemRandom()) if readable else f"kuid-{uuid.uuid4()}"


def http_date() -> str:
    """The time as the header `Date` has it (RFC 9110 §5.6.7)."""
    return _formatted_date(int(time.time()))


@functools.lru_cache(maxsize=1)
def _formatted_date(second: int) -> str:
    return formatdate(second, usegmt=True)


def _new_jti() -> str:
    return secrets.token_hex(16)


def new_node_name() -> str:
    """A name for this process, `knode-…`."""
    return human_name("knode", SystemRandom())


def _dump(suffix: str) -> None:
    """Write the stack of every thread to the log."""
    for thread, frame in sys._current_frames().items():  # noqa: SLF001 - the documented way (docs of `sys`)
        _log.warning("dump %s of thread %s: %s", suffix[:100], thread, "".join(traceback.format_stack(frame)))


class Collections:
    """Every collection of the database.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self.roles = database.collection("roles")
        self.profiles = database.collection("profiles")
        self.users = database.collection("users")
        self.credentials = database.collection("credentials")
        self.tokens = database.collection("tokens")
        self.keys = database.collection("api-keys")
        self.places = database.collection("places")
        self.scrolls = database.collection("scrolls")
        self.guards = database.collection("guards")
        self.internals = database.collection("internals")
        self.permits = database.collection("permits")

    async def index(self) -> None:
        """Make sure of every index."""
        await self.users.index("content.profileIds")
        await self.users.index("_kuzzle_info.createdAt", "_id")
        await self.profiles.index("content.policies.roleId")
        await self.credentials.index("kuid", unique=True)
        await self.tokens.index("userId")
        await self.tokens.index("expireOn", expire=True)
        await self.scrolls.index("expireOn", expire=True)
        await self.keys.index("fingerprint", unique=True)
        await self.keys.index("userId", "_kuzzle_info.createdAt", "_id")


class Rooms:
    """Every service of the gateway, over one database.

    Args:
        config: settings.
        database: connected.
        strategies: ways to log in beside `local`.
        now: milliseconds since the epoch.
        node: this process's name on the wire.
    """

    def __init__(
        self,
        config: Config,
        database: Database,
        strategies: Iterable[Strategy] = (),
        now: Callable[[], int] = _now,
        node: str = "",
    ) -> None:
        self._config = config
        self._now = now
        self._node = node
        self.database = database
        self.router: Router | None = None
        self.collections = Collections(database)
        self.directory = Directory(self.collections.roles, self.collections.profiles)
        self.passwords = Passwords(config.limits.password_hashers)
        self.places = Places(self.collections.places)
        self._added_strategies = tuple(strategies)
        self.strategies = Strategies([self._local(), *self._added_strategies])
        self.key_inserts = CertainInsert(self.collections.keys, API_KEY_MARKS)
        self.connections = Connections(
            now, most=config.limits.connections, most_of_address=config.limits.connections_per_address
        )
        self.load: Callable[[], Load] = Load
        self.upkeep = self._upkeep()
        self._add_rights()
        self._add_users()
        self.permits = Permits(self.collections.permits, now)
        self.site = Site(self.users, database.ping, now)

    def _local(self) -> Local:
        settings = self._config.security
        policy = PasswordPolicy(
            pattern=settings.password_pattern,
            forbids_username=settings.password_forbids_username,
            history=settings.password_history,
            expires_after=settings.password_expires_after,
            must_change_if_set_by_others=settings.password_must_change_if_set_by_others,
        )
        return Local(self.collections.credentials, self.passwords, policy, self._now)

    def _upkeep(self) -> Upkeep:
        websocket, limits = self._config.websocket, self._config.limits
        return Upkeep(
            self.database,
            tokens=self.collections.tokens,
            keys=self.collections.keys,
            users=self.collections.users,
            directory=self.directory,
            connections=self.connections,
            ending=ending(
                self._node, new_id, warning_ms=websocket.expiry_warning_ms, closes=websocket.on_revoked == "close"
            ),
            seats=Seats(limits.connections_per_key, limits.connections_per_user),
            cached_tokens=limits.cached_tokens,
            bound_s=self._config.security.revocation_bound_ms / 1000,
            now=self._now,
            clock=time.monotonic,
        )

    def _shelf(self, kind: str, collection: Collection, schema: Schema) -> Shelf:
        scrolls = Scrolls(self.collections.scrolls, self._now, _new_jti)
        return Shelf(kind, collection, schema, scrolls, most_hits=self._config.limits.documents_fetch_count)

    def _add_rights(self) -> None:
        guards = Guards(self.collections.guards, SystemRandom().randrange)
        self.roles = Roles(
            self._shelf("role", self.collections.roles, ROLE_SCHEMA),
            self.collections.profiles,
            database=self.database,
            guards=guards,
            directory=self.directory,
            actions_of=self._actions_of,
            now=self._now,
        )
        self.profiles = Profiles(
            self._shelf("profile", self.collections.profiles, PROFILE_SCHEMA),
            self.collections.users,
            self.roles,
            database=self.database,
            guards=guards,
            directory=self.directory,
            users_changed=self.upkeep.cache.forget_users,
            places=self.places.check,
            now=self._now,
        )

    def _add_users(self) -> None:
        self.users = Users(
            self._shelf("user", self.collections.users, USER_SCHEMA),
            self.collections.users,
            database=self.database,
            profiles=self.profiles,
            strategies=self.strategies,
            owned=(Owned(self.collections.tokens, "userId"), Owned(self.collections.keys, "userId")),
            revocations=self.upkeep.revocations,
            directory=self.directory,
            new_kuid=_new_kuid,
            now=self._now,
        )
        self.first_admin = FirstAdmin(
            self.users,
            self.collections.internals,
            (self.collections.roles, self.collections.profiles),
            self.directory,
            restricted=self._config.security.initial_rights == "restricted",
            anywhere=self._config.security.first_admin_from == "anywhere",
            now=self._now,
        )

    async def prepare(self) -> None:
        """Make indexes, seed the rights of a new database, read them."""
        await self.collections.index()
        if self._config.server.sharing > 1:
            await self.permits.index()
        for strategy in self._added_strategies:
            await strategy.open(self.database.collection(f"credentials-{strategy.name}"))
        await self._seed_once()
        await self.directory.refresh()

    async def signer(self) -> Signer:
        """The signer with the configured secret, or the one of the database, which is made once."""
        secret = self._config.security.jwt_secret
        if not secret:
            fresh = {"_id": "secret", "value": secrets.token_hex(_SECRET_BYTES)}
            secret = str((await self._once(fresh))["value"])
        return Signer(secret.encode())

    def controllers(self, signer: Signer, shut_down: Callable[[], None] = lambda: None) -> list[Controller]:
        """Our own controllers.

        Args:
            signer: of the tokens.
            shut_down: begins to stop the process.
        """
        api_keys = self._api_keys(signer)
        self.sessions = self._sessions(signer, api_keys)
        restricted = self._config.security.restricted_profile_ids
        credentials = Credentials(
            self.strategies,
            self.users,
            self.database,
            self.upkeep.revocations,
            requires_password=self._config.security.requires_password,
            most_hits=self._config.limits.documents_fetch_count,
        )
        return [
            ApiKeysController(api_keys),
            OwnApiKeysController(api_keys),
            UsersController(self.users, restricted, self.sessions.end_all),
            SelfController(self.users, Portraits(self.users, None if self._added_strategies else self.upkeep.cache)),
            CredentialsController(credentials),
            OwnCredentialsController(credentials),
            FirstAdminController(self.first_admin),
            RolesController(self.roles),
            ProfilesController(self.profiles),
            SessionsController(self.sessions, cookies=self._config.http.cookie_authentication),
            MappingsController(Mappings(self.collections.internals, self.database)),
            MaintenanceController(self.restrict),
            IndexController(self.places),
            CollectionController(self.places),
            AdminController(
                users=self.users,
                roles=self.roles,
                profiles=self.profiles,
                places=self.places,
                seed=self.seed,
                dump=_dump,
                forget=self.upkeep.cache.clear,
                shut_down=shut_down,
            ),
            ConnectionsController(self.connections, self.upkeep.links),
            MetricsController(
                lambda: self.load(),  # noqa: PLW0108 - it is set once there is traffic
                self.upkeep,
            ),
            ServerController(
                users=self.users,
                actions=lambda: self.router.actions if self.router else {},
                database_answers=self.database.ping,
                now=self._now,
                version=version("latchgate"),
            ),
            DocumentsController(lambda: self.router.signatures if self.router else {}, version("latchgate")),
        ]

    def _api_keys(self, signer: Signer) -> ApiKeys:
        return ApiKeys(
            self.collections.keys,
            self.key_inserts,
            self.upkeep.revocations,
            self.users,
            signer,
            policy=KeyPolicy(
                prefix=self._config.api_keys.token_prefix,
                soft_span=self._config.api_keys.soft_max_ttl,
                hard_span=self._config.api_keys.hard_max_ttl,
                most_hits=self._config.limits.documents_fetch_count,
            ),
            now=self._now,
            new_id=new_id,
            new_jti=_new_jti,
        )

    def _sessions(self, signer: Signer, api_keys: ApiKeys) -> Sessions:
        recogniser = Recogniser(
            self.collections.tokens,
            api_keys=api_keys,
            users=self.users,
            directory=self.directory,
            signer=signer,
            cache=self.upkeep.cache,
            links=self.upkeep.links,
            now=self._now,
        )
        return Sessions(
            self.collections.tokens,
            recogniser=recogniser,
            revocations=self.upkeep.revocations,
            users=self.users,
            directory=self.directory,
            signer=signer,
            strategies=self.strategies,
            policy=LoginPolicy(self._config.security.auth_token_expires_in, self._config.security.auth_token_max_ttl),
            now=self._now,
            new_jti=_new_jti,
        )

    def middleware(self) -> list[Middleware]:
        """Ours, outermost first."""
        return [
            authentication(self.sessions, cookies=self._config.http.cookie_authentication),
            authorization(self.first_admin),
            login_limit(self._config.limits.logins_per_second, self._now),
            rate_limit(self._now, self._config.server.sharing, self.permits.lease),
        ]

    async def watch(self) -> None:
        """Follow what other processes change, and the time; never returns."""
        await self.upkeep.run()

    async def close(self) -> None:
        """End what runs beside the requests."""
        await self.key_inserts.close()
        self.passwords.close()

    async def seed(self) -> None:
        """Write the rights of a fresh database over the built-in roles and profiles."""
        await self._write_rights(self._first_rights())

    async def restrict(self) -> None:
        """Write the restricted rights over the built-in roles and profiles."""
        await self._write_rights((RESTRICTED_ROLES, RESTRICTED_PROFILES))

    def _first_rights(self) -> Definitions:
        is_open = self._config.security.initial_rights == "open"
        return (OPEN_ROLES, OPEN_PROFILES) if is_open else (RESTRICTED_ROLES, RESTRICTED_PROFILES)

    async def _write_rights(self, definitions: Definitions, marker: Document | None = None) -> None:
        collections = (self.collections.roles, self.collections.profiles)

        async def work(transaction: Transaction) -> None:
            if marker is not None:
                await self.collections.internals.insert_one(dict(marker), transaction)
            await seed_rights(collections, definitions, self._now(), transaction)

        await self.database.transaction(work)
        await self.directory.refresh()

    def _actions_of(self, controller: str) -> tuple[str, ...] | None:
        return None if self.router is None else self.router.actions.get(controller)

    async def _once(self, document: dict[str, str]) -> dict[str, str]:
        """Store a document unless one with its `_id` is there; return the one that is."""
        internals = self.collections.internals
        found = await internals.find_one({"_id": document["_id"]})
        if found is not None:
            return found
        try:
            await internals.insert_one(dict(document))
        except ApiError as error:
            if error.id != "services.storage.document_already_exists":
                raise
        return await self._once(document)

    async def _seed_once(self) -> None:
        """Seed a new database, whichever process comes first."""
        if await self.collections.internals.find_one({"_id": _SEEDED}) is not None:
            return
        try:
            await self._write_rights(self._first_rights(), marker={"_id": _SEEDED})
        except ApiError as error:
            if error.id != "services.storage.document_already_exists":  # another process was first
                raise
