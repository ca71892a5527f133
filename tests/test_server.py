"""The gateway as a library: what a program that embeds it may add, and two of them over one database."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from gateway import (
    Arguments,
    Config,
    Context,
    Controller,
    Gateway,
    action,
    api_error,
)
from gateway.routing import RegistrationError
from gateway.storage.mongo import Database, MongoUnreachable
from gateway.transports.port import PortTakenError
from tests.client import ADMIN, Client
from tests.conftest import Connect, StartGateway, configured

BOUND_S = 5.0
"""How soon the other gateway must know."""


class Greeting(Arguments, frozen=True):
    """Arguments of `greeter:greet`."""

    who: str
    times: int = 1


class Greeter(Controller):
    """What a user of the library writes."""

    name = "greeter"

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.released = asyncio.Event()

    @action("greet")
    async def greet(self, arguments: Greeting, context: Context) -> dict[str, Any]:
        """Answer with the arguments and who asked."""
        return {"text": f"Hello {arguments.who}! " * arguments.times, "kuid": context.principal.kuid}

    @action("wait")
    async def wait(self) -> str:
        """Answer when released."""
        self.entered.set()
        await self.released.wait()
        return "released"

    @action("refuse")
    def refuse(self) -> None:
        """Answer with an error of the gateway's catalogue."""
        raise api_error("security.user.not_found", "Nobody")

    @action("crash")
    def crash(self) -> None:
        """Break."""
        raise RuntimeError("a secret of the database")


class MoreGreetings(Controller):
    """Another class under the same name on the wire."""

    name = "greeter"

    @action("part")
    def part(self) -> str:
        """Answer."""
        return "Goodbye!"


# Controllers of one's own.


async def test_own_controller_answers_beside_ours(start_gateway: StartGateway, connect: Connect) -> None:
    """Its arguments are read and refused like ours, and it knows who asks."""
    gateway = await start_gateway(Greeter(), MoreGreetings(), security={"initial_rights": "open"})
    client = await connect(gateway)

    assert {"text": "Hello Ada! Hello Ada! ", "kuid": "-1"} == await client.succeed("greeter:greet", who="Ada", times=2)
    assert "Goodbye!" == await client.succeed("greeter:part")
    assert (400, "api.assert.missing_argument") == await client.fail("greeter:greet")
    assert (400, "api.assert.invalid_type") == await client.fail("greeter:greet", who=5)
    assert (404, "security.user.not_found") == await client.fail("greeter:refuse")
    assert (404, "api.process.action_not_found") == await client.fail("greeter:dance")
    assert {"greet", "wait", "refuse", "crash", "part"} == set((await client.succeed("server:publicApi"))["greeter"])


async def test_own_controller_is_guarded_by_rights(start_gateway: StartGateway, connect: Connect) -> None:
    """A role names it like one of ours, and needs no force: it is known."""
    client = await connect(await start_gateway(Greeter()))
    await make_administrator(client)
    assert (401, "security.rights.unauthorized") == await client.fail("greeter:greet", who="Ada", jwt=None)

    allowed = {"controllers": {"greeter": {"actions": {"greet": True}}}}
    await make_user(client, "friend", allowed)
    await client.login("friend", "friend's password")

    assert "friend" == (await client.succeed("greeter:greet", who="Ada"))["kuid"]
    assert (403, "security.rights.forbidden") == await client.fail("greeter:refuse")


async def test_crash_of_an_action_shows_the_client_nothing_and_the_log_everything(
    start_gateway: StartGateway, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection lives."""
    client = await connect(await start_gateway(Greeter(), security={"initial_rights": "open"}))

    answer = await client.ask("greeter:crash")

    assert (500, "plugin.runtime.unexpected_error") == (answer["status"], answer["error"]["id"])
    assert "secret" not in json.dumps(answer)
    (record,) = [record for record in caplog.records if record.name == "latchgate" and record.exc_info]
    assert "greeter:crash failed" == record.getMessage()
    assert "a secret of the database" in str(record.exc_info)
    await client.succeed("greeter:greet", who="Ada")


@pytest.mark.parametrize("name", ["greeter", "server"])
async def test_action_registered_twice_stops_the_start(config: Config, database: Database, name: str) -> None:
    """Whether ours or the user's own: nobody wins by coming last. The sentence names it."""

    class Twin(Controller):
        @action("now")
        def now(self) -> None:
            """Stand in the way."""

        @action("greet")
        def greet(self) -> None:
            """Stand in the way."""

    Twin.name = name
    with pytest.raises(RegistrationError, match=f"{name}:(now|greet) is registered twice"):
        async with Gateway(config, [Greeter(), Twin()]):
            pass


# Start and stop.


async def test_gateway_tells_port_node_and_whether_there_is_an_administrator(
    config: Config, database: Database, connect: Connect
) -> None:
    """What a program that embeds it wants to print."""
    async with Gateway(configured(config, server={"node_name": ""})) as gateway:
        assert 0 < gateway.port < 65_536
        assert gateway.node.startswith("knode-")
        assert not gateway.has_administrator
        await make_administrator(await connect(gateway))

    async with Gateway(config) as gateway:
        assert gateway.has_administrator


async def test_request_in_hand_is_answered_before_the_stop(config: Config, connect: Connect) -> None:
    """Then the connection is closed with 1012; what comes after the stop began gets 503."""
    greeter = Greeter()
    open_config = configured(config, security={"initial_rights": "open"}, server={"shutdown_grace_s": 30.0})
    async with contextlib.AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(Gateway(open_config, [greeter]))
        client = await connect(gateway)
        waiting = asyncio.create_task(client.ask("greeter:wait"))
        await asyncio.wait_for(greeter.entered.wait(), BOUND_S)
        late = await connect(gateway)

        stopping = asyncio.create_task(stack.aclose())
        while (await late.ask("server:now"))["status"] == 200:  # until the stop has begun
            pass
        refused = await late.fail("server:now")
        assert not waiting.done()
        greeter.released.set()
        answer = await waiting
        await stopping

    assert "released" == answer["result"]
    assert (503, "network.entrypoint.shutting_down") == refused
    with pytest.raises(ConnectionClosed) as closed:
        await client.socket.recv()
    assert closed.value.rcvd is not None
    assert 1012 == closed.value.rcvd.code


async def test_action_that_outlasts_the_grace_does_not_hold_up_the_stop(config: Config, connect: Connect) -> None:
    """`server.shutdown_grace_s` is kept."""
    greeter = Greeter()
    open_config = configured(config, security={"initial_rights": "open"}, server={"shutdown_grace_s": 0.05})
    async with asyncio.timeout(5), Gateway(open_config, [greeter]) as gateway:
        client = await connect(gateway)
        waiting = asyncio.create_task(client.ask("greeter:wait"))
        await greeter.entered.wait()

    with pytest.raises(ConnectionClosed):
        await waiting


@pytest.fixture
async def tasks() -> AsyncIterator[None]:
    """Fail if the test leaves tasks running that it did not find."""
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert set() == left


@pytest.mark.parametrize("fault", ["port", "database", "action"])
async def test_failed_start_leaves_nothing_running(config: Config, database: Database, tasks: None, fault: str) -> None:
    """Whatever the reason: the tasks are gone with the exception, and another start succeeds."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        faulty, controllers, error = {
            "port": (configured(config, server={"port": taken.getsockname()[1]}), [], PortTakenError),
            "database": (
                configured(config, mongodb={"uri": "mongodb://127.0.0.1:1", "operation_timeout_ms": 100}),
                [],
                MongoUnreachable,
            ),
            "action": (config, [Greeter(), Greeter()], RegistrationError),
        }[fault]
        with pytest.raises(error):
            async with Gateway(faulty, controllers):
                pass

    async with Gateway(config):
        pass


async def test_stop_leaves_nothing_running(config: Config, tasks: None, connect: Connect) -> None:
    """Also with a client that is still there."""
    async with Gateway(config) as gateway:
        client = await connect(gateway)
        await client.succeed("server:publicApi")
    await client.socket.close()


async def make_administrator(client: Client) -> None:
    """Make the administrator `admin` and log in."""
    await client.succeed("security:createFirstAdmin", _id="admin", body={"credentials": {"local": ADMIN}})
    await client.login(**ADMIN)


async def make_user(admin: Client, name: str, role: dict[str, Any]) -> None:
    """Make a user with a password, and a profile and a role for nobody else."""
    await admin.succeed("security:createRole", _id=name, body=role)
    await admin.succeed("security:createProfile", _id=name, body={"policies": [{"roleId": name}]})
    credentials = {"local": {"username": name, "password": f"{name}'s password"}}
    await admin.succeed(
        "security:createUser", _id=name, body={"content": {"profileIds": [name]}, "credentials": credentials}
    )
