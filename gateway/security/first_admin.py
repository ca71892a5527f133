"""The first administrator: made once, from this machine.

Order of the file: who counts as local, the arguments, the service, the actions. Whatever number of callers try at
once, over the socket and from the command line, one wins: all of them write the same document in a transaction.
Source: security.md §3, deviations 14 and 20.
"""

import functools
import ipaddress
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from msgspec import field

from gateway.actions import Controller, Principal, action
from gateway.protocol.arguments import Arguments, OptionalId, missing, pick
from gateway.protocol.errors import api_error
from gateway.protocol.messages import Request
from gateway.security.directory import Directory
from gateway.security.profiles import RESTRICTED_PROFILES
from gateway.security.records import Document, history, present
from gateway.security.roles import RESTRICTED_ROLES
from gateway.security.users import Users
from gateway.storage.mongo import Collection, Transaction

__all__ = ["FirstAdmin", "FirstAdminController", "is_loopback", "is_this_machine", "seed_rights"]

_ADMIN = "admin"
_LOCK = "first-admin"
_UNPROTECTED = frozenset({("security", "createFirstAdmin"), ("server", "adminExists")})
_PROXY_HEADERS = frozenset({"forwarded", "x-real-ip", "via"})


def is_this_machine(peer: str, headers: Iterable[tuple[str, str]]) -> bool:
    """Tell whether a connection comes from this machine and from nobody behind it.

    A proxy on the same machine, and a page of a stranger in the operator's browser, both arrive from a loopback
    address: the first shows in its headers, the second in its `Origin`, which must name the very host and port of
    `Host`, and that host must be a loopback one (or a name that was re-bound to us would do).

    Args:
        peer: address of the other end of the connection; of one that came through a proxy which is known as such,
            nobody must ask.
        headers: of the opening handshake, as received.
    """
    if not _is_loopback(peer):
        return False
    hosts, origins = [], []
    for name, value in headers:
        lower = name.lower()
        if lower in _PROXY_HEADERS or lower.startswith("x-forwarded-"):
            return False
        if lower == "host":
            hosts.append(value.strip())
        elif lower == "origin":
            origins.append(value.strip())
    if not origins:
        return True
    if len(origins) != 1 or len(hosts) != 1:
        return False
    return _is_own_origin(origins[0], hosts[0])


def _is_own_origin(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return False
    same = parts.netloc.lower() == host.lower() and parts.scheme in ("http", "https")
    name = parts.hostname or ""
    return same and port is not None and is_loopback(name)


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine to itself: a loopback address, or `localhost`."""
    return host == "localhost" or _is_loopback(host)


@functools.lru_cache(maxsize=1024)
def _is_loopback(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return bool((mapped or ip).is_loopback)


async def seed_rights(
    collections: tuple[Collection, Collection],
    definitions: tuple[Any, Any],
    now: int,
    transaction: Transaction = None,
) -> None:
    """Write roles, then profiles, over what is there under the same ids.

    Args:
        collections: of roles, of profiles.
        definitions: id → content, of roles, of profiles.
        now: milliseconds since the epoch.
        transaction: to do it in.
    """
    for collection, contents in zip(collections, definitions, strict=True):
        for name, content in contents.items():
            document = {"_id": name, "content": content, "_kuzzle_info": history("", now) | {"author": None}}
            await collection.replace_one(document, transaction)


class CreateFirstAdmin(Arguments, frozen=True):
    """Arguments of `security:createFirstAdmin`."""

    body: dict[str, Any]
    kuid: str = "human"
    id: OptionalId = field(name="_id", default=None)
    reset: bool = False


class FirstAdmin:
    """Makes the first administrator, and lets anonymous callers do so while there is none.

    Args:
        users: where the administrator goes.
        internals: holds the document that all attempts write.
        rights: the collections of roles and profiles, for `reset`.
        directory: told when they change.
        restricted: `security.initial_rights` is `restricted`.
        anywhere: `security.first_admin_from` is `anywhere`.
        now: milliseconds since the epoch.
    """

    def __init__(
        self,
        users: Users,
        internals: Collection,
        rights: tuple[Collection, Collection],
        directory: Directory,
        *,
        restricted: bool,
        anywhere: bool,
        now: Callable[[], int],
    ) -> None:
        self._users = users
        self._internals = internals
        self._rights = rights
        self._directory = directory
        self._restricted = restricted
        self._anywhere = anywhere
        self._now = now

    async def may_pass(self, request: Request, principal: Principal, *, is_local: bool) -> bool:
        """Tell whether a request that its rights refuse is let through all the same."""
        name = (request.controller, request.action)
        if not self._restricted or not principal.is_anonymous or name not in _UNPROTECTED:
            return False
        if request.action == "createFirstAdmin" and not (is_local or self._anywhere):
            return False
        return not await self._users.administrator_exists()

    async def create(
        self, kuid: str | None, content: Document, credentials: Document, *, readable: bool = True, reset: bool = False
    ) -> Document:
        """Store the first administrator; with `reset`, restrict the default rights in the same moment.

        Raises:
            PreconditionError: `api.process.admin_exists`, and what `Users.create` raises.
        """
        if await self._users.administrator_exists():
            raise api_error("api.process.admin_exists")

        async def claim(transaction: Transaction) -> None:
            # The write comes before the look, so that of two transactions one must give way to the other.
            await self._internals.update_one(
                {"_id": _LOCK}, {"$inc": {"attempts": 1}}, upsert=True, transaction=transaction
            )
            if await self._users.administrator_exists(transaction):
                raise api_error("api.process.admin_exists")
            if reset:
                await seed_rights(self._rights, (RESTRICTED_ROLES, RESTRICTED_PROFILES), self._now(), transaction)

        user = await self._users.create(
            kuid,
            {**content, "profileIds": [_ADMIN]},
            credentials,
            author="-1",
            readable=readable,
            also=claim,
        )
        await self._directory.refresh()
        return user


class FirstAdminController(Controller):
    """`security:createFirstAdmin`, and `server:adminExists` in `system`."""

    name = "security"

    def __init__(self, first_admin: FirstAdmin) -> None:
        self._first_admin = first_admin

    @action("createFirstAdmin")
    async def create(self, arguments: CreateFirstAdmin) -> Document:
        """Make the first administrator."""
        content = pick(arguments.body, "content", dict) if arguments.body.get("content") is not None else {}
        if "profileIds" in content:
            raise api_error("api.assert.forbidden_argument", "body.content.profileIds")
        if not arguments.body.get("credentials"):
            raise missing("body.credentials")
        user = await self._first_admin.create(
            arguments.id,
            content,
            pick(arguments.body, "credentials", dict),
            readable=arguments.kuid != "uuid",
            reset=arguments.reset,
        )
        return present(user)
