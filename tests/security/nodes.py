"""Gateways without sockets: every room and every middleware behind one dispatcher, asked in frames.

A test that must stop a request between two of its steps, or ask thousands of questions, needs the rooms in its hands;
what is asked and answered are the very bytes of the wire.
"""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import Any, NamedTuple

import pytest
from argon2 import PasswordHasher

from gateway import Config
from gateway.actions import Endpoint
from gateway.connections import Tally
from gateway.dispatch import Dispatcher
from gateway.protocol.messages import Request
from gateway.rooms import Rooms
from gateway.routing import Router
from gateway.security import passwords
from gateway.sources import new_id
from gateway.storage.mongo import Database
from tests.conftest import configured
from tests.driving import SilentConnection
from tests.storage.conftest import until

__all__ = [
    "Answer",
    "Node",
    "Outcome",
    "Pair",
    "Socket",
    "cheap_passwords",
    "node",
    "open_house",
    "outcome_of",
    "two_nodes",
]

Answer = dict[str, Any]
Outcome = tuple[int, str | None]
"""Status and error id."""


class _Line(SilentConnection):
    """A connection of this machine."""

    is_local = True


class Socket(SilentConnection):
    """A connection of its own, which keeps what it is told."""

    waiting = 0

    def __init__(self) -> None:
        super().__init__()
        self.id = str(uuid.uuid4())
        self.tally = Tally(0)

    @property
    def told(self) -> list[str]:
        """The kinds of the notifications that came."""
        return [json.loads(message)["type"] for message in self.sent]


class Node:
    """One gateway process without its port.

    Attributes:
        rooms: what it is made of.
        database: its own connections.
    """

    def __init__(self, config: Config, database: Database, now: Callable[[], int]) -> None:
        self.database = database
        self.rooms = Rooms(config, database, now=now)
        self._dispatcher: Dispatcher | None = None
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Make what a start makes, but for the port."""
        await self.rooms.prepare()
        router = Router(self.rooms.controllers(await self.rooms.founding.signer()))
        self.rooms.router = router
        endpoint: Endpoint = router
        for around in reversed(self.rooms.middleware()):
            endpoint = around(endpoint)
        self._dispatcher = Dispatcher(endpoint, node="knode-test", new_id=new_id, report=_report)

    async def follow(self) -> None:
        """Follow what other nodes change; from the return on what is remembered is trusted."""
        self._following = asyncio.create_task(self.rooms.watch())
        await until(self.rooms.upkeep.follower.is_trusted)

    async def stop(self) -> None:
        """Follow no more."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait((self._following,))

    def connect(self) -> Socket:
        """Open a connection."""
        socket = Socket()
        self.rooms.connections.add(socket)
        return socket

    async def ask(
        self, name: str, jwt: str | None = None, *, over: SilentConnection | None = None, **arguments: Any
    ) -> Answer:
        """Send `controller:action` with root arguments; return the whole answer."""
        assert self._dispatcher is not None, "the node was not started"
        controller, action = name.split(":")
        request = {"controller": controller, "action": action, "requestId": "r", "jwt": jwt} | arguments
        answer: Answer = json.loads(await self._dispatcher.handle(json.dumps(request).encode(), over or _Line()))
        return answer

    async def outcome(self, name: str, jwt: str | None = None, **arguments: Any) -> Outcome:
        """Send a request; return what became of it."""
        return outcome_of(await self.ask(name, jwt, **arguments))

    async def succeed(self, name: str, jwt: str | None = None, **arguments: Any) -> Any:
        """Send a request that must succeed; return its result."""
        answer = await self.ask(name, jwt, **arguments)

        assert 200 == answer["status"], answer
        return answer["result"]


def outcome_of(answer: Answer) -> Outcome:
    """Status and error id of an answer."""
    return answer["status"], (answer["error"] or {}).get("id")


def _report(error: Exception, request: Request) -> None:
    raise AssertionError(f"{request.controller}:{request.action} failed unexpectedly") from error


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def node(config: Config, now: Callable[[], int] = _milliseconds) -> AsyncIterator[Node]:
    """A node over the configured database, which it leaves as it is."""
    database = Database(config.mongodb.uri, config.mongodb.database)
    made = Node(config, database, now)
    try:
        await made.start()
        yield made
    finally:
        await made.stop()
        await made.rooms.close()
        database.close()


def open_house(mongod: str) -> Config:
    """Settings for a database of its own in which everybody may do everything, without limits."""
    return configured(
        Config(),
        mongodb={"uri": mongod, "database": f"test-{uuid.uuid4().hex}"},
        server={"port": 0, "shutdown_grace_s": 1.0, "node_name": "knode-test"},
        limits={"logins_per_second": 0},
        http={"logins_per_second": 0},
        security={"initial_rights": "open"},
        websocket={"close_timeout_ms": 200},
    )


class Pair(NamedTuple):
    """Two processes over one database."""

    left: Node
    right: Node


@asynccontextmanager
async def two_nodes(config: Config) -> AsyncIterator[Pair]:
    """Open a pair; the database goes with it."""
    async with AsyncExitStack() as stack:
        database = Database(config.mongodb.uri, config.mongodb.database)
        stack.callback(database.close)
        stack.push_async_callback(database.drop)
        yield Pair(*[await stack.enter_async_context(node(config)) for _ in range(2)])


@contextmanager
def cheap_passwords() -> Iterator[None]:
    """Let passwords cost next to nothing: who wins a race is the question, not how hard a hash is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "PasswordHasher", partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1))
        yield
