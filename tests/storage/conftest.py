"""What the tests of storage share: a proxy that misbehaves, the database behind it, and somebody else's client."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from gateway.protocol.errors import ApiError
from gateway.storage.mongo import Database
from tests.proxy import Proxy, proxied

TIMEOUT_MS = 600
"""How long an operation may take: longer than the half second after which the driver looks again for a lost server."""


@pytest.fixture
async def proxy(mongod: str) -> AsyncIterator[Proxy]:
    """A proxy before the session's mongod."""
    async with proxied(mongod) as proxy:
        yield proxy


@pytest.fixture
async def behind(proxy: Proxy, database: Database, database_name: str) -> AsyncIterator[Database]:
    """The test's database as seen through the proxy, with little patience."""
    behind = Database(proxy.uri, database_name, selection_timeout_ms=TIMEOUT_MS, timeout_ms=TIMEOUT_MS)
    yield behind
    behind.close()


async def until(condition: Callable[[], Awaitable[object] | object], patience_s: float = 10) -> None:
    """Wait for what no event tells of; what does not come in time fails the test."""
    async with asyncio.timeout(patience_s):
        while True:
            result = condition()
            if await result if isinstance(result, Awaitable) else result:
                return
            await asyncio.sleep(0.005)


@pytest.fixture
async def stranger(mongod: str, database_name: str) -> AsyncIterator[Any]:
    """The test's database in the hands of another program."""
    client: Any = AsyncIOMotorClient(mongod)
    yield client[database_name]
    client.close()


async def refusal(work: Any) -> tuple[int, str | None]:
    """Status and id of the error that a call raises."""
    with pytest.raises(ApiError) as caught:
        await work
    assert "mongo" not in caught.value.message.lower() or caught.value.status == 500
    return caught.value.status, caught.value.id
