"""Starts the servers of a benchmark and has them measured, in turns.

Every server stays on one core, the generator on another, mongod may use both. Of two servers that are measured
beside each other neither is always the first.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from websockets.sync.client import ClientConnection, connect

from tests.benchmarks.contests import ROOT, Entrant
from tests.benchmarks.generator import OWNERS, Measure
from tests.benchmarks.processes import free_port, pin, serve
from tests.benchmarks.report import Result

__all__ = ["GENERATOR_CORE", "OPEN", "SERVER_CORE", "Running", "mint", "play", "start", "start_all"]

WARMUP = 0.5  # seconds
SLACK = 120.0  # seconds that a generator may take beyond what it was given
SERVER_CORE, GENERATOR_CORE = 0, 1
OPEN = {"LATCHGATE_SECURITY_INITIAL_RIGHTS": "open"}
"""Settings of a gateway that is measured: everybody may do everything, so nobody has to log in first."""

AHEAD = 64  # requests in flight while a stage is set
ALREADY_THERE = 412
USERS = [
    {
        "controller": "security",
        "action": "createUser",
        "_id": owner,
        "body": {"content": {"profileIds": ["default"]}},
    }
    for owner in OWNERS
]
KEY = {"controller": "security", "action": "createApiKey", "userId": OWNERS[0], "body": {"description": "bench"}}


class Running(NamedTuple):
    """An entrant whose server runs; `token` is that of an API key, empty for a peer."""

    entrant: Entrant
    port: int
    pid: int
    token: str = ""


def command(entrant: Entrant, port: int, data_dir: str, model: Running | None) -> list[str]:
    """How its server is started, in its tree."""
    module = [f"tests.benchmarks.{entrant.module}"] if entrant.module else ["gateway", "serve", "--host=127.0.0.1"]
    options: dict[str, object] = {"port": port}
    if entrant.has_data:
        options["data-dir"] = data_dir
    if entrant.workers > 1:
        options["workers"] = entrant.workers
    if entrant.repeats:
        if model is None:
            raise ValueError(f"{entrant.name} repeats what the gateway answers: measure both")
        options |= {"like": model.port, **entrant.work.options}
    return [sys.executable, "-m", *module, *words(options)]


def words(options: Mapping[str, object]) -> list[str]:
    """Options of a command line."""
    return [f"--{name}={value}" for name, value in options.items()]


def mint(port: int, count: int = 1) -> list[str]:
    """Create the users whose keys a gateway is going to mint, unless they are there, and some keys of the first.

    Returns:
        the tokens of the keys.
    """
    with connect(f"ws://127.0.0.1:{port}/", compression=None) as socket:
        results(socket, USERS, also=ALREADY_THERE)
        return [made["_source"]["token"] for made in results(socket, [KEY] * count)]


def results(socket: ClientConnection, requests: Sequence[Mapping[str, object]], also: int = 200) -> list[Any]:
    """What is answered to some requests, a few of them ahead at a time; in any order."""
    found: list[Any] = []
    for first in range(0, len(requests), AHEAD):
        ahead = requests[first : first + AHEAD]
        for request in ahead:
            socket.send(json.dumps(request))
        found += [result(socket, also) for _ in ahead]
    return found


def result(socket: ClientConnection, also: int = 200) -> Any:
    """The next answer's; it must be a success, or have a status that is `also` good enough."""
    reply = json.loads(socket.recv(timeout=30))
    if reply["status"] not in (200, also):
        raise RuntimeError(f"{reply['controller']}:{reply['action']} failed: {reply['error']}")
    return reply["result"]


@contextlib.contextmanager
def start(
    entrant: Entrant, model: Running | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Its server, on its core, ready to be measured.

    Args:
        entrant: whose.
        model: the server whose answer it repeats.
        settings: further environment variables.

    Raises:
        ValueError: it repeats the answer of a `model`, and none is given.
    """
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as data_dir,
        serve(command(entrant, port, data_dir, model), port, {**OPEN, **(settings or {})}, entrant.tree) as pid,
    ):
        pin(pid, SERVER_CORE)
        yield Running(entrant, port, pid, "" if entrant.module else mint(port)[0])


@contextlib.contextmanager
def start_all(entrants: Sequence[Entrant]) -> Iterator[list[Running]]:
    """The servers of a contest, in its order; those who share one get the same."""
    with contextlib.ExitStack() as stack:
        found: dict[str, Running] = {}
        for entrant in entrants:
            name = entrant.shares or entrant.name
            if name not in found:
                found[name] = stack.enter_context(start(entrant, next(iter(found.values()), None)))
        yield [found[entrant.shares or entrant.name]._replace(entrant=entrant) for entrant in entrants]


def measure(running: Running, depth: int, seconds: float) -> Measure:
    """One window, by a generator in a process of its own.

    Raises:
        RuntimeError: the generator ended without a figure; what it said is on standard error.
    """
    work = running.entrant.work
    options = {
        **{name: value.replace("$TOKEN", running.token) for name, value in work.options.items()},
        "url": f"{work.scheme}://127.0.0.1:{running.port}/",
        "connections": work.connections,
        "depth": depth,
        "seconds": seconds,
        "warmup": WARMUP,
        "pid": running.pid,
        "core": SERVER_CORE if work.serves else GENERATOR_CORE,
    }
    fresh = ["--fresh"] if work.fresh else []
    done = subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{work.generator}", *words(options), *fresh],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        timeout=WARMUP + seconds + SLACK,
        check=False,  # its exit status repeats the errors that it prints
    )
    if not done.stdout:
        raise RuntimeError(f"the generator failed on {running.entrant.title}")
    return msgspec.json.decode(done.stdout, type=Measure)


def play(servers: Sequence[Running], depth: int, rounds: int, seconds: float) -> list[Result]:
    """All rounds of some servers at one depth, in turns; each round begins at the other end."""
    entrants = [server.entrant for server in servers]
    results = [Result(e.name, e.title, depth, [], durable=e.work.durable) for e in entrants]
    pairs = list(zip(servers, results, strict=True))
    for number in range(rounds):
        for server, result in pairs if number % 2 == 0 else reversed(pairs):
            found = measure(server, depth, seconds)
            result.rounds.append(found)
            note = f"{found.requests_per_second:,.0f}/s, {found.server_us:.1f} µs"
            print(f"  {result.title}, depth {depth}, round {number + 1}: {note}", flush=True)
    return results
