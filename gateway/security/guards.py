"""Guards: what is referred to does not go while somebody begins to refer to it.

Rules of the file: only inside transactions. Whoever refers to a thing writes one of its slots; whoever deletes the
thing writes all of them. Two transactions that write the same slot cannot both be committed, so one of them runs
again and sees what the other did. Several slots let most of those who only refer pass each other.
"""

from collections.abc import Callable, Iterable

from gateway.storage.mongo import Collection, Transaction

__all__ = ["Guards"]

_SLOTS = 16


class Guards:
    """The slots of everything that can be referred to.

    Args:
        collection: where.
        draw: a number from 0 to below its argument, by chance.
    """

    def __init__(self, collection: Collection, draw: Callable[[int], int]) -> None:
        self._collection = collection
        self._draw = draw

    async def share(self, kind: str, names: Iterable[str], transaction: Transaction) -> None:
        """Hold things in place until the transaction ends; others may hold them as well."""
        for name in sorted(set(names)):
            await self._write(kind, name, self._draw(_SLOTS), transaction)

    async def seize(self, kind: str, name: str, transaction: Transaction) -> None:
        """Hold a thing alone until the transaction ends."""
        for slot in range(_SLOTS):
            await self._write(kind, name, slot, transaction)

    async def _write(self, kind: str, name: str, slot: int, transaction: Transaction) -> None:
        await self._collection.update_one(
            {"_id": f"{kind}:{slot}:{name}"}, {"$inc": {"uses": 1}}, upsert=True, transaction=transaction
        )
