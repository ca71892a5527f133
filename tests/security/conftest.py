"""What the tests of security share: a house, one gateway for all tests of a module, and rooms without a socket.

A table of cheap questions asks a house: its tests leave nothing behind that another one trips over, or use names of
their own. A test that needs other settings or an empty database starts a gateway of its own.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from gateway import Config, Gateway
from gateway.rooms import Rooms
from gateway.storage.mongo import Database, Document
from tests.client import ADMIN, Client, connected
from tests.conftest import configured


class House:
    """A gateway with an administrator.

    Attributes:
        gateway: running, with the default settings but for the limit on logins.
        database: its database, to look into.
        admin: a connection of the administrator `admin`, logged in.
    """

    def __init__(self, gateway: Gateway, database: Database, admin: Client, stack: AsyncExitStack) -> None:
        self.gateway = gateway
        self.database = database
        self.admin = admin
        self._stack = stack

    async def connect(self, **options: Any) -> Client:
        """Open a connection that lasts as long as the house."""
        return await self._stack.enter_async_context(connected(self.gateway.port, **options))

    async def stored(self, collection: str) -> list[Document]:
        """Every document of a collection, as it lies in the database."""
        return await self.database.collection(collection).find({})

    async def add_user(self, kuid: str, *profile_ids: str) -> Client:
        """Make a user, user name = kuid, password = `pass-<kuid>`; return a logged-in connection."""
        local = {"username": kuid, "password": f"pass-{kuid}"}
        body = {"content": {"profileIds": profile_ids or ("default",)}, "credentials": {"local": local}}
        await self.admin.succeed("security:createUser", _id=kuid, body=body)
        client = await self.connect()
        await client.login(**local)
        return client

    async def add_profile(self, name: str, **controllers: str) -> None:
        """Make a profile with one role of the same name: controller → names of its actions."""
        allowed = {name: {"actions": dict.fromkeys(actions.split(), True)} for name, actions in controllers.items()}
        await self.admin.succeed("security:createRole", _id=name, body={"controllers": allowed})
        await self.admin.succeed("security:createProfile", _id=name, body={"policies": [{"roleId": name}]})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(mongod: str) -> AsyncIterator[House]:
    """One gateway for all tests of a module; they run in the module's event loop."""
    name = f"test-{uuid.uuid4().hex}"
    settings = configured(
        Config(),
        mongodb={"uri": mongod, "database": name},
        server={"port": 0, "shutdown_grace_s": 1.0, "node_name": "knode-test"},
        limits={"logins_per_second": 0},
        websocket={"close_timeout_ms": 200},
    )
    database = Database(mongod, name)
    async with AsyncExitStack() as stack:
        stack.callback(database.close)
        stack.push_async_callback(database.drop)
        gateway = await stack.enter_async_context(Gateway(settings))
        admin = await stack.enter_async_context(connected(gateway.port))
        await admin.succeed("security:createFirstAdmin", _id="admin", body={"credentials": {"local": ADMIN}})
        await admin.login(**ADMIN)
        yield House(gateway, database, admin, stack)


@pytest.fixture
async def rooms(config: Config, database: Database) -> AsyncIterator[Rooms]:
    """Every service over the test's own database, prepared as at the start of a gateway."""
    rooms = Rooms(config, database)
    await rooms.prepare()
    yield rooms
    await rooms.close()


async def refusal(client: Client, name: str, **arguments: Any) -> tuple[int, str | None, list[Any] | None]:
    """Ask for what must be refused; return status, error id and props."""
    error = (await client.ask(name, **arguments))["error"]

    assert error is not None, f"{name} was not refused"
    return error["status"], error.get("id"), error.get("props")
