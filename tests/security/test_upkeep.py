"""What keeps memory true ends when it is told to, whatever it has just heard."""

import asyncio
import time

import pytest

from gateway.connections import Connections
from gateway.rooms import Collections, new_id
from gateway.security.directory import Directory
from gateway.security.seats import Seats
from gateway.security.upkeep import Upkeep, ending
from gateway.storage.changes import Change
from gateway.storage.mongo import Database

BOUND_S = 10.0


@pytest.mark.parametrize("turns", range(8))
async def test_it_ends_while_rights_change(database: Database, turns: int) -> None:
    """However many turns of the loop lie between the news and the end; a start that fails at once is such a case."""
    upkeep = upkeep_over(database)
    running = asyncio.create_task(upkeep.run())
    async with asyncio.timeout(BOUND_S):
        while not upkeep.follower.is_trusted():  # noqa: ASYNC110 - the database tells of it, no event of ours
            await asyncio.sleep(0.01)

    upkeep.revocations.changed(Change("roles", "admin", "update"))
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    ended, _ = await asyncio.wait((running,), timeout=BOUND_S)

    assert {running} == ended


def upkeep_over(database: Database) -> Upkeep:
    """The whole of it over an empty database."""
    collections = Collections(database)
    return Upkeep(
        database,
        tokens=collections.tokens,
        keys=collections.keys,
        users=collections.users,
        directory=Directory(collections.roles, collections.profiles),
        connections=Connections(),
        ending=ending("knode-test", new_id, warning_ms=0, closes=False),
        cached_tokens=10,
        bound_s=1.0,
        seats=Seats(),
        now=lambda: time.time_ns() // 1_000_000,
        clock=time.monotonic,
    )
