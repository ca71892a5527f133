"""The database: what is promised of writes, reads, transactions and change streams."""

import asyncio
from typing import Any

import pytest

from gateway.protocol.errors import ApiError
from gateway.storage.mongo import Ambiguous, Database, Look, MongoUnreachable, Transaction
from tests.proxy import Proxy
from tests.storage.conftest import refusal, until

EXISTS = (400, "services.storage.document_already_exists")


async def test_what_is_stored_is_found(database: Database) -> None:
    """Through the group commit and beside it, by `_id`, by another unique field, by a query."""
    notes = database.collection("notes")
    await notes.insert({"_id": "a", "number": 1, "mark": "x"})
    await notes.insert_one({"_id": "b", "number": 2, "mark": "y"})

    assert {"_id": "a", "number": 1, "mark": "x"} == await notes.get("a")
    assert {"_id": "b", "number": 2, "mark": "y"} == await notes.get("y", "mark")
    assert None is await notes.get("c")
    assert {"_id": "b", "number": 2, "mark": "y"} == await notes.find_one({"number": {"$gt": 1}})
    assert ["b", "a"] == [note["_id"] for note in await notes.find({}, sort=[("number", -1)])]
    assert ["b"] == [note["_id"] for note in await notes.find({}, skip=1, limit=5)]
    assert 2 == await notes.count({})


async def test_changes_tell_whether_there_was_something_to_change(database: Database) -> None:
    """Update, upsert, replace and delete, of what is there and of what is not."""
    notes = database.collection("notes")

    assert not await notes.update_one({"_id": "a"}, {"$set": {"n": 1}})
    assert await notes.update_one({"_id": "a"}, {"$set": {"n": 1}}, upsert=True)
    assert await notes.update_one({"_id": "a"}, {"$set": {"n": 1}})
    await notes.replace_one({"_id": "a", "m": 2})
    await notes.replace_one({"_id": "b"})
    assert [{"_id": "a", "m": 2}, {"_id": "b"}] == await notes.find({})
    assert await notes.delete_one({"_id": "a"})
    assert not await notes.delete_one({"_id": "a"})
    assert (1, 0) == (await notes.delete_many({}), await notes.delete_many({}))


async def test_a_duplicate_is_refused_and_its_neighbours_are_stored(database: Database) -> None:
    """The error is the document's own, in a group, alone, and under another unique index."""
    notes = database.collection("notes")
    await notes.index("mark", unique=True)
    await notes.insert({"_id": "a", "mark": 1})

    group = await asyncio.gather(
        *(notes.insert({"_id": name, "mark": mark}) for name, mark in (("b", 2), ("a", 3), ("c", 1), ("d", 4))),
        return_exceptions=True,
    )

    assert [None, EXISTS, EXISTS, None] == [
        (error.status, error.id) if isinstance(error, ApiError) else error for error in group
    ]
    assert EXISTS == await refusal(notes.insert_one({"_id": "a", "mark": 9}))
    assert ["a", "b", "d"] == [note["_id"] for note in await notes.find({})]


async def test_a_look_beside_an_insert_sees_what_is_there_once_it_is_stored(proxy: Proxy, behind: Database) -> None:
    """Of those that ask for it, what there is and that there is nothing; one query of a group, after its write."""
    notes, users = behind.collection("notes"), behind.collection("users")
    place = users.places("name")
    await users.insert({"_id": "u", "name": "U", "age": 7})
    await notes.insert({"_id": "taken"})
    before = proxy.commands.copy()

    group = await asyncio.gather(
        notes.insert({"_id": "a"}, place("u")),
        notes.insert({"_id": "b"}),
        notes.insert({"_id": "c"}, place("nobody")),
        notes.insert({"_id": "taken"}, place("u")),
        notes.insert({"_id": "d"}, place("u")),
        return_exceptions=True,
    )

    seen = Look({"_id": "u", "name": "U"})
    assert [seen, None, Look(None), seen] == [group[n] for n in (0, 1, 2, 4)]
    assert isinstance(group[3], ApiError)
    assert EXISTS == (group[3].status, group[3].id)
    done = proxy.commands - before
    assert (1, 1) == (done["insert"], done["find"])
    assert {"nobody", "u"} == set(proxy.latest["find"]["filter"]["_id"]["$in"])


async def test_a_look_begins_when_the_document_is_durable(proxy: Proxy, behind: Database) -> None:
    """While the write has no answer nothing is looked for: a deletion at that moment would not be seen."""
    notes, users = behind.collection("notes"), behind.collection("users")
    place = users.places("name")
    await users.insert({"_id": "u", "name": "U", "age": 7})
    proxy.swallows_answers = True

    inserting = asyncio.create_task(refused(notes.insert({"_id": "a"}, place("u"))))
    await until(lambda: proxy.lost)
    assert 0 == proxy.commands["find"]
    await inserting

    assert 0 == proxy.commands["find"]


async def refused(insert: Any) -> None:
    """Wait for an insert whose outcome nobody can tell."""
    with pytest.raises(Ambiguous):
        await insert


async def test_a_look_that_fails_leaves_the_insert_as_it_is(proxy: Proxy, behind: Database) -> None:
    """It is stored, and nobody has looked."""
    notes, users = behind.collection("notes"), behind.collection("users")
    place = users.places("name")
    await users.insert({"_id": "u", "name": "U", "age": 7})
    proxy.lose_answers("find")

    assert None is await notes.insert({"_id": "a"}, place("u"))

    proxy.heal()
    assert {"_id": "a"} == await notes.get("a")


async def test_a_look_that_one_answer_cannot_hold_is_none(database: Database) -> None:
    """Rather than to say of what is there that it is not."""
    notes, users = database.collection("notes"), database.collection("users")
    for name in "ab":
        await users.insert({"_id": name, "text": "x" * 9_000_000})

    looks = await asyncio.gather(*(notes.insert({"_id": name}, users.places()(name)) for name in "ab"))
    place = users.places()
    together = await asyncio.gather(*(notes.insert({"_id": name.upper()}, place(name)) for name in "ab"))

    assert ["a", "b"] == [look.found["_id"] for look in looks if look and look.found]
    assert [None, None] == together


async def test_every_write_waits_for_majority_and_journal(database: Database, stranger: Any) -> None:
    """As the server sees it: each command bears `w: majority` and `j: true`, each read the concern `majority`."""
    notes = database.collection("notes")
    await notes.index("mark")
    await stranger.command("profile", 2)

    await notes.insert({"_id": "a"}, notes.places()("a"))
    await notes.insert_one({"_id": "b"})
    await notes.update_one({"_id": "b"}, {"$set": {"n": 1}})
    await notes.replace_one({"_id": "b"})
    await notes.get("b")
    await notes.find_one({"_id": "b"})
    await notes.find({})
    await notes.count({"_id": "b"})
    await notes.delete_one({"_id": "b"})
    await notes.delete_many({})
    await stranger.command("profile", 0)

    seen = [entry["command"] async for entry in stranger["system.profile"].find({"ns": {"$regex": "notes$"}})]
    writes = [command for command in seen if "writeConcern" in command or "insert" in command]
    reads = [command for command in seen if "find" in command or "aggregate" in command]
    assert (2, 5) == (len([command for command in writes if "insert" in command]), len(reads))
    for command in writes:
        assert {"w": "majority", "j": True} == {name: command["writeConcern"].get(name) for name in ("w", "j")}
    for command in reads:
        assert "majority" == command["readConcern"]["level"]


async def test_a_transaction_waits_for_majority_and_journal(proxy: Proxy, behind: Database) -> None:
    """As it goes over the wire: the write concern stands at the commit, and nowhere else in a transaction."""
    notes = behind.collection("notes")
    await notes.insert({"_id": "a"})

    await behind.transaction(lambda session: notes.insert_one({"_id": "b"}, session))

    assert {"w": "majority", "j": True} == proxy.latest["commitTransaction"]["writeConcern"]
    assert "writeConcern" not in proxy.latest["insert"]


async def test_a_transaction_happens_whole_or_not_at_all(database: Database) -> None:
    """An error in the middle undoes what was before it, and is the caller's to see."""
    notes = database.collection("notes")
    await notes.insert({"_id": "taken"})

    async def fails(session: Transaction) -> None:
        await notes.insert_one({"_id": "a"}, session)
        assert {"_id": "a"} == await notes.find_one({"_id": "a"}, session)
        await notes.insert_one({"_id": "taken"}, session)

    async def works(session: Transaction) -> None:
        await notes.insert_one({"_id": "b"}, session)
        await notes.replace_one({"_id": "c"}, session)
        await notes.update_one({"_id": "taken"}, {"$set": {"n": 1}}, transaction=session)

    assert EXISTS == await refusal(database.transaction(fails))
    await database.transaction(works)

    assert [{"_id": "b"}, {"_id": "c"}, {"_id": "taken", "n": 1}] == await notes.find({})


async def test_a_transaction_runs_again_after_a_conflict(database: Database) -> None:
    """Two that read and write the same document both happen, one after the other."""
    notes = database.collection("notes")
    await notes.insert({"_id": "a", "n": 0})
    runs: list[int] = []
    both_have_read = asyncio.Barrier(2)

    async def add(session: Transaction) -> None:
        found = await notes.find_one({"_id": "a"}, session)
        assert found is not None
        runs.append(found["n"])
        if len(runs) <= 2:
            await both_have_read.wait()
        await notes.update_one({"_id": "a"}, {"$set": {"n": found["n"] + 1}}, transaction=session)

    await asyncio.gather(database.transaction(add), database.transaction(add))

    assert ({"_id": "a", "n": 2}, [0, 0, 1]) == (await notes.get("a"), runs)


async def test_the_version_is_told_on_connecting(database: Database) -> None:
    """Three numbers."""
    assert 3 == len((await database.connect()).split("."))
    assert await database.ping()


async def test_a_key_that_nothing_can_have_is_not_asked_for(database: Database) -> None:
    """Calls share queries, and a huge text in one would make them fail for everybody in it."""
    notes = database.collection("notes")
    await notes.insert_one({"_id": "a"})
    asked = ["x" * 1_000_000] * 20

    found = await asyncio.gather(*(notes.get(f"{n}{text}") for n, text in enumerate(asked)), notes.get("a"))

    assert [None] * 20 + [{"_id": "a"}] == found


async def test_a_server_that_is_not_there_is_given_up_in_time() -> None:
    """At the start the shorter bound holds: `mongodb.server_selection_timeout_ms`, not that of operations."""
    database = Database("mongodb://127.0.0.1:1", "x", selection_timeout_ms=200, timeout_ms=60_000)

    async with asyncio.timeout(20):
        with pytest.raises(MongoUnreachable):
            await database.connect()

    database.close()
