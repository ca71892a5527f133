"""How much does a full database cost? `python -m tests.benchmarks.scale [--write]`.

Two gateways, each over a MongoDB of its own: one with 1,000 API keys, one with 1,000,000 (ten to a user). The same
requests go to both in turns, and what counts is the ratio of the CPU that one request costs, gateway and database
together. Users and keys are put into the databases directly; filling the large one takes about a minute.
"""

import argparse
import asyncio
import hashlib
import statistics
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from pymongo import MongoClient, WriteConcern

from tests.benchmarks.generator import Measure
from tests.benchmarks.processes import free_port, pin, serve
from tests.benchmarks.report import table
from tests.client import connected
from tests.mongod import start_mongod, stop_mongod

KEYS_EACH = 10
SIZES = {"1 k": 100, "1 M": 100_000}
"""Keys → users."""

BATCH = 5_000
USER = "user-50"
PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
START, END = "<!-- scale:start -->", "<!-- scale:end -->"

REQUESTS: dict[str, dict[str, Any]] = {
    "security:createApiKey": {"userId": USER, "body": {"description": "d"}},
    "security:searchApiKeys, first page": {"userId": "user-51"},
    "security:searchApiKeys, second page": {"userId": "user-51", "from": 5, "size": 5},
    "security:getUser": {"_id": USER},
    "security:searchUsers, ten of all": {"body": {}, "size": 10},
    "security:searchUsers, the ten newest": {"body": {"sort": {"_kuzzle_info.createdAt": "desc"}}, "size": 10},
    "security:searchUsers, by id": {"body": {"query": {"ids": {"values": [USER]}}}, "size": 10},
    "auth:checkToken": {"body": {"token": "$TOKEN"}},
    "auth:getCurrentUser": {"jwt": "$TOKEN"},
}


class Server(msgspec.Struct):
    """A gateway that runs: its port, its process, a token of a key in it."""

    port: int
    pid: int
    mongod_pid: int
    token: str


def fill(uri: str, users: int) -> None:
    """Store users and their keys as the gateway would."""
    info = {"author": "-1", "createdAt": 1_700_000_000_000, "updatedAt": None, "updater": None}
    with MongoClient[dict[str, Any]](uri) as client:
        database = client.get_database("latchgate", write_concern=WriteConcern(w=1))
        for first in range(0, users, BATCH):
            names = [f"user-{number}" for number in range(first, min(first + BATCH, users))]
            content = {"profileIds": ["default"]}
            database["users"].insert_many([{"_id": name, "content": content, "_kuzzle_info": info} for name in names])
            database["api-keys"].insert_many([key(name, n, info) for name in names for n in range(KEYS_EACH)])


def key(owner: str, number: int, info: dict[str, Any]) -> dict[str, Any]:
    """A stored API key; nobody has its token."""
    mark = hashlib.sha256(f"{owner}/{number}".encode()).hexdigest()
    return {
        "_id": str(uuid.uuid4()),
        "description": f"key {number}",
        "expiresAt": -1,
        "fingerprint": mark,
        "ttl": -1,
        "userId": owner,
        "_kuzzle_info": info,
    }


@contextmanager
def started(users: int) -> Iterator[Server]:
    """A gateway over a database with so many users."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        mongod, uri = start_mongod(Path(folder))
        stack.callback(stop_mongod, mongod)
        port = free_port()
        command = [sys.executable, "-m", "gateway", "serve", "--port", str(port), "--mongodb-uri", uri]
        environment = {"LATCHGATE_SECURITY_INITIAL_RIGHTS": "open", "LATCHGATE_LOGGING_LEVEL": "warning"}
        pid = stack.enter_context(serve(command, port, environment))
        fill(uri, users)
        pin(pid, 0)
        process = mongod._process
        if process is None:
            raise RuntimeError("mongod is gone")
        yield Server(port, pid, process.pid, asyncio.run(new_token(port)))


async def new_token(port: int) -> str:
    """Mint a key for a user and return its token."""
    async with connected(port) as client:
        made = await client.succeed("security:createApiKey", userId=USER, body={"description": "for the benchmark"})
        return str(made["_source"]["token"])


def measure(server: Server, name: str, arguments: dict[str, Any], seconds: float) -> Measure:
    """Send one kind of request for a while: 16 connections, one request in flight on each."""
    controller, action = name.split(",", maxsplit=1)[0].split(":")
    request = {"controller": controller, "action": action, "requestId": "$ID", **arguments}
    template = msgspec.json.encode(request).decode().replace("$TOKEN", server.token)
    options = {
        "--url": f"ws://127.0.0.1:{server.port}",
        "--template": template,
        "--connections": 16,
        "--seconds": seconds,
        "--pid": server.pid,
        "--core": 1,
    }
    words = [str(word) for pair in options.items() for word in pair]
    before = own_seconds(server.mongod_pid)
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.load", *words], capture_output=True, text=True, check=True
    )
    found = msgspec.json.decode(done.stdout, type=Measure)
    # The warm-up is in the database's share as well, of both sizes alike.
    used = own_seconds(server.mongod_pid) - before
    return msgspec.structs.replace(found, mongod_us=used / max(found.requests, 1) * 1e6)


def own_seconds(pid: int) -> float:
    """CPU seconds of one process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def rows(servers: dict[str, Server], rounds: int, seconds: float) -> Iterator[list[str]]:
    """A row per kind of request: CPU per request at each size, and the ratio of the largest to the smallest."""
    for name, arguments in REQUESTS.items():
        costs: dict[str, list[float]] = {size: [] for size in servers}
        for _ in range(rounds):
            for size, server in servers.items():
                found = measure(server, name, arguments, seconds)
                costs[size].append(found.server_us + found.mongod_us)
        medians = [statistics.median(of_size) for of_size in costs.values()]
        print(f"  {name}: {medians}", file=sys.stderr)
        action, _, what = name.partition(",")
        shown = f"`{action}`," + what if what else f"`{action}`"
        yield [shown, *(f"{median:.0f}" for median in medians), f"{medians[-1] / medians[0]:.2f}"]


def main() -> int:
    """Measure and print; with --write, into docs/performance.md too."""
    parser = argparse.ArgumentParser(description="how much a full database costs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    with ExitStack() as stack:
        servers = {size: stack.enter_context(started(users)) for size, users in SIZES.items()}
        headings = ["request", *(f"µs at {size} keys" for size in SIZES), "ratio"]
        text = table(headings, list(rows(servers, given.rounds, given.seconds)))
    print(text)
    if given.write:
        page = PAGE.read_text(encoding="utf-8")
        head, tail = page.split(START)[0], page.split(END)[1]
        PAGE.write_text(f"{head}{START}\n\n{text}\n\n{END}{tail}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
