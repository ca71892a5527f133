"""What connections cost that do nothing, and what they cost the others: memory, idle time, growth.

Four crowds, one for each of two gateways and of two bare Sans-I/O echoes: a small one and a large one, of 10,000
connections if the system's limit of open files allows that many. Each connection has asked one request, with an API
key of its own where there are keys. Then the same requests go to the small and the large crowd, in turns; both have
kept alive before in the same ways, because that leaves something behind too.
"""

import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from tests.benchmarks.contests import NOW, NOW_WITH_KEY, ROOT, Entrant
from tests.benchmarks.crowd import Ask, Done, Open, Ping
from tests.benchmarks.figures import Figure, figure, slope
from tests.benchmarks.generator import Measure
from tests.benchmarks.processes import allow_files, cpu_seconds, resident_bytes
from tests.benchmarks.stage import GENERATOR_CORE, Running, mint, start

__all__ = ["FEW", "MANY", "crowd_size", "measure_crowds"]

FEW, MANY = 10, 10_000
STEPS = 10
LEAST = 100  # connections; with fewer nothing is seen of what one takes, nor of growth
OWN_FILES = 500  # of a server, beside its connections
PING_EVERY = 2.0  # seconds: the SDK's `pingInterval` (sdk.md §1)
SETTLE = 1.0
SLICES, SLICE = 6, 0.4
"""Windows of a round for each kind of asking, and seconds that one takes at least: 40 of the kernel's ticks."""

SILENCE = 5.0  # seconds at least: a sweep over 10,000 connections is a few of the kernel's ticks of 10 ms
STAYS = {"LATCHGATE_WEBSOCKET_IDLE_TIMEOUT_MS": "3600000"}
"""A silent connection is not dropped before the end of the run; how it is looked after is the same."""

SERVERS = (
    Entrant("latchgate", "latchgate", NOW_WITH_KEY),
    Entrant("sansio", "bare Sans-I/O echo", NOW, "peer_sansio", has_data=False),
)


class Gathered(NamedTuple):
    """A crowd before a server."""

    running: Running
    process: "subprocess.Popen[str]"

    def tell(self, order: Open | Ping | Ask) -> Done:
        """Give an order and wait until it is done.

        Raises:
            RuntimeError: a connection was lost, an answer wrong or missing; what exactly is on standard error.
        """
        if self.process.stdin is None or self.process.stdout is None:
            raise ValueError("a crowd hears and speaks through pipes")
        print(msgspec.json.encode(order).decode(), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        done = msgspec.json.decode(line, type=Done) if line else None
        if done is None or done.errors:
            raise RuntimeError(f"the crowd before {self.running.entrant.title} met errors")
        return done

    def ask(self, order: Ask) -> Measure:
        """As `tell`; what was measured."""
        measure = self.tell(order).measure
        if measure is None:
            raise RuntimeError("an answer to another order")
        return measure


@contextlib.contextmanager
def gathered(entrant: Entrant, most: int) -> Iterator[Gathered]:
    """A server and a crowd that has no members yet."""
    with start(entrant, settings=STAYS) as running:
        words = [
            *(f"--url=ws://127.0.0.1:{running.port}/", f"--template={entrant.work.options['template']}"),
            *(f"--pid={running.pid}", f"--core={GENERATOR_CORE}", f"--most={most}"),
        ]
        command = [sys.executable, "-m", "tests.benchmarks.crowd", *words]
        # It leaves when its standard input is closed, which is the first thing that happens in the end.
        with subprocess.Popen(command, stdin=-1, stdout=-1, text=True, cwd=ROOT) as process:
            yield Gathered(running, process)


def idle_cost(crowd: Gathered, seconds: float, order: Ping | None = None) -> float:
    """CPU seconds of the server per second of silence, or of keeping alive."""
    time.sleep(SETTLE)
    begin, cpu = time.perf_counter(), cpu_seconds(crowd.running.pid)
    if order is None:
        time.sleep(seconds)
    else:
        crowd.tell(order)
    return cpu_seconds(crowd.running.pid).since(cpu).server / (time.perf_counter() - begin)


def fill(crowd: Gathered, count: int) -> Figure:
    """Open the connections step by step; return what one of them takes, in KiB."""
    tokens = mint(crowd.running.port, count) if crowd.running.token else []
    points = []
    step = count // STEPS
    for number in range(STEPS):
        done = crowd.tell(Open(step, tokens[number * step : (number + 1) * step]))
        time.sleep(0.2)
        points.append((float(done.connections), resident_bytes(crowd.running.pid) / 1024))
        print(f"  {crowd.running.entrant.title}, {done.connections} connections: {points[-1][1]:,.0f} KiB", flush=True)
    return slope(points)


def keep_alives(crowd: Gathered, seconds: float) -> dict[str, Ping]:
    """The ways in which a crowd keeps alive; Kuzzle's text is nothing special to the peer."""
    orders = {"ping": Ping(PING_EVERY, seconds)}
    return orders if crowd.running.entrant.module else {**orders, "app_ping": Ping(PING_EVERY, seconds, "text")}


def rest(crowd: Gathered, rounds: int, seconds: float) -> dict[str, Figure | None]:
    """Fill the crowd and measure what it costs while nobody asks; microseconds per second and connection."""
    seconds = max(seconds, SILENCE)
    nothing = idle_cost(crowd, seconds)
    memory = fill(crowd, crowd_size())
    count = crowd.tell(Open(0)).connections
    orders: dict[str, Ping | None] = {"silent": None, **keep_alives(crowd, seconds)}
    costs: dict[str, list[float]] = {name: [] for name in orders}
    for _ in range(rounds):
        for name, order in orders.items():
            costs[name].append((idle_cost(crowd, seconds, order) - nothing) / count * 1e6)
            print(f"  {crowd.running.entrant.title}, {name}: {costs[name][-1]:.2f} µs/s", flush=True)
    return {"memory": memory, **{name: figure(found) for name, found in costs.items()}}


def grow(few: Gathered, many: Gathered, rounds: int, seconds: float) -> dict[str, Figure | None]:
    """How much dearer a request is among many connections, when few of them ask and when all do, in turns.

    A round is made of short windows in turns, forwards and backwards, and each kind counts with its median: other work
    on the machine changes what a request costs by half from one second to the next, and must not meet one kind alone.
    """
    count = many.tell(Open(0)).connections
    asked = {"alone": (few, FEW), "few_ask": (many, FEW), "all_ask": (many, count)}
    ratios: dict[str, list[float]] = {"few_ask": [], "all_ask": []}
    for _ in range(rounds):
        found: dict[str, list[float]] = {name: [] for name in asked}
        for number in range(SLICES):
            for name in asked if number % 2 == 0 else reversed(asked):
                crowd, among = asked[name]
                found[name].append(crowd.ask(Ask(among, FEW, max(seconds / SLICES, SLICE))).server_us)
        cost = {name: statistics.median(each) for name, each in found.items()}
        print(f"  {many.running.entrant.title}: {', '.join(f'{each:.1f}' for each in cost.values())} µs", flush=True)
        for name, each in ratios.items():
            each.append(cost[name] / cost["alone"])
    return {name: figure(each) for name, each in ratios.items()}


def crowd_size() -> int:
    """How many connections a process may have here, 10,000 at most; the server needs files of its own.

    Raises:
        RuntimeError: too few to measure anything.
    """
    allowed = allow_files(MANY + OWN_FILES)
    size = min(MANY, allowed - OWN_FILES) // STEPS * STEPS
    if size < LEAST:
        least = OWN_FILES + LEAST
        raise RuntimeError(f"a crowd needs at least {least} open files, the limit here is {allowed}: raise ulimit -n")
    return size


def measure_crowds(rounds: int, seconds: float) -> dict[str, Figure]:
    """Everything of this module: `memory`, `silent` and the other figures by name, the peer's as `sansio.memory`."""
    found: dict[str, Figure | None] = {"connections": figure([float(crowd_size())])}
    for entrant in SERVERS:
        prefix = "" if not entrant.module else f"{entrant.name}."
        with gathered(entrant, MANY) as many, gathered(entrant, FEW) as few:
            few.tell(Open(FEW, mint(few.running.port, FEW) if few.running.token else []))
            own = rest(many, 2, seconds)
            for order in keep_alives(few, PING_EVERY).values():
                few.tell(order)
            own |= grow(few, many, rounds, seconds)
            found |= {prefix + name: each for name, each in own.items()}
    return {name: each for name, each in found.items() if each is not None}
