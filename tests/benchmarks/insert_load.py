"""Bare loops that insert what the gateway inserts: `python -m tests.benchmarks.insert_load`.

What is left when everything but the driver and the database is gone: no socket, no frame, no token. `--mode=grouped`
puts as many records as a generator would have requests in flight into one `insert_many`, then the next as many;
`--mode=single` lets one `insert_one` follow the other, and a latency is that of one insert. Driver, document, indexes
and write concern are the gateway's. The loop is the server of its figures, so it belongs on the server's core.
"""

import hashlib
import itertools
import socket
import sys
import time
import uuid
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import msgspec
import uvloop
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pymongo import WriteConcern

from tests.benchmarks.generator import OWNERS, Measure, options, own_cpu, stay_on, summary
from tests.benchmarks.processes import Cpu, cpu_seconds
from tests.benchmarks.records import INDEXES, record

__all__ = ["main"]

owners = itertools.cycle(OWNERS)
Keys = AsyncIOMotorCollection[dict[str, Any]]


def uri_at(url: str) -> str:
    """What `peer_mongod.py` tells whoever connects."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port), timeout=10) as stream:
        return stream.makefile().readline().strip()


def fresh_record() -> dict[str, Any]:
    """A record that no other is like."""
    key_id = str(uuid.uuid4())
    mark = hashlib.sha256(key_id.encode()).hexdigest()
    return record(key_id, next(owners), "bench", mark, time.time_ns() // 1_000_000)


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


async def load(uri: str, pid: int, size: int, times: tuple[float, float], *, grouped: bool) -> Measure:
    """Warm up, measure."""
    warmup, seconds = times
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(uri)
    keys: Keys = client["bare"].get_collection("api-keys", write_concern=WriteConcern(w="majority", j=True))
    for fields, unique in INDEXES:
        await keys.create_index([(field, 1) for field in fields], unique=unique)
    await insert_until(keys, perf_counter() + warmup, size, grouped=grouped)
    begin, own, cpu = perf_counter(), own_cpu(), cpu_seconds(pid)
    latencies = await insert_until(keys, begin + seconds, size, grouped=grouped)
    wall, used = perf_counter() - begin, Cpu(own_cpu() - own, cpu_seconds(pid).since(cpu).mongod)
    client.close()
    return summary(sorted(latencies), wall, used, 0.0, 0)


def main() -> int:
    """Run once and print the measure; an insert that fails ends the program."""
    parser = options(__doc__)
    parser.add_argument("--mode", choices=["grouped", "single"], required=True)
    given = parser.parse_args()
    stay_on(given.core)
    size = given.connections * given.depth
    times = (given.warmup, given.seconds)
    measure = uvloop.run(load(uri_at(given.url), given.pid, size, times, grouped=given.mode == "grouped"))
    print(msgspec.json.encode(measure).decode())
    return int(measure.errors > 0)


if __name__ == "__main__":
    sys.exit(main())
