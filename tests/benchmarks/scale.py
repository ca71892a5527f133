"""How much does a full database cost? `python -m tests.benchmarks.scale [--write]`.

Two gateways, each over a MongoDB of its own: one with 1,000 API keys, one with 1,000,000 (ten to a user). The same
requests go to both in turns, and what counts is the ratio of the CPU that one request costs, gateway and database
together. Users and keys are put into the databases directly; filling the large one takes about a minute. `make bench`
does the same for two kinds of requests with 100,000 keys, which is what its time allows.

A checkpoint, for which MongoDB writes all that has changed, comes once a minute: into some windows and not into others.
So the databases make none by themselves here. One comes before the windows of each kind of request, and what is written
in them, for a minute at each size, is charged with the one behind them. Some is written before that minute and does not
count: what a database was just filled with does not lie in its memory yet, as it does in service.
"""

import argparse
import datetime as dt
import hashlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from pymongo import MongoClient, WriteConcern

from gateway.sources import new_ordered_id
from tests.benchmarks.figures import Figure, figure
from tests.benchmarks.generator import Measure
from tests.benchmarks.pages import PAGE, read_data, write_section
from tests.benchmarks.processes import cpu_seconds, free_port, pin, serve
from tests.benchmarks.records import record
from tests.benchmarks.renewing import renew
from tests.benchmarks.report import Scale, table
from tests.benchmarks.stage import GENERATOR_CORE, OPEN, SERVER_CORE, mint
from tests.mongod import start_mongod, stop_mongod

__all__ = ["fill", "main", "measure_growth"]

KEYS_EACH = 10
SMALL, MIDDLE, LARGE = 1_000, 100_000, 1_000_000
"""Keys."""

BATCH = 5_000
CREATED = 1_700_000_000_000
APART = 60
"""Milliseconds between two keys of those that are there: a million in 17 hours."""
USER = "user-50"

WRITING = "security:createApiKey"
BEFOREHAND = 5.0
"""Seconds of writing that do not count."""
MINUTE = 60.0
"""Seconds between two checkpoints, and how long is written at each size."""
STEADY = ("auth:checkToken", "auth:getCurrentUser")
"""So cheap that a little of something else shows, and quickly measured: twice the rounds."""

REQUESTS: dict[str, dict[str, Any]] = {
    WRITING: {"userId": "$OWNER", "body": {"description": "d"}},
    "auth:checkToken": {"body": {"token": "$TOKEN"}},
    "auth:getCurrentUser": {"jwt": "$TOKEN"},
    "security:searchApiKeys, first page": {"userId": "user-51"},
    "security:searchApiKeys, second page": {"userId": "user-51", "from": 5, "size": 5},
    "security:getUser": {"_id": USER},
    "security:searchUsers, ten of all": {"body": {}, "size": 10},
    "security:searchUsers, the ten newest": {"body": {"sort": {"_kuzzle_info.createdAt": "desc"}}, "size": 10},
    "security:searchUsers, by id": {"body": {"query": {"ids": {"values": [USER]}}}, "size": 10},
}


class Server(msgspec.Struct):
    """A gateway that runs: its port, its process, its database's and where that is, the token of a key in it."""

    port: int
    pid: int
    mongod_pid: int
    uri: str
    token: str

    def checkpoint(self) -> float:
        """Have the database write what has changed; return how many seconds of CPU that took."""
        before = cpu_seconds(self.mongod_pid).mongod
        command(self.uri, {"fsync": 1})
        return cpu_seconds(self.mongod_pid).mongod - before


def command(uri: str, words: Mapping[str, Any]) -> None:
    """Have a database do something."""
    with MongoClient[dict[str, Any]](uri) as client:
        client.admin.command(dict(words))


def fill(uri: str, users: int) -> None:
    """Store users and their keys as the gateway would."""
    info = {"author": "-1", "createdAt": CREATED, "updatedAt": None, "updater": None}
    with MongoClient[dict[str, Any]](uri) as client:
        database = client.get_database("latchgate", write_concern=WriteConcern(w="majority"))
        for first in range(0, users, BATCH):
            names = [f"user-{number}" for number in range(first, min(first + BATCH, users))]
            content = {"profileIds": ["default"]}
            database["users"].insert_many([{"_id": name, "content": content, "_kuzzle_info": info} for name in names])
            keys = [(name, n) for name in names for n in range(KEYS_EACH)]
            database["api-keys"].insert_many(
                [key(name, n, CREATED + (first * KEYS_EACH + place) * APART) for place, (name, n) in enumerate(keys)]
            )


def key(owner: str, number: int, created: int) -> dict[str, Any]:
    """A stored API key; nobody has its token."""
    mark = hashlib.sha256(f"{owner}/{number}".encode()).hexdigest()
    return record(new_ordered_id(created), owner, f"key {number}", mark, created)


@contextmanager
def started(keys: int) -> Iterator[Server]:
    """A gateway over a database with so many keys."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        mongod, uri = start_mongod(Path(folder))
        stack.callback(stop_mongod, mongod)
        port = free_port()
        words = [sys.executable, "-m", "gateway", "serve", "--port", str(port), "--mongodb-uri", uri]
        pid = stack.enter_context(serve(words, port, {**OPEN, "LATCHGATE_LOGGING_LEVEL": "warning"}))
        fill(uri, keys // KEYS_EACH)
        command(uri, {"setParameter": 1, "syncdelay": 0})  # no checkpoints but those that are asked for
        pin(pid, SERVER_CORE)
        process = mongod._process
        if process is None:
            raise RuntimeError("mongod is gone")
        yield Server(port, pid, process.pid, uri, mint(port)[0])


def window(server: Server, name: str, seconds: float) -> Measure:
    """What one kind of request costs for so long: 16 connections, one request in flight on each."""
    controller, action = name.split(",", maxsplit=1)[0].split(":")
    request = {"controller": controller, "action": action, "requestId": "$ID", **REQUESTS[name]}
    template = msgspec.json.encode(request).decode().replace("$TOKEN", server.token)
    options = {
        "--url": f"ws://127.0.0.1:{server.port}",
        "--template": template,
        "--connections": 16,
        "--seconds": seconds,
        "--warmup": 0.5,
        "--pid": server.pid,
        "--mongod": server.mongod_pid,
        "--core": GENERATOR_CORE,
    }
    words = [str(word) for pair in options.items() for word in pair]
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.load", *words], capture_output=True, text=True, check=True
    )
    found = msgspec.json.decode(done.stdout, type=Measure)
    print(f"    {name}: gateway {found.server_us:.1f}, MongoDB {found.mongod_us:.1f} µs", flush=True)
    return found


def in_turns(servers: Mapping[int, Server], name: str, rounds: int, seconds: float) -> dict[int, list[float]]:
    """Microseconds per request of one kind, all in all, of each round at each size; a share of a checkpoint too."""
    found: dict[int, list[Measure]] = {size: [] for size in servers}
    for server in servers.values():
        if name == WRITING:
            window(server, name, BEFOREHAND)
        server.checkpoint()
    for number in range(rounds):
        turn = list(servers.items())
        for size, server in turn if number % 2 == 0 else reversed(turn):
            found[size].append(window(server, name, seconds))
    costs: dict[int, list[float]] = {}
    for size, measures in found.items():
        time, requests = rounds * seconds, sum(measure.requests for measure in measures)
        share = servers[size].checkpoint() * time / MINUTE / requests * 1e6 if name == WRITING else 0.0
        costs[size] = [measure.server_us + measure.mongod_us + share for measure in measures]
    return costs


def costs(
    servers: Mapping[int, Server], names: Sequence[str], rounds: int, seconds: float, writing: float
) -> Iterator[tuple[str, dict[int, list[float]]]]:
    """For each kind of request what it costs at each size, in turns.

    Args:
        servers: size → gateway.
        names: kinds of requests.
        rounds: so many windows at each size.
        seconds: length of a window.
        writing: length of one in which is written.
    """
    for name in names:
        times = rounds * 2 if name in STEADY else rounds
        found = in_turns(servers, name, times, writing if name == WRITING else seconds)
        shown = ", ".join(f"{size:,} keys: {statistics.median(each):.0f} µs" for size, each in found.items())
        print(f"  {name}: {shown}", flush=True)
        yield name, found


def growth(found: Mapping[int, Sequence[float]]) -> Figure | None:
    """The ratio of the largest database to the smallest, round by round."""
    return figure([large / small for small, large in zip(found[min(found)], found[max(found)], strict=True)])


def measure_growth(rounds: int, seconds: float) -> dict[str, Figure]:
    """What `make bench` measures: the figures `keys:controller:action`, ratios of 100,000 keys to 1,000."""
    with ExitStack() as stack:
        servers = {size: stack.enter_context(started(size)) for size in (SMALL, MIDDLE)}
        found = list(costs(servers, (WRITING, "auth:checkToken"), rounds, seconds, writing=seconds))
    ratios = {f"keys:{name}": growth(of_size) for name, of_size in found}
    return {name: ratio for name, ratio in ratios.items() if ratio is not None}


def row(name: str, found: Mapping[int, Sequence[float]]) -> list[str]:
    """Of the table in the page."""
    action, _, what = name.partition(",")
    ratio = growth(found)
    return [
        f"`{action}`," + what if what else f"`{action}`",
        *(f"{statistics.median(each):.0f}" for each in found.values()),
        f"{ratio.value:.2f}" if ratio else "-",
        f"{ratio.low:.2f} to {ratio.high:.2f}" if ratio else "-",
    ]


def main() -> int:
    """Measure and print; with --write, into the page and beside it too."""
    parser = argparse.ArgumentParser(description="how much a full database costs")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    with ExitStack() as stack:
        servers = {size: stack.enter_context(started(size)) for size in (SMALL, LARGE)}
        found = dict(costs(servers, list(REQUESTS), given.rounds, given.seconds, writing=MINUTE / given.rounds))
    headings = ["request", *(f"µs at {size:,} keys" for size in (SMALL, LARGE)), "ratio", "rounds"]
    text = table(headings, [row(name, each) for name, each in found.items()])
    print(text)
    if given.write:
        write_section(PAGE, text, "scale")
        ratios = {name: ratio for name, each in found.items() if (ratio := growth(each)) is not None}
        renew(msgspec.structs.replace(read_data(), scale=Scale(f"{dt.datetime.now(dt.UTC):%F}", ratios)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
