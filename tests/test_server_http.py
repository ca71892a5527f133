"""HTTP of a whole gateway beside what a library user adds to it, and without its database."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway import Gateway
from tests.conftest import ConnectHttp, StartGateway
from tests.proxy import Proxy, proxied


@pytest.fixture
async def proxy(mongod: str) -> AsyncIterator[Proxy]:
    """A way to the database that can be closed."""
    async with proxied(mongod) as proxy:
        yield proxy


@pytest.fixture
async def gateway(start_gateway: StartGateway, proxy: Proxy, database_name: str) -> Gateway:
    """A gateway behind it."""
    settings = {"uri": proxy.uri, "database": database_name, "operation_timeout_ms": 500}
    return await start_gateway(mongodb=settings)


@pytest.mark.parametrize("fault", ["refuse", "fall_silent"])
async def test_a_gateway_without_its_database_is_alive_and_not_ready(
    fault: str, gateway: Gateway, proxy: Proxy, connect_http: ConnectHttp
) -> None:
    """Probes tell the two apart, soon and for many at once; the page says so, and all is well when it is back."""
    client = await connect_http(gateway)
    page = ("GET", "/", "Accept: text/html")
    assert 200 == (await client.ask("GET", "/_ready")).status
    assert b"<title>Latchgate: no administrator yet<" in (await client.ask(*page)).body

    getattr(proxy, fault)()
    async with asyncio.timeout(20):
        while (await client.ask("GET", "/_ready")).status != 503:
            pass
        others = [await connect_http(gateway) for _ in range(10)]
        began = asyncio.get_running_loop().time()
        refused = await asyncio.gather(*(each.ask("GET", "/_ready") for each in others))
        took = asyncio.get_running_loop().time() - began
        alive = await client.ask("GET", "/_healthcheck")
        shown = await client.ask(*page)
        action = await client.ask("GET", "/_adminExists")

    assert {(503, "services.storage.not_connected", "1")} == {
        (answer.status, answer.error_id, answer.headers["retry-after"]) for answer in refused
    }
    assert took < 5
    assert (200, 200) == (alive.status, shown.status)
    assert b"<title>Latchgate: not ready<" in shown.body
    assert 503 == action.status

    proxy.heal()
    async with asyncio.timeout(20):
        while (await client.ask("GET", "/_ready")).status != 200:
            pass
    assert b"<title>Latchgate: no administrator yet<" in (await client.ask(*page)).body
