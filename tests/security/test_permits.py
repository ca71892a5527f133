"""Permits over a real MongoDB: leased in one step by whoever is first, and nobody waits for a database that is away."""

import asyncio
import logging

import pytest

from gateway.security.permits import Permits
from gateway.storage.mongo import Database
from tests.middleware.test_rate_limit import Clock

SECOND = 1_700_000_000


@pytest.fixture
def permits(database: Database) -> Permits:
    """Permits over an empty collection."""
    return Permits(database.collection("permits"), Clock())


async def test_leases_of_all_add_up_to_the_limit(permits: Permits) -> None:
    """However many ask at once, from a key that nobody has asked for."""
    granted = await asyncio.gather(*(permits.lease("user:u", SECOND, 7, 100) for _ in range(40)))

    assert 100 == sum(each or 0 for each in granted)
    assert {7, 2, 0} == set(granted)


async def test_a_new_second_begins_anew_and_keys_are_apart(permits: Permits) -> None:
    """What was leased in the second before does not count."""
    assert 10 == await permits.lease("user:u", SECOND, 10, 10)
    assert 0 == await permits.lease("user:u", SECOND, 1, 10)

    assert 4 == await permits.lease("user:v", SECOND, 4, 10)
    assert 10 == await permits.lease("user:u", SECOND + 1, 12, 10)


async def test_clocks_that_differ_a_little_share_a_second_and_a_wrong_one_locks_nobody_out(permits: Permits) -> None:
    """One that is two seconds behind takes from the same window; one that is hours ahead has its own."""
    assert 8 == await permits.lease("user:u", SECOND + 2, 8, 10)
    assert 2 == await permits.lease("user:u", SECOND, 8, 10)

    await permits.lease("user:u", SECOND + 7200, 10, 10)
    assert 10 == await permits.lease("user:u", SECOND, 10, 10)


async def test_a_limit_that_was_lowered_grants_nothing_more(permits: Permits) -> None:
    """Nor does it take anything back."""
    assert 50 == await permits.lease("user:u", SECOND, 50, 100)

    assert 0 == await permits.lease("user:u", SECOND, 1, 10)


async def test_nobody_waits_for_a_database_that_is_away(caplog: pytest.LogCaptureFixture) -> None:
    """One waits for half a second, the others of that second not at all, and it is said once."""
    away = Database("mongodb://127.0.0.1:1/", "none", selection_timeout_ms=60_000, timeout_ms=60_000)
    clock = Clock()
    permits = Permits(away.collection("permits"), clock)
    with caplog.at_level(logging.WARNING):
        async with asyncio.timeout(5):
            first = await permits.lease("user:u", SECOND, 1, 10)
            others = [await permits.lease("user:u", SECOND, 1, 10) for _ in range(100)]
    away.close()

    assert first is None
    assert {None} == set(others)
    assert 1 == sum("counted per process" in record.message for record in caplog.records)
