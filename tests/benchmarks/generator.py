"""What the load generators have in common: the count of what came back, the window, the CPU, the result.

Every connection keeps a fixed number of requests in flight until the end; with `--fresh` it leaves after its first
ones and the next connection comes in its place, which measures the set-up. Anything but the expected answer is an
error. What happens before the window opens is warm-up. The result is one line of JSON; exit status 1 if anything
went wrong.
"""

import argparse
import asyncio
import itertools
import os
import resource
import sys
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sized
from time import perf_counter

import msgspec
import uvloop

from tests.benchmarks.processes import Cpu, cpu_seconds

__all__ = [
    "ID_BYTES",
    "OWNERS",
    "Client",
    "Connect",
    "Measure",
    "Tally",
    "Template",
    "options",
    "own_cpu",
    "run",
    "stay_on",
    "summary",
]

DRAIN_LIMIT = 15.0  # seconds in which the last replies must come
SHOWN_ERRORS = 3
ID_BYTES = 15
OWNERS = tuple(f"bench-{number:03}" for number in range(200))
"""Users whose keys are minted: with one alone all would be spared looking for more than one. Names of one length."""


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One window. Latencies in milliseconds, CPU in microseconds per request, cores in 0..n.

    `errors` counts wrong, unknown, repeated and missing replies and lost connections; no reply at all is one.
    With `--fresh` a latency begins before the connection is opened.
    """

    requests: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    errors: int
    server_us: float
    mongod_us: float
    server_cores: float
    generator_cores: float


class Template:
    """A text in which "$ID" stands for a fresh id of `ID_BYTES` bytes, and "$OWNER" for each of `OWNERS` in turns."""

    def __init__(self, text: bytes) -> None:
        names = OWNERS if b"$OWNER" in text else OWNERS[:1]
        self.variants = itertools.cycle([text.replace(b"$OWNER", name.encode()).split(b"$ID") for name in names])

    def fill(self, fresh: str) -> bytes:
        """The text with an id and the next owner in it."""
        return fresh.encode().join(next(self.variants))


class Tally:
    """What all connections share.

    Attributes:
        latencies: of the answers so far, in seconds.
        sending: whether the run goes on.
        asks_again: whether an answer is followed by the next request on the same connection.
    """

    def __init__(self, *, asks_again: bool = True) -> None:
        self.latencies: list[float] = []
        self.errors = 0
        self.sending = True
        self.asks_again = asks_again

    def error(self, what: str, raw: bytes = b"") -> None:
        """Count it; the first few are shown."""
        self.errors += 1
        if self.errors <= SHOWN_ERRORS:
            print(f"error: {what}: {raw[:400]!r}", file=sys.stderr)

    def stop(self) -> None:
        """Let the last answers come."""
        self.sending = self.asks_again = False


class Client(ABC):
    """One connection.

    Attributes:
        waiting: the requests that have no answer yet.
        idle: set once nothing is to be asked and nothing waits, or the connection is gone.
    """

    waiting: Sized

    def __init__(self, number: int, tally: Tally) -> None:
        self.number = number
        self.tally = tally
        self.count = 0
        self.idle = asyncio.Event()
        self.is_leaving = False

    @abstractmethod
    def ask(self, count: int, since: float) -> None:
        """Send so many fresh requests; their time counts from `since`."""

    @abstractmethod
    def leave(self) -> None:
        """Close the connection."""

    def fresh_id(self) -> str:
        """An id that no other request of this run has."""
        self.count += 1
        return f"{self.number:05}-{self.count:09}"

    def go_on(self, count: int) -> None:
        """Follow so many answers with as many requests, until the tally says stop."""
        if self.tally.asks_again:
            self.ask(count, perf_counter())
        elif not self.waiting:
            self.idle.set()

    def lost(self) -> None:
        """The connection is gone: an error unless it was to go."""
        if not self.is_leaving and (self.tally.sending or self.waiting):
            self.tally.error("a connection was lost")
        self.idle.set()


Connect = Callable[[int], Awaitable[Client]]


async def converse(client: Client, connect: Connect, depth: int) -> None:
    """Ask until there is nothing more to ask, then leave; while the run goes on, another comes in its place."""
    since = perf_counter()
    while True:
        client.ask(depth, since)
        await client.idle.wait()
        client.is_leaving = True
        client.leave()
        if not client.tally.sending:
            return
        since = perf_counter()
        client = await connect(client.number)


async def load(given: argparse.Namespace, tally: Tally, connect: Connect) -> Measure:
    """Open the connections, warm up, measure, let the last replies come."""
    clients = [await connect(number) for number in range(given.connections)]
    tasks = [asyncio.create_task(converse(client, connect, given.depth)) for client in clients]
    await asyncio.sleep(given.warmup)

    tally.latencies.clear()
    begin, own, cpu = perf_counter(), own_cpu(), cpu_of(given)
    await asyncio.sleep(given.seconds)
    used, own_used = cpu_of(given).since(cpu), own_cpu() - own
    wall, latencies = perf_counter() - begin, sorted(tally.latencies)

    tally.stop()
    done, late = await asyncio.wait(tasks, timeout=DRAIN_LIMIT)
    for task in late:
        task.cancel()
        tally.error("the last answers did not come")
    for task in done:
        if (error := task.exception()) is not None:
            tally.error(repr(error))
    return summary(latencies, wall, used, own_used, tally.errors)


def cpu_of(given: argparse.Namespace) -> Cpu:
    """CPU seconds of the server and its database so far."""
    used = cpu_seconds(given.pid)
    return used if given.mongod is None else used._replace(mongod=cpu_seconds(given.mongod).mongod)


def own_cpu() -> float:
    """CPU seconds of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def summary(latencies: list[float], wall: float, used: Cpu, own: float, errors: int) -> Measure:
    """The figures of a window; `latencies` sorted, in seconds."""
    count = len(latencies)

    def percentile(part: float) -> float:
        return round(latencies[int(part * (count - 1))] * 1000, 3) if count else 0.0

    return Measure(
        requests=count,
        requests_per_second=round(count / wall, 1),
        p50_ms=percentile(0.50),
        p99_ms=percentile(0.99),
        errors=errors if count else errors + 1,
        server_us=round(used.server / max(count, 1) * 1e6, 2),
        mongod_us=round(used.mongod / max(count, 1) * 1e6, 2),
        server_cores=round(used.server / wall, 3),
        generator_cores=round(own / wall, 3),
    )


def options(about: str | None) -> argparse.ArgumentParser:
    """The command line as far as it is common; `about` is the generator's docstring."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0] if about else None)
    parser.add_argument("--url", required=True)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--depth", type=int, default=1, help="requests in flight per connection")
    parser.add_argument("--fresh", action="store_true", help="a new connection for each request")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--warmup", type=float, default=1.0)
    parser.add_argument("--pid", type=int, default=os.getpid(), help="the server's process id")
    parser.add_argument("--mongod", type=int, help="the process id of its database, if it did not start that itself")
    parser.add_argument("--core", type=int, default=None, help="the core to stay on")
    return parser


def stay_on(core: int | None) -> None:
    """Keep this process on one core, if there are several and one is named."""
    if core is not None and len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, {core})


def run(given: argparse.Namespace, tally: Tally, connect: Connect) -> int:
    """Run once, print the measure, return the exit status."""
    stay_on(given.core)
    measure = uvloop.run(load(given, tally, connect))
    print(msgspec.json.encode(measure).decode())
    return int(measure.errors > 0)
