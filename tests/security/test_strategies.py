"""A strategy of one's own beside `local`: the example of docs/extending.md, put to work."""

import hashlib
import hmac
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway import Config, Gateway, Strategy
from gateway.security.strategies import Strategies
from gateway.storage.mongo import Database
from tests.client import ADMIN, Client
from tests.conftest import Connect
from tests.security.conftest import refusal

SECRET = b"known to the ticket office too"
PAGE = Path(__file__).parents[2] / "docs" / "extending.md"


class Clock:
    """Seconds that pass when they are told to."""

    now = time.time()

    def __call__(self) -> float:
        """What time it is."""
        return self.now


def tickets(clock: Clock) -> Strategy:
    """The strategy of the page."""
    (example,) = [
        block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "(Strategy)" in block
    ]
    namespace: dict[str, Any] = {}
    exec(compile(example[: example.rindex("\nGateway(")], str(PAGE), "exec"), namespace)
    made: Strategy = namespace["Tickets"](SECRET, clock)
    return made


def ticket(badge: str, clock: Clock, seconds: int = 60, secret: bytes = SECRET) -> dict[str, str]:
    """What the ticket office gives out."""
    signed = f"{badge}.{int(clock.now) + seconds}"
    return {"ticket": f"{signed}.{hmac.new(secret, signed.encode(), hashlib.sha256).hexdigest()}"}


@pytest.fixture
def clock() -> Clock:
    """The time at the door."""
    return Clock()


@pytest.fixture
async def door(config: Config, database: Database, clock: Clock) -> AsyncIterator[Gateway]:
    """A gateway that takes tickets."""
    async with Gateway(config, strategies=[tickets(clock)]) as gateway:
        yield gateway


@pytest.fixture
async def keeper(door: Gateway, connect: Connect) -> Client:
    """Its administrator."""
    client = await connect(door)
    await client.succeed("security:createFirstAdmin", _id="admin", body={"credentials": {"local": ADMIN}})
    await client.login(**ADMIN)
    return client


async def make(keeper: Client, kuid: str, **credentials: Any) -> dict[str, Any]:
    """Make a user with credentials; return the whole answer."""
    body = {"content": {"profileIds": ["admin"]}, "credentials": credentials}
    return await keeper.ask("security:createUser", _id=kuid, body=body)


async def login(client: Client, body: dict[str, str]) -> str | tuple[int, str | None, list[Any] | None]:
    """Log in with a ticket: whose it is, or how it is refused."""
    answer = await client.ask("auth:login", strategy="ticket", body=body, jwt=None)
    error = answer["error"]
    return str(answer["result"]["_id"]) if error is None else (error["status"], error.get("id"), error.get("props"))


async def test_it_stands_beside_local(keeper: Client) -> None:
    """Announced with its fields, in the order of registration."""
    assert ["local", "ticket"] == await keeper.succeed("auth:getStrategies")
    assert ["badge"] == await keeper.succeed("security:getCredentialFields", strategy="ticket")
    assert {"local": ["username", "password"], "ticket": ["badge"]} == await keeper.succeed(
        "security:getAllCredentialFields"
    )


async def test_a_user_with_both_logs_in_either_way(
    keeper: Client, connect: Connect, door: Gateway, clock: Clock
) -> None:
    """One user, two kinds of credentials; the token is as good as any."""
    local = {"username": "ada", "password": "secret"}
    assert 200 == (await make(keeper, "ada", local=local, ticket={"badge": "b7"}))["status"]
    client = await connect(door)

    made = await client.succeed("auth:login", strategy="ticket", body=ticket("b7", clock), expiresIn="2h")

    assert ("ada", 7_200_000) == (made["_id"], made["ttl"])
    client.jwt = made["jwt"]
    assert {"badge": "b7", "kuid": "ada"} == await client.succeed("auth:getMyCredentials", strategy="ticket")
    assert {"username": "ada", "kuid": "ada"} == await client.succeed("auth:getMyCredentials", strategy="local")
    assert ["local", "ticket"] == (await client.succeed("auth:getCurrentUser"))["strategies"]
    assert {"strategies": ["local", "ticket"], "total": 2} == await keeper.succeed(
        "security:getUserStrategies", _id="ada"
    )
    await client.login(**local)


async def test_only_a_genuine_ticket_of_this_moment_opens(keeper: Client, clock: Clock) -> None:
    """Everything else is 401 with the strategy's own reason, or none of its business."""
    await make(keeper, "ada", ticket={"badge": "b7"})
    good = ticket("b7", clock)["ticket"]
    opens_nothing = (401, "plugin.strategy.missing_user", ["this ticket opens nothing"])
    not_genuine = (401, "plugin.strategy.missing_user", ["this ticket is not genuine"])

    assert "ada" == await login(keeper, {"ticket": good})
    assert opens_nothing == await login(keeper, ticket("b8", clock))
    assert not_genuine == await login(keeper, ticket("b7", clock, secret=b"another"))
    for forged in (good[:-1], good.replace("b7", "b8"), "", "..", "b7"):
        assert not_genuine == await login(keeper, {"ticket": forged}), forged
    assert not_genuine == await login(keeper, {})
    assert not_genuine == await login(keeper, {"username": "ada", "password": "secret"})
    clock.now += 61
    assert opens_nothing == await login(keeper, {"ticket": good})


@pytest.mark.parametrize(
    ("badge", "status", "error_id"),
    [
        pytest.param({"badge": "no good"}, 400, None, id="refused by prepare"),
        pytest.param({}, 400, None, id="missing"),
        pytest.param("b9", 400, "api.assert.invalid_type", id="a text"),
        pytest.param({"badge": "taken"}, 400, "services.storage.document_already_exists", id="refused by store"),
    ],
)
async def test_a_user_is_made_with_all_credentials_or_not_at_all(
    keeper: Client, database: Database, badge: Any, status: int, error_id: str | None
) -> None:
    """Neither the user nor the other strategy's credentials remain."""
    await make(keeper, "first", ticket={"badge": "taken"})
    names = ("users", "credentials", "credentials-ticket")
    before = [await database.collection(name).find({}) for name in names]

    answer = await make(keeper, "second", local={"username": "second", "password": "p"}, ticket=badge)

    assert (status, error_id) == (answer["status"], answer["error"].get("id"))
    assert before == [await database.collection(name).find({}) for name in names]


async def test_credentials_are_given_changed_and_taken(keeper: Client, clock: Clock) -> None:
    """By the actions that every strategy shares; what this one does not offer is refused, not broken."""
    await make(keeper, "ada")
    named: dict[str, Any] = {"strategy": "ticket", "_id": "ada"}

    assert await keeper.succeed("security:hasCredentials", **named) is False
    assert (412, None) == await keeper.fail("security:updateCredentials", **named, body={"badge": "b1"})
    assert await keeper.succeed("security:validateCredentials", **named, body={"badge": "b1"}) is True
    assert (400, None) == await keeper.fail("security:validateCredentials", **named, body={})
    shown = {"badge": "b1", "kuid": "ada"}
    assert shown == await keeper.succeed("security:createCredentials", **named, body={"badge": "b1"})
    assert (412, None) == await keeper.fail("security:createCredentials", **named, body={"badge": "b2"})
    assert shown == await keeper.succeed("security:getCredentials", **named)
    await keeper.succeed("security:updateCredentials", **named, body={"badge": "b2"})
    assert "ada" == await login(keeper, ticket("b2", clock))
    assert 401 == (await refusal(keeper, "auth:login", strategy="ticket", body=ticket("b1", clock)))[0]
    assert (412, None) == await keeper.fail("security:getCredentialsById", strategy="ticket", _id="b2")
    assert (412, None) == await keeper.fail("security:searchUsersByCredentials", strategy="ticket")
    assert {"acknowledged": True} == await keeper.succeed("security:deleteCredentials", **named)
    assert (412, None) == await keeper.fail("security:deleteCredentials", **named)


async def test_a_deleted_user_leaves_no_credentials_behind(keeper: Client, database: Database, clock: Clock) -> None:
    """Of no strategy; the badge is free for somebody else, and so is the id."""
    await make(keeper, "ada", local={"username": "ada", "password": "p"}, ticket={"badge": "b7"})
    await keeper.succeed("security:deleteUser", _id="ada")

    assert [] == await database.collection("credentials-ticket").find({})
    assert 401 == (await refusal(keeper, "auth:login", strategy="ticket", body=ticket("b7", clock)))[0]
    await make(keeper, "ada")
    assert {"strategies": [], "total": 0} == await keeper.succeed("security:getUserStrategies", _id="ada")
    assert 200 == (await make(keeper, "bob", ticket={"badge": "b7"}))["status"]
    assert "bob" == await login(keeper, ticket("b7", clock))


async def test_a_strategy_that_names_nobody_is_told_so(keeper: Client, database: Database, clock: Clock) -> None:
    """Its credentials may point to a user who is gone; nobody is logged in."""
    await database.collection("credentials-ticket").insert_one({"_id": "b0", "kuid": "ghost"})

    assert (500, "plugin.strategy.unknown_kuid", ["ticket"]) == await login(keeper, ticket("b0", clock))


def test_two_strategies_cannot_have_one_name(clock: Clock) -> None:
    """Or one would silently stand in for the other, be it `local`."""
    with pytest.raises(ValueError, match="ticket"):
        Strategies([tickets(clock), tickets(clock)])
