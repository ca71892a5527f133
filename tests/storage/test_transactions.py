"""Transactions: all or nothing, and again after a conflict, wherever it shows."""

import asyncio

import pytest

from gateway.protocol.errors import ApiError
from gateway.storage.mongo import Database, Transaction


async def meet(barrier: asyncio.Barrier, attempts: int) -> None:
    """Wait for the other transaction in the first attempt; later ones have nobody to wait for."""
    if attempts == 1:
        await barrier.wait()


@pytest.mark.parametrize("first", [True, False], ids=["a new collection", "one document"])
async def test_of_two_that_conflict_one_runs_again(database: Database, *, first: bool) -> None:
    """A conflict at the commit, as over the making of a collection, counts like one over a document."""
    collection = database.collection("things")
    if not first:
        await collection.insert_one({"_id": "shared", "n": 0})
    barrier = asyncio.Barrier(2)
    attempts = {"a": 0, "b": 0}

    async def run(name: str) -> None:
        async def work(transaction: Transaction) -> None:
            attempts[name] += 1
            if first:
                await collection.insert_one({"_id": name}, transaction)
                await meet(barrier, attempts[name])
            else:
                await collection.find_one({"_id": "shared"}, transaction)
                await meet(barrier, attempts[name])
                await collection.update_one({"_id": "shared"}, {"$inc": {"n": 1}}, transaction=transaction)

        await database.transaction(work)

    await asyncio.gather(run("a"), run("b"))

    assert 1 == min(attempts.values())
    assert 1 < max(attempts.values())
    stored = await collection.find({})
    assert ([{"_id": "a"}, {"_id": "b"}] if first else [{"_id": "shared", "n": 2}]) == stored


async def test_what_a_transaction_wrote_goes_with_its_refusal(database: Database) -> None:
    """An error of ours undoes everything and comes out as it is."""
    collection = database.collection("things")
    await collection.insert_one({"_id": "old"})

    async def work(transaction: Transaction) -> None:
        await collection.insert_one({"_id": "new"}, transaction)
        await collection.insert_one({"_id": "old"}, transaction)

    with pytest.raises(ApiError) as caught:
        await database.transaction(work)

    assert "services.storage.document_already_exists" == caught.value.id
    assert [{"_id": "old"}] == await collection.find({})
