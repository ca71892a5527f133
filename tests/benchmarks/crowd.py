"""A crowd of WebSocket connections that stays and does what it is told: `python -m tests.benchmarks.crowd`.

Orders come on standard input, one JSON object a line, and each is followed by one line of JSON on standard output.
Between two orders the crowd is silent. `open` adds connections, each of which asks one request; `ping` has all of them
keep alive for a while; `ask` sends requests, some in flight at any time, on the first `among` connections in turns.
A lost connection and a wrong or missing answer count as errors.
"""

import argparse
import asyncio
import itertools
import sys
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Literal
from urllib.parse import urlsplit

import msgspec
import uvloop

from tests.benchmarks.generator import Measure, Tally, Template, own_cpu, stay_on, summary
from tests.benchmarks.load import Visitor, text_frame
from tests.benchmarks.processes import allow_files, cpu_seconds

__all__ = ["Ask", "Crowd", "Done", "Open", "Ping", "main"]

AT_ONCE = 32  # connections that are opened side by side
LIMIT = 30.0  # seconds for the last answers of an order
WARMUP = 0.3
PATIENCE = 1000  # looks at whether every ping has been answered
PING, PONG = b"\x89\x80" + bytes(4), b"\x8a\x00"
APP_PING, APP_PONG = text_frame(b'{"p":1}'), b'{"p":2}'


class Open(msgspec.Struct, tag="open"):
    """Add connections, each with a token of its own if there are enough."""

    count: int
    tokens: list[str] = []


class Ping(msgspec.Struct, tag="ping"):
    """Keep alive, spread evenly: a ping of the protocol, or the text that Kuzzle's SDK sends in a browser."""

    every: float
    seconds: float
    kind: Literal["frame", "text"] = "frame"


class Ask(msgspec.Struct, tag="ask"):
    """Send requests for a while."""

    among: int
    in_flight: int
    seconds: float


class Done(msgspec.Struct):
    """What became of an order; `pongs` of a `ping`, `measure` of an `ask`."""

    errors: int
    connections: int
    pongs: int = 0
    measure: Measure | None = None


class Member(Visitor):
    """One connection; whoever gave the last order is told of each answer."""

    def __init__(self, number: int, tally: Tally, template: Template, host: str) -> None:
        super().__init__(number, tally, template, host)
        self.answered: Callable[[], object] = bool
        self.pongs = 0

    def go_on(self, count: int) -> None:
        """Leave it to the crowd what comes next."""
        self.answered()

    def data_received(self, data: bytes) -> None:
        """Answers to pings are taken out."""
        if self.opened.done() and not self.data:
            while data.startswith(PONG):
                data = data[len(PONG) :]
                self.pongs += 1
            if not data:
                return
        super().data_received(data)

    def take(self, raw: bytes) -> None:
        """An answer to a ping, or to a request."""
        if raw == APP_PONG:
            self.pongs += 1
        else:
            super().take(raw)

    def write(self, data: bytes) -> None:
        """Send it as it is."""
        if self.transport is not None:
            self.transport.write(data)


class Crowd:
    """All connections to one server.

    Args:
        url: of the server, `ws://host:port/`.
        template: JSON text with "$ID" as requestId, and "$TOKEN" where the token of a connection belongs.
        pid: of the server, for its CPU.
    """

    def __init__(self, url: str, template: str, pid: int) -> None:
        place = urlsplit(url)
        self.host, self.port = place.hostname or "", place.port or 80
        self.template = template
        self.pid = pid
        self.tally = Tally()
        self.members: list[Member] = []

    async def obey(self, order: Open | Ping | Ask) -> Done:
        """Carry out one order."""
        pongs, measure = 0, None
        if isinstance(order, Open):
            await self.open(order)
        elif isinstance(order, Ping):
            pongs = await self.ping(order)
        else:
            measure = await self.ask(order)
        return Done(self.tally.errors, len(self.members), pongs, measure)

    async def open(self, order: Open) -> None:
        """Add connections and have each ask once."""
        first = len(self.members)
        numbers = iter(range(first, first + order.count))

        async def open_some() -> None:
            for number in numbers:
                token = order.tokens[number % len(order.tokens)] if order.tokens else ""
                self.members.append(await self.connect(number, token))

        await asyncio.gather(*(open_some() for _ in range(AT_ONCE)))

    async def connect(self, number: int, token: str) -> Member:
        """One connection that has asked once."""
        template = Template(self.template.replace("$TOKEN", token).encode())
        member = Member(number, self.tally, template, f"{self.host}:{self.port}")
        await asyncio.get_running_loop().create_connection(lambda: member, self.host, self.port)
        await member.opened
        answered = asyncio.Event()
        member.answered = answered.set
        member.ask(1, perf_counter())
        await asyncio.wait_for(answered.wait(), LIMIT)
        return member

    async def ping(self, order: Ping) -> int:
        """Each member once in every `every` seconds; return how many were answered."""
        before = self.pongs()
        text = APP_PING if order.kind == "text" else PING
        gap = order.every / len(self.members)
        begin = perf_counter()
        count = int(order.seconds / gap)
        for number, member in zip(range(count), itertools.cycle(self.members), strict=False):
            while perf_counter() < begin + number * gap:  # noqa: ASYNC110 - a timer would send them in bundles
                await asyncio.sleep(0)
            member.write(text)
        for _ in range(PATIENCE):
            pongs = self.pongs() - before
            if pongs >= count:
                break
            await asyncio.sleep(LIMIT / PATIENCE)
        if pongs != count:
            self.tally.error(f"{count} pings, {pongs} pongs")
        return pongs

    def pongs(self) -> int:
        """Pings that were answered, all in all."""
        return sum(member.pongs for member in self.members)

    async def ask(self, order: Ask) -> Measure:
        """Keep requests in flight, each on the next connection."""
        turns = itertools.cycle(self.members[: order.among])
        idle = asyncio.Event()
        goes_on = True

        def answered() -> None:
            if goes_on:
                next(turns).ask(1, perf_counter())
            elif not any(member.waiting for member in self.members):
                idle.set()

        for member in self.members[: order.among]:
            member.answered = answered
        for _ in range(order.in_flight):
            next(turns).ask(1, perf_counter())
        await asyncio.sleep(WARMUP)
        self.tally.latencies.clear()
        begin, own, cpu = perf_counter(), own_cpu(), cpu_seconds(self.pid)
        await asyncio.sleep(order.seconds)
        used, own_used, wall = cpu_seconds(self.pid).since(cpu), own_cpu() - own, perf_counter() - begin
        latencies = sorted(self.tally.latencies)
        goes_on = False
        await asyncio.wait_for(idle.wait(), LIMIT)
        return summary(latencies, wall, used, own_used, self.tally.errors)

    async def leave(self) -> None:
        """Close every connection without a word."""
        for member in self.members:
            member.is_leaving = True
            member.leave()
        await asyncio.sleep(0)  # a transport ends in the next turn of the loop


def orders() -> Iterator[Open | Ping | Ask]:
    """What is asked of the crowd, until nothing more will be."""
    decoder = msgspec.json.Decoder(Open | Ping | Ask)
    for line in sys.stdin:
        yield decoder.decode(line)


def main() -> int:
    """Obey until standard input ends; exit status 1 if anything went wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--template", required=True)
    parser.add_argument("--pid", type=int, required=True, help="the server's process id")
    parser.add_argument("--core", type=int, default=None, help="the core to stay on")
    parser.add_argument("--most", type=int, default=10_000, help="connections that there will be at most")
    given = parser.parse_args()
    stay_on(given.core)
    allow_files(given.most + 100)
    crowd = Crowd(given.url, given.template, given.pid)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for order in orders():
            print(msgspec.json.encode(runner.run(crowd.obey(order))).decode(), flush=True)
        runner.run(crowd.leave())
    return int(crowd.tally.errors > 0)


if __name__ == "__main__":
    sys.exit(main())
