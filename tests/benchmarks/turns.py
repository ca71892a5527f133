"""Has servers measured in turns, in many short slices.

A machine that others share is half as fast in one second as in the next, so what is to be compared is measured a
fraction of a second apart: each round takes one slice of every entrant, every other round backwards (A B B A), and the
rounds follow each other at once. Servers and generators stay, and so do their connections: entrants that share a server
share its generator. Between its slices a connection is silent.
"""

import contextlib
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from tests.benchmarks.contests import ROOT, Work
from tests.benchmarks.generator import Measure
from tests.benchmarks.report import Result
from tests.benchmarks.stage import GENERATOR_CORE, SERVER_CORE, Running, words
from tests.benchmarks.windows import Order

__all__ = ["Player", "Slice", "play", "players", "slice_of"]

WARMUP = 0.5  # seconds, before the first round
PATIENCE = 120.0  # seconds that a generator may take for one order


class Slice(NamedTuple):
    """How long one is, in seconds.

    Attributes:
        settle: in which the server gets used to the requests.
        seconds: that are measured.
    """

    settle: float
    seconds: float


SHORT, LONG = Slice(0.05, 0.25), Slice(0.2, 0.6)


def slice_of(works: Sequence[Work]) -> Slice:
    """How long it has to be: where the database works for many connections, answers take part of a second."""
    return LONG if any(work.durable and work.connections > 1 for work in works) else SHORT


class Player(NamedTuple):
    """A server with a generator before it."""

    running: Running
    generator: "subprocess.Popen[str]"

    def measure(self, depth: int, settle: float, seconds: float) -> Measure:
        """One window.

        Raises:
            RuntimeError: the generator ended, or took too long; what it said is on standard error.
        """
        source, sink = self.generator.stdin, self.generator.stdout
        if source is None or sink is None:
            raise ValueError("a generator hears and speaks through pipes")
        order = Order(self.running.options, depth, settle, seconds)
        with contextlib.suppress(BrokenPipeError):  # then there is no answer either
            print(msgspec.json.encode(order).decode(), file=source, flush=True)
        ready, _, _ = select.select([sink], [], [], PATIENCE)
        line = sink.readline() if ready else ""
        if not line:
            raise RuntimeError(f"the generator failed on {self.running.entrant.title}")
        return msgspec.json.decode(line, type=Measure)


def command(running: Running) -> tuple[str, ...]:
    """How its generator is started; what is asked comes with each order."""
    work = running.entrant.work
    options = {
        "url": f"{work.scheme}://127.0.0.1:{running.port}/",
        "connections": work.connections,
        "pid": running.pid,
        "core": SERVER_CORE if work.serves else GENERATOR_CORE,
    }
    flags = ["--obey", *(["--fresh"] if work.fresh else [])]
    return (sys.executable, "-m", f"tests.benchmarks.{work.generator}", *words(options), *flags)


@contextlib.contextmanager
def started(line: Sequence[str]) -> Iterator["subprocess.Popen[str]"]:
    """A generator that waits for orders; it leaves when its standard input ends."""
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


@contextlib.contextmanager
def players(servers: Sequence[Running]) -> Iterator[list[Player]]:
    """A generator before each server, in their order; the same for all that differ only in what they are asked."""
    with contextlib.ExitStack() as stack:
        found: dict[tuple[str, ...], subprocess.Popen[str]] = {}
        for line in map(command, servers):
            if line not in found:
                found[line] = stack.enter_context(started(line))
        yield [Player(server, found[command(server)]) for server in servers]


def play(playing: Sequence[Player], depth: int, seconds: float) -> list[Result]:
    """All rounds of some servers at one depth.

    Args:
        playing: in the order of the first round.
        depth: requests in flight on each connection.
        seconds: that are measured of each server in all.
    """
    entrants = [player.running.entrant for player in playing]
    settle, length = slice_of([entrant.work for entrant in entrants])
    results = [Result(e.name, e.title, depth, [], durable=e.work.durable) for e in entrants]
    pairs = list(zip(playing, results, strict=True))
    for player, _ in pairs:
        player.measure(depth, WARMUP, length)
    for number in range(max(1, round(seconds / length))):
        for player, result in pairs if number % 2 == 0 else reversed(pairs):
            result.rounds.append(player.measure(depth, settle, length))
    for result in results:
        found = result.median
        note = f"{found.requests_per_second:,.0f}/s, {found.server_us:.1f} µs"
        print(f"  {result.title}, depth {depth}, {len(result.rounds)} slices: {note}", flush=True)
    return results
