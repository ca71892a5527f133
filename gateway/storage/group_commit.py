"""Many waiting calls, one round trip: the lane through which requests share writes and point reads.

Rules of the file: knows no driver; it is handed one function that does the work for a list of items. There is
no timer: an idle lane starts at once with what the present turn of the event loop brings, and while one call is
under way the next items gather. So a lone request never waits, and a busy lane grows its groups by itself. Writes of
many items go two at a time, so that neither the database nor this process waits for the other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["GroupCommit", "GroupRead"]

_MOST_WRITES = 2
"""Under way at once: while the database stores one group, the process makes the next."""

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class GroupCommit(Generic[Item, Outcome]):
    """Inserts that share a bulk write.

    Args:
        write: takes a list of items; returns for each, in order, its outcome or the error that befell it alone. What
            it raises befell the whole group.
        most: largest group, in items.
        enough: so many items that gathered behind a write are written beside it, by a second one.
    """

    def __init__(
        self, write: Callable[[list[Item]], Awaitable[list[Outcome | Exception]]], most: int = 1000, enough: int = 64
    ) -> None:
        self._write = write
        self._most = most
        self._enough = enough
        self._waiting: list[tuple[Item, asyncio.Future[Outcome]]] = []
        self._workers: set[asyncio.Task[None] | None] = set()

    async def submit(self, item: Item) -> Outcome:
        """Return the outcome once the item is written; a caller that is cancelled does not take the item back.

        Raises:
            Exception: what `write` reported for this item or raised for its group.
        """
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        busy = len(self._workers)
        if not busy or (busy < _MOST_WRITES and len(self._waiting) >= self._enough):
            self._workers.add(asyncio.create_task(self._work()))
        return await done

    async def _work(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._commit(group)
        finally:
            self._workers.discard(asyncio.current_task())

    async def _commit(self, group: list[tuple[Item, asyncio.Future[Outcome]]]) -> None:
        outcomes: list[Outcome | Exception]
        try:
            outcomes = await self._write([item for item, _ in group])
        except Exception as error:  # noqa: BLE001 - whatever it is, the waiting callers must hear of it
            outcomes = [error] * len(group)
        for (_, done), outcome in zip(group, outcomes, strict=True):
            if done.done():  # its caller was cancelled
                continue
            if isinstance(outcome, Exception):
                done.set_exception(outcome)
            else:
                done.set_result(outcome)


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
        self._waiting: dict[Key, list[asyncio.Future[Value | None]]] = {}
        self._worker: asyncio.Task[None] | None = None

    async def get(self, key: Key) -> Value | None:
        """Return the value of a key, None where there is none; callers of one group share the object.

        Raises:
            Exception: what `read` raised for the group.
        """
        # A future for each caller: one that is cancelled must not cancel the others that wait for the same key.
        found: asyncio.Future[Value | None] = asyncio.get_running_loop().create_future()
        callers = self._waiting.get(key)
        if callers is not None:
            callers.append(found)
        else:
            self._waiting[key] = [found]
            if self._worker is None:
                self._worker = asyncio.create_task(self._work())
        return await found

    async def _work(self) -> None:
        try:
            while self._waiting:
                keys = list(self._waiting)[: self._most]
                await self._fetch({key: self._waiting.pop(key) for key in keys})
        finally:
            self._worker = None

    async def _fetch(self, group: dict[Key, list[asyncio.Future[Value | None]]]) -> None:
        values: dict[Key, Value] = {}
        failure: Exception | None = None
        try:
            values = await self._read(list(group))
        except Exception as error:  # noqa: BLE001 - whatever it is, the waiting callers must hear of it
            failure = error
        for key, callers in group.items():
            for found in callers:
                if found.done():  # its caller was cancelled
                    continue
                if failure is None:
                    found.set_result(values.get(key))
                else:
                    found.set_exception(failure)
