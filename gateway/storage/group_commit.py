"""Many waiting calls, one round trip: the lane through which requests share writes and point reads.

Rules of the file: knows no driver; it is handed one function that does the work for a list of items. There is
no timer: an idle lane starts at once with what the present turn of the event loop brings, and while one call is
under way the next items gather. So a lone request never waits, and a busy lane grows its groups by itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["GroupCommit", "GroupRead"]

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class GroupCommit(Generic[Item]):
    """Inserts that share a bulk write.

    Args:
        write: takes a list of items; returns for each, in order, None or the error that befell it alone. What
            it raises befell the whole group.
        most: largest group, in items.
    """

    def __init__(self, write: Callable[[list[Item]], Awaitable[list[Exception | None]]], most: int = 1000) -> None:
        self._write = write
        self._most = most
        self._waiting: list[tuple[Item, asyncio.Future[None]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> None:
        """Return when the item is written; a caller that is cancelled does not take the item back.

        Raises:
            Exception: what `write` reported for this item or raised for its group.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        await done

    async def _work(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._commit(group)
        finally:
            self._worker = None

    async def _commit(self, group: list[tuple[Item, asyncio.Future[None]]]) -> None:
        outcomes: list[Exception | None]
        try:
            outcomes = await self._write([item for item, _ in group])
        except Exception as error:  # noqa: BLE001 - whatever it is, the waiting callers must hear of it
            outcomes = [error] * len(group)
        for (_, done), outcome in zip(group, outcomes, strict=True):
            if done.done():  # its caller was cancelled
                continue
            if outcome is None:
                done.set_result(None)
            else:
                done.set_exception(outcome)


class GroupRead(Generic[Key, Value]):
    """Point reads that share a query; equal keys of one group are asked for once.

    A key is never answered from a read that began before it was asked for, so a caller sees every write that was
    acknowledged before its call.

    Args:
        read: takes a list of distinct keys, returns what was found, key → value.
        most: largest group, in keys.
    """

    def __init__(self, read: Callable[[list[Key]], Awaitable[dict[Key, Value]]], most: int = 1000) -> None:
        self._read = read
        self._most = most
        self._waiting: dict[Key, asyncio.Future[Value | None]] = {}
        self._worker: asyncio.Task[None] | None = None

    async def get(self, key: Key) -> Value | None:
        """Return the value of a key, None where there is none; callers of one group share the object.

        Raises:
            Exception: what `read` raised for the group.
        """
        found = self._waiting.get(key)
        if found is None:
            found = self._waiting[key] = asyncio.get_running_loop().create_future()
            if self._worker is None:
                self._worker = asyncio.create_task(self._work())
        # A caller that is cancelled must not cancel the others that wait for the same key.
        return await asyncio.shield(found)

    async def _work(self) -> None:
        try:
            while self._waiting:
                keys = list(self._waiting)[: self._most]
                await self._fetch({key: self._waiting.pop(key) for key in keys})
        finally:
            self._worker = None

    async def _fetch(self, group: dict[Key, asyncio.Future[Value | None]]) -> None:
        try:
            values = await self._read(list(group))
        except Exception as error:  # noqa: BLE001 - whatever it is, the waiting callers must hear of it
            for found in group.values():
                found.set_exception(error)
                found.exception()  # a group whose callers all went away is no "exception never retrieved"
            return
        for key, found in group.items():
            found.set_result(values.get(key))
