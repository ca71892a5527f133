"""What tests share: one mongod per session, one database per test, a gateway over it, and clients."""

import functools
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from argon2 import PasswordHasher
from hypothesis import settings

from gateway import Config, Gateway
from gateway.security import passwords
from gateway.storage.mongo import Database
from tests.client import ADMIN, Client, connected
from tests.http_client import HttpClient, http_connected
from tests.mongod import start_mongod, stop_mongod

# A machine under load is slow; what an example costs is the benchmarks' business.
settings.register_profile("latchgate", deadline=None)
settings.load_profile("latchgate")

StartGateway = Callable[..., Awaitable[Gateway]]
Connect = Callable[..., Awaitable[Client]]
ConnectHttp = Callable[[Gateway], Awaitable[HttpClient]]


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of a real mongod."""
    data_dir: Path = tmp_path_factory.mktemp("mongod")
    process, uri = start_mongod(data_dir)
    yield uri
    stop_mongod(process)


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Argon2 at its least cost, for speed; what passwords really cost is the matter of `security/test_passwords.py`."""
    with pytest.MonkeyPatch.context() as patch:
        cheap = functools.partial(PasswordHasher, time_cost=1, memory_cost=64, parallelism=1)
        patch.setattr(passwords, "PasswordHasher", cheap)
        yield


@pytest.fixture
def database_name() -> str:
    """A name that no other test uses."""
    return f"test-{uuid.uuid4().hex}"


@pytest.fixture
async def database(mongod: str, database_name: str) -> AsyncIterator[Database]:
    """An empty database of the test's own."""
    database = Database(mongod, database_name)
    yield database
    await database.drop()
    database.close()


@pytest.fixture
def config(mongod: str, database_name: str) -> Config:
    """Settings for a gateway over the test's database, on a free port, without a limit on logins."""
    return configured(
        Config(),
        mongodb={"uri": mongod, "database": database_name},
        server={"port": 0, "shutdown_grace_s": 1.0, "node_name": "knode-test"},
        limits={"logins_per_second": 0},
        http={"logins_per_second": 0},
        websocket={"close_timeout_ms": 200},
    )


def configured(config: Config, **sections: dict[str, Any]) -> Config:
    """Settings with some of them changed: section → setting → value."""
    changed = {name: msgspec.structs.replace(getattr(config, name), **settings) for name, settings in sections.items()}
    return msgspec.structs.replace(config, **changed)


@pytest.fixture
async def start_gateway(config: Config, database: Database) -> AsyncIterator[StartGateway]:
    """Start a gateway; keyword arguments change settings, `section={"setting": value}`."""
    async with AsyncExitStack() as stack:

        async def start(*controllers: Any, **sections: dict[str, Any]) -> Gateway:
            return await stack.enter_async_context(Gateway(configured(config, **sections), controllers))

        yield start


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> Gateway:
    """A gateway with the default rights: restricted."""
    return await start_gateway()


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Connect to a gateway."""
    async with AsyncExitStack() as stack:

        async def open_connection(gateway: Gateway, **options: Any) -> Client:
            return await stack.enter_async_context(connected(gateway.port, **options))

        yield open_connection


@pytest.fixture
async def connect_http() -> AsyncIterator[ConnectHttp]:
    """Connect to a gateway over HTTP."""
    async with AsyncExitStack() as stack:

        async def open_connection(gateway: Gateway) -> HttpClient:
            return await stack.enter_async_context(http_connected(gateway.port))

        yield open_connection


@pytest.fixture
async def http_admin(gateway: Gateway, admin: Client, connect_http: ConnectHttp) -> HttpClient:
    """An HTTP connection with a token of the administrator `admin`, beside the one of `admin`."""
    client = await connect_http(gateway)
    client.jwt = admin.jwt
    return client


@pytest.fixture
async def anonymous(gateway: Gateway, connect: Connect) -> Client:
    """A connection of a stranger."""
    return await connect(gateway)


@pytest.fixture
async def admin(gateway: Gateway, connect: Connect) -> Client:
    """A connection of the administrator `admin`, logged in."""
    client = await connect(gateway)
    await client.succeed("security:createFirstAdmin", _id="admin", body={"credentials": {"local": ADMIN}})
    await client.login(**ADMIN)
    return client
