"""`admin:` actions: start afresh, load what was prepared, stop.

Order of the file: the arguments, the service, the actions. The answer is spelled `acknowledge` here. Source:
server-realtime.md, "admin".
"""

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from msgspec import UNSET, UnsetType

from gateway.actions import Context, Controller, action
from gateway.protocol.arguments import Arguments, pick
from gateway.protocol.errors import NotFoundError, api_error
from gateway.security.profiles import Profiles
from gateway.security.records import Document
from gateway.security.roles import PROTECTED, Roles
from gateway.security.users import Users
from gateway.system.places import Places

__all__ = ["AdminController"]

_CACHES = ("internalCache", "memoryStorage")
_ON_EXISTING = ("fail", "skip", "overwrite")
_DONE = {"acknowledge": True}
_NO_DOCUMENTS = "documents are not stored here"


class ResetCache(Arguments, frozen=True):
    """Arguments of `admin:resetCache`."""

    database: str


class LoadSecurities(Arguments, frozen=True):
    """Arguments of `admin:loadSecurities`: `roles`, `profiles`, `users`, each id → definition."""

    body: dict[str, Any]
    on_existing_users: str = "fail"
    force: bool = False


class Dump(Arguments, frozen=True):
    """Arguments of `admin:dump`; `suffix` tells this dump from others in the log."""

    suffix: str = "manual-api-action"


class Load(Arguments, frozen=True):
    """Arguments of `admin:loadMappings` and `admin:loadFixtures`: index → collection → what is to be there."""

    body: dict[str, Any]


class AdminController(Controller):
    """`admin:` actions.

    Args:
        users: deleted by a reset, loaded.
        roles: likewise.
        profiles: likewise.
        places: likewise.
        seed: writes the rights of a fresh database.
        dump: writes the state of the process to the log, under a name.
        forget: empties the cache.
        shut_down: begins to stop the process.
    """

    name = "admin"

    def __init__(
        self,
        *,
        users: Users,
        roles: Roles,
        profiles: Profiles,
        places: Places,
        seed: Callable[[], Awaitable[None]],
        dump: Callable[[str], None],
        forget: Callable[[], None],
        shut_down: Callable[[], None],
    ) -> None:
        self._users = users
        self._roles = roles
        self._profiles = profiles
        self._places = places
        self._seed = seed
        self._dump = dump
        self._forget = forget
        self._shut_down = shut_down
        self._running: set[str] = set()

    @action("resetSecurity")
    async def reset_security(self) -> Document:
        """Delete every user, profile and role that can be, and bring back the rights of a fresh database."""
        with self._alone("resetSecurity"):
            users = await self._users.shelf.ids()
            for kuid in users:
                await _gone(self._users.delete(kuid))
            profiles = [name for name in await self._profiles.shelf.ids() if name not in PROTECTED]
            for name in profiles:
                await _gone(self._profiles.delete(name, remove=True))
            await self._seed()
            roles = [name for name in await self._roles.shelf.ids() if name not in PROTECTED]
            for name in roles:
                await _gone(self._roles.delete(name))
        return {"deletedUsers": len(users), "deletedProfiles": len(profiles), "deletedRoles": len(roles)}

    @action("resetDatabase")
    async def reset_database(self) -> Document:
        """Forget every index."""
        with self._alone("resetDatabase"):
            await self._places.clear()
        return _DONE

    @action("resetCache")
    def reset_cache(self, arguments: ResetCache) -> Document:
        """Empty a cache of this process; what counts again is read again."""
        if arguments.database not in _CACHES:
            raise api_error("services.cache.database_not_found", arguments.database)
        if arguments.database == _CACHES[0]:
            self._forget()
        return _DONE

    @action("loadSecurities")
    async def load_securities(self, arguments: LoadSecurities, context: Context) -> Document:
        """Store roles, then profiles, then users; what was stored before a mistake stays."""
        if arguments.on_existing_users not in _ON_EXISTING:
            accepted = ", ".join(f'"{known}"' for known in _ON_EXISTING)
            raise api_error("api.assert.unexpected_argument", arguments.on_existing_users, accepted)
        author = context.principal.kuid
        sections = {name: _section(arguments.body, name) for name in ("roles", "profiles", "users")}
        for name, content in sections["roles"].items():
            await self._roles.put(name, content, force=arguments.force, author=author)
        for name, content in sections["profiles"].items():
            pick(content, "policies", list, f"{name}.")
            await self._profiles.put(name, content, author=author)
        await self._load_users(sections["users"], arguments.on_existing_users, author)
        return _DONE

    @action("loadMappings")
    async def load_mappings(self, arguments: Load) -> Document:
        """Note indexes and collections; a mapping with fields would concern documents, and those are not here."""
        for index, collections in _entries(arguments.body, "body"):
            for collection, mapping in _entries(collections, f"body.{index}"):
                if isinstance(mapping, Mapping) and mapping.get("properties"):
                    raise api_error("services.storage.unexpected_bad_request", _NO_DOCUMENTS)
                await self._places.create_collection(index, collection)
        return _DONE

    @action("loadFixtures")
    def load_fixtures(self, arguments: Load) -> UnsetType:
        """Refuse documents; nothing to load is fine."""
        for index, collections in _entries(arguments.body, "body"):
            for _, documents in _entries(collections, f"body.{index}"):
                if documents:
                    raise api_error("services.storage.unexpected_bad_request", _NO_DOCUMENTS)
        return UNSET

    @action("refreshIndexCache")
    def refresh_index_cache(self) -> UnsetType:
        """Do nothing: indexes are not cached."""
        return UNSET

    @action("dump")
    def dump(self, arguments: Dump) -> Document:
        """Write the state of the process to the log."""
        self._dump(arguments.suffix)
        return _DONE

    @action("shutdown")
    def shut_down(self) -> Document:
        """Begin to stop the process, once; the answer leaves first."""
        if "shutdown" in self._running:
            raise api_error("api.process.action_locked", "shutdown")
        self._running.add("shutdown")
        self._shut_down()
        return _DONE

    async def _load_users(self, users: Mapping[str, Any], on_existing: str, author: str) -> None:
        existing = {user["_id"] for user in await self._users.shelf.get_many(list(users))} if users else set()
        if existing and on_existing == "fail":
            raise api_error("security.user.prevent_overwrite")
        for kuid, definition in users.items():
            if kuid in existing and on_existing == "skip":
                continue
            content = pick(definition, "content", dict, f"{kuid}.")
            pick(content, "profileIds", list, f"{kuid}.content.")
            has_credentials = definition.get("credentials") is not None
            credentials = pick(definition, "credentials", dict, f"{kuid}.") if has_credentials else {}
            await self._users.check_new(content, credentials)
            if kuid in existing:
                await self._users.delete(kuid)
            await self._users.create(kuid, content, credentials, author=author)

    @contextlib.contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """Refuse an action while the same one runs in this process."""
        if name in self._running:
            raise api_error("api.process.action_locked", name)
        self._running.add(name)
        try:
            yield
        finally:
            self._running.discard(name)


async def _gone(deletion: Awaitable[None]) -> None:
    """Delete; what somebody else has deleted meanwhile is gone as well."""
    try:
        await deletion
    except NotFoundError:
        return


def _section(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = body.get(name)
    if section is None:
        return {}
    if not isinstance(section, Mapping) or not all(isinstance(entry, Mapping) for entry in section.values()):
        raise api_error("api.assert.invalid_argument", name, "object")
    return section


def _entries(value: Any, name: str) -> list[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        raise api_error("api.assert.invalid_argument", name, "object")
    return list(value.items())
