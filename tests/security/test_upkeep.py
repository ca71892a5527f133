"""What keeps memory true: it is trusted without gaps, takes in every change of rights, and ends when it is told to."""

import asyncio
import time
from typing import Any

import pytest

from gateway.connections import Connections
from gateway.schema import Collections
from gateway.security.directory import Directory
from gateway.security.seats import Seats
from gateway.security.upkeep import Upkeep, ending
from gateway.sources import new_id
from gateway.storage.changes import Change
from gateway.storage.mongo import Database
from tests.proxy import Proxy
from tests.storage.conftest import behind, proxy, stranger, until

__all__ = ["behind", "proxy", "stranger"]

BOUND_S = 10.0


@pytest.mark.parametrize("turns", range(8))
async def test_it_ends_while_rights_change(database: Database, turns: int) -> None:
    """However many turns of the loop lie between the news and the end; a start that fails at once is such a case."""
    upkeep = upkeep_over(database)
    running = asyncio.create_task(upkeep.run())
    await until(upkeep.follower.is_trusted)

    upkeep.revocations.changed(Change("roles", "admin", "update"))
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    ended, _ = await asyncio.wait((running,), timeout=BOUND_S)

    assert {running} == ended


@pytest.mark.parametrize("is_busy", [False, True], ids=["idle", "busy"])
async def test_k14_answers_a_quarter_of_the_bound_late_leave_no_gap_in_the_trust(
    behind: Database, proxy: Proxy, stranger: Any, *, is_busy: bool
) -> None:
    """Whether the database holds them back or has always something to tell; trust is seen to last at every change."""
    upkeep = upkeep_over(behind, bound_s=1.6)
    running = asyncio.create_task(upkeep.run())
    await until(upkeep.follower.is_trusted)
    proxy.late["getMore"] = 0.4
    began, gaps, number = proxy.commands["getMore"], 0, 0

    while proxy.commands["getMore"] < began + 6:
        if is_busy:
            number += 1
            await stranger.tokens.insert_one({"_id": f"{number}"})
            await stranger.tokens.delete_one({"_id": f"{number}"})
        await asyncio.sleep(0.01)
        gaps += not upkeep.follower.is_trusted()
    running.cancel()
    await asyncio.wait((running,))

    assert 0 == gaps


async def test_a_change_of_rights_that_could_not_be_taken_in_is_tried_again(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without another change: whatever went wrong went wrong once."""
    upkeep = upkeep_over(database)
    directory, read = upkeep._directory, upkeep._directory.refresh
    running = asyncio.create_task(upkeep.run())
    await until(lambda: upkeep.follower.is_trusted() and directory.version)
    failing = asyncio.Event()

    async def fail_once() -> None:
        monkeypatch.setattr(directory, "refresh", read)
        failing.set()
        raise RuntimeError("whatever")

    before = directory.version
    monkeypatch.setattr(directory, "refresh", fail_once)
    upkeep.revocations.changed(Change("roles", "admin", "update"))
    await failing.wait()
    await until(lambda: directory.version > before)
    running.cancel()
    await asyncio.wait((running,))

    assert "roles and profiles could not be read" in caplog.text


def upkeep_over(database: Database, bound_s: float = 1.0) -> Upkeep:
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
        bound_s=bound_s,
        seats=Seats(),
        now=lambda: time.time_ns() // 1_000_000,
        clock=time.monotonic,
    )
