"""Clients that go on whatever happens: makers of keys, and verifiers who use them.

Each holds one connection and comes back when that breaks, as any client would; how often it broke is counted. They
pause between requests, so that what is counted afterwards stays countable.
"""

import asyncio
import contextlib
import itertools
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from tests.chaos.ledger import OWNER, Ledger
from tests.chaos.lines import Line, error_of, open_line
from tests.client import ADMIN

__all__ = [
    "MADE",
    "Makers",
    "Persistent",
    "Revokers",
    "Verification",
    "Verifiers",
    "at_work",
    "found_house",
]

MADE = "key-"
"""Before the number of every key that makers make."""

_COME_BACK_S = 0.05


async def found_house(line: Line) -> str:
    """Make the administrator and the owner of keys, whose requests nobody counts; return the administrator's token."""
    await line.succeed("security:createFirstAdmin", _id="admin", body={"credentials": {"local": ADMIN}})
    line.jwt = str((await line.succeed("auth:login", strategy="local", body=ADMIN))["jwt"])
    await line.succeed("security:createUser", _id=OWNER, body={"content": {"profileIds": ["admin"]}})
    return line.jwt


class Persistent(ABC):
    """Clients that come back.

    Attributes:
        drops: how many connections were lost.
        is_enough: they finish what is in hand, and end.
    """

    def __init__(self, ports: Sequence[int], jwt: str) -> None:
        self._ports = itertools.cycle(ports)
        self._jwt = jwt
        self.drops = 0
        self.is_enough = False

    async def run(self) -> None:
        """Be one of them: work on one connection after the other."""
        while not self.is_enough:
            with contextlib.suppress(OSError):
                line = await open_line(next(self._ports))
                line.jwt = self._jwt
                try:
                    await self._work(line)
                except ConnectionError:
                    self.drops += 1
                finally:
                    line.abort()
            await asyncio.sleep(_COME_BACK_S)

    @abstractmethod
    async def _work(self, line: Line) -> None:
        """Work until it is enough, or the line breaks."""


class Makers(Persistent):
    """Clients that create API keys.

    Args:
        ports: of gateways, taken in turns.
        jwt: the administrator's.
        ledger: what they asked for and heard.
        lanes: requests that each keeps in flight.
        pause_s: between two requests of a lane.
    """

    def __init__(
        self,
        ports: Sequence[int],
        jwt: str,
        ledger: Ledger,
        *,
        lanes: int = 2,
        pause_s: float = 0.02,
    ) -> None:
        super().__init__(ports, jwt)
        self._ledger = ledger
        self._lanes = lanes
        self._pause_s = pause_s
        self._made = itertools.count()

    async def _work(self, line: Line) -> None:
        outcomes = await asyncio.gather(*(self._lane(line) for _ in range(self._lanes)), return_exceptions=True)
        for outcome in outcomes:  # all lanes of a broken line end
            if outcome is not None:
                raise outcome

    async def _lane(self, line: Line) -> None:
        while not self.is_enough:
            await self._ledger.create(line, f"{MADE}{next(self._made)}")
            await asyncio.sleep(self._pause_s)


class Revokers(Persistent):
    """Clients that revoke what makers have made, the oldest first, a part of it.

    Args:
        ports: of gateways, taken in turns.
        jwt: the administrator's.
        ledger: what was made.
        pause_s: between two.
    """

    def __init__(self, ports: Sequence[int], jwt: str, ledger: Ledger, pause_s: float = 0.1) -> None:
        super().__init__(ports, jwt)
        self._ledger = ledger
        self._pause_s = pause_s

    async def _work(self, line: Line) -> None:
        while not self.is_enough:
            made = next((key_id for key_id in self._ledger.tokens if key_id.startswith(MADE)), None)
            if made is not None:
                await self._ledger.revoke(line, made)
            await asyncio.sleep(self._pause_s)


class Verification(NamedTuple):
    """One use of a key: when it was sent, how long it took, what came of it."""

    began: float
    seconds: float
    error: tuple[int, str | None]


class Verifiers(Persistent):
    """Clients that use keys which count: every request asks the gateway to recognise one.

    Args:
        ports: of gateways, taken in turns.
        tokens: keys.
        pause_s: between two requests.

    Attributes:
        done: every use.
    """

    def __init__(self, ports: Sequence[int], tokens: Sequence[str], pause_s: float = 0.02) -> None:
        super().__init__(ports, "")
        self._tokens = itertools.cycle(tokens)
        self._pause_s = pause_s
        self.done: list[Verification] = []

    @property
    def errors(self) -> Counter[tuple[int, str | None]]:
        """What came of the uses that failed."""
        return Counter(each.error for each in self.done if each.error[1] is not None)

    async def _work(self, line: Line) -> None:
        while not self.is_enough:
            began = time.monotonic()
            answer = await line.ask("auth:getMyRights", jwt=next(self._tokens))
            self.done.append(Verification(began, time.monotonic() - began, error_of(answer)))
            await asyncio.sleep(self._pause_s)


@contextlib.asynccontextmanager
async def at_work(clients: Persistent, number: int) -> AsyncIterator[None]:
    """Let so many clients work while the block runs; one that fails fails the end of the block."""
    tasks = [asyncio.create_task(clients.run()) for _ in range(number)]
    try:
        yield
    finally:
        clients.is_enough = True
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if outcome is not None:
            raise outcome
