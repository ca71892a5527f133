"""How often: requests of one user, or of one stranger, within one second."""

import asyncio
import itertools
from collections import Counter
from typing import Any

import pytest

from gateway.actions import ANONYMOUS_ID, NOBODY, Context, Endpoint, Principal
from gateway.middleware.rate_limit import rate_limit
from gateway.protocol.errors import ApiError
from gateway.protocol.messages import Request
from gateway.storage.mongo import Database
from tests.client import Client
from tests.conftest import Connect, StartGateway
from tests.driving import SilentConnection
from tests.middleware.driving import Reached, request, run, run_refused

NOW = request('{"controller":"server","action":"now"}')
LOGIN = request('{"controller":"auth","action":"login"}')
LOGOUT = request('{"controller":"auth","action":"logout"}')
REFUSED = (429, "api.process.too_many_requests", ())

_numbers = itertools.count()


class Clock:
    """Milliseconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000

    def __call__(self) -> int:
        """What time it is."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands."""
    return Clock()


@pytest.fixture
def endpoint(clock: Clock) -> Endpoint:
    """An endpoint behind the limit."""
    return rate_limit(clock)(Reached())


def asking(kuid: str, limit: int, address: str = "192.0.2.1") -> Context:
    """Somebody on a connection of their own."""
    connection = SilentConnection()
    connection.id, connection.address = f"c{next(_numbers)}", address
    return Context(connection, Principal(kuid, (), NOBODY.rights, limit))


def passed(endpoint: Endpoint, context: Context, count: int, sent: Request = NOW) -> int:
    """Ask a number of times; tell how often it was let through."""
    through = 0
    for _ in range(count):
        try:
            run(endpoint, sent, context)
            through += 1
        except ApiError as error:
            assert REFUSED == (error.status, error.id, error.props)  # noqa: PT017 - counted, not only expected
    return through


def test_more_than_the_limit_is_refused_within_a_second(endpoint: Endpoint, clock: Clock) -> None:
    """429; refused ones count too, and the next second of the clock begins anew."""
    context = asking("u", 3)

    assert 3 == passed(endpoint, context, 5)
    assert REFUSED == run_refused(lambda: run(endpoint, NOW, context))
    clock.now += 999
    assert 0 == passed(endpoint, context, 1)
    clock.now += 1
    assert 3 == passed(endpoint, context, 4)


@pytest.mark.parametrize("kuid", ["u", ANONYMOUS_ID])
def test_a_limit_of_zero_is_none(endpoint: Endpoint, kuid: str) -> None:
    """A profile without a limit frees the user."""
    assert 50 == passed(endpoint, asking(kuid, 0), 50)


def test_a_user_is_counted_over_all_connections(endpoint: Endpoint) -> None:
    """Wherever they come from; another user is another matter."""
    assert 2 == passed(endpoint, asking("u", 3, "192.0.2.1"), 2)
    assert 1 == passed(endpoint, asking("u", 3, "192.0.2.2"), 2)
    assert 3 == passed(endpoint, asking("v", 3, "192.0.2.1"), 4)


def test_strangers_are_counted_by_connection_and_by_address(endpoint: Endpoint) -> None:
    """One who opens many connections gains nothing; one from elsewhere loses nothing (deviation 22)."""
    first, second = asking(ANONYMOUS_ID, 4), asking(ANONYMOUS_ID, 4)

    assert 3 == passed(endpoint, first, 3)
    assert 1 == passed(endpoint, second, 3)
    assert 0 == passed(endpoint, first, 1)
    assert 4 == passed(endpoint, asking(ANONYMOUS_ID, 4, "192.0.2.2"), 5)
    assert 4 == passed(endpoint, asking("u", 4), 5)


def test_a_user_cannot_be_shut_out_by_the_name_of_an_address(endpoint: Endpoint) -> None:
    """Users, connections and addresses are counted apart, whatever they are called."""
    assert 2 == passed(endpoint, asking("192.0.2.1", 2), 3)
    assert 2 == passed(endpoint, asking(ANONYMOUS_ID, 2), 3)


@pytest.mark.parametrize(
    ("kuid", "sent"),
    [("u", LOGIN), (ANONYMOUS_ID, LOGIN), ("u", LOGOUT)],
    ids=["login of a user", "login of a stranger", "logout of a user"],
)
def test_logins_are_counted_elsewhere_and_logouts_nowhere(endpoint: Endpoint, kuid: str, sent: Request) -> None:
    """They take nothing from the limit, and pass when it is used up."""
    context = asking(kuid, 1)

    assert 5 == passed(endpoint, context, 5, sent)
    assert 1 == passed(endpoint, context, 2)
    assert 5 == passed(endpoint, context, 5, sent)


def test_a_stranger_has_nothing_to_log_out_of(endpoint: Endpoint) -> None:
    """So it is a request like any other."""
    assert 1 == passed(endpoint, asking(ANONYMOUS_ID, 1), 5, LOGOUT)


def test_only_those_of_auth_are_logins(endpoint: Endpoint) -> None:
    """An action of another controller may have the same name."""
    other = request('{"controller":"door","action":"logout"}')

    assert 1 == passed(endpoint, asking("u", 1), 5, other)


async def flood(client: Client, name: str, count: int, **arguments: Any) -> list[int]:
    """Ask as fast as answers come; return the statuses."""
    return [(await client.ask(name, **arguments))["status"] for _ in range(count)]


async def test_the_highest_limit_of_the_profiles_counts(start_gateway: StartGateway, connect: Connect) -> None:
    """Over the socket: a user of two limits has the higher, and one profile without a limit frees; logout passes."""
    admin = await connect(await start_gateway(security={"initial_rights": "open"}))
    for name, limit in (("slow", 2), ("quick", 4), ("free", 0)):
        body = {"policies": [{"roleId": "admin"}], "rateLimit": limit}
        await admin.succeed("security:createProfile", _id=name, body=body)
    local = {"username": "u", "password": "p"}
    body = {"content": {"profileIds": ["slow", "quick"]}, "credentials": {"local": local}}
    await admin.succeed("security:createUser", _id="u", body=body)
    login = await admin.succeed("auth:login", strategy="local", body=local)

    # More than two seconds' worth: at least one second has more requests than it may, wherever the clock stands.
    statuses = await flood(admin, "server:now", 40, jwt=login["jwt"])
    assert {200, 429} == set(statuses)
    assert [200] * 4 == statuses[:4]
    refused = await admin.ask("server:now", jwt=login["jwt"])
    if refused["error"]:
        assert ("api.process.too_many_requests", 429) == (refused["error"]["id"], refused["error"]["status"])

    await admin.succeed("security:updateUser", _id="u", body={"profileIds": ["slow", "free"]})
    assert {200} == set(await flood(admin, "server:now", 20, jwt=login["jwt"]))
    await admin.succeed("security:updateProfile", _id="free", body={"rateLimit": 1})
    assert 429 in await flood(admin, "server:now", 20, jwt=login["jwt"])
    await admin.succeed("auth:logout", jwt=login["jwt"])


async def test_one_stranger_does_not_shut_out_the_users(start_gateway: StartGateway, connect: Connect) -> None:
    """Over the socket: strangers of one address share a limit, and nobody else does."""
    gateway = await start_gateway(security={"initial_rights": "open"})
    admin, stranger, other = await connect(gateway), await connect(gateway), await connect(gateway)
    made = await admin.succeed("security:createUser", body={"content": {"profileIds": ["default"]}})
    key = await admin.succeed("security:createApiKey", userId=made["_id"], body={"description": "x"})
    admin.jwt = key["_source"]["token"]
    limited = {"policies": [{"roleId": "anonymous"}], "rateLimit": 5}
    await admin.succeed("security:createOrReplaceProfile", _id="anonymous", body=limited)

    statuses = await flood(stranger, "server:now", 50)

    assert {200, 429} == set(statuses)
    assert 429 in await flood(other, "server:now", 50), "another connection of the same address"
    assert {200} == set(await flood(admin, "server:now", 20))


async def test_one_process_alone_asks_no_database(
    start_gateway: StartGateway, connect: Connect, database: Database
) -> None:
    """However often a limited user asks: there is nothing to lease, and nothing is stored."""
    gateway = await start_gateway(security={"initial_rights": "open"})
    admin = await connect(gateway)
    limited = {"policies": [{"roleId": "anonymous"}], "rateLimit": 5}
    await admin.succeed("security:createOrReplaceProfile", _id="anonymous", body=limited)

    assert 429 in await flood(admin, "server:now", 50)
    assert [] == await database.collection("permits").find({})


async def test_strangers_of_one_address_share_a_limit_over_two_processes(
    start_gateway: StartGateway, connect: Connect, database: Database
) -> None:
    """Two gateways over one database, each asked as fast as answers come: hardly more than the limit."""
    shared = {"security": {"initial_rights": "open"}, "server": {"port": 0, "processes": 2}}
    gateways = [await start_gateway(**shared) for _ in range(2)]
    clients = [await connect(gateway) for gateway in gateways]
    limited = {"policies": [{"roleId": "anonymous"}], "rateLimit": 40}
    await clients[0].succeed("security:createOrReplaceProfile", _id="anonymous", body=limited)
    answers = await asyncio.gather(*(flood_times(client) for client in clients))
    seconds = Counter(now // 1000 for each in answers for now in each)

    # In the first second the other gateway may not have heard of the limit yet.
    assert max(seconds[second] for second in sorted(seconds)[1:]) <= 44, seconds
    assert await database.collection("permits").find_one({"_id": "address:127.0.0.1"})


async def flood_times(client: Client) -> list[int]:
    """When requests passed, by the server's clock, until the fourth second has begun."""
    passed: list[int] = []
    while len({now // 1000 for now in passed}) < 4:
        answer = await client.ask("server:now")
        if answer["status"] == 200:
            passed.append(answer["result"]["now"])
    return passed
