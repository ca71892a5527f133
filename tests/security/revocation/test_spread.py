"""How long it takes from a revocation to the last socket: two hundred sockets on three gateways; figures are printed.

The promise is a p99 below 50 ms in the process that revoked and below a second elsewhere. All three gateways share one
event loop and one machine here, so what is asserted for the first is the second's bound: generous where a test machine
is busy, and still far from what a lost notification would take. `pytest -s` shows the figures.
"""

import asyncio
import random
import time
from contextlib import AsyncExitStack
from typing import NamedTuple

from tests.client import Client, connected
from tests.conftest import Connect, StartGateway
from tests.security.revocation.test_sockets import INVALID, WHO, administrator, delete_key, new_key

SOCKETS, KEYS = 200, 40
BOUND_S = 1.0


class Telling(NamedTuple):
    """One socket that was told: on which gateway, and how long after the revocation was asked for, in seconds."""

    gateway: int
    after: float


def percentile(values: list[float], share: float) -> float:
    """The value below which a share of them lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def test_k10_every_socket_hears_of_a_revocation_in_time(start_gateway: StartGateway, connect: Connect) -> None:
    """Keys are revoked at random by the first gateway; every socket is told once, none too late, none for nothing."""
    gateways = [await start_gateway() for _ in range(3)]
    admin = await administrator(await connect(gateways[0]))
    keys = [await new_key(admin) for _ in range(KEYS)]
    revoked: dict[int, float] = {}

    async def wait(client: Client, gateway: int, key: int) -> Telling:
        assert "TokenExpired" == (await client.told())["type"]
        return Telling(gateway, time.monotonic() - revoked[key])

    async with AsyncExitStack() as stack:
        waiting = []
        for number in range(SOCKETS):
            gateway, key = number % 3, random.randrange(KEYS)
            client = await stack.enter_async_context(connected(gateways[gateway].port))
            await client.succeed(WHO, jwt=keys[key][1])
            waiting.append((client, key, asyncio.create_task(wait(client, gateway, key))))
        for key in random.sample(range(KEYS), KEYS):
            revoked[key] = time.monotonic()
            await delete_key(admin, keys[key][0])
        async with asyncio.timeout(10):
            told = await asyncio.gather(*(task for _, _, task in waiting))
        assert {INVALID} == {await client.fail(WHO, jwt=keys[key][1]) for client, key, _ in waiting}
        assert [] == [note for client, _, _ in waiting for note in client.notes], "told twice"

    here = [one.after for one in told if one.gateway == 0]
    there = [one.after for one in told if one.gateway != 0]
    for name, values in (("the process that revoked", here), ("elsewhere", there)):
        figures = ", ".join(f"{share:.0%} {percentile(values, share) * 1000:.1f} ms" for share in (0.5, 0.99))
        print(f"revoke → told, {name}: {len(values)} sockets, {figures}, most {max(values) * 1000:.1f} ms")
    assert max(here + there) < BOUND_S
