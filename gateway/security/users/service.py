"""The keeper of users (security.md §3)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from gateway.actions import ANONYMOUS_ID
from gateway.protocol.errors import ApiError, api_error
from gateway.security.directory import ANONYMOUS_PROFILE, Directory
from gateway.security.profiles import Profiles
from gateway.security.records import Document, merge, new_document, without_own
from gateway.security.revocations import Revocations
from gateway.security.rights import CompiledRights
from gateway.security.shelf import Shelf, content_schema
from gateway.security.strategies import Strategies
from gateway.security.users.belongings import Belongings, Owned
from gateway.security.users.checks import check_kuid, check_profile_ids, is_anonymous
from gateway.storage.mongo import Collection, Database, Transaction

__all__ = ["ANONYMOUS_USER", "USER_SCHEMA", "Users"]

ANONYMOUS_USER: Document = {"_id": ANONYMOUS_ID, "_source": {"profileIds": [ANONYMOUS_PROFILE], "name": "Anonymous"}}
"""The anonymous user on the wire; not a stored document (rights.md, "Anonymous")."""

USER_SCHEMA = content_schema("profileIds")

_DRAWS = 5
"""How often a new name is drawn when the one before was taken."""

Also = Callable[[Transaction], Awaitable[None]]


class Users:
    """Keeps the users.

    Args:
        shelf: where.
        collection: the same, for what only users have.
        database: for transactions.
        profiles: which must exist.
        strategies: credentials are made together with a user, or not at all.
        owned: what goes with a user, besides credentials.
        revocations: told of users that change or go.
        directory: what profiles give.
        new_kuid: makes an id, readable (True) or a UUID.
        now: milliseconds since the epoch.

    Attributes:
        place: names a user for a look at their history from another collection.
    """

    def __init__(
        self,
        shelf: Shelf,
        collection: Collection,
        *,
        database: Database,
        profiles: Profiles,
        strategies: Strategies,
        owned: Sequence[Owned],
        revocations: Revocations,
        directory: Directory,
        new_kuid: Callable[[bool], str],
        now: Callable[[], int],
    ) -> None:
        self.shelf = shelf
        self.strategies = strategies
        self.place = collection.places("_kuzzle_info")
        self._collection = collection
        self._database = database
        self._profiles = profiles
        self._belongings = Belongings(collection, owned, database=database, revocations=revocations)
        self._revocations = revocations
        self._directory = directory
        self._new_kuid = new_kuid
        self._now = now

    async def find(self, kuid: str) -> Document | None:
        """Return a stored user, or None."""
        return await self.shelf.find(kuid)

    async def get(self, kuid: str) -> Document:
        """Return a stored user.

        Raises:
            NotFoundError: `security.user.not_found`.
        """
        return await self.shelf.get(kuid)

    async def administrator_exists(self, transaction: Transaction = None) -> bool:
        """Tell whether a user has the profile admin."""
        return await self._collection.find_one({"content.profileIds": "admin"}, transaction) is not None

    async def hold(self, kuid: str, transaction: Transaction) -> None:
        """Make sure that a user is there, and keep it there until the transaction ends.

        Raises:
            NotFoundError: `security.user.not_found`.
        """
        if not await self.touch(kuid, transaction):
            raise api_error("security.user.not_found", kuid)

    async def touch(self, kuid: str, transaction: Transaction) -> bool:
        """Change a user's record, so that all hear of it who follow the users; tell whether there is one."""
        return await self._collection.update_one({"_id": kuid}, {"$inc": {"held": 1}}, transaction=transaction)

    async def rights(self, kuid: str) -> CompiledRights:
        """What a user may do at this moment.

        Raises:
            NotFoundError: `security.user.not_found`.
        """
        if is_anonymous(kuid):
            return self._directory.rights((ANONYMOUS_PROFILE,))
        return self._directory.rights(tuple((await self.get(kuid))["content"]["profileIds"]))

    async def create(
        self,
        kuid: str | None,
        content: Mapping[str, Any],
        credentials: Mapping[str, Any],
        *,
        author: str,
        readable: bool = True,
        also: Also | None = None,
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
        if kuid is not None:
            check_kuid(kuid, content["profileIds"])
        check_profile_ids(kuid or "", content["profileIds"])
        for name in credentials:
            self.strategies.get(name)
        for draws_left in reversed(range(_DRAWS if kuid is None else 1)):
            user = new_document(kuid or self._new_kuid(readable), content, author=author, now=self._now())
            try:
                await self._store(user, credentials, author, also)
            except ApiError as error:
                if error.id != "security.user.already_exists" or not draws_left:
                    raise
            else:
                break
        return user

    async def update(self, kuid: str, changes: Mapping[str, Any], *, author: str) -> Document:
        """Merge changes into a user's content, and return the user.

        Raises:
            NotFoundError: `security.user.not_found`, `security.profile.not_found`.
            BadRequestError: the profiles cannot be meant.
        """
        kept = without_own(changes)
        if kept.get("profileIds") is None:
            kept.pop("profileIds", None)
        else:
            check_profile_ids(kuid, kept["profileIds"])
        return await self._revise(kuid, lambda content: merge(content, kept), author)

    async def replace(self, kuid: str, content: Mapping[str, Any], *, author: str) -> Document:
        """Put content in the place of a user's, and return the user; raises as `update`."""
        check_profile_ids(kuid, content["profileIds"])
        return await self._revise(kuid, lambda _: without_own(content), author)

    async def upsert(
        self,
        kuid: str,
        changes: Mapping[str, Any],
        content: Mapping[str, Any],
        credentials: Mapping[str, Any],
        *,
        author: str,
    ) -> Document:
        """Merge changes into a user's content, or store a user with the whole content; raises as both do."""
        while True:
            try:
                return await self.update(kuid, changes, author=author)
            except ApiError as error:
                if error.id != "security.user.not_found":
                    raise
            try:
                return await self.create(kuid, content, credentials, author=author)
            except ApiError as error:
                if error.id != "security.user.already_exists" or is_anonymous(kuid):
                    raise  # else somebody was faster, and there is a user to update

    async def check_new(self, content: Mapping[str, Any], credentials: Mapping[str, Any]) -> None:
        """Refuse what `create` would refuse whoever the user is; for those who delete a user to make it anew.

        Raises:
            NotFoundError: `security.profile.not_found`.
            BadRequestError: profiles or strategies cannot be meant.
        """
        check_profile_ids("", content["profileIds"])
        await self._profiles.check_exist(dict.fromkeys(content["profileIds"]))
        for name in credentials:
            self.strategies.get(name)

    async def delete(self, kuid: str) -> None:
        """Delete a user and everything that is theirs.

        The user goes first: whoever stores something for a user looks again afterwards, and finds nobody.

        Raises:
            NotFoundError: `security.user.not_found`.
        """

        async def work(transaction: Transaction) -> None:
            await self.shelf.remove(kuid, transaction)
            await self.strategies.remove(kuid, transaction)

        await self._database.transaction(work)
        self._revocations.user_ended(kuid)
        await self._belongings.purge(kuid)

    async def _store(self, user: Document, credentials: Mapping[str, Any], author: str, also: Also | None) -> None:
        kuid = user["_id"]
        await self._profiles.check_exist(dict.fromkeys(user["content"]["profileIds"]))
        if await self.find(kuid) is not None:
            raise api_error("security.user.already_exists", kuid)
        prepared = await self.strategies.prepare(kuid, credentials, author)

        async def work(transaction: Transaction) -> None:
            if also is not None:
                await also(transaction)
            await self._profiles.hold(user["content"]["profileIds"], transaction)
            await self._insert(user, transaction)
            for strategy, one in prepared:
                await strategy.store(one, transaction)

        await self._database.transaction(work)

    async def _insert(self, user: Document, transaction: Transaction) -> None:
        kuid = user["_id"]
        try:
            await self.shelf.add(user, transaction)
        except ApiError as error:
            if error.id == "services.storage.document_already_exists":
                raise api_error("security.user.already_exists", kuid) from error
            raise
        # Should a deletion have been cut short, what it left must not come alive with a new user of the same id.
        await self.strategies.remove(kuid, transaction)
        await self._belongings.clear(kuid, transaction)

    async def _revise(self, kuid: str, change: Callable[[Document], Document], author: str) -> Document:
        revised: list[Document] = []

        async def work(transaction: Transaction) -> None:
            before: list[str] = []

            def noted(content: Document) -> Document:
                before[:] = content["profileIds"]
                return change(content)

            now = self._now()
            user = await self.shelf.revise(kuid, noted, updater=author, now=now, transaction=transaction)
            # Only what is new: whoever merely changes a name must not stand in the way of those who delete profiles.
            await self._profiles.hold(set(user["content"]["profileIds"]).difference(before), transaction)
            revised[:] = [user]

        await self._database.transaction(work)
        self._revocations.user_changed(kuid)
        return revised[0]
