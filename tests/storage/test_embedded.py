"""The private mongod, with the real program: what it serves, how it ends, what survives which crash."""

import asyncio
import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.write_concern import WriteConcern

from gateway.storage import embedded
from gateway.storage.embedded import EmbeddedError, EmbeddedMongo, announced, uri
from gateway.storage.mongo import run_admin_command
from gateway.storage.mongod_binary import Place, explain_exit, find_mongod, parent_of
from tests.ending import ending, first_lines
from tests.mongod import start_mongod, stop_mongod

ROOT = Path(__file__).parents[2]
DURABLE = WriteConcern(w="majority", j=True)
START_S = 60.0

GATEWAY = """
import json, pathlib, sys
import uvloop
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.write_concern import WriteConcern
from gateway.storage.embedded import EmbeddedMongo, uri
from gateway.storage.mongo import run_admin_command

async def main():
    mongod = EmbeddedMongo(pathlib.Path(sys.argv[1]), run_admin_command, die_with_parent=sys.argv[2] == "dies")
    client = AsyncIOMotorClient(uri(await mongod.start()))
    notes = client.test.get_collection("notes", write_concern=WriteConcern(w="majority", j=True))
    await notes.insert_one({"_id": "acknowledged"})
    print("ready", flush=True)
    await mongod.wait_exit()
    sys.stdin.read()

uvloop.run(main())
"""


@pytest.fixture(scope="module", autouse=True)
def _binary() -> None:
    try:
        find_mongod()
    except EmbeddedError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder whose mongod runs for all tests that only look at it."""
    data = tmp_path_factory.mktemp("served") / "data"
    mongod, address = start_mongod(data)
    assert address == uri(read_place(data).socket)
    yield data
    stop_mongod(mongod)


@contextlib.asynccontextmanager
async def connected(socket_path: str) -> AsyncIterator[Any]:
    """A client for the length of a block."""
    client: Any = AsyncIOMotorClient(uri(socket_path), serverSelectionTimeoutMS=10_000)
    try:
        yield client
    finally:
        client.close()


def notes_of(client: Any) -> Any:
    """The collection that the tests write to, durably."""
    return client.test.get_collection("notes", write_concern=DURABLE)


def read_place(data: Path) -> Place:
    """What the folder announces, read by the names on the wire."""
    place = json.loads((data / "mongod.json").read_text())
    assert sorted(place) == ["pid", "socket", "startTime"]
    return Place(place["pid"], place["socket"], place["startTime"])


def mode_of(path: Path) -> int:
    """The permission bits."""
    return path.stat().st_mode & 0o777


def has_ended(pid: int) -> bool:
    """Wait until the process, anybody's child, has ended: at most 20 s."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 20)[0])
    finally:
        os.close(handle)


def is_gone(place: Place) -> bool:
    """Whether the process has ended and its socket's folder is removed."""
    return has_ended(place.pid) and not Path(place.socket).parent.exists()


async def test_what_is_in_the_journal_may_wait_in_the_cache_for_the_checkpoint(tmp_path: Path) -> None:
    """More of the cache than the fifth beyond which MongoDB by itself would have every writer write pages, too."""
    mongod = EmbeddedMongo(tmp_path, run_admin_command, cache_gb=0.25)
    fullest = 0.0
    async with connected(await mongod.start()) as client:
        notes = client.test.get_collection("many", write_concern=WriteConcern(w=1))
        for _ in range(60):
            await notes.insert_many([{"text": os.urandom(20_000)} for _ in range(50)])
            cache = (await client.admin.command("serverStatus"))["wiredTiger"]["cache"]
            fullest = max(fullest, cache["tracked dirty bytes in the cache"] / cache["maximum bytes configured"])
    await mongod.stop()

    assert 0.25 < fullest < 0.85


async def test_a_majority_write_reaches_a_change_stream(served: Path) -> None:
    """A direct connection serves majority writes and the change stream that tells of them."""
    async with connected(read_place(served).socket) as client:
        notes = client.test.get_collection("watched", write_concern=DURABLE)
        async with asyncio.timeout(20), notes.watch() as stream:
            await notes.insert_one({"_id": 1})
            change = await stream.next()
    assert (change["operationType"], change["documentKey"]) == ("insert", {"_id": 1})


async def test_a_transaction_commits_and_aborts_as_a_whole(served: Path) -> None:
    """Of two transactions through a direct connection, the aborted one leaves nothing."""
    async with connected(read_place(served).socket) as client:
        notes = notes_of(client)
        async with await client.start_session() as session:
            async with session.start_transaction(write_concern=DURABLE):
                await notes.insert_many([{"_id": "a"}, {"_id": "b"}], session=session)
            session.start_transaction(write_concern=DURABLE)
            await notes.insert_one({"_id": "c"}, session=session)
            await session.abort_transaction()
        assert [note["_id"] async for note in notes.find().sort("_id")] == ["a", "b"]


def test_nothing_but_the_unix_socket_is_listened_on(served: Path) -> None:
    """None of the process's sockets belongs to an internet protocol, and one unix socket listens."""
    place = read_place(served)
    links = [str(handle.readlink()) for handle in Path(f"/proc/{place.pid}/fd").iterdir()]
    own = {link[8:-1] for link in links if link.startswith("socket:[")}
    for protocol in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        table = Path(f"/proc/{place.pid}/net/{protocol}")
        lines = table.read_text().splitlines()[1:] if table.exists() else []
        assert set() == own & {line.split()[9] for line in lines}
    unix = [line.split() for line in Path(f"/proc/{place.pid}/net/unix").read_text().splitlines()[1:]]
    accepting = [fields[7] for fields in unix if fields[6] in own and fields[3] == "00010000"]
    assert [place.socket] == accepting


def test_folders_and_files_are_for_this_user_only(served: Path) -> None:
    """Data, database and socket folder have mode 0700; the announcement, the log and the lock 0600."""
    socket_path = Path(read_place(served).socket)
    assert [mode_of(folder) for folder in (served, served / "db", socket_path.parent)] == [0o700] * 3
    assert [mode_of(served / name) for name in ("mongod.json", "mongod.log", "latchgate.lock")] == [0o600] * 3
    assert len(os.fsencode(socket_path)) < 107


def test_the_running_mongod_is_announced_under_any_spelling_of_the_folder(served: Path, tmp_path: Path) -> None:
    """The socket path is found through a link to the data folder too."""
    link = tmp_path / "link"
    link.symlink_to(served)
    assert read_place(served).socket == announced(served) == announced(link)


def test_nothing_is_announced_for_a_folder_without_mongod(tmp_path: Path) -> None:
    """A missing folder, an empty one and a spoilt announcement all mean that nothing runs."""
    assert announced(tmp_path / "missing") is None
    assert announced(tmp_path) is None
    (tmp_path / "mongod.json").write_text('{"pid": ')
    assert announced(tmp_path) is None


async def test_a_second_start_names_the_gateway_in_possession(served: Path) -> None:
    """A taken data folder is refused with the holder's process id, and its mongod is left alone."""
    with pytest.raises(EmbeddedError, match=rf"^data folder \S+ is in use by another gateway \(pid {os.getpid()}\)$"):
        await EmbeddedMongo(served, run_admin_command).start()
    assert announced(served) is not None


def test_a_process_number_that_was_given_to_another_is_recognised(served: Path, tmp_path: Path) -> None:
    """Only a mongod of this folder with the announced start time counts as the one announced."""
    place = read_place(served)
    assert os.getpid() == parent_of(place, served)
    assert parent_of(Place(place.pid, place.socket, place.start_time + 1), served) is None
    assert parent_of(place, tmp_path) is None
    assert parent_of(Place(os.getpid(), place.socket, place.start_time), served) is None


async def test_a_folder_that_moved_keeps_its_data(tmp_path: Path) -> None:
    """After a clean stop nothing is left; the copied folder has another socket path and the same data."""
    mongod = EmbeddedMongo(tmp_path / "data", run_admin_command)
    path = await mongod.start()
    place = read_place(tmp_path / "data")
    async with connected(path) as client:
        await notes_of(client).insert_one({"_id": "kept"})
    await mongod.stop()
    await mongod.stop()
    assert is_gone(place)
    assert sorted(entry.name for entry in (tmp_path / "data").iterdir()) == ["db", "latchgate.lock", "mongod.log"]

    shutil.copytree(tmp_path / "data", tmp_path / "moved")
    shutil.rmtree(tmp_path / "data")
    mongod = EmbeddedMongo(tmp_path / "moved", run_admin_command)
    try:
        moved = await mongod.start()
        assert path != moved
        async with connected(moved) as client:
            assert await notes_of(client).find_one() == {"_id": "kept"}
    finally:
        await mongod.stop()


async def test_a_mongod_that_died_is_noticed_and_started_again_at_the_same_path(tmp_path: Path) -> None:
    """`wait_exit` tells the exit code, and a client made before the death goes on working after the restart."""
    mongod = EmbeddedMongo(tmp_path, run_admin_command)
    try:
        path = await mongod.start()
        async with connected(path) as client:
            await notes_of(client).insert_one({"_id": "before"})
            os.kill(read_place(tmp_path).pid, signal.SIGKILL)
            assert await asyncio.wait_for(mongod.wait_exit(), 20) == -signal.SIGKILL
            assert announced(tmp_path) is None
            assert path == await mongod.start() == await mongod.start() == announced(tmp_path)
            assert await notes_of(client).find_one() == {"_id": "before"}
    finally:
        await mongod.stop()


def crash_gateway(data: Path, crash: str) -> Place:
    """Run a gateway in a process of its own under uvloop until its write is acknowledged, then kill it with -9."""
    arguments = [sys.executable, "-c", GATEWAY, str(data), "stays" if "stays" in crash else "dies"]
    gateway = subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with ending(gateway):
        try:
            assert ["ready"] == first_lines(gateway, 1, START_S)
            place = read_place(data)
            assert place.socket == announced(data)
            if crash == "both die":
                os.kill(place.pid, signal.SIGKILL)
        finally:
            gateway.kill()
    return place


@pytest.mark.parametrize("crash", ["gateway dies", "both die", "gateway dies and mongod stays"])
async def test_an_acknowledged_write_survives(crash: str, tmp_path: Path) -> None:
    """After kill -9 the next start has the write, whatever is left of the mongod; the old one is gone."""
    place = crash_gateway(tmp_path, crash)
    assert announced(tmp_path) is None
    if "stays" in crash:
        assert parent_of(place, tmp_path) is not None
    else:
        assert has_ended(place.pid)

    mongod = EmbeddedMongo(tmp_path, run_admin_command)
    try:
        path = await mongod.start()
        assert parent_of(place, tmp_path) is None
        async with connected(path) as client:
            assert await notes_of(client).find_one() == {"_id": "acknowledged"}
    finally:
        await mongod.stop()
    assert is_gone(place)
    assert is_gone(Place(place.pid, path, 0))


async def test_a_cancelled_start_leaves_nothing_behind(tmp_path: Path) -> None:
    """Neither process nor socket folder nor lock outlives a start that was given up half-way."""
    reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def stall(_path: str, _command: object) -> dict[str, Any]:
        reached.set_result(None)
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    mongod = EmbeddedMongo(tmp_path, stall)
    start = asyncio.create_task(mongod.start())
    await asyncio.wait_for(reached, 20)
    place = read_place(tmp_path)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert is_gone(place)
    os.close(embedded._claim(tmp_path))


async def test_a_program_that_cannot_be_loaded_is_explained(tmp_path: Path) -> None:
    """What the loader writes reaches the operator as one line, and nothing is left behind."""
    program = tmp_path / "mongod"
    complaint = "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file"
    program.write_text(f"#!/bin/sh\necho '{complaint}' >&2\nexit 127")
    program.chmod(0o755)
    mongod = EmbeddedMongo(tmp_path / "data", run_admin_command, binary=program)
    with pytest.raises(EmbeddedError, match=r": mongod needs libcurl4: apt-get install libcurl4 \(log: \S+\)$"):
        await mongod.start()
    assert announced(tmp_path / "data") is None
    os.close(embedded._claim(tmp_path / "data"))


async def test_data_files_that_cannot_be_read_are_explained(tmp_path: Path) -> None:
    """What mongod says about damaged files becomes a sentence with the log's place."""
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "WiredTiger").write_text("spoilt")
    (tmp_path / "db" / "WiredTiger.turtle").write_text("spoilt")
    with pytest.raises(EmbeddedError, match=r"^mongod did not start: the data files are damaged: .*mongod\.log\)$"):
        await EmbeddedMongo(tmp_path, run_admin_command).start()


@pytest.mark.parametrize("folder", ["file", "file/below", "/proc/latchgate"])
async def test_an_unusable_data_folder_is_refused(folder: str, tmp_path: Path) -> None:
    """A file in the place of the folder, and one that cannot be made, are told apart from a crash."""
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedError, match=r"is not a folder$|^data folder \S+ cannot be used: "):
        await EmbeddedMongo(tmp_path / folder, run_admin_command).start()


def entry(severity: str, error: object) -> str:
    """A line of mongod's log."""
    return json.dumps({"s": severity, "msg": "told", "attr": {"error": error}})


@pytest.mark.parametrize(
    ("code", "line", "reason"),
    [
        (127, "mongod: error while loading shared libraries: libcurl.so.4: cannot open", r"needs libcurl4: apt-get"),
        (127, "mongod: error while loading shared libraries: libx.so.1: cannot open", r"library libx\.so\.1, which"),
        (1, "mongod: /lib/libc.so.6: version `GLIBC_2.35' not found", r"newer C library \(GLIBC_2\.35\)"),
        (
            14,
            entry("E", {"error_str": "No space left on device"}) + "\n" + entry("F", "WT_PANIC"),
            r"^the disk is full$",
        ),
        (100, entry("E", "IllegalOperation: a lock file on a read-only directory"), r"^this user may not write"),
        (100, entry("E", "DBPathInUse: Unable to lock the lock file"), r"^another mongod uses"),
        (62, entry("F", "invalid featureCompatibilityVersion document"), r"another version of MongoDB$"),
        (-4, entry("W", "Permission denied"), r"AVX"),
        (-9, "", r"^it was ended by signal 9$"),
        (3, entry("W", "Permission denied") + '\n{"s":"E","ms', r"^it ended with exit code 3$"),
        (2, "unrecognised option", r"^unrecognised option$"),
        (2, entry("E", "x" * 1000), r"^told: x{294}$"),
    ],
)
def test_last_words_become_one_sentence(code: int, line: str, reason: str, tmp_path: Path) -> None:
    """Only what this run logged, at a severity that ends it, is turned into the reason."""
    log = tmp_path / "mongod.log"
    log.write_text("No space left on device, in a run before\n")
    start = log.stat().st_size
    with log.open("a") as file:
        file.write(line)
    sentence = explain_exit(code, log, start)
    assert re.search(reason, sentence), sentence
    assert "\n" not in sentence


def test_a_missing_program_names_three_ways_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a mongod on the PATH and without the extra, the operator learns what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(EmbeddedError, match=r'^no mongod found: .*"latchgate\[embedded\]".*PATH.*--mongodb-uri'):
        find_mongod()
    with pytest.raises(EmbeddedError, match=r"^there is no mongod at "):
        find_mongod(tmp_path / "mongod")
    (tmp_path / "mongod").touch(0o644)
    with pytest.raises(EmbeddedError, match=r"run chmod \+x on it$"):
        find_mongod(tmp_path / "mongod")


def test_the_packaged_program_gets_its_run_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package's binary is found without importing the package, and made runnable; the PATH's goes before it."""
    packaged = tmp_path / "fiftyone" / "db" / "bin" / "mongod"
    packaged.parent.mkdir(parents=True)
    packaged.touch(0o644)
    (tmp_path / "fiftyone" / "__init__.py").write_text("raise ImportError")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert packaged == find_mongod()
    assert os.access(packaged, os.X_OK)
    (tmp_path / "mongod").touch(0o755)
    assert tmp_path / "mongod" == find_mongod()


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder with a short path: those of pytest may be too long for a socket."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def test_a_base_that_makes_the_path_too_long_or_unsafe_is_passed_over(base: Path, tmp_path: Path) -> None:
    """Too long, split at a comma, open to others, missing: the next base is taken, or the refusal names all."""
    bases = [base / ("long" * 20), base / "a,b", base / "open", base / "missing"]
    for folder in bases[:3]:
        folder.mkdir(0o700)
    bases[2].chmod(0o777)
    with pytest.raises(EmbeddedError, match=r"path under 107 bytes.*longlong.*a,b.*open.*missing\)$"):
        embedded._make_socket_folder(tmp_path, bases)
    folder = embedded._make_socket_folder(tmp_path, [*bases, base])
    assert (base, 0o700) == (folder.parent, mode_of(folder))


def test_a_link_in_the_place_of_the_socket_folder_is_left_alone(base: Path, tmp_path: Path) -> None:
    """Whoever prepares the name in a shared folder can neither have files removed nor catch the socket."""
    folder = embedded._make_socket_folder(tmp_path, [base])
    assert folder == embedded._make_socket_folder(tmp_path, [base])  # left over from a crash: made afresh
    folder.rmdir()
    (base / "other").mkdir()
    (base / "other" / "mongod.sock").touch()
    folder.symlink_to(base / "other")
    fresh = embedded._make_socket_folder(tmp_path, [base])
    assert (fresh == folder, mode_of(fresh)) == (False, 0o700)
    assert (base / "other" / "mongod.sock").exists()


def test_the_runtime_folder_of_the_session_comes_first(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$XDG_RUNTIME_DIR goes before the temporary folders, unless it is missing."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(base))
    assert base == next(embedded._runtime_folders())
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(base / "missing"))
    assert base / "missing" not in list(embedded._runtime_folders())
    assert Path("/tmp") == list(embedded._runtime_folders())[-1]


def test_the_connection_string_is_one_that_drivers_read() -> None:
    """The path is percent-encoded as the connection string's specification asks of socket paths."""
    assert uri("/tmp/a-1/mongod.sock") == "mongodb://%2Ftmp%2Fa-1%2Fmongod.sock/?directConnection=true"
