"""`kill -9` under load, again and again: of the gateway, of its mongod, of one of its workers.

Nobody helps but a service manager that starts a dead gateway again. The longest time without an acknowledged key after
a kill is how long recovery took; in the end every key is counted.
"""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from gateway.storage.embedded import uri as uri_of
from tests.benchmarks.processes import tree
from tests.chaos.figures import Row
from tests.chaos.keeping import Kept, kept
from tests.chaos.ledger import LEAVING, Audit, Ledger, audit
from tests.chaos.lines import open_line
from tests.chaos.load import Makers, Revokers, at_work, found_house
from tests.chaos.watching import descriptors
from tests.storage.conftest import until

__all__ = ["KILLS", "Blow", "Killed", "kill_under_load"]

_TRY_AGAIN = {(503, "services.storage.not_connected"), LEAVING}
"""The second is said by workers whose supervisor has died: they end too."""
_WORKERS = 2
_CLIENTS = 4
_PATIENCE_S, _LONGEST_S = 90.0, 60.0


class Blow(NamedTuple):
    """One kill: of what, the longest time without a key after it, connections that were lost."""

    name: str
    seconds: float
    drops: int


class Killed(NamedTuple):
    """What came of it all.

    Attributes:
        blows: in their order.
        failures: how many starts of the gateway failed and had to be tried again.
        audit: the count.
        errors: status and error id of the requests that were refused → how many.
    """

    blows: list[Blow]
    failures: int
    audit: Audit
    errors: Counter[tuple[int, str | None]]

    def rows(self) -> list[Row]:
        """For the table."""
        name = "kill -9, all of these"
        rows = [row for kind in KILLS for row in self._rows_of(kind)]
        return [*rows, Row(name, "starts that had to be tried again", str(self.failures)), *self.audit.rows(name)]

    def check(self) -> None:
        """Fail if a key was lost or came out wrong, or recovery took an operator."""
        self.audit.check(may_hold_refused=True)
        assert set(self.errors) <= _TRY_AGAIN
        assert all(blow.seconds < _LONGEST_S for blow in self.blows)
        assert {0} == {blow.drops for blow in self.blows if blow.name == "mongod"}, "connections outlive the database"

    def _rows_of(self, name: str) -> list[Row]:
        blows = [blow for blow in self.blows if blow.name == name]
        if not blows:
            return []
        seconds = sorted(blow.seconds for blow in blows)
        finding = f"{len(blows)} kills: seconds without a key, median / most"
        return [
            Row(f"kill -9 of {name}", finding, f"{seconds[len(blows) // 2]:.1f} / {seconds[-1]:.1f}"),
            Row(f"kill -9 of {name}", "connections dropped", str(sum(blow.drops for blow in blows))),
        ]


async def _kill_gateway(house: Kept) -> None:
    await house.kill()


async def _kill_mongod(house: Kept) -> None:
    os.kill(house.gateway.place.pid, signal.SIGKILL)


async def _kill_worker(house: Kept) -> None:
    before = _workers(house)
    os.kill(max(before, key=descriptors), signal.SIGKILL)  # the one with most connections
    await until(lambda: len(_workers(house)) == _WORKERS and _workers(house) != before, _PATIENCE_S)


def _workers(house: Kept) -> list[int]:
    """The processes under the supervisor that serve."""
    above = house.gateway.process.pid
    return [pid for pid, process in tree(above).items() if process.parent == above and process.name != "mongod"]


KILLS: dict[str, Callable[[Kept], Awaitable[None]]] = {
    "the gateway": _kill_gateway,
    "mongod": _kill_mongod,
    "a worker": _kill_worker,
}
"""What is killed → how. The gateway is the supervisor; its workers and its mongod go with it."""


async def kill_under_load(data: Path, names: Sequence[str], between_s: float) -> Killed:
    """Kill what is named, one after the other, with so long a time of work before each, and count."""
    ledger, blows = Ledger(), []
    async with kept(data, "--workers", str(_WORKERS)) as house:
        first = await open_line(house.port)
        jwt = await found_house(first)
        await first.close()
        makers = Makers([house.port], jwt, ledger)
        async with at_work(makers, _CLIENTS), at_work(Revokers([house.port], jwt, ledger), 1):
            for name in names:
                await asyncio.sleep(between_s)
                drops, began = makers.drops, time.monotonic()
                await KILLS[name](house)
                await _more_keys(ledger)
                blows.append(Blow(name, ledger.longest_gap(began), makers.drops - drops))
            await asyncio.sleep(between_s)
        line = await open_line(house.port)
        line.jwt = jwt
        found = await audit(uri_of(house.gateway.place.socket), "latchgate", ledger, line)
        await line.close()
    return Killed(blows, house.failures, found, ledger.errors)


async def _more_keys(ledger: Ledger) -> None:
    """Wait until more keys are acknowledged than can have been on their way."""
    enough = len(ledger.moments) + 10 * _CLIENTS
    async with asyncio.timeout(_PATIENCE_S):
        while len(ledger.moments) < enough:  # noqa: ASYNC110 - many clients make them
            await asyncio.sleep(0.02)
