"""What becomes of the driver's errors: ours for clients, sentences for operators, and nothing of MongoDB's own."""

import asyncio
import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from gateway.storage.embedded import uri as uri_of
from gateway.storage.mongo import Ambiguous, CommandError, Database, Document, MongoUnreachable, run_admin_command
from gateway.storage.mongod_binary import find_mongod
from tests.proxy import Proxy
from tests.storage.conftest import refusal, until

NOT_CONNECTED = (503, "services.storage.not_connected")
UNSTORABLE = (400, "services.storage.unexpected_bad_request")


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
async def test_an_unreachable_database_is_503_within_the_bound(
    how: str, proxy: Proxy, database: Database, database_name: str
) -> None:
    """Its time-out ends every operation, whether nobody answers or nothing comes; then all works again."""
    behind = Database(proxy.uri, database_name, timeout_ms=200)
    notes = behind.collection("notes")
    await database.collection("notes").insert({"_id": "a"})
    await until(behind.ping)
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
    assert took < 3  # the driver looks again for a lost server after half a second; a transaction is begun again
    proxy.heal()
    await until(behind.ping)
    assert (await notes.get("a") or {})["_id"] == "a"
    behind.close()


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
            database.collection("notes").update_one({}, {"$nonsense": 1})
        )

    assert ["MongoDB refused an operation: code 9"] == [record.getMessage() for record in caplog.records]


@pytest.fixture
def lone_mongod(tmp_path: Path) -> Iterator[str]:
    """The connection string of a mongod that is no replica set."""
    socket_path = tmp_path / "m.sock"
    (tmp_path / "db").mkdir()
    arguments = ["--dbpath", str(tmp_path / "db"), "--bind_ip", str(socket_path), "--nounixsocket"]
    arguments += ["--wiredTigerCacheSizeGB", "0.25"]
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
    database = Database(uri_of(str(tmp_path / "none.sock")), "test", timeout_ms=100)

    with pytest.raises(MongoUnreachable, match=r"^MongoDB cannot be reached: ServerSelectionTimeoutError$"):
        await database.connect()

    database.close()


@pytest.mark.parametrize("uri", ["mongodb://", "mongodb://a:b:c", "mongodb://a/b.c.d/?e"])
async def test_an_unusable_connection_string_is_told_to_the_operator(uri: str) -> None:
    """The setting is named."""
    with pytest.raises(MongoUnreachable, match=r"^mongodb\.uri is not usable"):
        Database(uri, "test")


async def test_an_administrative_command_tells_refusal_from_silence(mongod: str, tmp_path: Path) -> None:
    """A reply, a refusal with the server's number, or nobody there."""
    socket_path = unquote(urlsplit(mongod).netloc)

    assert 1 == (await run_admin_command(socket_path, {"ping": 1}))["ok"]
    with pytest.raises(CommandError) as caught:
        await run_admin_command(socket_path, {"noSuchCommand": 1})
    assert 59 == caught.value.code
    with pytest.raises(ConnectionError):
        await run_admin_command(str(tmp_path / "none.sock"), {"ping": 1})
