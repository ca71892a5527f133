"""Inserts whose outcome is known: what is there after a lost answer, and what is not."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.protocol.errors import ApiError
from gateway.storage.certain_insert import CertainInsert
from gateway.storage.mongo import Database, Document, Look
from tests.proxy import Proxy
from tests.storage.conftest import TIMEOUT_MS, refusal, until

MARKS = ("_id", "mark", "owner")
NOT_CONNECTED = (503, "services.storage.not_connected")
EXISTS = (400, "services.storage.document_already_exists")


@pytest.fixture
async def inserts(proxy: Proxy, database: Database, behind: Database) -> AsyncIterator[CertainInsert]:
    """Inserts through the proxy; the connection is warm."""
    await database.collection("notes").index("mark", unique=True)
    await until(behind.ping)
    inserts = CertainInsert(behind.collection("notes"), MARKS, patience_s=5.0, pause_s=0.02, hunt_s=0.2)
    yield inserts
    proxy.heal()
    await inserts.close()


def note(name: str = "a", mark: str = "ours") -> Document:
    """A document of ours."""
    return {"_id": name, "mark": mark, "owner": "me", "text": "…"}


async def until_stored(stranger: Any, *expected: Document) -> None:
    """Look into the collection until it is as it should be."""

    async def is_so() -> bool:
        found: list[Document] = await stranger.notes.find({}).sort("_id").to_list(None)
        return list(expected) == found

    await until(is_so)


async def test_a_document_is_stored_once(inserts: CertainInsert, proxy: Proxy, stranger: Any) -> None:
    """Where nothing goes wrong there is one command and nothing else."""
    before = proxy.commands.copy()

    await inserts.insert(note())

    assert [note()] == await stranger.notes.find({}).to_list(None)
    assert {"insert": 1} == {
        name: n for name, n in (proxy.commands - before).items() if name not in ("hello", "ismaster")
    }


async def test_somebody_elses_document_under_the_same_id_is_a_duplicate(inserts: CertainInsert, stranger: Any) -> None:
    """It stays as it is, and is not taken for ours."""
    await stranger.notes.insert_one(note(mark="theirs"))

    assert EXISTS == await refusal(inserts.insert(note()))

    assert [note(mark="theirs")] == await stranger.notes.find({}).to_list(None)
    assert None is inserts._hunter


async def test_a_duplicate_with_our_marks_is_our_own_write(inserts: CertainInsert, stranger: Any) -> None:
    """A write that was sent twice and arrived twice has happened."""
    await stranger.notes.insert_one(note())

    await inserts.insert(note())

    assert 1 == await stranger.notes.count_documents({})


@pytest.mark.parametrize("times", [1, 1000], ids=["once", "until the time is up"])
async def test_an_answer_that_is_lost_is_looked_up(
    times: int, inserts: CertainInsert, proxy: Proxy, stranger: Any
) -> None:
    """Whether the driver or we find out: the document is there, once, and the caller knows."""
    proxy.lose_answers("insert", times)

    await inserts.insert(note())

    assert [note()] == await stranger.notes.find({}).to_list(None)
    assert (proxy.lost >= 2) if times > 1 else (1 == proxy.lost)


async def test_what_was_looked_for_beside_it_is_handed_on(inserts: CertainInsert, proxy: Proxy, stranger: Any) -> None:
    """But for a document whose own outcome had to be found out first: nobody has looked then."""
    others = inserts._collection
    await stranger.notes.insert_one({"_id": "other", "mark": "other"})

    assert Look({"_id": "other", "mark": "other"}) == await inserts.insert(note(), others.places("mark")("other"))
    proxy.lose_answers("insert", 2)
    assert None is await inserts.insert(note("b", "mark of b"), others.places("mark")("other"))

    assert 3 == await stranger.notes.count_documents({})


async def test_every_document_of_a_group_finds_its_own_outcome(
    inserts: CertainInsert, proxy: Proxy, stranger: Any
) -> None:
    """A group without an answer: those that are stored are, the duplicate is refused."""
    await stranger.notes.insert_one(note("b", "theirs"))
    proxy.lose_answers("insert", 2)

    group = await asyncio.gather(
        *(inserts.insert(note(name, f"mark of {name}")) for name in "abc"), return_exceptions=True
    )

    assert [None, EXISTS, None] == [
        (error.status, error.id) if isinstance(error, ApiError) else error for error in group
    ]
    stored = await stranger.notes.find({}).sort("_id").to_list(None)
    assert ["mark of a", "theirs", "mark of c"] == [document["mark"] for document in stored]


async def test_a_document_that_never_arrived_is_sent_again(inserts: CertainInsert, proxy: Proxy, stranger: Any) -> None:
    """The database comes back before our patience ends: the insert succeeds."""
    proxy.refuse()

    inserting = asyncio.create_task(inserts.insert(note()))
    await asyncio.sleep(TIMEOUT_MS / 1000 + 0.1)  # the operation's own time is up
    assert not inserting.done()
    proxy.heal()
    await inserting

    assert [note()] == await stranger.notes.find({}).to_list(None)


async def test_a_silent_database_is_a_refusal_and_the_document_is_taken_back(
    inserts: CertainInsert, proxy: Proxy, stranger: Any
) -> None:
    """Stored, but nobody could say so: the caller is refused in time, and then it is not there any more."""
    inserts._patience_s = 0.3
    proxy.lose_answers("insert", then_fall_silent=True)
    began = asyncio.get_running_loop().time()

    assert NOT_CONNECTED == await refusal(inserts.insert(note()))

    assert asyncio.get_running_loop().time() - began < 2
    assert 1 == await stranger.notes.count_documents({})
    await asyncio.sleep(TIMEOUT_MS / 1000 + 0.1)  # the first tries to delete it come to nothing
    proxy.heal()
    await until_stored(stranger)


async def test_a_document_that_arrives_late_is_taken_back(inserts: CertainInsert, proxy: Proxy, stranger: Any) -> None:
    """What was on its way when the caller was refused is deleted when it comes, and it may come more than once."""
    inserts._patience_s = 0.3
    proxy.fall_silent()
    assert NOT_CONNECTED == await refusal(inserts.insert(note()))
    inserted = proxy.commands["insert"]

    proxy.heal()
    await until(lambda: proxy.commands["insert"] > inserted)

    await until_stored(stranger)
    await until(lambda: inserts._hunter is None)
    assert 0 == await stranger.notes.count_documents({})


async def test_a_duplicate_that_cannot_be_looked_at_is_taken_back_if_ours(
    inserts: CertainInsert, proxy: Proxy, stranger: Any
) -> None:
    """The caller is told 503: then our document must not stay, though the insert met it as a duplicate."""
    inserts._patience_s = 0.3
    await stranger.notes.insert_one(note())
    await stranger.notes.insert_one(note("b", "theirs"))
    proxy.lose_answers("find")

    assert NOT_CONNECTED == await refusal(inserts.insert(note()))

    await until_stored(stranger, note("b", "theirs"))


async def test_a_refusal_after_an_unknown_outcome_is_taken_back_too(inserts: CertainInsert, stranger: Any) -> None:
    """The second try is refused for good; should the first still arrive, it must not stay."""
    deep: Document = {}
    for _ in range(200):  # more than MongoDB takes, which refuses the whole command and not the document
        deep = {"d": deep}

    assert (500, "services.storage.unexpected_error") == await refusal(inserts.insert(note() | {"deep": deep}))

    await stranger.notes.insert_one(note())
    await until_stored(stranger)


@pytest.mark.parametrize("turns", [0, 1, 2, 5])
async def test_an_insert_that_is_cancelled_is_taken_back(inserts: CertainInsert, stranger: Any, turns: int) -> None:
    """Whoever gave up hears of no document, so there must be none; one that is stored later is found then."""
    inserting = asyncio.create_task(inserts.insert(note()))
    for _ in range(turns):
        await asyncio.sleep(0)
    inserting.cancel()
    await asyncio.wait((inserting,))

    assert inserting.cancelled()
    await until(lambda: inserts._hunter is None)
    await until_stored(stranger)


async def test_a_fault_of_ours_leaves_no_document(
    inserts: CertainInsert, stranger: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody has foreseen may have struck after the write."""
    insert = inserts._collection.insert

    async def insert_and_fail(*arguments: Any) -> None:
        await insert(*arguments)
        raise KeyError

    monkeypatch.setattr(inserts._collection, "insert", insert_and_fail)

    with pytest.raises(KeyError):
        await inserts.insert(note())
    await until_stored(stranger)


async def test_taking_back_touches_only_what_bears_all_our_marks(inserts: CertainInsert, stranger: Any) -> None:
    """The same `_id` with another mark, or the same mark with another owner, is somebody else's."""
    await stranger.notes.insert_many([note("a", "theirs"), note("b", "b") | {"owner": "you"}, note("c", "c")])

    for document in (note("a", "ours"), note("b", "b"), note("c", "c")):
        await inserts.take_back(document)

    await until(lambda: inserts._hunter is None)
    await until_stored(stranger, note("a", "theirs"), note("b", "b") | {"owner": "you"})


async def test_hunting_ends_by_itself_and_begins_again(inserts: CertainInsert, stranger: Any) -> None:
    """Nothing runs when nothing is hunted."""
    for _ in range(2):
        await inserts.take_back(note())
        assert inserts._hunter is not None
        await until(lambda: inserts._hunter is None)


async def test_closing_stops_the_hunt(inserts: CertainInsert) -> None:
    """No task is left behind; closing twice does no harm."""
    tasks = asyncio.all_tasks()
    await inserts.take_back(note())
    await asyncio.sleep(0)

    await inserts.close()
    await inserts.close()

    assert tasks == asyncio.all_tasks()


async def test_patience_is_as_long_as_an_operation_may_take(behind: Database) -> None:
    """One setting bounds both, unless told otherwise."""
    notes = behind.collection("notes")

    assert (TIMEOUT_MS / 1000, 2.0) == (
        CertainInsert(notes, MARKS)._patience_s,
        CertainInsert(notes, MARKS, patience_s=2)._patience_s,
    )
