"""Bare loops that insert what the gateway inserts: `python -m tests.benchmarks.insert_load`.

What is left when everything but the driver and the database is gone: no socket, no frame, no token. `--mode=grouped`
puts as many records as a generator would have requests in flight into one `insert_many`, then the next as many;
`--mode=single` lets one `insert_one` follow the other, and a latency is that of one insert. Driver, document, indexes
and write concern are the gateway's. The loop is the server of its figures, so it belongs on the server's core.
"""

import argparse
import hashlib
import itertools
import socket
import sys
import time
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pymongo import WriteConcern

from gateway.sources import new_ordered_id
from tests.benchmarks.generator import OWNERS, Measure, options, own_cpu, summary
from tests.benchmarks.processes import Cpu, Meter
from tests.benchmarks.records import INDEXES, record
from tests.benchmarks.windows import Order, run

__all__ = ["collection", "fresh_record", "insert", "main", "uri_at"]

owners = itertools.cycle(OWNERS)
Keys = AsyncIOMotorCollection[dict[str, Any]]


def uri_at(url: str) -> str:
    """What `peer_mongod.py` tells whoever connects."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port), timeout=10) as stream:
        return stream.makefile().readline().strip()


def fresh_record() -> dict[str, Any]:
    """A record that no other is like."""
    now = time.time_ns() // 1_000_000
    key_id = new_ordered_id(now)
    mark = hashlib.sha256(key_id.encode()).hexdigest()
    return record(key_id, next(owners), "bench", mark, now)


async def insert(keys: Keys, size: int, *, grouped: bool) -> None:
    """One round trip."""
    if grouped:
        await keys.insert_many([fresh_record() for _ in range(size)], ordered=False)
    else:
        await keys.insert_one(fresh_record())


async def insert_until(keys: Keys, end: float, size: int, *, grouped: bool) -> list[float]:
    """Insert until then; a latency in seconds for each record."""
    latencies: list[float] = []
    now = perf_counter()
    while now < end:
        await insert(keys, size, grouped=grouped)
        before, now = now, perf_counter()
        latencies += [now - before] * (size if grouped else 1)
    return latencies


class Bare:
    """The loop; its client is made by the first order, because it belongs to an event loop."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.keys: Keys | None = None

    async def measure(self, order: Order) -> Measure:
        """Warm up, open the window, close it."""
        if self.keys is None:
            self.keys = await collection(uri_at(self.given.url))
        keys = self.keys
        size, grouped = self.given.connections * order.depth, order.options["mode"] == "grouped"
        meter = Meter(self.given.pid)
        await insert_until(keys, perf_counter() + order.settle, size, grouped=grouped)
        begin, own, cpu = perf_counter(), own_cpu(), meter.read()
        latencies = await insert_until(keys, begin + order.seconds, size, grouped=grouped)
        wall, used = perf_counter() - begin, Cpu(own_cpu() - own, meter.read().since(cpu).mongod)
        return summary(sorted(latencies), wall, used, 0.0, 0)


async def collection(uri: str) -> Keys:
    """Where the records go, with the gateway's indexes and write concern."""
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(uri)
    keys: Keys = client["bare"].get_collection("api-keys", write_concern=WriteConcern(w="majority", j=True))
    for fields, unique in INDEXES:
        await keys.create_index([(field, 1) for field in fields], unique=unique)
    return keys


def main() -> int:
    """Measure and print; an insert that fails ends the program."""
    parser = options(__doc__)
    parser.add_argument("--mode", choices=["grouped", "single"], default="grouped")
    given = parser.parse_args()
    return run(given, Bare(given).measure, ["mode"])


if __name__ == "__main__":
    sys.exit(main())
