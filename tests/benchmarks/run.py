"""The whole benchmark in one run: `python -m tests.benchmarks` (`make bench`).

Two contests, 32 connections each, one and eight requests in flight: `server:now` against servers that
do nothing but WebSocket and JSON, and durable `security:createApiKey` against FastAPI. The servers of
a contest run at the same time and are measured in turns; the server has one core, the generator
another, mongod may use both. Prints the table and writes `build/bench.json`; `--write` also renews
the section of `docs/performance.md`.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
from websockets.sync.client import connect

from tests.benchmarks.load import Measure
from tests.benchmarks.processes import free_port, pin, serve
from tests.benchmarks.report import Report, Result, facts, markdown, ratio, split_page, write_section

__all__ = ["main"]

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"
CONNECTIONS = 32
DEPTHS = (1, 8)
WARMUP = 1.0  # seconds
SERVER_CORE, GENERATOR_CORE = 0, 1
NOW = '{"controller":"server","action":"now","requestId":"$ID"}'
CREATE = (
    '{"controller":"security","action":"createApiKey","userId":"bench",'
    '"body":{"description":"bench"},"requestId":"$ID"}'
)
USER = {
    "controller": "security",
    "action": "createUser",
    "_id": "bench",
    "body": {"content": {"profileIds": ["default"]}},
}


class Entrant(NamedTuple):
    """A server in a contest; without a module it is the gateway itself."""

    name: str
    title: str
    template: str
    module: str = ""
    has_data: bool = True


class Contest(NamedTuple):
    """Ours and the peers it is measured against."""

    ours: Entrant
    peers: tuple[Entrant, ...]


CONTESTS = (
    Contest(
        Entrant("now", "latchgate, server:now", NOW),
        (
            Entrant("sansio", "bare Sans-I/O echo", NOW, "peer_sansio", has_data=False),
            Entrant("websockets", "websockets asyncio echo", NOW, "peer_websockets", has_data=False),
        ),
    ),
    Contest(
        Entrant("create", "latchgate, createApiKey", CREATE),
        (Entrant("fastapi", "FastAPI, createApiKey", CREATE, "peer_fastapi"),),
    ),
)


class Running(NamedTuple):
    """An entrant whose server runs."""

    entrant: Entrant
    url: str
    pid: int


def command(entrant: Entrant, port: int, data_dir: str) -> list[str]:
    """How its server is started."""
    data = ["--data-dir", data_dir] if entrant.has_data else []
    if entrant.module:
        module = f"tests.benchmarks.{entrant.module}"
        return [sys.executable, "-m", module, "--port", str(port), *data]
    latchgate = str(Path(sys.executable).with_name("latchgate"))
    return [latchgate, "serve", "--host", "127.0.0.1", "--port", str(port), *data]


def prepare(running: Running) -> None:
    """Create the user whose keys the gateway is going to mint."""
    if running.entrant.module or running.entrant.template != CREATE:
        return
    with connect(running.url, compression=None) as socket:
        socket.send(json.dumps(USER))
        reply = json.loads(socket.recv(timeout=30))
    if reply["status"] != 200:
        raise RuntimeError(f"the user could not be created: {reply['error']}")


@contextlib.contextmanager
def start(entrant: Entrant) -> Iterator[Running]:
    """Its server, on its core, ready to be measured."""
    environment = {"LATCHGATE_SECURITY_INITIAL_RIGHTS": "open"}
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as data_dir,
        serve(command(entrant, port, data_dir), port, environment) as pid,
    ):
        pin(pid, SERVER_CORE)
        running = Running(entrant, f"ws://127.0.0.1:{port}/", pid)
        prepare(running)
        yield running


def measure(running: Running, depth: int, seconds: float) -> Measure:
    """One window, by a generator in a process of its own."""
    options = {
        "url": running.url,
        "template": running.entrant.template,
        "connections": CONNECTIONS,
        "depth": depth,
        "seconds": seconds,
        "warmup": WARMUP,
        "pid": running.pid,
        "core": GENERATOR_CORE,
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.load", *words],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        check=False,  # its exit status repeats the errors that it prints
    )
    return msgspec.json.decode(done.stdout, type=Measure)


def play(entrants: list[Entrant], given: argparse.Namespace) -> Iterator[Result]:
    """All rounds of one contest, in turns."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(start(entrant)) for entrant in entrants]
        for depth in DEPTHS:
            results = [Result(s.entrant.name, s.entrant.title, depth, []) for s in servers]
            for number in range(given.rounds):
                for server, result in zip(servers, results, strict=True):
                    found = measure(server, depth, given.seconds)
                    result.rounds.append(found)
                    note = f"{found.requests_per_second:,.0f}/s, {found.server_us:.1f} µs"
                    print(f"  {result.title}, depth {depth}, round {number + 1}: {note}", flush=True)
            yield from results


def run(given: argparse.Namespace) -> Report:
    """Play the contests that were asked for."""
    settings = f"{given.rounds} rounds of {given.seconds:g} s, {CONNECTIONS} connections"
    about = facts(settings)
    results: dict[tuple[str, int], Result] = {}
    ratios = []
    for contest in CONTESTS:
        entrants = [e for e in (contest.ours, *contest.peers) if not given.only or e.name in given.only]
        results |= {(result.name, result.depth): result for result in play(entrants, given)}
        ratios += [
            ratio(results[contest.ours.name, depth], results[peer.name, depth])
            for peer in contest.peers
            for depth in DEPTHS
            if {contest.ours, peer} <= set(entrants)
        ]
    return Report(about, list(results.values()), ratios)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    names = [entrant.name for contest in CONTESTS for entrant in (contest.ours, *contest.peers)]
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a window")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=names, help="these servers alone")
    parser.add_argument("--write", action="store_true", help="renew docs/performance.md")
    return parser.parse_args()


def main() -> int:
    """Exit status 1 when any reply was wrong or missing."""
    given = arguments()
    if given.write:
        split_page(PAGE)  # rather fail now than after the run
    report = run(given)
    text = markdown(report)
    print(f"\n{text}")
    target = ROOT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    if given.write:
        write_section(PAGE, text)
    return int(any(result.median.errors for result in report.results))


if __name__ == "__main__":
    sys.exit(main())
