"""What the load generators have in common: connections, the count of what came back, the figures of a window.

Every connection keeps a fixed number of requests in flight. Anything but the expected answer is an error.
`windows.py` says when they ask and when they are measured.
"""

import argparse
import asyncio
import itertools
import os
import resource
import sys
from abc import ABC, abstractmethod
from collections.abc import Sized
from time import perf_counter

import msgspec

from tests.benchmarks.processes import Cpu

__all__ = [
    "ID_BYTES",
    "OWNERS",
    "Client",
    "Measure",
    "Tally",
    "Template",
    "options",
    "own_cpu",
    "stay_on",
    "summary",
]

SHOWN_ERRORS = 3
ID_BYTES = 15
OWNERS = tuple(f"bench-{number:03}" for number in range(200))
"""Users whose keys are minted: with one alone all would be spared looking for more than one. Names of one length."""


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One window. Latencies in milliseconds, CPU in microseconds per request, cores in 0..n.

    `errors` counts wrong, unknown, repeated and missing replies and lost connections. A window without a reply has none
    if they come after it; then nothing is to be read from it. With `--fresh` a latency begins before the connection is
    opened.
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
        errors: so far.
        sending: whether a window goes on, or what leads to it.
        asks_again: whether an answer is followed by the next request on the same connection.
        stays: whether connections outlast their first requests.
    """

    def __init__(self, *, stays: bool = True) -> None:
        self.latencies: list[float] = []
        self.errors = 0
        self.stays = stays
        self.begin()

    def begin(self) -> None:
        """Let requests be sent."""
        self.sending, self.asks_again = True, self.stays

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
        template: of the next request.
        idle: set once nothing is to be asked and nothing waits, or the connection is gone.
        is_leaving: whether it is closed on purpose.
        is_gone: whether it is closed.
    """

    waiting: Sized

    def __init__(self, number: int, tally: Tally, template: Template) -> None:
        self.number = number
        self.tally = tally
        self.template = template
        self.count = 0
        self.idle = asyncio.Event()
        self.is_leaving = self.is_gone = False

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
        self.is_gone = True
        self.idle.set()


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
        errors=errors,
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
    parser.add_argument("--obey", action="store_true", help="take orders from standard input")
    return parser


def stay_on(core: int | None) -> None:
    """Keep this process on one core, if there are several and one is named."""
    if core is not None and len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, {core})
