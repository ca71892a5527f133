"""`server:` actions: the time, the face of the server, its health."""

import os
import time
from typing import Any

import pytest

from gateway import Controller, Gateway, action
from gateway.protocol.errors import ApiError
from gateway.protocol.native_actions import NATIVE_ACTIONS
from gateway.protocol.routes import ROUTES
from gateway.security.users import Users
from gateway.storage.mongo import Database
from gateway.system.server import HealthCheck, ServerController, public_api
from tests.client import Client
from tests.conftest import Connect, StartGateway

SERVICES = ["internalCache", "memoryStorage", "storageEngine"]


class Extra(Controller):
    """A controller of an extension, without routes."""

    name = "extra"

    @action("dance")
    def dance(self) -> None:
        """Do nothing."""


@pytest.fixture
async def open_gateway(start_gateway: StartGateway) -> Gateway:
    """A gateway where a stranger may ask anything, with an extension."""
    return await start_gateway(Extra(), security={"initial_rights": "open"})


@pytest.fixture
async def client(open_gateway: Gateway, connect: Connect) -> Client:
    """A connection to it."""
    return await connect(open_gateway)


async def test_now_is_the_time_in_milliseconds(client: Client) -> None:
    """`{now}`, an integer, of this very moment."""
    before = time.time_ns() // 1_000_000
    result = await client.succeed("server:now")
    after = time.time_ns() // 1_000_000

    assert {"now"} == set(result)
    assert before <= result["now"] <= after


async def test_admin_exists_once_somebody_has_the_profile(client: Client) -> None:
    """Any user with the profile admin, first or not; a user without it does not count."""
    for profile, exists in (("default", False), ("admin", True)):
        await client.succeed("security:createUser", body={"content": {"profileIds": [profile]}})

        assert {"exists": exists} == await client.succeed("server:adminExists")


async def test_the_public_api_is_what_is_registered(client: Client) -> None:
    """Nothing that is only known by name is announced, and every announced action is found."""
    api = await client.succeed("server:publicApi")

    assert {"auth", "extra", "security", "server"} <= set(api)
    assert {"dance": {"action": "dance", "controller": "extra"}} == api["extra"]
    assert "createApiKey" in api["security"]
    announced = {(controller, name) for controller, actions in api.items() for name in actions}
    vocabulary = {(controller, name) for controller, names in NATIVE_ACTIONS.items() for name in names}
    for controller, name in sorted(vocabulary - announced)[::20]:
        assert (404, True) == await not_found(client, f"{controller}:{name}")
    raw = {("server", "openapi"), ("server", "asyncapi")}  # answered without an envelope: test_actions.py of documents
    for controller, name in sorted(announced - raw - {("admin", "shutdown")}):
        status, is_unknown = await not_found(client, f"{controller}:{name}")
        assert not is_unknown, f"{controller}:{name} is announced and answers {status}"


async def not_found(client: Client, name: str) -> tuple[int, bool]:
    """Ask without arguments; return the status and whether the action is unknown."""
    answer = await client.ask(name)
    error_id = (answer["error"] or {}).get("id")
    return answer["status"], error_id in ("api.process.controller_not_found", "api.process.action_not_found")


async def test_the_public_api_shows_routes_in_the_protocol_s_order(client: Client) -> None:
    """Clients choose by position: `url`, `path` and `verb` of each; no `http` where there is no route."""
    api = await client.succeed("server:publicApi")
    for controller, actions in api.items():
        for name, described in actions.items():
            routes = [route for route in ROUTES if (route.controller, route.action) == (controller, name)]
            http = [{"path": route.path, "url": route.path, "verb": route.verb} for route in routes]
            expected = {"action": name, "controller": controller} | ({"http": http} if http else {})

            assert expected == described


def test_one_action_is_described_like_this() -> None:
    """As the SDKs read it."""
    path = "/users/:userId/api-keys/_create"

    assert {
        "security": {
            "createApiKey": {
                "action": "createApiKey",
                "controller": "security",
                "http": [{"path": path, "url": path, "verb": "POST"}],
            }
        }
    } == public_api({"security": ("createApiKey",)})


def test_an_action_of_several_routes_keeps_their_order() -> None:
    """The present one before the deprecated one."""
    (described,) = public_api({"auth": ("getCurrentUser",)})["auth"].values()

    assert ["/_me", "/users/_me"] == [route["path"] for route in described["http"]]


async def test_info_says_what_a_console_looks_for(client: Client) -> None:
    """The version of the API, this program, its memory and time, and the routes."""
    result = await client.succeed("server:info")

    kuzzle = result["serverInfo"]["kuzzle"]
    assert {"serverInfo"} == set(result)
    assert {"kuzzle", "services"} == set(result["serverInfo"])
    assert {
        *("api", "application", "memoryUsed", "nodeVersion", "plugins", "system", "uptime", "version"),
    } == set(kuzzle)
    assert "2.56.0" == kuzzle["version"]
    assert "latchgate" == kuzzle["application"]["name"]
    assert await client.succeed("server:publicApi") == kuzzle["api"]["routes"]
    assert 10 * 2**20 < kuzzle["memoryUsed"] < 2**40
    assert (os.cpu_count(), True) == (kuzzle["system"]["cpus"], kuzzle["system"]["memory"]["total"] > 2**28)
    assert kuzzle["uptime"].endswith("s")
    assert 0 <= float(kuzzle["uptime"][:-1]) < 60
    assert {"internalCache", "internalStorage", "memoryStorage", "publicStorage"} == set(
        result["serverInfo"]["services"]
    )


@pytest.mark.parametrize(
    ("services", "checked"),
    [
        pytest.param(None, SERVICES, id="absent"),
        pytest.param("storageEngine", ["storageEngine"], id="text"),
        pytest.param("storageEngine,internalCache", ["internalCache", "storageEngine"], id="comma list"),
        pytest.param(["memoryStorage"], ["memoryStorage"], id="array"),
        pytest.param([], [], id="empty array"),
        pytest.param("", [], id="empty text"),
        pytest.param("nope", [], id="unknown service"),
        pytest.param(["nope", 5, None, "storageEngine"], ["storageEngine"], id="unknown among them"),
        pytest.param(5, SERVICES, id="number"),
        pytest.param(True, SERVICES, id="true"),
        pytest.param({"storageEngine": 1}, SERVICES, id="object"),
    ],
)
@pytest.mark.parametrize("answers", [True, False], ids=["healthy", "database silent"])
async def test_health_is_that_of_the_chosen_services(services: Any, checked: list[str], *, answers: bool) -> None:
    """Text, comma list and array choose, other types choose all; a red one makes the whole red."""

    async def database_answers() -> bool:
        return answers

    controller = server(database_answers)
    states = dict.fromkeys(checked, "green") | (
        {} if answers or "storageEngine" not in checked else {"storageEngine": "red"}
    )
    result = {"services": states, "status": "red" if "red" in states.values() else "green"}

    if result["status"] == "green":
        assert result == await controller.check_health(HealthCheck(services))
        return
    with pytest.raises(ApiError) as red:
        await controller.check_health(HealthCheck(services))
    assert (500, "core.fatal.service_unavailable", result) == (red.value.status, red.value.id, red.value.result)


def server(database_answers: Any) -> ServerController:
    """A controller whose users nobody asks for."""
    users = Users.__new__(Users)
    return ServerController(
        users=users, actions=dict, database_answers=database_answers, now=lambda: 0, version="0.0.0"
    )


async def test_a_healthy_server_says_so(client: Client) -> None:
    """All three services, over the wire."""
    for services in ({}, {"services": None}, {"services": ",".join(SERVICES)}):
        assert {"services": dict.fromkeys(SERVICES, "green"), "status": "green"} == await client.succeed(
            "server:healthCheck", **services
        )


async def test_an_unhealthy_server_answers_with_its_state(
    start_gateway: StartGateway, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 500, the error, and the result beside it."""

    async def no_answer(_: Database) -> bool:
        return False

    monkeypatch.setattr(Database, "ping", no_answer)  # a database that falls silent just now
    client = await connect(await start_gateway(security={"initial_rights": "open"}))

    answer = await client.ask("server:healthCheck")

    assert (500, "core.fatal.service_unavailable") == (answer["status"], answer["error"]["id"])
    assert {"services": dict.fromkeys(SERVICES, "green") | {"storageEngine": "red"}, "status": "red"} == answer[
        "result"
    ]


async def test_a_database_that_is_not_there_does_not_answer() -> None:
    """What the check asks for is the server itself."""
    database = Database("mongodb://127.0.0.1:1", "none", selection_timeout_ms=50, timeout_ms=50)

    assert not await database.ping()
    database.close()


async def test_strangers_see_only_the_public_api(anonymous: Client) -> None:
    """With restricted rights."""
    await anonymous.succeed("server:publicApi")
    for name in ("now", "info", "healthCheck"):
        assert (401, "security.rights.unauthorized") == await anonymous.fail(f"server:{name}")
