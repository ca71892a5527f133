"""Visitors who connect, create a key, use it, revoke it, and go in every way there is, for as long as is asked.

Memory and descriptors of the gateway's process are sampled meanwhile; after a time to warm up both have to be flat. In
that time caches, threads and the allocator's own stores of freed memory fill: the objects of Python stay as many from
the first minute on.
Whoever vanishes before revoking leaves a key behind, which a later visitor revokes, so that the number of keys does not
grow.
"""

import asyncio
import contextlib
import json
import random
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.chaos.figures import Row, Slope, slope_of
from tests.chaos.keeping import kept
from tests.chaos.ledger import OWNER
from tests.chaos.lines import Line, open_line
from tests.chaos.load import found_house
from tests.chaos.watching import descriptors, resident_bytes
from tests.transports.http_wire import ask_http, http
from tests.transports.wire import CLOSE, Wire, frame

__all__ = ["Soaked", "churn"]

_VISITORS = 8
_QUIET_S = 10.0
_FEW_CONNECTIONS = {"LATCHGATE_MONGODB_POOL_SIZE": "4"}
"""To the database: all are open soon, and a pool that grows is not taken for a leak."""
_COME_AND_GO = 2
"""Connections by which the driver watches the database: closed for a moment, opened again."""
_LEAST_OBJECT = 16
"""Bytes: what a visit leaves behind for good, be it the smallest object of Python, is that large."""
_FEW_FILES = 0.001
"""Descriptors per visit."""
_MIB = 2**20
_SETTLED = 20
"""Samples that descriptors get to come back to what they were."""


class Soaked(NamedTuple):
    """What came of it.

    Attributes:
        seconds: how long it went on, the time to warm up included.
        warm_up_s: of these not looked at.
        visits: way to go → how many.
        rate: visits per minute, after the time to warm up.
        memory: slope of the resident memory, bytes a minute.
        resident: bytes at its beginning and its end.
        open_files: slope of the descriptors, per minute.
        idle: descriptors before the first visitor and after the last.
    """

    seconds: float
    warm_up_s: float
    visits: Counter[str]
    rate: float
    memory: Slope
    resident: tuple[int, int]
    open_files: Slope
    idle: tuple[int, int]

    def rows(self) -> list[Row]:
        """For the table."""
        name = f"{self.seconds / 60:.1f} minutes of churn"
        first, last = (size / _MIB for size in self.resident)
        memory, files = self.memory, self.open_files
        each, error = (value / self.rate for value in memory)
        return [
            Row(name, "of these to warm up, not looked at", f"{self.warm_up_s / 60:.1f}"),
            Row(name, "visits", f"{self.visits.total():,}"),
            Row(name, "of these closed / aborted / half-closed / HTTP", self._ways),
            Row(name, "memory, MiB: first → last sample", f"{first:.1f} → {last:.1f}"),
            Row(name, "slope of it, KiB per minute", f"{memory.per_minute / 1024:.1f} ± {memory.error / 1024:.1f}"),
            Row(name, "bytes per visit", f"{each:.2f} ± {error:.2f}"),
            Row(name, "slope of descriptors, per minute", f"{files.per_minute:.2f} ± {files.error:.2f}"),
            Row(name, "descriptors when idle: before → after", " → ".join(map(str, self.idle))),
        ]

    def check(self) -> None:
        """Fail if memory grows or may: three standard errors above what was found is little enough.

        Descriptors are counted in the end, when nobody is there; their slope may be anything after a short time.
        """
        assert self.idle[1] <= self.idle[0] + _COME_AND_GO, "descriptors were left open"
        assert self.open_files.least < _FEW_FILES * self.rate, "descriptors grow"
        assert self.memory.most < _LEAST_OBJECT * self.rate, "memory grows"

    @property
    def _ways(self) -> str:
        kinds = ("closes", "aborts", "half-closes", "over HTTP")
        return " / ".join(str(sum(n for way, n in self.visits.items() if way.startswith(kind))) for kind in kinds)


class _Guests:
    """Everybody who visits.

    Attributes:
        visits: way to go → how many.
        left: `_id`s of keys that nobody has revoked.
    """

    def __init__(self, port: int, jwt: str, pause_s: float) -> None:
        self._pause_s = pause_s
        self._port = port
        self._jwt = jwt
        self.visits: Counter[str] = Counter()
        self.left: deque[str] = deque()
        self.is_enough = False
        self._ways: dict[str, Callable[[], Awaitable[None]]] = {
            "closes": self._close,
            "aborts": self._abort,
            "aborts with a request under way": self._abort_asking,
            "half-closes": self._half_close,
            "over HTTP": self._over_http,
            "over HTTP, aborts in the body": self._abort_body,
        }

    async def come_and_go(self) -> None:
        """One visit after the other."""
        names = list(self._ways)
        while not self.is_enough:
            name = random.choice(names)
            await self._ways[name]()
            self.visits[name] += 1
            await asyncio.sleep(self._pause_s)

    async def _visit(self) -> tuple[Line, str]:
        """Connect, create a key, use it, revoke one that was left behind."""
        line = await open_line(self._port)
        line.jwt = self._jwt
        key = await line.succeed("security:createApiKey", userId=OWNER, body={"description": "churn"})
        await line.succeed("server:now", jwt=key["_source"]["token"])
        if self.left:
            await self._revoke(line, self.left.popleft())
        return line, key["_id"]

    async def _revoke(self, line: Line, key_id: str) -> None:
        await line.succeed("security:deleteApiKey", userId=OWNER, _id=key_id)

    async def _close(self) -> None:
        line, key_id = await self._visit()
        await self._revoke(line, key_id)
        line.write(frame(b"\x03\xe8", CLOSE))
        await line.wait_lost()

    async def _abort(self) -> None:
        line, key_id = await self._visit()
        self.left.append(key_id)
        await line.close()

    async def _abort_asking(self) -> None:
        line, key_id = await self._visit()
        self.left.append(key_id)
        asking = asyncio.ensure_future(line.ask("security:searchApiKeys", userId=OWNER))
        await asyncio.sleep(0)
        await line.close()
        with contextlib.suppress(ConnectionError):
            await asking

    async def _half_close(self) -> None:
        line, key_id = await self._visit()
        await self._revoke(line, key_id)
        line.half_close()
        await line.wait_lost()

    async def _over_http(self) -> None:
        wire, bearer = await self._wire()
        answer = await ask_http(wire, "POST", "/users/owner/api-keys/_create", bearer, body=_BODY)
        key: dict[str, Any] = answer.envelope["result"]
        token = f"Authorization: Bearer {key['_source']['token']}"
        assert 200 == (await ask_http(wire, "GET", "/_now", token)).status
        assert 200 == (await ask_http(wire, "DELETE", f"/users/owner/api-keys/{key['_id']}", bearer)).status
        wire.writer.close()
        await wire.writer.wait_closed()

    async def _abort_body(self) -> None:
        wire, bearer = await self._wire()
        whole = http("POST", "/users/owner/api-keys/_create", bearer, body=_BODY)
        await wire.send(whole[:-5])
        wire.reset()

    async def _wire(self) -> tuple[Wire, str]:
        wire = Wire(*await asyncio.open_connection("127.0.0.1", self._port))
        return wire, f"Authorization: Bearer {self._jwt}"


_BODY = json.dumps({"description": "churn"}).encode()


async def churn(folder: Path, seconds: float, warm_up_s: float, sample_s: float = 0.25, pause_s: float = 0.0) -> Soaked:
    """Let them come for so long, pausing between visits; look at the gateway once it has warmed up."""
    async with kept(folder / "data", environment=_FEW_CONNECTIONS) as house:
        pid = house.gateway.process.pid
        line = await open_line(house.port)
        guests = _Guests(house.port, await found_house(line), pause_s)
        await line.close()
        await _try_every_way(guests)
        before = await _idle(pid)
        visitors = [asyncio.create_task(guests.come_and_go()) for _ in range(_VISITORS)]
        await asyncio.sleep(warm_up_s)
        first = guests.visits.total()
        memory, files = await _samples(pid, seconds - warm_up_s, sample_s, visitors)
        rate = 60 * (guests.visits.total() - first) / (seconds - warm_up_s)
        guests.is_enough = True
        await asyncio.gather(*visitors)
        after = await _idle(pid, before)
    resident = int(memory[0][1]), int(memory[-1][1])
    flat = slope_of(memory), resident, slope_of(files)
    return Soaked(seconds, warm_up_s, guests.visits, rate, *flat, (before, after))


async def _try_every_way(guests: _Guests) -> None:
    """So that what the gateway opens once for all is open; as many at once as there will be."""
    await asyncio.gather(*(way() for way in guests._ways.values() for _ in range(_VISITORS // 2)))


async def _samples(
    pid: int, seconds: float, sample_s: float, visitors: list[asyncio.Task[None]]
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    memory, files = [], []
    began = time.monotonic()
    while (now := time.monotonic() - began) < seconds and not any(visitor.done() for visitor in visitors):
        memory.append((now, float(resident_bytes(pid))))
        files.append((now, float(descriptors(pid))))
        await asyncio.sleep(sample_s)
    return memory, files


async def _idle(pid: int, expected: int | None = None) -> int:
    """Descriptors when nobody is there: the first count that stays, or that is not above what is expected."""
    seen: list[int] = []
    until = time.monotonic() + _QUIET_S
    while time.monotonic() < until:
        seen.append(descriptors(pid))
        if len(seen) >= _SETTLED and len(set(seen[-_SETTLED:])) == 1 and seen[-1] <= (expected or seen[-1]):
            break
        await asyncio.sleep(0.05)
    return seen[-1]
