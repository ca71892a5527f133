"""Starts the servers of a benchmark and readies them: users are there, and an API key.

Every server stays on one core, the generator on another, mongod may use both.
"""

import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from websockets.sync.client import ClientConnection, connect

from tests.benchmarks.contests import Entrant
from tests.benchmarks.generator import OWNERS
from tests.benchmarks.processes import free_port, pin, serve

__all__ = ["GENERATOR_CORE", "OPEN", "SERVER_CORE", "Running", "mint", "start", "start_all", "words"]

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
    """An entrant whose server runs; `token` is that of an API key, empty where there are none."""

    entrant: Entrant
    port: int
    pid: int
    token: str = ""

    @property
    def options(self) -> dict[str, str]:
        """What it is asked, with the API key in it."""
        return {name: value.replace("$TOKEN", self.token) for name, value in self.entrant.work.options.items()}


def command(entrant: Entrant, port: int, data_dir: str, model: Running | None) -> list[str]:
    """How its server is started, in its tree."""
    module = [f"tests.benchmarks.{entrant.module}"] if entrant.module else ["gateway", "serve", "--host=127.0.0.1"]
    options: dict[str, object] = {"port": port}
    if entrant.has_data:
        options["data-dir"] = data_dir
    if entrant.workers > 1:
        options["workers"] = entrant.workers
    if entrant.keys:
        options["keys"] = entrant.keys
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
        yield Running(entrant, port, pid, "" if entrant.module and not entrant.mints else mint(port)[0])


@contextlib.contextmanager
def start_all(entrants: Sequence[Entrant]) -> Iterator[list[Running]]:
    """The servers of a contest, in its order; those who share one get the same."""
    with contextlib.ExitStack() as stack:
        found: dict[str, Running] = {}
        for entrant in sorted(entrants, key=lambda each: each.repeats):  # what is repeated has to be there first
            name = entrant.shares or entrant.name
            if name not in found:
                gateways = (running for running in found.values() if not running.entrant.module)
                found[name] = stack.enter_context(start(entrant, next(gateways, None)))
        yield [found[entrant.shares or entrant.name]._replace(entrant=entrant) for entrant in entrants]
