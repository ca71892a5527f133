"""How much does a full database cost? `python -m tests.benchmarks.scale [--write]`.

Two gateways, each over a MongoDB of its own: one with 1,000 API keys, one with 1,000,000 (ten to a user). The same
requests go to both in turns, and what counts is the ratio of the CPU that one request costs, gateway and database
together. Users and keys are put into the databases directly; filling the large one takes about a minute. `make bench`
does the same for two kinds of requests with 100,000 keys, which is what its time allows.
"""

import argparse
import asyncio
import datetime as dt
import hashlib
import statistics
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from pymongo import MongoClient, WriteConcern

from tests.benchmarks.figures import Figure, figure
from tests.benchmarks.generator import Measure
from tests.benchmarks.pages import PAGE, read_data, write_section
from tests.benchmarks.processes import free_port, pin, serve
from tests.benchmarks.records import record
from tests.benchmarks.renewing import renew
from tests.benchmarks.report import Scale, table
from tests.benchmarks.stage import GENERATOR_CORE, OPEN, SERVER_CORE
from tests.client import connected
from tests.mongod import start_mongod, stop_mongod

__all__ = ["fill", "main", "measure_growth"]

KEYS_EACH = 10
SMALL, MIDDLE, LARGE = 1_000, 100_000, 1_000_000
"""Keys."""

BATCH = 5_000
CREATED = 1_700_000_000_000
USER = "user-50"

REQUESTS: dict[str, dict[str, Any]] = {
    "security:createApiKey": {"userId": USER, "body": {"description": "d"}},
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
    """A gateway that runs: its port, its process, its database's, the token of a key in it."""

    port: int
    pid: int
    mongod_pid: int
    token: str


def fill(uri: str, users: int) -> None:
    """Store users and their keys as the gateway would."""
    info = {"author": "-1", "createdAt": CREATED, "updatedAt": None, "updater": None}
    with MongoClient[dict[str, Any]](uri) as client:
        database = client.get_database("latchgate", write_concern=WriteConcern(w="majority"))
        for first in range(0, users, BATCH):
            names = [f"user-{number}" for number in range(first, min(first + BATCH, users))]
            content = {"profileIds": ["default"]}
            database["users"].insert_many([{"_id": name, "content": content, "_kuzzle_info": info} for name in names])
            database["api-keys"].insert_many([key(name, n) for name in names for n in range(KEYS_EACH)])


def key(owner: str, number: int) -> dict[str, Any]:
    """A stored API key; nobody has its token."""
    mark = hashlib.sha256(f"{owner}/{number}".encode()).hexdigest()
    return record(str(uuid.uuid4()), owner, f"key {number}", mark, CREATED)


@contextmanager
def started(keys: int) -> Iterator[Server]:
    """A gateway over a database with so many keys."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        mongod, uri = start_mongod(Path(folder))
        stack.callback(stop_mongod, mongod)
        port = free_port()
        command = [sys.executable, "-m", "gateway", "serve", "--port", str(port), "--mongodb-uri", uri]
        pid = stack.enter_context(serve(command, port, {**OPEN, "LATCHGATE_LOGGING_LEVEL": "warning"}))
        fill(uri, keys // KEYS_EACH)
        pin(pid, SERVER_CORE)
        process = mongod._process
        if process is None:
            raise RuntimeError("mongod is gone")
        yield Server(port, pid, process.pid, asyncio.run(new_token(port)))


async def new_token(port: int) -> str:
    """Mint a key for a user and return its token."""
    async with connected(port) as client:
        made = await client.succeed("security:createApiKey", userId=USER, body={"description": "for the benchmark"})
        return str(made["_source"]["token"])


def cost(server: Server, name: str, arguments: dict[str, Any], seconds: float) -> float:
    """Microseconds per request of one kind, all in all: 16 connections, one request in flight on each."""
    controller, action = name.split(",", maxsplit=1)[0].split(":")
    request = {"controller": controller, "action": action, "requestId": "$ID", **arguments}
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
    return found.server_us + found.mongod_us


def costs(
    servers: Mapping[int, Server], names: Sequence[str], rounds: int, seconds: float
) -> Iterator[tuple[str, dict[int, list[float]]]]:
    """For each kind of request what it costs at each size, in turns."""
    for name in names:
        found: dict[int, list[float]] = {size: [] for size in servers}
        for number in range(rounds):
            turn = list(servers.items())
            for size, server in turn if number % 2 == 0 else reversed(turn):
                found[size].append(cost(server, name, REQUESTS[name], seconds))
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
        found = list(costs(servers, ("security:createApiKey", "auth:checkToken"), rounds, seconds))
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
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    with ExitStack() as stack:
        servers = {size: stack.enter_context(started(size)) for size in (SMALL, LARGE)}
        found = dict(costs(servers, list(REQUESTS), given.rounds, given.seconds))
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
