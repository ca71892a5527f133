"""The count itself: what it is there to find, it finds."""

from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient

from gateway import Gateway
from tests.chaos.ledger import Ledger, audit
from tests.chaos.lines import open_line
from tests.chaos.load import found_house


async def test_every_broken_promise_is_found(gateway: Gateway, mongod: str, database_name: str) -> None:
    """Lost, with another's fingerprint, half, a stranger's, refused, heard of by nobody."""
    ledger = Ledger()
    line = await open_line(gateway.port)
    await found_house(line)
    names = ["good", "lost", "swapped", "lacking", "bent", "refused", "unheard", "dead", "undead"]
    for name in names:
        assert await ledger.create(line, name) is None
    for name in ("refused", "unheard"):
        del ledger.tokens[name]
    await ledger.revoke(line, "dead")
    ledger.dead["undead"] = ledger.tokens.pop("undead")
    ledger.refused.add("refused")
    client: Any = AsyncIOMotorClient(mongod)
    keys = client[database_name]["api-keys"]
    good = await keys.find_one({"_id": "good"})
    await keys.delete_one({"_id": "lost"})
    await keys.update_one({"_id": "swapped"}, {"$set": {"fingerprint": "0" * 64}})
    await keys.update_one({"_id": "lacking"}, {"$unset": {"ttl": 1}})
    await keys.update_one({"_id": "bent"}, {"$set": {"ttl": "long"}})
    await keys.insert_one(good | {"_id": "twin", "fingerprint": "1" * 64})
    client.close()

    found = await audit(mongod, database_name, ledger, line)

    await line.close()
    assert (5, 2, 8) == (found.acknowledged, found.revoked, found.stored)
    assert ["undead"] == found.revived
    assert ["lost", "swapped"] == sorted(found.lost)
    assert {"lost", "swapped"} <= set(found.useless)
    assert ["good"] == found.doubled
    assert ["bent", "lacking", "twin"] == sorted(found.half)
    assert (["twin"], ["refused"], ["unheard"]) == (found.strange, found.refused, found.unheard)


async def test_a_key_that_is_as_it_should_be_is_no_fault(gateway: Gateway, mongod: str, database_name: str) -> None:
    """The count is not always bad news."""
    ledger = Ledger()
    line = await open_line(gateway.port)
    await found_house(line)
    await ledger.create(line, "good")

    found = await audit(mongod, database_name, ledger, line)

    await line.close()
    found.check()
    assert (1, 1) == (found.acknowledged, found.stored)
