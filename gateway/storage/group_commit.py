"""Many waiting calls, one round trip: the lane through which requests share writes and point reads.

Rules of the file: knows no driver; it is handed one function that begins the work for a list of items and tells the
outcome. There is no timer: an idle lane starts at once with what the present turn of the event loop brings, and while
one call is under way the next items gather. So a lone request never waits, and a busy lane grows its groups by itself.
Writes of many items go two at a time, so that neither the database nor this process waits for the other. There is no
task either: whatever is told wakes all who wait for it and begins the next group, in one turn of the loop.
"""

import asyncio
import functools
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["GroupCommit", "GroupRead", "Told"]

_MOST_WRITES = 2
"""Under way at once: while the database stores one group, the process makes the next."""

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


Told = Callable[[Outcome | Exception], None]
"""Hears, in the loop, what became of a call; an exception befell all of it."""


class GroupCommit(Generic[Item, Outcome]):
    """Inserts that share a bulk write.

    Args:
        write: begins to write a list of items; tells for each, in order, its outcome or the error that befell it alone.
        most: largest group, in items.
        enough: so many items that gathered behind a write are written beside it, by a second one.
    """

    def __init__(
        self,
        write: Callable[[list[Item], Told[list[Outcome | Exception]]], None],
        most: int = 1000,
        enough: int = 64,
    ) -> None:
        self._write = write
        self._most = most
        self._enough = enough
        self._waiting: list[tuple[Item, asyncio.Future[Outcome]]] = []
        self._under_way = 0

    async def submit(self, item: Item) -> Outcome:
        """Return the outcome once the item is written; a caller that is cancelled does not take the item back.

        Raises:
            Exception: what `write` told of this item or of its group.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Outcome] = loop.create_future()
        self._waiting.append((item, done))
        busy = self._under_way
        if not busy or (busy < _MOST_WRITES and len(self._waiting) >= self._enough):
            self._under_way += 1
            loop.call_soon(self._go_on)
        return await done

    def _go_on(self) -> None:
        """Begin a write of what waits, in the place of one that has ended."""
        if not self._waiting:
            self._under_way -= 1
            return
        group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        try:
            self._write([item for item, _ in group], functools.partial(self._settle, group))
        except Exception as error:  # noqa: BLE001 - whatever it is, the waiting callers must hear of it
            self._settle(group, error)

    def _settle(
        self, group: list[tuple[Item, asyncio.Future[Outcome]]], told: list[Outcome | Exception] | Exception
    ) -> None:
        if not isinstance(told, Exception) and len(told) != len(group):  # nobody knows whose outcome is whose
            told = RuntimeError("a write told of more or fewer items than there were")
        outcomes = [told] * len(group) if isinstance(told, Exception) else told
        for (_, done), outcome in zip(group, outcomes, strict=True):
            _tell(done, outcome)
        self._go_on()


class GroupRead(Generic[Key, Value]):
    """Point reads that share a query; equal keys of one group are asked for once.

    A key is never answered from a read that began before it was asked for, so a caller sees every write that was
    acknowledged before its call.

    Args:
        read: begins to read a list of distinct keys, tells what was found, key → value.
        most: largest group, in keys.
    """

    def __init__(self, read: Callable[[list[Key], Told[dict[Key, Value]]], None], most: int = 1000) -> None:
        self._read = read
        self._most = most
        self._waiting: dict[Key, list[asyncio.Future[Value | None]]] = {}
        self._is_under_way = False

    async def get(self, key: Key) -> Value | None:
        """Return the value of a key, None where there is none; callers of one group share the object.

        Raises:
            Exception: what `read` told of the group.
        """
        # A future for each caller: one that is cancelled must not cancel the others that wait for the same key.
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Value | None] = loop.create_future()
        callers = self._waiting.get(key)
        if callers is not None:
            callers.append(found)
        else:
            self._waiting[key] = [found]
            if not self._is_under_way:
                self._is_under_way = True
                loop.call_soon(self._go_on)
        return await found

    def _go_on(self) -> None:
        """Begin a read of what waits, in the place of the one that has ended."""
        keys = list(self._waiting)[: self._most]
        if not keys:
            self._is_under_way = False
            return
        group = {key: self._waiting.pop(key) for key in keys}
        try:
            self._read(keys, functools.partial(self._settle, group))
        except Exception as error:  # noqa: BLE001 - whatever it is, the waiting callers must hear of it
            self._settle(group, error)

    def _settle(self, group: dict[Key, list[asyncio.Future[Value | None]]], told: dict[Key, Value] | Exception) -> None:
        for key, callers in group.items():
            value = told if isinstance(told, Exception) else told.get(key)
            for found in callers:
                _tell(found, value)
        self._go_on()


def _tell(waiting: "asyncio.Future[Outcome]", outcome: Outcome | Exception) -> None:
    if waiting.done():  # its caller was cancelled
        return
    if isinstance(outcome, Exception):
        waiting.set_exception(outcome)
    else:
        waiting.set_result(outcome)
