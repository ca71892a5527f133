"""What is asked of users: the `security:` actions on anybody, the `auth:` actions on oneself."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from gateway.actions import Context, Controller, action
from gateway.protocol.arguments import missing, pick
from gateway.protocol.errors import api_error
from gateway.security.records import Document, present
from gateway.security.shelf import IdArguments, IdsArguments, ScrollArguments, SearchArguments, delete_many, read_ids
from gateway.security.users.arguments import (
    CheckRights,
    CheckRightsOf,
    CreateRestrictedUser,
    CreateUser,
    UpdateSelf,
    UpdateUser,
    UpsertUser,
    WriteUser,
)
from gateway.security.users.checks import is_anonymous
from gateway.security.users.portraits import Portraits
from gateway.security.users.service import ANONYMOUS_USER, Users

__all__ = ["SelfController", "UsersController"]

_FALSY = (None, "", 0)
"""What counts as absent; an empty list does not."""


class UsersController(Controller):
    """`security:` actions on users.

    Args:
        users: all of them.
        restricted_profile_ids: what `createRestrictedUser` gives.
        end_tokens: ends every login token of a user.
    """

    name = "security"

    def __init__(
        self, users: Users, restricted_profile_ids: tuple[str, ...], end_tokens: Callable[[str], Awaitable[None]]
    ) -> None:
        self._users = users
        self._restricted_profile_ids = restricted_profile_ids
        self._end_tokens = end_tokens

    @action("createUser")
    async def create(self, arguments: CreateUser, context: Context) -> Document:
        """Store a new user, with credentials if there are any."""
        content = pick(arguments.body, "content", dict)
        pick(content, "profileIds", list, "body.content.")
        return await self._create(arguments, content, context)

    @action("createRestrictedUser")
    async def create_restricted(self, arguments: CreateRestrictedUser, context: Context) -> Document:
        """Store a new user with the profiles of the configuration."""
        content = _optional(arguments.body or {}, "content")
        if "profileIds" in content:
            raise api_error("api.assert.forbidden_argument", "body.content.profileIds")
        return await self._create(arguments, content | {"profileIds": list(self._restricted_profile_ids)}, context)

    @action("getUser")
    async def get(self, arguments: IdArguments) -> Document:
        """Show a user."""
        return ANONYMOUS_USER if is_anonymous(arguments.id) else present(await self._users.get(arguments.id))

    @action("mGetUsers")
    async def get_many(self, arguments: IdsArguments) -> Document:
        """Show several users; those that are not there are passed over."""
        users = await self._users.shelf.get_many(read_ids(arguments, is_beside=True))
        return {"hits": [present(user) for user in users]}

    @action("searchUsers")
    async def search(self, arguments: SearchArguments) -> Document:
        """Find users."""
        return await self._users.shelf.search(arguments)

    @action("scrollUsers")
    async def scroll(self, arguments: ScrollArguments) -> Document:
        """Show the next page of a search."""
        return await self._users.shelf.scroll(arguments)

    @action("updateUser")
    async def update(self, arguments: UpdateUser, context: Context) -> Document:
        """Change parts of a user."""
        _check_profile_ids_kind(arguments.body, "body.")
        return present(await self._users.update(arguments.id, arguments.body, author=context.principal.kuid))

    @action("replaceUser")
    async def replace(self, arguments: WriteUser, context: Context) -> Document:
        """Change the whole of a user."""
        pick(arguments.body, "profileIds", list)
        return present(await self._users.replace(arguments.id, arguments.body, author=context.principal.kuid))

    @action("upsertUser")
    async def upsert(self, arguments: UpsertUser, context: Context) -> Document:
        """Change a user, or store a new one."""
        content = pick(arguments.body, "content", dict)
        pick(content, "profileIds", list, "body.content.")
        first = _optional(arguments.body, "default") | content
        credentials = _optional(arguments.body, "credentials")
        return present(
            await self._users.upsert(arguments.id, content, first, credentials, author=context.principal.kuid)
        )

    @action("deleteUser")
    async def delete(self, arguments: IdArguments) -> Document:
        """Delete a user with credentials, tokens and API keys."""
        await self._users.delete(arguments.id)
        return {"_id": arguments.id}

    @action("mDeleteUsers")
    async def delete_many(self, arguments: IdsArguments) -> list[str]:
        """Delete several users; tell which are gone."""
        return await delete_many(read_ids(arguments), self._users.delete)

    @action("getUserRights")
    async def get_rights(self, arguments: IdArguments) -> Document:
        """List what a user may do."""
        hits = (await self._users.rights(arguments.id)).effective()
        return {"hits": hits, "total": len(hits)}

    @action("getUserStrategies")
    async def get_strategies(self, arguments: IdArguments) -> Document:
        """List the ways in which a user can log in."""
        names: list[str] = []
        if not is_anonymous(arguments.id):
            await self._users.get(arguments.id)
            names = await self._users.strategies.of_user(arguments.id)
        return {"strategies": names, "total": len(names)}

    @action("revokeTokens")
    async def revoke_tokens(self, arguments: IdArguments) -> None:
        """End every login token of a user; API keys stay."""
        await self._end_tokens(arguments.id)

    @action("checkRights")
    async def check_rights(self, arguments: CheckRightsOf) -> Document:
        """Tell whether a user might send a request."""
        request = _request(arguments.body)
        return {"allowed": (await self._users.rights(arguments.user_id)).allow(*request)}

    async def _create(
        self, arguments: CreateUser | CreateRestrictedUser, content: Document, context: Context
    ) -> Document:
        user = await self._users.create(
            arguments.id,
            content,
            _optional(arguments.body or {}, "credentials"),
            author=context.principal.kuid,
            readable=arguments.kuid != "uuid",
        )
        return present(user)


class SelfController(Controller):
    """`auth:` actions on the caller."""

    name = "auth"

    def __init__(self, users: Users, portraits: Portraits) -> None:
        self._users = users
        self._portraits = portraits

    @action("getCurrentUser")
    def get(self, context: Context) -> Document | Coroutine[Any, Any, Document]:
        """Show the caller, and the ways in which they can log in."""
        kuid = context.principal.kuid
        if context.principal.is_anonymous:
            return ANONYMOUS_USER | {"strategies": []}
        return self._portraits.recall(kuid) or self._portraits.draw(kuid)

    @action("updateSelf", logged_in_only=True)
    async def update(self, arguments: UpdateSelf, context: Context) -> Document:
        """Change parts of the caller; not the id, not the profiles."""
        for name in ("_id", "profileIds"):
            if arguments.body.get(name) not in _FALSY:
                raise api_error("api.assert.forbidden_argument", f"body.{name}")
        kuid = context.principal.kuid
        return present(await self._users.update(kuid, arguments.body, author=kuid))

    @action("getMyRights")
    def get_rights(self, context: Context) -> Document:
        """List what the caller may do."""
        hits = context.principal.rights.effective()
        return {"hits": hits, "total": len(hits)}

    @action("checkRights")
    def check_rights(self, arguments: CheckRights, context: Context) -> Document:
        """Tell whether the caller might send a request."""
        return {"allowed": context.principal.rights.allow(*_request(arguments.body))}


def _optional(fields: Mapping[str, Any], name: str) -> Document:
    return pick(fields, name, dict) if fields.get(name) is not None else {}


def _check_profile_ids_kind(content: Mapping[str, Any], prefix: str) -> None:
    if content.get("profileIds") is not None:
        pick(content, "profileIds", list, prefix)


def _request(body: Mapping[str, Any]) -> tuple[str, str, str | None, str | None]:
    for name in ("controller", "action"):
        if not isinstance(body.get(name), str):
            raise missing(f"body.{name}")
    places = [body[name] if isinstance(body.get(name), str) else None for name in ("index", "collection")]
    return body["controller"], body["action"], places[0], places[1]
