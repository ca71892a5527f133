"""Three processes, many sockets, keys revoked at random: how soon is every socket told, and does a key come back?

Each key is in use on sockets of all three processes. It is revoked through one of them; the time runs from the arrival
of the answer until each of its sockets has been told, so what is told before the answer took no time. From then on the
dead key is tried on all three for as long as is asked: once a process has refused it, it must never take it again.
"""

import asyncio
import contextlib
import math
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

from tests.chaos.figures import Row, percentile
from tests.chaos.keeping import Kept, kept
from tests.chaos.ledger import OWNER
from tests.chaos.lines import Line, error_of, open_line
from tests.chaos.load import found_house
from tests.storage.conftest import until

__all__ = ["Revoked", "revoke_at_random"]

_PROCESSES = 3
_SOCKETS_OF_A_KEY = 6
_OPENED_AT_ONCE = 20
_TOLD_S = 30.0
_TRIES = 20
"""Uses of a dead key on each process."""
_PROMISED_HERE_S, _PROMISED_ELSEWHERE_S = 0.05, 1.0
_GONE = (401, "security.token.invalid")


class Revoked(NamedTuple):
    """What came of it; all times in seconds from the arrival of the revocation's answer.

    Attributes:
        sockets: how many there were.
        keys: how many were revoked.
        answered: how long each revocation took, from the request to its answer.
        here: until each socket of the process that revoked was told.
        elsewhere: until each socket of another process was told.
        untold: sockets that were never told, or told more than once.
        accepted_here: when a use of a dead key was sent that the process that revoked it took.
        accepted_elsewhere: likewise of another process.
        tries: uses of dead keys.
        comebacks: of them those that a process took after it had refused the key.
    """

    sockets: int
    keys: int
    answered: list[float]
    here: list[float]
    elsewhere: list[float]
    untold: int
    accepted_here: list[float]
    accepted_elsewhere: list[float]
    tries: int
    comebacks: int

    def rows(self) -> list[Row]:
        """For the table."""
        name = f"{self.keys} keys revoked, {self.sockets} sockets, {_PROCESSES} processes"
        return [
            Row(name, "ms to the answer: p50 / p99 / max", _milliseconds(self.answered)),
            Row(name, "ms from the answer until told, process that revoked: p50 / p99 / max", _milliseconds(self.here)),
            Row(name, "ms from the answer until told, other processes: p50 / p99 / max", _milliseconds(self.elsewhere)),
            Row(name, "sockets not told, or told twice", str(self.untold)),
            Row(name, "dead key taken elsewhere, last, ms", f"{1000 * max(self.accepted_elsewhere, default=0):.0f}"),
            Row(name, "dead key tried / taken where revoked / taken again", self._tries),
        ]

    def check(self) -> None:
        """Fail if a key lived on, or somebody was told late or not at all."""
        self.check_ends()
        assert percentile(self.here, 0.99) < _PROMISED_HERE_S
        assert percentile(self.elsewhere, 0.99) < _PROMISED_ELSEWHERE_S

    def check_ends(self) -> None:
        """Fail if a key lived on, or somebody was not told, however late."""
        assert (0, [], 0) == (self.untold, self.accepted_here, self.comebacks)

    @property
    def _tries(self) -> str:
        return f"{self.tries} / {len(self.accepted_here)} / {self.comebacks}"


class _Key(NamedTuple):
    key_id: str
    token: str
    sockets: list[list[Line]]
    """By process."""


class _Findings:
    """What is noted while it goes on."""

    def __init__(self, tried_s: float) -> None:
        self._tried_s = tried_s
        self.answered: list[float] = []
        self.here: list[float] = []
        self.elsewhere: list[float] = []
        self.accepted: dict[bool, list[float]] = {True: [], False: []}
        self.untold = self.tries = self.comebacks = 0

    def take_notes(self, line: Line, revoked: float, *, is_here: bool) -> None:
        """How soon a socket was told."""
        if [kind for _, kind in line.notes] != ["TokenExpired"]:
            self.untold += 1
        if line.notes:
            (self.here if is_here else self.elsewhere).append(max(line.notes[0][0] - revoked, 0.0))

    async def try_on(self, line: Line, token: str, revoked: float, *, is_here: bool) -> None:
        """Try a dead key on one process."""
        was_refused = False
        while (sent := time.monotonic()) < revoked + self._tried_s:
            answer = await line.ask("server:now", jwt=token)
            self.tries += 1
            if answer["error"] is None:
                self.accepted[is_here].append(sent - revoked)
                self.comebacks += was_refused
            else:
                assert _GONE == error_of(answer)
                was_refused = True
            await asyncio.sleep(self._tried_s / _TRIES)


async def revoke_at_random(
    mongod: str, database: str, folder: Path, *, sockets: int, pace_s: float, tried_s: float
) -> Revoked:
    """Revoke every key, one each `pace_s`, and try each for `tried_s`."""
    async with _houses(folder, mongod, database) as houses:
        admins = [await open_line(house.port) for house in houses]
        jwt = await found_house(admins[0])
        for admin in admins:
            admin.jwt = jwt
        keys = await _keys_in_use(houses, admins[0], sockets)
        findings = _Findings(tried_s)
        deaths = []
        for key in random.sample(keys, len(keys)):
            deaths.append(asyncio.create_task(_end(key, admins, findings)))
            await asyncio.sleep(pace_s)
        await asyncio.gather(*deaths)
        everybody = [line for key in keys for lines in key.sockets for line in lines]
        for line in (*everybody, *admins):
            await line.close()
    return Revoked(
        sockets=len(everybody),
        keys=len(keys),
        answered=findings.answered,
        here=findings.here,
        elsewhere=findings.elsewhere,
        untold=findings.untold,
        accepted_here=findings.accepted[True],
        accepted_elsewhere=findings.accepted[False],
        tries=findings.tries,
        comebacks=findings.comebacks,
    )


@contextlib.asynccontextmanager
async def _houses(folder: Path, mongod: str, database: str) -> AsyncIterator[list[Kept]]:
    words = ("--mongodb-uri", mongod, "--database", database)
    async with contextlib.AsyncExitStack() as stack:
        # One after the other: the first makes what all share, and a small machine is no faster with three at once.
        yield [await stack.enter_async_context(kept(folder / str(n), *words)) for n in range(_PROCESSES)]


async def _keys_in_use(houses: list[Kept], admin: Line, sockets: int) -> list[_Key]:
    """Keys, each used on its share of the sockets."""
    keys = []
    for _ in range(math.ceil(sockets / _SOCKETS_OF_A_KEY)):
        made = await admin.succeed("security:createApiKey", userId=OWNER, body={"description": ""})
        keys.append(_Key(made["_id"], made["_source"]["token"], [[] for _ in houses]))
    turns = asyncio.Semaphore(_OPENED_AT_ONCE)

    async def use(key: _Key, number: int) -> None:
        async with turns:
            line = await open_line(houses[number].port)
            await line.succeed("server:now", jwt=key.token)
            key.sockets[number].append(line)

    each = _SOCKETS_OF_A_KEY // _PROCESSES
    await asyncio.gather(*(use(key, number) for key in keys for number in range(_PROCESSES) for _ in range(each)))
    return keys


async def _end(key: _Key, admins: list[Line], findings: _Findings) -> None:
    """Revoke a key through one process, then try it on all; look in the end who was told and when."""
    where = random.randrange(len(admins))
    asked = time.monotonic()
    await admins[where].succeed("security:deleteApiKey", userId=OWNER, _id=key.key_id)
    revoked = time.monotonic()
    findings.answered.append(revoked - asked)
    tries = [findings.try_on(admin, key.token, revoked, is_here=number == where) for number, admin in enumerate(admins)]
    await asyncio.gather(*tries)
    waiting = [line for lines in key.sockets for line in lines]
    with contextlib.suppress(TimeoutError):  # those that were not told are counted
        await until(lambda: all(line.notes for line in waiting), _TOLD_S)
    for number, lines in enumerate(key.sockets):
        for line in lines:
            findings.take_notes(line, revoked, is_here=number == where)


def _milliseconds(seconds: list[float]) -> str:
    return " / ".join(f"{1000 * percentile(seconds, share):.1f}" for share in (0.5, 0.99, 1))
