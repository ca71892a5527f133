"""Permits to ask: what all processes together may let through within one second, leased in slices.

Order of the file: the service. One document per key, changed in one step, not durable: it is worth nothing a second
later. Clocks that differ by up to two seconds share the window of the fastest; others loosen the limit, none tightens
it. While the database is away nobody waits for it, and each process counts for itself.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from gateway.protocol.errors import ApiError
from gateway.storage.mongo import Collection, Document

__all__ = ["Permits"]

_log = logging.getLogger("latchgate")

_PATIENCE_S = 0.5
_AWAY_MS = 1000
_SKEW_S = 2
_KEPT_MS = 60_000


class Permits:
    """Leases permits.

    Args:
        collection: one document per key: `second`, `leased` within it, and `granted` by the last lease.
        now: milliseconds since the epoch.
    """

    def __init__(self, collection: Collection, now: Callable[[], int]) -> None:
        self._collection = collection
        self._now = now
        self._away_until = 0

    async def index(self) -> None:
        """Make sure that what nobody asks for any more goes."""
        await self._collection.index("expireOn", expire=True)

    def lease(self, key: str, second: int, wanted: int, most: int) -> Awaitable[int | None]:
        """Lease permits of one key; see `gateway.middleware.rate_limit.Lease`."""
        return asyncio.get_running_loop().create_task(self._lease(key, second, wanted, most))

    async def _lease(self, key: str, second: int, wanted: int, most: int) -> int | None:
        now = self._now()
        if now < self._away_until:
            return None
        try:
            async with asyncio.timeout(_PATIENCE_S):
                changed = await self._collection.change(key, _stages(second, wanted, most))
        except (ApiError, TimeoutError):
            self._away_until = now + _AWAY_MS
            _log.warning("rate limits are counted per process: the database does not answer in time")
            return None
        return int(changed["granted"])


def _stages(second: int, wanted: int, most: int) -> list[Document]:
    """The change of a document: begin a new second if it is one, then grant what is left, at most what is wanted."""
    held = {"$ifNull": ["$second", 0]}
    is_same = {"$and": [{"$gte": [held, second]}, {"$lte": [held, second + _SKEW_S]}]}
    return [
        {
            "$set": {
                "second": {"$cond": [is_same, "$second", second]},
                "leased": {"$cond": [is_same, "$leased", 0]},
                "expireOn": {"$add": ["$$NOW", _KEPT_MS]},
            }
        },
        {"$set": {"granted": {"$max": [0, {"$min": [wanted, {"$subtract": [most, "$leased"]}]}]}}},
        {"$set": {"leased": {"$add": ["$leased", "$granted"]}}},
    ]
