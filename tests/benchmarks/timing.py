"""CPU of single functions, in microseconds; a cost is that of the cheapest round, because noise can only add to it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

__all__ = ["at_hand", "cheapest", "cheapest_group", "driven"]

CALLS = 2_000
PATIENCE = 100


def driven(waits: Awaitable[Any]) -> Any:
    """The outcome of a coroutine that waits for nothing."""
    try:
        cast("Coroutine[Any, Any, Any]", waits).send(None)
    except StopIteration as done:
        return done.value
    raise RuntimeError("it waits for something")


async def at_hand(call: Callable[[], Awaitable[Any]]) -> None:
    """Call until the outcome comes at once: what has just been looked up is not remembered in every moment.

    Raises:
        RuntimeError: it never does.
    """
    for _ in range(PATIENCE):
        waits = cast("Coroutine[Any, Any, Any]", call())
        try:
            waits.send(None)
        except StopIteration:
            return
        waits.close()
        await call()
        await asyncio.sleep(0.1)
    raise RuntimeError("it waits for something each time")


async def cheapest(call: Callable[[], object], rounds: int) -> float:
    """Microseconds of one call, of this thread alone; in between the loop hears the news, as it would in service."""
    found = []
    for _ in range(rounds):
        begin = time.thread_time()
        for _ in range(CALLS):
            call()
        found.append((time.thread_time() - begin) / CALLS * 1e6)
        await asyncio.sleep(0.005)
    return min(found)


async def cheapest_group(calls: Callable[[], Awaitable[object]], count: int, rounds: int) -> float:
    """Microseconds of one of `count` calls that are under way together, of all threads."""
    found = []
    for _ in range(rounds):
        begin = time.process_time()
        await calls()
        found.append((time.process_time() - begin) / count * 1e6)
    return min(found)
