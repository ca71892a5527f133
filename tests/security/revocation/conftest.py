"""Three nodes without ports that follow one database, and what they ask of it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from pymongo import monitoring

from gateway.storage.mongo import Database
from tests.security.nodes import Node, cheap_passwords, node, open_house
from tests.security.revocation.people import User


class Commands(monitoring.CommandListener):
    """Counts what the databases of this module are asked, whoever asks; change streams aside."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Note the command."""
        if event.command_name != "getMore" and not event.database_name.startswith("admin"):
            self.names.append(event.command_name)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Not looked at."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Not looked at."""


@pytest.fixture(scope="module", autouse=True)
def passwords_cost_nothing() -> Iterator[None]:
    """For every node of this module."""
    with cheap_passwords():
        yield


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    """What the nodes ask of the database."""
    listener = Commands()
    listeners = monitoring._LISTENERS.command_listeners
    listeners.append(listener)
    yield listener
    listeners.remove(listener)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nodes(mongod: str, commands: Commands) -> AsyncIterator[list[Node]]:
    """Three nodes over the module's database, which follow it."""
    config = open_house(mongod)
    async with AsyncExitStack() as stack:
        database = Database(mongod, config.mongodb.database)
        stack.callback(database.close)
        stack.push_async_callback(database.drop)
        made = [await stack.enter_async_context(node(config)) for _ in range(3)]
        for one in made:
            await one.follow()
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def user(nodes: list[Node]) -> User:
    """Registered through the first node."""
    made = User(nodes[0])
    await made.register()
    return made
