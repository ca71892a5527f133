"""A network between gateway and MongoDB that is slow, breaks, or swallows, while clients ask for all sorts of things.

Promised: every request is answered in bounded time, with what was asked for or with a 503 that says so; connections of
clients last; and when all is over there are as many tasks, sockets and waiting requests as before.
"""

import asyncio
import contextlib
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from typing import Any, NamedTuple

from gateway import Config, Gateway
from tests.chaos.faults import FAULTS, TIMEOUT_S
from tests.chaos.figures import Row, percentile
from tests.chaos.ledger import OWNER, Audit, Ledger, audit
from tests.chaos.lines import Line, error_of, open_line
from tests.chaos.load import found_house
from tests.chaos.watching import descriptors
from tests.client import ADMIN
from tests.conftest import configured
from tests.proxy import Proxy, proxied
from tests.transports.http_wire import ask_http
from tests.transports.wire import Wire

__all__ = ["Blackout", "Counts", "Survived", "survive"]

_LONGEST_S = 6.0
"""A request is up to five operations, one after the other, and the machine may be busy."""
_CLIENTS = 3
_SETTLED_S = 20.0
_STEADY = 8
"""Counts that have to be the same before they are believed."""
_SOCKETS_OF_ONE, _TASKS_OF_ONE = 3, 3
"""What each connection through the proxy costs this process, which holds both its sides and the gateway."""

Error = tuple[int, str | None]


class Counts(NamedTuple):
    """What could leak: tasks and descriptors without those of the way to the database, and requests in hand."""

    tasks: int
    descriptors: int
    in_hand: int


_NOTHING = Counts(0, 0, 0)


class Blackout(NamedTuple):
    """One fault.

    Attributes:
        name: what it was.
        waits: seconds that each request took.
        errors: status and error id → how many.
        back_s: from its end to the first round in which every request succeeded.
        counts: when all was quiet again.
    """

    name: str
    waits: list[float]
    errors: Counter[Error]
    back_s: float
    counts: Counts

    def rows(self) -> list[Row]:
        """For the table."""
        name, failed = f"network: {self.name}", self.errors.total()
        waits = " / ".join(f"{percentile(self.waits, share):.2f}" for share in (0.5, 0.99, 1))
        return [
            Row(name, "requests answered / of them 503", f"{len(self.waits)} / {failed}"),
            Row(name, "seconds to the answer: p50 / p99 / max", waits),
            Row(name, "seconds until all is well again", f"{self.back_s:.1f}"),
        ]


class Survived(NamedTuple):
    """All faults; `before` are the counts of the time before the first, `drops` lost connections of clients."""

    before: Counts
    blackouts: list[Blackout]
    audit: Audit
    drops: int

    def rows(self) -> list[Row]:
        """For the table."""
        name, after = "network, all of these", self.blackouts[-1].counts
        pairs = ", ".join(f"{old} → {new}" for old, new in zip(self.before, after, strict=True))
        return [
            *(row for blackout in self.blackouts for row in blackout.rows()),
            *self.audit.rows(name),
            Row(name, "tasks, descriptors, requests in hand: before → after", pairs),
            Row(name, "connections dropped", str(self.drops)),
        ]

    def check(self) -> None:
        """Fail if something hung, lied, leaked or was dropped."""
        self.audit.check()
        assert 0 == self.drops
        for blackout in self.blackouts:
            assert max(blackout.waits) < _LONGEST_S, blackout.name
            assert set(blackout.errors) <= {(503, "services.storage.not_connected")}, blackout.name
            assert self.before == blackout.counts, blackout.name


class _Client:
    """Asks for all sorts of things, over WebSocket and HTTP, on connections that have to last.

    Attributes:
        waits: seconds that each request took since they were last taken.
        errors: what came of those that failed.
    """

    def __init__(self, number: int, line: Line, wire: Wire, ledger: Ledger) -> None:
        self._number = number
        self._line = line
        self._wire = wire
        self._ledger = ledger
        self._made = 0
        self.waits: list[float] = []
        self.errors: Counter[Error] = Counter()

    @property
    def is_lost(self) -> bool:
        """One of the connections is gone."""
        return self._line.is_lost or self._wire.reader.at_eof()

    async def round(self) -> None:
        """One request of each kind, all at once."""
        self._made += 1
        token = next(iter(self._ledger.tokens.values()), self._line.jwt)
        await asyncio.gather(
            self._create(f"{self._number}-{self._made}"),
            self._get("/users/owner"),
            self._ask("auth:checkToken", body={"token": token}),
            self._ask("auth:getMyRights", jwt=token),
            self._ask("auth:login", strategy="local", body=ADMIN, jwt=None),
            self._ask("security:searchApiKeys", userId=OWNER, size=1),
            self._ask("security:getUser", _id=OWNER),
            self._ask("security:deleteApiKey", userId=OWNER, _id="of nobody", expected=404),
        )

    async def rounds_until(self, fault: asyncio.Task[None]) -> None:
        """Rounds until a fault is over; the last one began while it lasted."""
        while not fault.done():
            await self.round()

    def take(self) -> tuple[list[float], Counter[Error]]:
        """The figures since the last time."""
        taken, self.waits, self.errors = (self.waits, self.errors), [], Counter()
        return taken

    async def _create(self, key_id: str) -> None:
        began = time.monotonic()
        self._note(began, await self._ledger.create(self._line, key_id))

    async def _get(self, target: str) -> None:
        began = time.monotonic()
        answer = await ask_http(self._wire, "GET", target, f"Authorization: Bearer {self._line.jwt}")
        self._note(began, None if answer.status == 200 else (answer.status, answer.error_id))

    async def _ask(self, name: str, expected: int = 200, **arguments: Any) -> None:
        began = time.monotonic()
        answer = await self._line.ask(name, **arguments)
        self._note(began, None if answer["status"] == expected else error_of(answer))

    def _note(self, began: float, error: Error | None) -> None:
        self.waits.append(time.monotonic() - began)
        if error is not None:
            self.errors[error] += 1


async def survive(mongod: str, database: str, seconds: float, names: tuple[str, ...] = tuple(FAULTS)) -> Survived:
    """Let each fault last so long."""
    ledger = Ledger()
    async with (
        proxied(mongod) as proxy,
        Gateway(_config(proxy.uri, database)) as gateway,
        _clients(gateway, ledger) as (line, clients),
    ):
        await _quiet_round(clients)
        before = await _settled_counts(line, proxy, gateway)
        blackouts = []
        for name in names:
            blackout = await _black_out(name, FAULTS[name](proxy, seconds), clients)
            blackouts.append(blackout._replace(counts=await _settled_counts(line, proxy, gateway, before)))
        found = await audit(mongod, database, ledger, line, patience_s=75)
        drops = sum(client.is_lost for client in clients)
    return Survived(before, blackouts, found, drops)


def _config(uri: str, database: str) -> Config:
    return configured(
        Config(),
        mongodb={"uri": uri, "database": database, "operation_timeout_ms": round(TIMEOUT_S * 1000), "pool_size": 8},
        server={"port": 0, "shutdown_grace_s": 1.0},
        limits={"logins_per_second": 0},
        http={"logins_per_second": 0},
        websocket={"close_timeout_ms": 200},
    )


@contextlib.asynccontextmanager
async def _clients(gateway: Gateway, ledger: Ledger) -> AsyncIterator[tuple[Line, list[_Client]]]:
    line = await open_line(gateway.port)
    clients, wires = [], []
    jwt = await found_house(line)
    for number in range(_CLIENTS):
        wires.append(Wire(*await asyncio.open_connection("127.0.0.1", gateway.port)))
        own = await open_line(gateway.port)
        own.jwt = jwt
        clients.append(_Client(number, own, wires[-1], ledger))
    yield line, clients
    for wire in wires:
        wire.reset()
    for each in (line, *(client._line for client in clients)):
        await each.close()


async def _black_out(name: str, ongoing: Coroutine[Any, Any, None], clients: list[_Client]) -> Blackout:
    fault = asyncio.create_task(ongoing)
    await asyncio.gather(fault, *(client.rounds_until(fault) for client in clients))
    taken = [client.take() for client in clients]
    healed = time.monotonic()
    await _quiet_round(clients)
    waits = [each for waits, _ in taken for each in waits]
    errors = sum((errors for _, errors in taken), Counter[Error]())
    return Blackout(name, waits, errors, time.monotonic() - healed, _NOTHING)


async def _quiet_round(clients: list[_Client]) -> None:
    """Rounds until there is one in which nothing fails."""
    async with asyncio.timeout(_SETTLED_S):
        while True:
            await asyncio.gather(*(client.round() for client in clients))
            taken = [client.take() for client in clients]
            if not any(errors for _, errors in taken):
                return


async def _settled_counts(line: Line, proxy: Proxy, gateway: Gateway, expected: Counts | None = None) -> Counts:
    """Count until it stays the same for a while, and is as expected; what never becomes so is for the caller to see."""
    seen: list[Counts] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_SETTLED_S):
            while len(set(seen[-_STEADY:])) != 1 or len(seen) < _STEADY or expected not in (None, seen[-1]):
                seen.append(await _counts(line, proxy, gateway))
                await asyncio.sleep(0.05)
    return seen[-1]


async def _counts(line: Line, proxy: Proxy, gateway: Gateway) -> Counts:
    # What was refused is looked for another minute, should it arrive after all; one task does so for all of it.
    hunters = gateway._rooms.key_inserts._hunter is not None
    metrics = (await line.succeed("server:metrics"))["api"]
    return Counts(
        tasks=len(asyncio.all_tasks()) - _TASKS_OF_ONE * proxy.connections - hunters,
        descriptors=descriptors(os.getpid()) - _SOCKETS_OF_ONE * proxy.connections,
        in_hand=metrics["concurrentRequests"] + metrics["pendingRequests"],
    )
