"""What a network between gateway and MongoDB does wrong, for a while, and then no more."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tests.proxy import Proxy

__all__ = ["FAULTS", "TIMEOUT_S", "Fault"]

TIMEOUT_S = 1.0
"""How long one operation of the database may take."""

Fault = Callable[[Proxy, float], Coroutine[Any, Any, None]]
"""Goes on for so many seconds, and heals."""


def _steady(begin: Callable[[Proxy], None]) -> Fault:
    async def fault(proxy: Proxy, seconds: float) -> None:
        begin(proxy)
        await asyncio.sleep(seconds)
        proxy.heal()

    return fault


def _be_slow(proxy: Proxy) -> None:
    proxy.delay_s = TIMEOUT_S / 4


def _be_too_slow(proxy: Proxy) -> None:
    proxy.delay_s = TIMEOUT_S * 1.5


def _swallow_requests(proxy: Proxy) -> None:
    proxy.swallows_requests = True


def _swallow_answers(proxy: Proxy) -> None:
    proxy.swallows_answers = True


async def _cut_often(proxy: Proxy, seconds: float) -> None:
    proxy.delay_s = 0.002  # so that something is always on its way
    for _ in range(round(seconds / 0.1)):
        proxy.cut()
        await asyncio.sleep(0.1)
    proxy.heal()


FAULTS: dict[str, Fault] = {
    "a quarter of the time limit late": _steady(_be_slow),
    "later than the time limit": _steady(_be_too_slow),
    "cut ten times a second": _cut_often,
    "every connection refused": _steady(Proxy.refuse),
    "standing still": _steady(Proxy.fall_silent),
    "requests swallowed": _steady(_swallow_requests),
    "answers swallowed": _steady(_swallow_answers),
}
