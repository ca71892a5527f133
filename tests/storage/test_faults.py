"""A whole gateway whose database goes away in the middle of things.

What is promised: whoever was given a key has it, whoever was refused has none, nothing is there twice, the connection
lives through all of it, and the gateway recovers by itself.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway import Config, Gateway
from gateway.storage.embedded import uri as uri_of
from gateway.storage.mongo import Database
from gateway.storage.mongod_binary import read_place
from tests.client import ADMIN, Client, connected
from tests.conftest import Connect, StartGateway, configured
from tests.proxy import Proxy
from tests.storage.conftest import until

NOT_CONNECTED = (503, "services.storage.not_connected")


class Keys:
    """API keys as their owner asks for them, and as they rest in the database.

    Attributes:
        made: answers that brought a key.
        refused: status and error id of the others.
    """

    def __init__(self, stored: Any) -> None:
        self._stored = stored
        self.made: list[dict[str, Any]] = []
        self.refused: list[tuple[int, str | None]] = []

    async def make(self, client: Client) -> None:
        """Ask for a key."""
        answer = await client.ask("security:createApiKey", userId="admin", body={"description": "d"})
        if answer["error"] is None:
            self.made.append(answer["result"])
        else:
            self.refused.append((answer["status"], answer["error"]["id"]))

    async def are_exact(self) -> bool:
        """Tell whether the records are those of the keys that were handed out, and no others."""
        records = await self._stored.find({}).to_list(None)
        return self._sorted(self.made) == self._sorted(
            {"_id": record["_id"], "_source": {"fingerprint": record["fingerprint"]}} for record in records
        )

    async def are_usable(self, client: Client) -> bool:
        """Tell whether each opens the door."""
        checks = [
            await client.succeed("auth:checkToken", body={"token": key["_source"]["token"]}, jwt=None)
            for key in self.made
        ]
        return all(check["valid"] for check in checks)

    @staticmethod
    def _sorted(keys: Any) -> list[tuple[str, str]]:
        return sorted((key["_id"], key["_source"]["fingerprint"]) for key in keys)


@pytest.fixture
async def admins(
    proxy: Proxy, start_gateway: StartGateway, connect: Connect
) -> AsyncIterator[tuple[Client, Client, Client]]:
    """Connections of an administrator to a gateway whose database is behind the proxy."""
    gateway = await start_gateway(mongodb={"uri": proxy.uri, "operation_timeout_ms": 1000})
    clients = [await connect(gateway) for _ in range(3)]
    await clients[0].succeed("security:createFirstAdmin", _id="admin", body={"credentials": {"local": ADMIN}})
    token = await clients[0].login(**ADMIN)
    for client in clients:
        client.jwt = token
    first, second, third = clients
    yield first, second, third
    proxy.heal()


@pytest.fixture
def keys(stranger: Any) -> Keys:
    """The keys of this test's database."""
    return Keys(stranger["api-keys"])


Admins = tuple[Client, Client, Client]


@pytest.mark.parametrize("times", [1, 1000], ids=["once", "until the driver gives up"])
async def test_a_lost_answer_is_a_key(times: int, admins: Admins, keys: Keys, proxy: Proxy) -> None:
    """The database has stored it and cannot say so: the client gets its key, of which there is one record."""
    proxy.lose_answers("insert", times)

    await keys.make(admins[0])

    assert (1, []) == (len(keys.made), keys.refused)
    assert await keys.are_exact()
    assert await keys.are_usable(admins[0])
    assert (1 == proxy.lost) if times == 1 else (proxy.lost > 1)


async def test_a_lost_request_is_sent_again(admins: Admins, keys: Keys, proxy: Proxy) -> None:
    """Nothing has been stored when the driver gives up; the client does not get a key before something has."""
    proxy.lose_requests("insert")

    asking = asyncio.create_task(keys.make(admins[0]))
    await asyncio.sleep(1.2)  # an operation may take one second
    proxy.heal()
    await asking

    assert (1, []) == (len(keys.made), keys.refused)
    assert await keys.are_exact()
    assert proxy.lost > 1


async def test_a_lost_answer_and_then_silence_is_503_and_no_key(admins: Admins, keys: Keys, proxy: Proxy) -> None:
    """The client is told in bounded time, and the record is hunted down once the database is back."""
    proxy.lose_answers("insert", then_fall_silent=True)
    began = asyncio.get_running_loop().time()

    await keys.make(admins[0])

    assert asyncio.get_running_loop().time() - began < 5
    assert [NOT_CONNECTED] == keys.refused
    assert not await keys.are_exact(), "there is a record that nobody knows of"
    proxy.heal()
    await until(keys.are_exact)
    await keys.make(admins[0])
    assert (1, True) == (len(keys.made), await keys.are_exact())


def be_down(proxy: Proxy) -> None:
    """Reset every connection, as the next insert comes."""
    proxy.refuse_at("insert")


def be_silent(proxy: Proxy) -> None:
    """Swallow everything, once the next insert has happened."""
    proxy.lose_answers("insert", then_fall_silent=True)


@pytest.mark.parametrize("fault", [be_down, be_silent], ids=["down before an insert", "silent after an insert"])
async def test_a_database_that_is_away_for_two_seconds(
    fault: Callable[[Proxy], None], admins: Admins, keys: Keys, proxy: Proxy
) -> None:
    """Every request is answered with a key or a 503, on the same connections; then the gateway recovers by itself."""
    enough = asyncio.Event()

    async def ask_and_ask(client: Client) -> None:
        while not enough.is_set():
            await keys.make(client)
            await asyncio.sleep(0.01)

    proxy.delay_s = 0.01  # so that something is always on its way
    asking = asyncio.gather(*(ask_and_ask(client) for client in admins))
    await until(lambda: len(keys.made) > 10)
    fault(proxy)
    await until(lambda: proxy.is_away)
    await asyncio.sleep(2)
    made = len(keys.made)
    proxy.heal()
    await until(lambda: len(keys.made) >= made + 10)
    enough.set()
    await asking

    assert set(keys.refused) <= {NOT_CONNECTED}
    await until(keys.are_exact)
    assert len(keys.made) == len({key["_id"] for key in keys.made})
    assert await keys.are_usable(admins[0])


async def test_connections_that_are_cut_again_and_again_lose_nothing(admins: Admins, keys: Keys, proxy: Proxy) -> None:
    """Cut in the middle of the load, at moments that nobody chose."""
    proxy.delay_s = 0.002

    async def ask(client: Client) -> None:
        for _ in range(30):
            await keys.make(client)

    async def cut() -> None:
        for _ in range(4):
            await asyncio.sleep(0.1)
            proxy.cut()

    await asyncio.gather(cut(), *(ask(client) for client in admins))

    assert 90 == len(keys.made) + len(keys.refused)
    assert set(keys.refused) <= {NOT_CONNECTED}
    await until(keys.are_exact)


async def test_a_killed_mongod_is_started_again_and_no_key_is_lost(tmp_path: Path) -> None:
    """`kill -9` of the embedded server in the middle of the load: what was acknowledged is there, exactly."""
    settings = configured(
        Config(),
        server={"port": 0, "data_dir": str(tmp_path), "shutdown_grace_s": 1.0},
        limits={"logins_per_second": 0},
        http={"logins_per_second": 0},
        websocket={"close_timeout_ms": 200},
    )
    async with Gateway(settings) as gateway, connected(gateway.port) as client, connected(gateway.port) as other:
        await client.succeed("security:createFirstAdmin", _id="admin", body={"credentials": {"local": ADMIN}})
        other.jwt = await client.login(**ADMIN)
        place = read_place(tmp_path)
        assert place is not None
        database = Database(uri_of(place.socket), settings.mongodb.database)
        keys = Keys(database._database["api-keys"])
        enough = asyncio.Event()

        async def ask(client: Client) -> None:
            while not enough.is_set():
                await keys.make(client)

        asking = asyncio.gather(ask(client), ask(other))
        await until(lambda: len(keys.made) >= 50)
        os.kill(place.pid, signal.SIGKILL)
        made = len(keys.made)
        await until(lambda: len(keys.made) >= made + 50, patience_s=60)
        enough.set()
        await asking

        restarted = read_place(tmp_path)
        assert restarted is not None
        assert (place.socket, True) == (restarted.socket, restarted.pid != place.pid)
        assert set(keys.refused) <= {NOT_CONNECTED}
        await until(keys.are_exact)
        assert await keys.are_usable(client)
        database.close()
