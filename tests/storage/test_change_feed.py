"""A change stream of a real database, with a network that misbehaves."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.storage.change_feed import ChangeFeed
from gateway.storage.changes import Batch, Change, HistoryLost, StreamBroken
from gateway.storage.mongo import Database
from tests.proxy import Proxy

EVERYTHING, BUT_INSERTS = ("roles",), ("tokens",)
WAIT_MS = 50


@pytest.fixture
async def feed(database: Database) -> ChangeFeed:
    """A stream over two collections; closed with the database."""
    feed = database.changes(EVERYTHING, BUT_INSERTS, WAIT_MS)
    await feed.open(None)
    return feed


@pytest.fixture
async def far(proxy: Proxy, behind: Database) -> AsyncIterator[ChangeFeed]:
    """The same stream, through the proxy."""
    feed = behind.changes(EVERYTHING, BUT_INSERTS, WAIT_MS)
    await feed.open(None)
    yield feed
    proxy.heal()


async def next_batch(feed: ChangeFeed) -> Batch:
    """Read until there is something."""
    async with asyncio.timeout(10):
        while not (batch := await feed.read()).changes:
            assert batch.is_all
    return batch


async def read_on(feed: ChangeFeed, told: list[Change]) -> None:
    """Read until it fails."""
    while True:
        told += (await feed.read()).changes


def _size(batch: Batch) -> int:
    return len(batch.changes)


async def test_every_write_to_one_kind_is_told_and_all_but_inserts_to_the_other(
    feed: ChangeFeed, stranger: Any
) -> None:
    """Collection, `_id`, operation; other collections are silent."""
    await stranger.users.insert_one({"_id": "u"})
    await stranger.tokens.insert_one({"_id": "t"})
    await stranger.roles.insert_one({"_id": "r"})
    await stranger.roles.update_one({"_id": "r"}, {"$set": {"n": 1}})
    await stranger.tokens.update_one({"_id": "t"}, {"$set": {"n": 1}})
    await stranger.tokens.replace_one({"_id": "t"}, {"n": 2})
    await stranger.tokens.delete_one({"_id": "t"})

    told: list[Change] = []
    while len(told) < 5:
        told += (await next_batch(feed)).changes

    assert [
        Change("roles", "r", "insert"),
        Change("roles", "r", "update"),
        Change("tokens", "t", "update"),
        Change("tokens", "t", "replace"),
        Change("tokens", "t", "delete"),
    ] == told


async def test_a_large_deletion_comes_in_batches_of_which_only_the_last_is_all(feed: ChangeFeed, stranger: Any) -> None:
    """A thousand at a time, and none is lost."""
    await stranger.tokens.insert_many([{"_id": f"{n}"} for n in range(2500)])
    await stranger.tokens.delete_many({})

    batches: list[Batch] = []
    while sum(map(_size, batches)) < 2500:
        batches.append(await next_batch(feed))

    assert {f"{n}" for n in range(2500)} == {change.id for batch in batches for change in batch.changes}
    assert all(batch.is_all is (len(batch.changes) < 1000) for batch in batches)
    assert batches[-1].is_all


async def test_a_quiet_database_answers_soon_and_says_that_this_is_all(feed: ChangeFeed) -> None:
    """After the time that was asked for; the position can be gone on from."""
    began = asyncio.get_running_loop().time()
    batch = await feed.read()

    assert (0, True) == (len(batch.changes), batch.is_all)
    assert batch.position is not None
    assert asyncio.get_running_loop().time() - began < 5


async def test_what_happened_before_is_told_from_a_position_on(
    feed: ChangeFeed, database: Database, stranger: Any
) -> None:
    """Another stream that is opened there tells the same."""
    position = (await feed.read()).position
    await stranger.roles.insert_one({"_id": "a"})
    await stranger.roles.insert_one({"_id": "b"})

    other = database.changes(EVERYTHING, BUT_INSERTS, WAIT_MS)
    await other.open(position)

    assert ["a", "b"] == [change.id for change in (await next_batch(other)).changes]


async def test_a_dropped_database_is_a_lost_history(feed: ChangeFeed, stranger: Any) -> None:
    """The dropped collection is told; then the stream is at its end, and can be opened anew."""
    await stranger.roles.insert_one({"_id": "a"})
    await stranger.client.drop_database(stranger.name)

    told: list[Change] = []
    with pytest.raises(HistoryLost):
        await read_on(feed, told)
    await feed.open(None)
    await stranger.roles.insert_one({"_id": "b"})

    assert Change("roles", None, "drop") in told or not told
    assert ["b"] == [change.id for change in (await next_batch(feed)).changes]


@pytest.mark.parametrize("position", [{"_data": "82"}, {"_data": "nonsense"}, {}], ids=str)
async def test_a_position_that_the_database_refuses_is_a_lost_history(feed: ChangeFeed, position: object) -> None:
    """Whatever is wrong with it: the stream can be opened anew."""
    with pytest.raises(HistoryLost):
        await feed.open(position)

    await feed.open(None)
    assert (await feed.read()).is_all


async def test_a_cut_connection_loses_nothing(far: ChangeFeed, proxy: Proxy, stranger: Any) -> None:
    """The driver goes on by itself, from where it was."""
    await stranger.roles.insert_one({"_id": "a"})
    assert ["a"] == [change.id for change in (await next_batch(far)).changes]

    proxy.cut()
    await stranger.roles.insert_one({"_id": "b"})

    assert ["b"] == [change.id for change in (await next_batch(far)).changes]


async def test_a_server_that_is_down_breaks_the_stream_which_can_be_opened_again(
    far: ChangeFeed, proxy: Proxy, stranger: Any
) -> None:
    """In bounded time, and with what happened meanwhile."""
    position = (await far.read()).position
    proxy.refuse()
    async with asyncio.timeout(10):
        with pytest.raises(StreamBroken):
            await read_on(far, [])
    await stranger.roles.insert_one({"_id": "a"})
    with pytest.raises(StreamBroken):
        await far.open(position)

    proxy.heal()
    await far.open(position)

    assert ["a"] == [change.id for change in (await next_batch(far)).changes]


async def test_a_silent_network_breaks_the_stream_in_bounded_time(far: ChangeFeed, proxy: Proxy) -> None:
    """Nothing arrives, not even a reset; whoever follows has long ceased to trust."""
    proxy.fall_silent()

    async with asyncio.timeout(10):
        with pytest.raises(StreamBroken):
            await read_on(far, [])


async def test_whoever_stops_waiting_leaves_the_stream_usable(feed: ChangeFeed, stranger: Any) -> None:
    """The reading in the thread goes to its end and is dropped."""
    reading = asyncio.create_task(feed.read())
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait((reading,))

    await feed.open(None)
    await stranger.roles.insert_one({"_id": "a"})

    assert ["a"] == [change.id for change in (await next_batch(feed)).changes]
