"""Users: who there is.

Order of the file: the arguments, the service, the actions. A stored user is
`{_id: kuid, content: {profileIds, …}, _kuzzle_info}`. Source: security.md §3.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from gateway.actions import ANONYMOUS_ID, Context, Controller, action
from gateway.protocol.arguments import Arguments, OptionalId, RequiredId, pick
from gateway.protocol.errors import ApiError, api_error
from gateway.security.credentials import LOCAL, LocalCredentials, PreparedCredentials
from gateway.security.directory import ANONYMOUS_PROFILE
from gateway.security.profiles import Profiles
from gateway.security.records import Document, check_id, new_document, present
from gateway.storage.mongo import Collection, Database, Transaction

__all__ = ["ANONYMOUS_USER", "Owned", "Users", "UsersController", "is_anonymous"]

ANONYMOUS_USER: Document = {"_id": ANONYMOUS_ID, "_source": {"profileIds": [ANONYMOUS_PROFILE], "name": "Anonymous"}}
"""The anonymous user on the wire; not a stored document (rights.md, "Anonymous")."""

_PURGE_BATCH = 1000
"""Documents deleted at a time when a user goes; no number of keys can make the deletion fail (deviation 18)."""

_DRAWS = 5
"""How often a new name is drawn when the one before was taken."""


def is_anonymous(kuid: str) -> bool:
    """Tell whether an id means the anonymous user."""
    return kuid in (ANONYMOUS_ID, "anonymous")


class CreateUser(Arguments, frozen=True):
    """Arguments of `security:createUser`; the body holds `content` with `profileIds`, and `credentials`."""

    body: dict[str, Any]
    kuid: str = "human"
    id: OptionalId = field(name="_id", default=None)


class NamedUser(Arguments, frozen=True):
    """Arguments of the actions on one user."""

    id: RequiredId = field(name="_id")


class Owned(Struct, frozen=True):
    """A collection whose documents belong to users and go with them; `key` holds the kuid."""

    collection: Collection
    key: str


class Users:
    """Keeps the users.

    Args:
        database: for transactions.
        collection: where.
        profiles: which must exist.
        credentials: made together with a user, or not at all.
        owned: what goes with a user, credentials included.
        new_kuid: makes an id, readable (True) or a UUID.
        now: milliseconds since the epoch.
    """

    def __init__(
        self,
        database: Database,
        collection: Collection,
        profiles: Profiles,
        *,
        credentials: LocalCredentials,
        owned: Sequence[Owned],
        new_kuid: Callable[[bool], str],
        now: Callable[[], int],
    ) -> None:
        self._database = database
        self._collection = collection
        self._profiles = profiles
        self._credentials = credentials
        self._owned = owned
        self._new_kuid = new_kuid
        self._now = now

    async def find(self, kuid: str) -> Document | None:
        """Return a stored user, or None."""
        return await self._collection.get(kuid)

    async def get(self, kuid: str) -> Document:
        """Return a stored user.

        Raises:
            NotFoundError: `security.user.not_found`.
        """
        user = await self.find(kuid)
        if user is None:
            raise api_error("security.user.not_found", kuid)
        return user

    async def administrator_exists(self, transaction: Transaction = None) -> bool:
        """Tell whether a user has the profile admin."""
        return await self._collection.find_one({"content.profileIds": "admin"}, transaction) is not None

    async def create(
        self,
        kuid: str | None,
        content: Mapping[str, Any],
        credentials: Mapping[str, Any],
        *,
        author: str,
        readable: bool = True,
        also: Callable[[Transaction], Awaitable[None]] | None = None,
    ) -> Document:
        """Store a user together with credentials, all or nothing, and return it.

        Args:
            kuid: the id, or None for a new one.
            content: `profileIds`, checked here, and free fields.
            credentials: strategy → fields.
            author: who asks.
            readable: the kind of new id.
            also: more to do in the same transaction, before the user is stored.

        Raises:
            PreconditionError: `security.user.already_exists`, or the user name is taken.
            NotFoundError: `security.profile.not_found`.
            BadRequestError: the content or the credentials cannot be meant.
        """
        await self._check(kuid, content)
        for strategy in credentials:
            if strategy != LOCAL:
                raise api_error("security.credentials.unknown_strategy", strategy)
        for draws_left in reversed(range(_DRAWS if kuid is None else 1)):
            user = new_document(kuid or self._new_kuid(readable), content, author=author, now=self._now())
            try:
                await self._store(user, credentials, also)
            except ApiError as error:
                if error.id != "security.user.already_exists" or not draws_left:
                    raise
            else:
                break
        return user

    async def delete(self, kuid: str) -> None:
        """Delete a user and everything that is theirs.

        The user goes first: whoever stores something for a user looks again afterwards, and finds nobody.

        Raises:
            NotFoundError: `security.user.not_found`.
        """
        if not await self._collection.delete_one({"_id": kuid}):
            raise api_error("security.user.not_found", kuid)
        for owned in self._owned:
            while batch := await owned.collection.find({owned.key: kuid}, limit=_PURGE_BATCH):
                await owned.collection.delete_many({"_id": {"$in": [document["_id"] for document in batch]}})

    async def _check(self, kuid: str | None, content: Mapping[str, Any]) -> None:
        profile_ids = content["profileIds"]
        if not all(isinstance(name, str) for name in profile_ids):
            raise api_error("api.assert.invalid_type", "profileIds", "string[]")
        if kuid is not None:
            if is_anonymous(kuid) and ANONYMOUS_PROFILE not in profile_ids:
                raise api_error("security.user.anonymous_profile_required")
            if is_anonymous(kuid):
                raise api_error("security.user.already_exists", kuid)
            check_id(kuid)
        if not profile_ids:
            raise api_error("security.user.no_profile", kuid or "")
        await self._profiles.check_exist(profile_ids)

    async def _store(
        self,
        user: Document,
        credentials: Mapping[str, Any],
        also: Callable[[Transaction], Awaitable[None]] | None,
    ) -> None:
        kuid = user["_id"]
        if await self.find(kuid) is not None:
            raise api_error("security.user.already_exists", kuid)
        prepared: list[PreparedCredentials] = [
            await self._credentials.prepare(kuid, fields) for fields in credentials.values()
        ]

        async def work(transaction: Transaction) -> None:
            if also is not None:
                await also(transaction)
            await self._insert(user, transaction)
            for one in prepared:
                await self._credentials.add(one, transaction)

        await self._database.transaction(work)

    async def _insert(self, user: Document, transaction: Transaction) -> None:
        kuid = user["_id"]
        try:
            await self._collection.insert_one(user, transaction)
        except ApiError as error:
            taken = error.id == "services.storage.document_already_exists"
            raise api_error("security.user.already_exists", kuid) if taken else error from error
        # Should a deletion have been cut short, what it left must not come alive with a new user of the same id.
        for owned in self._owned:
            await owned.collection.delete_many({owned.key: kuid}, transaction)


class UsersController(Controller):
    """`security:` actions on users."""

    name = "security"

    def __init__(self, users: Users) -> None:
        self._users = users

    @action("createUser")
    async def create(self, arguments: CreateUser, context: Context) -> Document:
        """Store a new user, with credentials if there are any."""
        content = pick(arguments.body, "content", dict)
        pick(content, "profileIds", list, "body.content.")
        user = await self._users.create(
            arguments.id,
            content,
            (arguments.body.get("credentials") and pick(arguments.body, "credentials", dict)) or {},
            author=context.principal.kuid,
            readable=arguments.kuid != "uuid",
        )
        return present(user)

    @action("getUser")
    async def get(self, arguments: NamedUser) -> Document:
        """Show a user."""
        if is_anonymous(arguments.id):
            return ANONYMOUS_USER
        return present(await self._users.get(arguments.id))

    @action("deleteUser")
    async def delete(self, arguments: NamedUser) -> Document:
        """Delete a user with credentials, tokens and API keys."""
        await self._users.delete(arguments.id)
        return {"_id": arguments.id}
