"""The primary of a replica set steps down, and is killed, while keys are made and used.

Makers show when writes go on; verifiers use keys that the gateway knows, and show whether those count meanwhile. The
clients' connections have to last through all of it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.chaos.figures import Row, percentile
from tests.chaos.keeping import kept
from tests.chaos.ledger import Audit, Ledger, audit
from tests.chaos.lines import open_line
from tests.chaos.load import Makers, Revokers, Verification, Verifiers, at_work, found_house
from tests.chaos.replica_set import ReplicaSet, replica_set

__all__ = ["Elected", "Election", "hold_elections"]

_MAKERS, _VERIFIERS, _KEYS = 4, 2, 20
_PATIENCE_S = 90.0
_LONGEST_S, _RECALLED_S = 30.0, 0.5
_DATABASE = "latchgate"


class Election(NamedTuple):
    """One change of primary.

    Attributes:
        name: what was done to the old one.
        seconds: the longest time without an acknowledged key from then on.
        verified: uses of keys from then on, until writes went on.
    """

    name: str
    seconds: float
    verified: list[Verification]


class Elected(NamedTuple):
    """What came of all.

    Attributes:
        elections: in their order.
        timeout_ms: how long members wait for a silent primary.
        audit: the count.
        errors: status and error id of refused requests for keys → how many.
        drops: connections that were lost.
    """

    elections: list[Election]
    timeout_ms: int
    audit: Audit
    errors: Counter[tuple[int, str | None]]
    drops: int

    def rows(self) -> list[Row]:
        """For the table."""
        name = "elections, all of these"
        refused = f"{self.errors.total()} / {self.drops}"
        return [
            *(row for kind in _CHANGES for row in self._rows_of(kind)),
            *self.audit.rows(name),
            Row(name, "requests for keys refused / connections dropped", refused),
        ]

    def _rows_of(self, kind: str) -> list[Row]:
        seconds = sorted(election.seconds for election in self.elections if election.name == kind)
        verified = [each for election in self.elections if election.name == kind for each in election.verified]
        times = [each.seconds * 1000 for each in verified]
        failed = sum(each.error[1] is not None for each in verified)
        name = f"primary {kind}, {len(seconds)} times, election timeout {self.timeout_ms / 1000:g} s"
        spread = " / ".join(f"{percentile(times, share):.0f}" for share in (0.5, 0.99, 1))
        return [
            Row(name, "seconds until writes go on, median / most", f"{median(seconds):.1f} / {seconds[-1]:.1f}"),
            Row(name, "keys used meanwhile / refused", f"{len(times)} / {failed}"),
            Row(name, "milliseconds per use: p50 / p99 / max", spread),
        ]

    def check(self) -> None:
        """Fail if a key was lost, a connection dropped, or a key in use refused or looked up."""
        self.audit.check()
        assert 0 == self.drops
        assert {status for status, _ in self.errors} <= {503}
        for election in self.elections:
            assert election.seconds < _LONGEST_S
            assert len(election.verified) > _KEYS
            assert [] == [each for each in election.verified if each.error[1] is not None]
            assert percentile([each.seconds for each in election.verified], 0.5) < _RECALLED_S, "the database was asked"


async def _step_down(members: ReplicaSet) -> None:
    await members.step_down()


async def _kill(members: ReplicaSet) -> None:
    members.restart(await members.kill_primary())


_CHANGES: dict[str, Callable[[ReplicaSet], Awaitable[None]]] = {"steps down": _step_down, "is killed": _kill}


async def hold_elections(folder: Path, times: int, timeout_ms: int, between_s: float = 1.0) -> Elected:
    """Step down and kill in turns; count in the end."""
    ledger, elections = Ledger(), []
    async with (
        replica_set(timeout_ms) as members,
        kept(folder / "data", "--mongodb-uri", members.uri, "--database", _DATABASE) as house,
    ):
        line = await open_line(house.port)
        jwt = await found_house(line)
        makers = Makers([house.port], jwt, ledger)
        for number in range(_KEYS):
            await ledger.create(line, f"used-{number}")
        await line.close()
        verifiers = Verifiers([house.port], list(ledger.tokens.values()))
        revokers = Revokers([house.port], jwt, ledger)
        async with at_work(makers, _MAKERS), at_work(verifiers, _VERIFIERS), at_work(revokers, 1):
            for name, change in list(_CHANGES.items()) * times:
                await members.wait_whole()
                await asyncio.sleep(between_s)
                elections.append(await _election(name, change(members), ledger, verifiers))
            await asyncio.sleep(between_s)
        line = await open_line(house.port)  # a new one: an idle connection does not last that long
        line.jwt = jwt
        found = await audit(members.uri, _DATABASE, ledger, line, _PATIENCE_S)
        drops = makers.drops + verifiers.drops + revokers.drops
        await line.close()
    return Elected(elections, timeout_ms, found, ledger.errors, drops)


async def _election(name: str, change: Awaitable[None], ledger: Ledger, verifiers: Verifiers) -> Election:
    began = time.monotonic()
    await change
    enough = len(ledger.moments) + 10 * _MAKERS
    async with asyncio.timeout(_PATIENCE_S):
        while len(ledger.moments) < enough:  # noqa: ASYNC110 - many clients make them
            await asyncio.sleep(0.02)
    return Election(name, ledger.longest_gap(began), [each for each in verifiers.done if each.began >= began])
