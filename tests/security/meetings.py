"""Ways for two requests to meet: one stopped between two of its steps while the other goes by or comes to a conflict.

Rules of the file: what stands still waits for an event, never for a time; only the first caller of a method is stopped.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from pymongo.errors import PyMongoError

from gateway.storage.mongo import Database
from tests.security.nodes import Node, Outcome

__all__ = ["dangling", "entangled", "overtaken", "stopping"]

Work = Callable[[Any], Coroutine[Any, Any, None]]
"""What a transaction does."""


class _Hold:
    """A door at which the first who comes waits until it is opened."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    async def reached_by(self, task: asyncio.Task[Outcome]) -> None:
        """Wait until a task stands at the door; it must not end before."""
        arrival = asyncio.create_task(self.reached.wait())
        await asyncio.wait({task, arrival}, return_when=asyncio.FIRST_COMPLETED)
        arrival.cancel()
        assert self.reached.is_set(), f"it never came to the door: {task.result()}"

    async def stop(self) -> None:
        """Stand at the door; only the first caller does."""
        if not self.reached.is_set():
            self.reached.set()
            await self.open.wait()


@contextmanager
def stopping(target: Any, method: str, stop: Callable[[], Awaitable[Any]], *, after: bool = False) -> Iterator[None]:
    """Wait for `stop` before every call of `target.method`, or `after` it has done its work."""
    original: Callable[..., Awaitable[Any]] = getattr(target, method)

    async def stopped(*args: Any, **options: Any) -> Any:
        if not after:
            await stop()
        result = await original(*args, **options)
        if after:
            await stop()
        return result

    setattr(target, method, stopped)
    try:
        yield
    finally:
        delattr(target, method)


async def overtaken(
    slow: Coroutine[Any, Any, Outcome],
    fast: Callable[[], Awaitable[Outcome]],
    door: tuple[Any, str],
    *,
    after: bool = False,
) -> tuple[Outcome, Outcome]:
    """Let `slow` run up to a door, then `fast` to its end, then `slow` to its own; return both outcomes.

    Args:
        slow: what is overtaken.
        fast: what overtakes.
        door: an object and the name of its method, at whose next call `slow` waits.
        after: wait behind the door instead: when the method has done its work.
    """
    hold = _Hold()
    with stopping(*door, hold.stop, after=after):
        task = asyncio.create_task(slow)
        await hold.reached_by(task)
        second = await fast()
        hold.open.set()
        return await task, second


async def entangled(
    slow: tuple[Node, Coroutine[Any, Any, Outcome]], fast: tuple[Node, Coroutine[Any, Any, Outcome]]
) -> tuple[Outcome, Outcome]:
    """Let `slow` do all of its transaction but the commit, then `fast` run until it is through or meets a conflict.

    Only then is `slow` committed. Returns both outcomes.
    """
    hold, met = _Hold(), asyncio.Event()

    async def stop(work: Work, transaction: Any) -> None:
        await work(transaction)
        await hold.stop()

    async def look(work: Work, transaction: Any) -> None:
        try:
            await work(transaction)
        except PyMongoError:
            met.set()
            raise

    with working(slow[0].database, stop), working(fast[0].database, look):
        first = asyncio.create_task(slow[1])
        await hold.reached_by(first)
        second = asyncio.create_task(fast[1])
        conflict = asyncio.create_task(met.wait())
        await asyncio.wait({second, conflict}, return_when=asyncio.FIRST_COMPLETED)
        hold.open.set()
        conflict.cancel()
        return await first, await second


@contextmanager
def working(database: Database, around: Callable[[Work, Any], Coroutine[Any, Any, None]]) -> Iterator[None]:
    """Put something around the work of every transaction of a database."""
    original = database.transaction

    async def transaction(work: Work) -> None:
        await original(partial(around, work))

    database.transaction = transaction  # type: ignore[method-assign]  # the point of it
    try:
        yield
    finally:
        del database.transaction  # the method shows again


async def dangling(where: Node) -> list[str]:
    """List what refers to something that is not there: `collection:id → name`."""
    collections = where.rooms.collections
    roles, profiles, users, credentials, tokens, keys = [
        await collection.find({})
        for collection in (
            collections.roles,
            collections.profiles,
            collections.users,
            collections.credentials,
            collections.tokens,
            collections.keys,
        )
    ]
    references = [
        ("role", f"profile {one['_id']}", p["roleId"]) for one in profiles for p in one["content"]["policies"]
    ]
    references += [("profile", f"user {one['_id']}", name) for one in users for name in one["content"]["profileIds"]]
    references += [("user", f"credentials {one['_id']}", one["kuid"]) for one in credentials]
    references += [("user", f"token {one['_id']}", one["userId"]) for one in tokens if one["userId"] != "-1"]
    references += [("user", f"key {one['_id']}", one["userId"]) for one in keys]
    there = {
        kind: {one["_id"] for one in found} for kind, found in (("role", roles), ("profile", profiles), ("user", users))
    }
    return [f"{what} → {kind} {name}" for kind, what, name in references if name not in there[kind]]
