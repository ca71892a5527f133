"""The database: what is promised of writes and reads, and what becomes of the driver's errors."""

import asyncio
import logging
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from gateway.protocol.errors import ApiError
from gateway.storage.embedded import uri as uri_of
from gateway.storage.mongo import (
    Ambiguous,
    CommandError,
    Database,
    Document,
    MongoUnreachable,
    Transaction,
    run_admin_command,
)
from gateway.storage.mongod_binary import find_mongod
from tests.proxy import Proxy, proxied

NOT_CONNECTED = (503, "services.storage.not_connected")
EXISTS = (400, "services.storage.document_already_exists")
UNSTORABLE = (400, "services.storage.unexpected_bad_request")


@pytest.fixture
async def proxy(mongod: str) -> AsyncIterator[Proxy]:
    """A proxy before the session's mongod."""
    async with proxied(mongod) as proxy:
        yield proxy


@pytest.fixture
async def behind(proxy: Proxy, database: Database, database_name: str) -> AsyncIterator[Database]:
    """The test's database as seen through the proxy, with little patience."""
    behind = Database(proxy.uri, database_name, selection_timeout_ms=300, timeout_ms=300)
    yield behind
    behind.close()


@pytest.fixture
async def stranger(mongod: str, database_name: str) -> AsyncIterator[Any]:
    """The test's database in the hands of another program."""
    client: Any = AsyncIOMotorClient(mongod)
    yield client[database_name]
    client.close()


async def refusal(work: Any) -> tuple[int, str | None]:
    """Status and id of the error that a call raises."""
    with pytest.raises(ApiError) as caught:
        await work
    assert "mongo" not in caught.value.message.lower() or caught.value.status == 500
    return caught.value.status, caught.value.id


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

    assert [None, EXISTS, EXISTS, None] == [error and (error.status, error.id) for error in group]  # type: ignore[union-attr]
    assert EXISTS == await refusal(notes.insert_one({"_id": "a", "mark": 9}))
    assert ["a", "b", "d"] == [note["_id"] for note in await notes.find({})]


def nested(levels: int) -> Document:
    """An object in an object in an object …."""
    document: Document = {}
    for _ in range(levels):
        document = {"d": document}
    return document


@pytest.mark.parametrize(
    "document",
    [
        {"_id": "x", "value": "\ud800"},
        {"_id": "x", "nul\0key": 1},
        {"_id": "x", "value": 2**63},
        {"_id": "x", "value": object()},
        {"_id": "x", "value": "x" * 2**24},
        {"_id": "x", 1: "one"},
        nested(100_000),
    ],
    ids=["surrogate", "nul in a key", "large number", "object", "too large", "key no text", "too deep"],
)
async def test_what_cannot_be_stored_is_refused_alone(document: Document, database: Database) -> None:
    """It is the caller's mistake, and no fault of those whose documents share the round trip."""
    notes = database.collection("notes")

    before, unstorable, after = await asyncio.gather(
        notes.insert({"_id": "before"}),
        refusal(notes.insert(document)),
        notes.insert({"_id": "after"}),
    )

    assert (None, UNSTORABLE, None) == (before, unstorable, after)
    assert ["after", "before"] == [note["_id"] for note in await notes.find({})]


@pytest.mark.parametrize("how", ["refused", "silent"])
async def test_an_unreachable_database_is_503_within_the_bound(how: str, proxy: Proxy, behind: Database) -> None:
    """No operation takes longer than its time-out, whether nobody answers or nothing comes; then all works again."""
    notes = behind.collection("notes")
    await notes.insert({"_id": "a"})
    if how == "refused":
        proxy.refuse()
    else:
        proxy.fall_silent()

    began = asyncio.get_running_loop().time()
    results = await asyncio.gather(
        refusal(notes.get("a")),
        refusal(notes.find_one({})),
        refusal(notes.find({})),
        refusal(notes.count({})),
        refusal(notes.insert_one({"_id": "b"})),
        refusal(notes.update_one({"_id": "a"}, {"$set": {"n": 1}})),
        refusal(notes.replace_one({"_id": "a"})),
        refusal(notes.delete_one({"_id": "a"})),
        refusal(notes.delete_many({})),
        refusal(notes.index("n")),
        refusal(behind.transaction(lambda session: notes.insert_one({"_id": "c"}, session))),
        behind.ping(),
    )
    took = asyncio.get_running_loop().time() - began

    assert [*[NOT_CONNECTED] * 11, False] == results
    assert took < 2
    proxy.heal()
    while not await behind.ping():
        pass
    assert (await notes.get("a") or {})["_id"] == "a"


async def test_an_insert_without_an_answer_is_ambiguous(proxy: Proxy, behind: Database, database: Database) -> None:
    """It has happened, and its caller cannot know: that is told apart from a refusal."""
    notes = behind.collection("notes")
    await notes.insert({"_id": "a"})
    proxy.lose_answers("insert")

    with pytest.raises(Ambiguous):
        await notes.insert({"_id": "b"})

    assert proxy.lost >= 1
    assert 2 == await database.collection("notes").count({})


async def test_a_refused_operation_shows_no_text_of_the_driver(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake of ours is 500 for the client and a line in the log."""
    with caplog.at_level(logging.ERROR, "latchgate.storage"):
        assert (500, "services.storage.unexpected_error") == await refusal(
            database.collection("notes").find({"a": {"$nonsense": 1}})
        )

    assert ["MongoDB refused an operation: code 2"] == [record.getMessage() for record in caplog.records]


async def test_every_write_waits_for_majority_and_journal(database: Database, stranger: Any) -> None:
    """As the server sees it: each command bears `w: majority` and `j: true`, each read the concern `majority`."""
    notes = database.collection("notes")
    await notes.index("mark")
    await stranger.command("profile", 2)

    await notes.insert({"_id": "a"})
    await notes.insert_one({"_id": "b"})
    await notes.update_one({"_id": "b"}, {"$set": {"n": 1}})
    await notes.replace_one({"_id": "b"})
    await notes.get("b")
    await notes.find_one({"_id": "b"})
    await notes.find({})
    await notes.count({})
    await notes.delete_one({"_id": "b"})
    await notes.delete_many({})
    await stranger.command("profile", 0)

    seen = [entry["command"] async for entry in stranger["system.profile"].find({"ns": {"$regex": "notes$"}})]
    writes = [command for command in seen if "writeConcern" in command or "insert" in command]
    reads = [command for command in seen if "find" in command or "aggregate" in command]
    assert (2, 4) == (len([command for command in writes if "insert" in command]), len(reads))
    for command in writes:
        assert {"w": "majority", "j": True} == {name: command["writeConcern"].get(name) for name in ("w", "j")}
    for command in reads:
        assert "majority" == command["readConcern"]["level"]


@pytest.mark.parametrize("method", ["update_one", "replace_one", "delete_one", "delete_many", "insert_one", "insert"])
async def test_every_write_asks_for_durability(method: str, database: Database) -> None:
    """The collection's own write concern, of which every operation is made."""
    notes = database.collection("notes")

    assert hasattr(notes, method)
    assert {"w": "majority", "j": True} == notes._collection.write_concern.document


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


async def test_changes_by_others_are_seen(database: Database, stranger: Any) -> None:
    """Every write of another program to a collection that is followed calls; one to another collection does not."""
    calls: asyncio.Queue[None] = asyncio.Queue()

    async def changed() -> None:
        calls.put_nowait(None)

    following = asyncio.create_task(database.watch(["roles", "profiles"], changed))
    try:
        await _next(calls)  # as the stream begins: something may have happened before it
        for write in (
            stranger.roles.insert_one({"_id": "a"}),
            stranger.profiles.insert_one({"_id": "b"}),
            stranger.roles.update_one({"_id": "a"}, {"$set": {"n": 1}}),
            stranger.roles.delete_one({"_id": "a"}),
        ):
            await stranger.users.insert_one({})
            assert calls.empty()
            await write
            await _next(calls)
        assert calls.empty()
    finally:
        following.cancel()


async def test_changes_are_seen_again_after_the_stream_was_lost(
    proxy: Proxy, behind: Database, stranger: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """While the database is away the caller is told all the same, and afterwards of what happened meanwhile."""
    calls: asyncio.Queue[None] = asyncio.Queue()

    async def changed() -> None:
        calls.put_nowait(None)
        if calls.qsize() == 2:  # what is called may fail too
            await behind.collection("roles").find({})

    following = asyncio.create_task(behind.watch(["roles"], changed))
    try:
        await _next(calls)
        proxy.refuse()
        await _next(calls)
        await stranger.roles.insert_one({"_id": "a"})
        proxy.heal()
        await _next(calls)
        while "change stream lost" not in caplog.text:
            await asyncio.sleep(0.01)
        while not proxy.commands["aggregate"] > 1 or not await behind.ping():
            await asyncio.sleep(0.01)
        while True:  # until the new stream is up and silent
            try:
                await _next(calls, 0.5)
            except TimeoutError:
                break
        await stranger.roles.insert_one({"_id": "b"})
        await _next(calls)
        assert not following.done()
    finally:
        following.cancel()


async def _next(calls: asyncio.Queue[None], patience_s: float = 10) -> None:
    async with asyncio.timeout(patience_s):
        await calls.get()


@pytest.fixture
def lone_mongod(tmp_path: Path) -> Iterator[str]:
    """The connection string of a mongod that is no replica set."""
    socket_path = tmp_path / "m.sock"
    (tmp_path / "db").mkdir()
    arguments = ["--dbpath", str(tmp_path / "db"), "--bind_ip", str(socket_path), "--nounixsocket"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([find_mongod(), *arguments], stdout=log, stderr=log)
    yield uri_of(str(socket_path))
    process.kill()
    process.wait()


async def test_a_mongod_that_is_no_replica_set_is_told_to_the_operator(lone_mongod: str) -> None:
    """It would run for a while and fail at the first transaction; the sentence says what to do."""
    database = Database(lone_mongod, "test", selection_timeout_ms=10_000)

    with pytest.raises(MongoUnreachable, match=r"no replica set; start it with --replSet and run rs\.initiate"):
        await database.connect()

    database.close()


async def test_a_database_that_is_not_there_is_told_to_the_operator(tmp_path: Path) -> None:
    """Nothing of the driver's long text, and no time lost."""
    database = Database(uri_of(str(tmp_path / "none.sock")), "test", selection_timeout_ms=100)

    with pytest.raises(MongoUnreachable, match=r"^MongoDB cannot be reached: ServerSelectionTimeoutError$"):
        await database.connect()

    database.close()


@pytest.mark.parametrize("uri", ["mongodb://", "nonsense", "mongodb://a:b:c", "mongodb://x/?tls=maybe"])
async def test_an_unusable_connection_string_is_told_to_the_operator(uri: str) -> None:
    """The setting is named."""
    with pytest.raises(MongoUnreachable, match=r"^mongodb\.uri is not usable"):
        Database(uri, "test")


async def test_the_version_is_told_on_connecting(database: Database) -> None:
    """Three numbers."""
    assert 3 == len((await database.connect()).split("."))
    assert await database.ping()


async def test_an_administrative_command_tells_refusal_from_silence(mongod: str, tmp_path: Path) -> None:
    """A reply, a refusal with the server's number, or nobody there."""
    socket_path = unquote(urlsplit(mongod).netloc)

    assert 1 == (await run_admin_command(socket_path, {"ping": 1}))["ok"]
    with pytest.raises(CommandError) as caught:
        await run_admin_command(socket_path, {"noSuchCommand": 1})
    assert 59 == caught.value.code
    with pytest.raises(ConnectionError):
        await run_admin_command(str(tmp_path / "none.sock"), {"ping": 1})
