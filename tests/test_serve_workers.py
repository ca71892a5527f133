"""`latchgate serve --workers 2` as its operator meets it: one port, one MongoDB, no request lost."""

import asyncio
import http.client
import json
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.client import ADMIN, Client, connected
from tests.ending import is_alive
from tests.serving import START_S, Served, complaint, latchgate, mongods, run, served

OPEN = {"LATCHGATE_SECURITY_INITIAL_RIGHTS": "open", "LATCHGATE_SERVER_NODE_NAME": "edge"}
REPLACED, READY = "all workers have been replaced", "another worker is ready"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two workers over an empty database, whose proposed next step has been followed."""
    with served(tmp_path_factory.mktemp("workers") / "data", "--workers", "2", environment=OPEN) as gateway:
        made = run([*gateway.next_step, "--password-stdin"], f"{ADMIN['password']}\n")
        assert 0 == made[0], made
        yield gateway


def children(pid: int) -> list[int]:
    """Ids of the processes that a process has started."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sorted({int(child) for task in tasks for child in (task / "children").read_text().split()})


def workers(gateway: Served) -> list[int]:
    """Ids of the workers."""
    return [pid for pid in children(gateway.process.pid) if pid not in mongods(gateway.data)]


def until(condition: Callable[[], bool]) -> None:
    """Wait for what no event tells of: what another process does."""
    deadline = time.monotonic() + START_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def count_of(gateway: Served, mark: str) -> int:
    """How many lines of the log have a mark."""
    return gateway.errors.read_text().count(mark)


def ask_node(port: int) -> str:
    """One short request on a connection of its own; the name of who answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_S)
    try:
        connection.request("GET", "/_now", headers={"Connection": "close"})
        answer = connection.getresponse()
        said: dict[str, Any] = json.loads(answer.read())
        assert 200 == answer.status, said
        return str(said["node"])
    finally:
        connection.close()


async def one_of_each(port: int, stack: AsyncExitStack) -> list[Client]:
    """A connection to each of the two workers."""
    found: dict[str, Client] = {}
    for _ in range(60):  # a worker that is there is missed by all of them once in 2**59 times
        client = await stack.enter_async_context(connected(port))
        found.setdefault((await client.ask("server:now"))["node"], client)
        if len(found) == 2:
            return list(found.values())
    raise AssertionError(found.keys())


# One port, one database.


def test_the_welcome_comes_once_and_there_is_one_mongod(shared: Served) -> None:
    """All workers are the supervisor's children, and so is the one mongod."""
    assert shared.welcome[0].startswith(f"Latchgate 0.1.0 listens on ws://127.0.0.1:{shared.port}, 2 workers, with ")
    assert [shared.place.pid] == mongods(shared.data)
    assert shared.place.pid in children(shared.process.pid)
    assert 2 == len(workers(shared))


def test_connections_are_split_evenly(shared: Served) -> None:
    """Each of 2,000 goes to either by a hash, a fair coin: 45-55 % are missed once in 150,000 runs."""
    counts = Counter(ask_node(shared.port) for _ in range(2000))

    print("split:", *counts.values())
    assert 2 == len(counts)
    assert all(name.startswith("edge-") for name in counts)
    assert max(counts.values()) <= 0.55 * 2000


async def test_a_key_made_at_one_worker_counts_at_the_other_until_it_is_revoked(shared: Served) -> None:
    """The very next request elsewhere takes it; the end of it is felt there within a second (generously)."""
    async with AsyncExitStack() as stack:
        here, there = await one_of_each(shared.port, stack)
        await here.login(**ADMIN)
        key = await here.succeed("security:createApiKey", userId="admin", body={"description": "roof"})
        there.jwt = key["_source"]["token"]

        assert "admin" == (await there.succeed("auth:getCurrentUser"))["_id"]
        await here.succeed("security:deleteApiKey", userId="admin", _id=key["_id"], refresh="wait_for")
        async with asyncio.timeout(10):
            while (await there.ask("auth:getCurrentUser"))["status"] != 401:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)


async def flood(client: Client, seconds: float) -> tuple[Counter[int], set[int]]:
    """Ask as fast as answers come; tell how many passed in each second of the clock, and in which some were refused."""
    until_then, passed, refused = time.monotonic() + seconds, Counter[int](), set[int]()
    while time.monotonic() < until_then:
        answer = await client.ask("server:now")
        if answer["status"] == 200:
            passed[answer["result"]["now"] // 1000] += 1
        else:
            refused.add(int(time.time()))
    return passed, refused


async def test_a_rate_limit_holds_for_all_workers_together(shared: Served) -> None:
    """One user at both, as fast as it goes: no second has more than a tenth above or below the limit."""
    most = 100
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(connected(shared.port))
        await admin.login(**ADMIN)
        body = {"policies": [{"roleId": "admin"}], "rateLimit": most}
        await admin.succeed("security:createProfile", _id="slow", body=body)
        await admin.succeed("security:createUser", _id="slow", body={"content": {"profileIds": ["slow"]}})
        key = await admin.succeed("security:createApiKey", userId="slow", body={"description": "x"})
        clients = await one_of_each(shared.port, stack)
        for client in clients:
            client.jwt = key["_source"]["token"]
        (here, full_here), (there, full_there) = await asyncio.gather(*(flood(client, 4.5) for client in clients))

    passed = here + there
    full = sorted(full_here & full_there)[1:-1]  # the first and the last are not whole
    assert full, "it did not ask fast enough to say anything"
    assert max(passed.values()) <= most * 1.1, passed
    assert min(passed[second] for second in full) >= most * 0.9, passed
    assert here, "one worker let nobody through"
    assert there, "one worker let nobody through"


# Faults and restarts.


def test_a_killed_worker_is_started_again_and_the_other_serves(shared: Served) -> None:
    """What the kernel had accepted for it waits for its successor: no request fails but those that it had in hand."""
    before, seen = workers(shared), count_of(shared, READY)

    os.kill(before[0], signal.SIGKILL)
    until(lambda: not is_alive(before[0]))
    for _ in range(50):
        ask_node(shared.port)

    until(lambda: count_of(shared, READY) > seen)
    assert before[1] in workers(shared)
    assert 2 == len(workers(shared))


@contextmanager
def load(port: int, threads: int = 4) -> Iterator[Counter[str]]:
    """Short requests without a retry, each on a connection of its own, while the block runs."""
    outcomes: Counter[str] = Counter()
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            try:
                ask_node(port)
                outcomes["answered"] += 1
            except (OSError, http.client.HTTPException, AssertionError) as error:
                outcomes[repr(error)] += 1

    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield outcomes
    finally:
        done.set()
        for thread in running:
            thread.join()


async def come_back(port: int, done: asyncio.Event, closes: Counter[str]) -> int:
    """Ask over WebSocket and connect again when told to; count the answers, each of which must be a success."""
    answered = 0
    while not done.is_set():
        try:
            async with connected(port) as client:
                while not done.is_set():
                    await client.succeed("server:now")
                    answered += 1
                    await asyncio.sleep(0.001)
        except ConnectionClosed as error:
            closes["cut off" if error.rcvd is None else f"{error.rcvd.code} {error.rcvd.reason}"] += 1
            await asyncio.sleep(Random().uniform(0, 0.05))
    return answered


async def test_sighup_replaces_the_workers_and_no_request_fails(shared: Served) -> None:
    """Short requests all succeed, WebSockets are closed 1012 and come back, both processes are new."""
    before, seen, closes = workers(shared), count_of(shared, REPLACED), Counter[str]()
    done = asyncio.Event()
    sockets = [asyncio.create_task(come_back(shared.port, done, closes)) for _ in range(8)]
    with load(shared.port) as outcomes:
        await asyncio.sleep(0.2)  # so that there is a load
        shared.process.send_signal(signal.SIGHUP)
        await asyncio.to_thread(until, lambda: count_of(shared, REPLACED) > seen)
    done.set()
    answered = await asyncio.gather(*sockets)

    assert ["answered"] == list(outcomes)
    assert outcomes["answered"] > 20
    assert all(answered)
    assert {"1012 restart; reconnect after a random delay"} == set(closes)
    assert closes.total() >= 8
    assert set(before).isdisjoint(workers(shared))
    assert 2 == len(workers(shared))
    assert [shared.place.pid] == mongods(shared.data)


# The end.


def test_no_worker_and_no_mongod_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    """However it ends; the next one takes port and folder at once."""
    data = tmp_path / "data"
    with served(data, "--workers", "2") as gateway:
        children_then = children(gateway.process.pid)
        assert 3 == len(children_then)
        gateway.process.kill()
        gateway.wait()
        until(lambda: not any(map(is_alive, children_then)))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", gateway.port)).close()
        assert "Traceback" not in gateway.errors.read_text()

    with served(data, "--workers", "2", "--port", str(gateway.port)) as again:
        assert gateway.port == again.port


async def test_sigterm_drains_all_and_ends_with_status_0(mongod: str, database_name: str, tmp_path: Path) -> None:
    """Sockets at both workers are told 1012; nothing is complained of."""
    words = ("--workers", "2", "--mongodb-uri", mongod, "--database", database_name)
    with served(tmp_path / "data", *words, environment=OPEN) as gateway:
        all_children = children(gateway.process.pid)
        async with AsyncExitStack() as stack:
            clients = await one_of_each(gateway.port, stack)
            stopping = asyncio.create_task(asyncio.to_thread(gateway.stop))
            for client in clients:
                with pytest.raises(ConnectionClosed) as closed:
                    await client.socket.recv()
                assert closed.value.rcvd is not None
                assert 1012 == closed.value.rcvd.code
            assert 0 == await stopping

    assert not any(map(is_alive, all_children))
    assert [] == [line for line in gateway.errors.read_text().splitlines() if " INFO " not in line]


async def test_shutdown_by_an_administrator_ends_the_whole_gateway(
    mongod: str, database_name: str, tmp_path: Path
) -> None:
    """Asked of one worker, meant for all: status 0."""
    words = ("--workers", "2", "--mongodb-uri", mongod, "--database", database_name)
    with served(tmp_path / "data", *words, environment=OPEN) as gateway:
        async with connected(gateway.port) as client:
            await client.succeed("admin:shutdown")
        assert 0 == await asyncio.to_thread(gateway.wait)


def test_a_worker_that_cannot_start_is_one_line(tmp_path: Path) -> None:
    """The port is taken, MongoDB is absent: status 1, said once, nothing left behind."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, output, errors = run(latchgate("serve", "--workers", "3", "--port", port, "--data-dir", str(tmp_path)))
    assert (1, "") == (status, output)
    assert complaint(errors).startswith(f"latchgate: cannot listen on 127.0.0.1:{port}: ")

    absent = ["--mongodb-uri", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100"]
    quick = {"LATCHGATE_MONGODB_SERVER_SELECTION_TIMEOUT_MS": "100"}
    status, output, errors = run(latchgate("serve", "--workers", "3", "--port", "0", *absent), environment=quick)
    assert (1, "") == (status, output)
    assert complaint(errors).startswith("latchgate: MongoDB cannot be reached: ")
