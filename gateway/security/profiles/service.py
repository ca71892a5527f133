"""The keeper of profiles (security.md §5)."""

from collections.abc import Awaitable, Callable, Iterable

from msgspec import structs

from gateway.protocol.arguments import invalid_type
from gateway.protocol.errors import BadRequestError, api_error
from gateway.security.directory import ANONYMOUS_PROFILE, Directory
from gateway.security.guards import Guards
from gateway.security.profiles.definition import check_profile, role_ids
from gateway.security.records import Document, check_id, merge, new_document, without_own
from gateway.security.roles import PROTECTED, Roles
from gateway.security.shelf import SearchArguments, Shelf
from gateway.storage.mongo import Collection, Database, Transaction

__all__ = ["Profiles"]


class Profiles:
    """Keeps the profiles.

    Args:
        shelf: where.
        users: the collection of those who have profiles.
        roles: which must exist.
        database: for transactions.
        guards: keep a role in place while a profile begins to refer to it, and a profile while a user does.
        directory: told of every change.
        users_changed: told when users may have lost a profile.
        places: refuses restrictions to places that do not exist, for `strict`.
        now: milliseconds since the epoch.
    """

    def __init__(
        self,
        shelf: Shelf,
        users: Collection,
        roles: Roles,
        *,
        database: Database,
        guards: Guards,
        directory: Directory,
        users_changed: Callable[[], None],
        places: Callable[[str, list[str]], Awaitable[None]],
        now: Callable[[], int],
    ) -> None:
        self.shelf = shelf
        self._users = users
        self._roles = roles
        self._database = database
        self._guards = guards
        self._directory = directory
        self._users_changed = users_changed
        self._places = places
        self._now = now

    async def create(self, profile_id: str, content: Document, *, author: str, strict: bool = False) -> Document:
        """Store a new profile and return it.

        Raises:
            BadRequestError: the profile is refused, or `services.storage.document_already_exists`.
            NotFoundError: `security.role.not_found`.
            PreconditionError: strictly, `services.storage.unknown_index`, `….unknown_collection`.
        """
        profile = await self._new(profile_id, content, author=author, strict=strict)
        await self._store(profile, self.shelf.add)
        return profile

    async def put(self, profile_id: str, content: Document, *, author: str, strict: bool = False) -> Document:
        """Store a profile, new or over the one with its id, and return it; raises as `create`."""
        profile = await self._new(profile_id, content, author=author, strict=strict)
        await self._store(profile, self.shelf.put)
        return profile

    async def update(self, profile_id: str, changes: Document, *, author: str, strict: bool = False) -> Document:
        """Merge changes into a profile, its policies replaced as a whole (null keeps them), and return it.

        Raises:
            NotFoundError: `security.profile.not_found`, and as `create`.
        """
        stored: list[Document] = []

        kept = without_own(changes)
        if kept.get("policies") is None:
            kept.pop("policies", None)

        def change(content: Document) -> Document:
            return check_profile(profile_id, merge(content, kept))

        async def work(transaction: Transaction) -> None:
            now = self._now()
            profile = await self.shelf.revise(profile_id, change, updater=author, now=now, transaction=transaction)
            await self._check_places(profile["content"], strict=strict)
            await self._hold_roles(profile, transaction)
            stored[:] = [profile]

        await self._database.transaction(work)
        await self._directory.refresh()
        return stored[0]

    async def get(self, profile_id: str) -> Document:
        """Return a profile.

        Raises:
            NotFoundError: `security.profile.not_found`.
        """
        return await self.shelf.get(profile_id)

    async def check_exist(self, profile_ids: Iterable[str]) -> None:
        """Make sure that all of the profiles are there.

        Raises:
            NotFoundError: `security.profile.not_found`, for the first that is not.
        """
        for profile_id in dict.fromkeys(profile_ids):
            await self.get(profile_id)

    async def hold(self, profile_ids: Iterable[str], transaction: Transaction) -> None:
        """Make sure that the profiles are there, and keep them until the transaction ends; raises as `check_exist`."""
        names = list(dict.fromkeys(profile_ids))
        await self._guards.share("profile", names, transaction)
        for name in names:
            await self.shelf.check(name, transaction)

    async def search(self, arguments: SearchArguments) -> Document:
        """Find profiles by a query, or by the roles that they refer to.

        Raises:
            BadRequestError: both ways at once, or the query cannot be meant.
        """
        body = dict(arguments.body or {})
        roles = body.pop("roles", None)
        if roles is not None and body.get("query") is not None:
            raise BadRequestError("Give either a query or roles.")
        if roles is not None and not isinstance(roles, list):
            raise invalid_type("body.roles", "array")
        if roles:
            body["query"] = {"terms": {"policies.roleId": roles}}
        return await self.shelf.search(structs.replace(arguments, body=body))

    def rights(self, profile: Document) -> Document:
        """List what a profile gives: `{hits, total}`."""
        hits = self._directory.rights((profile["_id"],)).effective()
        return {"hits": hits, "total": len(hits)}

    async def delete(self, profile_id: str, *, remove: bool = False) -> None:
        """Delete a profile.

        Args:
            profile_id: which.
            remove: take it off the users who have it; who would have none left becomes anonymous.

        Raises:
            BadRequestError: `security.profile.cannot_delete`.
            PreconditionError: `security.profile.in_use`.
            NotFoundError: `security.profile.not_found`.
        """
        if profile_id in PROTECTED:
            raise api_error("security.profile.cannot_delete")
        await self.get(profile_id)

        async def work(transaction: Transaction) -> None:
            await self._guards.seize("profile", profile_id, transaction)
            if remove:
                await self._take_off(profile_id, transaction)
            elif await self._users.find_one({"content.profileIds": profile_id}, transaction) is not None:
                raise api_error("security.profile.in_use", profile_id)
            await self.shelf.remove(profile_id, transaction)

        await self._database.transaction(work)
        if remove:
            self._users_changed()
        await self._directory.refresh()

    async def _take_off(self, profile_id: str, transaction: Transaction) -> None:
        ids = "$content.profileIds"
        others = {"$filter": {"input": ids, "cond": {"$ne": ["$$this", {"$literal": profile_id}]}}}
        stages: list[Document] = [
            {"$set": {"content.profileIds": others}},
            {"$set": {"content.profileIds": {"$cond": [{"$eq": [ids, []]}, [ANONYMOUS_PROFILE], ids]}}},
        ]
        await self._users.update_many({"content.profileIds": profile_id}, stages, transaction)

    async def _new(self, profile_id: str, content: Document, *, author: str, strict: bool) -> Document:
        check_id(profile_id)
        content = check_profile(profile_id, without_own(content))
        await self._check_places(content, strict=strict)
        return new_document(profile_id, content, author=author, now=self._now())

    async def _check_places(self, content: Document, *, strict: bool) -> None:
        if not strict:
            return
        for policy in content["policies"]:
            for restriction in policy.get("restrictedTo") or ():
                await self._places(restriction["index"], restriction.get("collections") or [])

    async def _store(self, profile: Document, store: Callable[[Document, Transaction], Awaitable[None]]) -> None:
        async def work(transaction: Transaction) -> None:
            await self._hold_roles(profile, transaction)
            await store(profile, transaction)

        await self._database.transaction(work)
        await self._directory.refresh()

    async def _hold_roles(self, profile: Document, transaction: Transaction) -> None:
        names = list(dict.fromkeys(role_ids(profile["content"]["policies"])))
        await self._guards.share("role", names, transaction)
        for name in names:
            await self._roles.shelf.check(name, transaction)
