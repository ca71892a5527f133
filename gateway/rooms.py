"""Every room of the gateway, furnished: which service stands on which collection and knows which other.

Rules of the file: builds and connects; decides nothing. Clock, ids and randomness come from `sources.py`.
"""

import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from random import SystemRandom

from gateway.actions import Controller, Middleware
from gateway.config import Config
from gateway.connections import Connections, Load
from gateway.founding import Founding
from gateway.logs import dump_stacks
from gateway.middleware.authentication import authentication
from gateway.middleware.authorization import authorization
from gateway.middleware.login_limit import login_limit
from gateway.middleware.rate_limit import rate_limit
from gateway.routing import Router
from gateway.schema import Collections
from gateway.security.api_keys import API_KEY_MARKS, ApiKeys, ApiKeysController, KeyPolicy, OwnApiKeysController
from gateway.security.credentials import Credentials, CredentialsController, OwnCredentialsController
from gateway.security.directory import Directory
from gateway.security.first_admin import FirstAdmin, FirstAdminController
from gateway.security.guards import Guards
from gateway.security.local import Local, PasswordPolicy
from gateway.security.maintenance import MaintenanceController
from gateway.security.mappings import Mappings, MappingsController
from gateway.security.passwords import Passwords
from gateway.security.permits import Permits
from gateway.security.profiles import (
    PROFILE_SCHEMA,
    Profiles,
    ProfilesController,
)
from gateway.security.roles import ROLE_SCHEMA, Roles, RolesController
from gateway.security.scrolls import Scrolls
from gateway.security.seats import Seats
from gateway.security.sessions import LoginPolicy, Recogniser, Sessions, SessionsController
from gateway.security.shelf import Shelf
from gateway.security.strategies import Strategies, Strategy
from gateway.security.tokens import Signer
from gateway.security.upkeep import Upkeep, ending
from gateway.security.users import USER_SCHEMA, Owned, Portraits, SelfController, Users, UsersController
from gateway.sources import new_id, new_jti, new_kuid, new_ordered_id, new_secret, now
from gateway.storage.certain_insert import CertainInsert
from gateway.storage.mongo import Collection, Database
from gateway.storage.queries import Schema
from gateway.system.admin import AdminController
from gateway.system.documents import DocumentsController
from gateway.system.oversight import ConnectionsController, MetricsController
from gateway.system.places import CollectionController, IndexController, Places
from gateway.system.server import ServerController
from gateway.system.site import Site

__all__ = ["Rooms"]


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
        now: Callable[[], int] = now,
        node: str = "",
    ) -> None:
        self._config = config
        self._now = now
        self._node = node
        self.database = database
        self.router: Router | None = None
        self.collections = Collections(database)
        self.directory = Directory(self.collections.roles, self.collections.profiles)
        self.founding = Founding(config, database, self.collections, self.directory, now=now, new_secret=new_secret)
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
        scrolls = Scrolls(self.collections.scrolls, self._now, new_jti)
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
            new_kuid=new_kuid,
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
        await self.founding.seed_once()
        await self.directory.refresh()

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
            MaintenanceController(self.founding.restrict),
            IndexController(self.places),
            CollectionController(self.places),
            AdminController(
                users=self.users,
                roles=self.roles,
                profiles=self.profiles,
                places=self.places,
                seed=self.founding.seed,
                dump=dump_stacks,
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
            new_id=lambda: new_ordered_id(self._now()),
            new_jti=new_jti,
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
            new_jti=new_jti,
        )

    def middleware(self) -> list[Middleware]:
        """Ours, outermost first."""
        http = self._config.http
        return [
            authentication(self.sessions, cookies=http.cookie_authentication),
            authorization(self.first_admin),
            login_limit(self._config.limits.logins_per_second, self._now, http.logins_per_second),
            rate_limit(self._now, self._config.server.sharing, self.permits.lease),
        ]

    async def watch(self) -> None:
        """Follow what other processes change, and the time; never returns."""
        await self.upkeep.run()

    async def close(self) -> None:
        """End what runs beside the requests."""
        await self.key_inserts.close()
        self.passwords.close()

    def _actions_of(self, controller: str) -> tuple[str, ...] | None:
        return None if self.router is None else self.router.actions.get(controller)
