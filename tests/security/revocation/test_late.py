"""Revocation while news is late: whatever the network holds up, the bound holds, and nothing comes back after it."""

import asyncio
import time

from tests.conftest import Connect, StartGateway
from tests.proxy import Proxy
from tests.security.revocation.test_sockets import (
    INVALID,
    WHO,
    administrator,
    delete_key,
    follower,
    is_known,
    new_key,
)
from tests.storage.conftest import proxy, until

__all__ = ["proxy"]

BOUND_S = 0.9
LATE_S = 2.0


async def test_k14_late_answers_of_the_stream_never_revive_a_revoked_key(
    start_gateway: StartGateway, connect: Connect, proxy: Proxy
) -> None:
    """From the bound on it is refused for good: while answers come late, when they arrive, and when all is well again.

    What is not revoked goes on counting all the while.
    """
    here = await start_gateway()
    there = await start_gateway(mongodb={"uri": proxy.uri}, security={"revocation_bound_ms": round(BOUND_S * 1000)})
    admin, far = await administrator(await connect(here)), await connect(there)
    far.jwt = admin.jwt
    (dead_id, dead), (_, alive) = await new_key(admin), await new_key(admin)
    for token in (dead, alive):
        await is_known(far, token)
    proxy.late["getMore"] = LATE_S
    await until(lambda: proxy.held_up == 2)  # one has arrived late, and the next is on its way, without the news

    await delete_key(admin, dead_id)
    revoked = time.monotonic()
    while time.monotonic() < revoked + BOUND_S + 2 * LATE_S:
        if time.monotonic() > revoked + 2 * LATE_S:
            proxy.heal()
        is_due = time.monotonic() > revoked + BOUND_S
        answer = await far.ask(WHO, jwt=dead)
        assert 401 == answer["status"] or not is_due, time.monotonic() - revoked
        await far.succeed(WHO, jwt=alive)
        await asyncio.sleep(0.02)
    await is_known(far, alive)
    assert INVALID == await far.fail(WHO, jwt=dead)
    assert follower(there).is_trusted()
