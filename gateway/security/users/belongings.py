"""What belongs to users besides their credentials, and goes with them: login tokens, API keys.

Rules of the file: a deletion may be cut short, and its user come back: what was left is cleared away when a new user
takes the id, and what belongs to that one is let alone. Source: deviation 18.
"""

from collections.abc import Sequence

from msgspec import Struct

from gateway.protocol.errors import ApiError
from gateway.security.revocations import Revocations
from gateway.storage.mongo import Collection, Database, Transaction

__all__ = ["Belongings", "Owned"]

_PURGE_BATCH = 1000
"""Documents deleted at a time when a user goes; no number of keys can make the deletion fail."""


class Owned(Struct, frozen=True):
    """A collection whose documents belong to users and go with them; `key` holds the kuid."""

    collection: Collection
    key: str


class Belongings:
    """Deletes what belongs to users who are gone.

    Args:
        users: the collection of users.
        owned: what goes with a user.
        database: for transactions.
        revocations: told of what ends.
    """

    def __init__(
        self, users: Collection, owned: Sequence[Owned], *, database: Database, revocations: Revocations
    ) -> None:
        self._users = users
        self._owned = owned
        self._database = database
        self._revocations = revocations

    async def purge(self, kuid: str) -> None:
        """Delete everything that a deleted user left, as long as there is no user of that id again."""
        for owned in self._owned:
            while batch := await owned.collection.find({owned.key: kuid}, limit=_PURGE_BATCH, fields=("_id",)):
                if not await self._purge(kuid, owned, [document["_id"] for document in batch]):
                    return

    async def clear(self, kuid: str, transaction: Transaction) -> None:
        """Delete what an earlier user of that id may have left, together with storing a new one."""
        for owned in self._owned:
            await owned.collection.delete_many({owned.key: kuid}, transaction)

    async def _purge(self, kuid: str, owned: Owned, ids: Sequence[str]) -> bool:
        """Delete some of it; False when there is a user of that id again, whose things are not ours."""

        async def work(transaction: Transaction) -> None:
            await self._users.insert_one({"_id": kuid}, transaction)  # nobody else can take the id meanwhile
            await owned.collection.delete_many({"_id": {"$in": list(ids)}}, transaction)
            await self._users.delete_one({"_id": kuid}, transaction)

        try:
            await self._database.transaction(work)
        except ApiError as error:
            if error.id != "services.storage.document_already_exists":
                raise
            return False
        self._revocations.ids_ended(ids)
        return True
