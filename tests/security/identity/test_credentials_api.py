"""Credentials over the socket: given, shown, changed and taken, by an administrator and by their owner."""

from typing import Any

import pytest

from tests.client import Client
from tests.conftest import Connect, StartGateway
from tests.security.conftest import House, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRONG = (401, "plugin.strategy.missing_user", ["wrong username or password"])


async def make(house: House, kuid: str, username: str | None = None) -> None:
    """Make a user, with the password `secret` if there is a user name."""
    local = {"credentials": {"local": {"username": username, "password": "secret"}}} if username else {}
    body = {"content": {"profileIds": ["default"]}, **local}
    await house.admin.succeed("security:createUser", _id=kuid, body=body)


async def login(house: House, username: str, password: str) -> tuple[int, str | None, list[Any] | None] | str:
    """Log in: whose credentials they are, or how they are refused."""
    body = {"username": username, "password": password}
    answer = await house.admin.ask("auth:login", jwt=None, strategy="local", body=body)
    error = answer["error"]
    return str(answer["result"]["_id"]) if error is None else (error["status"], error.get("id"), error.get("props"))


async def test_credentials_are_given_shown_changed_and_taken(house: House) -> None:
    """By an administrator, for somebody else; never is a password shown."""
    await make(house, "given")
    named: dict[str, Any] = {"strategy": "local", "_id": "given"}
    shown = {"username": "given-name", "kuid": "given"}

    assert await house.admin.succeed("security:hasCredentials", **named) is False
    assert shown == await house.admin.succeed(
        "security:createCredentials", **named, body={"username": "given-name", "password": "first"}
    )
    assert await house.admin.succeed("security:hasCredentials", **named) is True
    assert shown == await house.admin.succeed("security:getCredentials", **named)
    assert shown == await house.admin.succeed("security:getCredentialsById", strategy="local", _id="given-name")
    assert "given" == await login(house, "given-name", "first")

    assert shown == await house.admin.succeed("security:updateCredentials", **named, body={"password": "second"})
    assert WRONG == await login(house, "given-name", "first")
    assert "given" == await login(house, "given-name", "second")

    renamed = {"username": "other-name", "kuid": "given"}
    assert renamed == await house.admin.succeed("security:updateCredentials", **named, body={"username": "other-name"})
    assert WRONG == await login(house, "given-name", "second")
    assert "given" == await login(house, "other-name", "second")

    assert {"acknowledged": True} == await house.admin.succeed("security:deleteCredentials", **named)
    assert WRONG == await login(house, "other-name", "second")
    assert await house.admin.succeed("security:hasCredentials", **named) is False


async def test_one_gives_oneself_credentials(house: House) -> None:
    """With a key, as a user without password has no other way in."""
    await make(house, "own")
    made = await house.admin.succeed("security:createApiKey", userId="own", body={"description": "x"})
    await house.admin.succeed("security:updateUser", _id="own", body={"profileIds": ["admin"]})
    client = await house.connect()
    client.jwt = made["_source"]["token"]

    assert await client.succeed("auth:credentialsExist", strategy="local") is False
    shown = {"username": "own-name", "kuid": "own"}
    assert shown == await client.succeed(
        "auth:createMyCredentials", strategy="local", body={"username": "own-name", "password": "first"}
    )
    assert await client.succeed("auth:credentialsExist", strategy="local") is True
    assert shown == await client.succeed("auth:getMyCredentials", strategy="local")
    assert shown == await client.succeed("auth:updateMyCredentials", strategy="local", body={"password": "second"})
    assert "own" == await login(house, "own-name", "second")
    assert {"acknowledged": True} == await client.succeed("auth:deleteMyCredentials", strategy="local")
    assert (412, None) == await client.fail("auth:getMyCredentials", strategy="local")
    assert (412, None) == await client.fail("auth:deleteMyCredentials", strategy="local")


REFUSALS = [
    pytest.param({}, 400, id="nothing"),
    pytest.param({"username": "free"}, 400, id="no password"),
    pytest.param({"username": "free", "password": ""}, 400, id="empty password"),
    pytest.param({"password": "p"}, 400, id="no user name"),
    pytest.param({"username": "", "password": "p"}, 400, id="empty user name"),
    pytest.param({"username": "free", "password": "p", "kuid": "admin"}, 400, id="kuid among them"),
    pytest.param({"username": "admin", "password": "p"}, 412, id="somebody else's user name"),
]


@pytest.mark.parametrize(("body", "status"), REFUSALS)
@pytest.mark.parametrize("action", ["createCredentials", "validateCredentials"])
async def test_credentials_that_cannot_be_meant_are_refused(
    house: House, action: str, body: dict[str, Any], status: int
) -> None:
    """Without an id, as the original's strategy does it; nothing is stored."""
    if await house.admin.succeed("security:mGetUsers", ids=["refused"]) == {"hits": []}:
        await make(house, "refused")

    assert (status, None, None) == await refusal(
        house.admin, f"security:{action}", strategy="local", _id="refused", body=body
    )
    assert await house.admin.succeed("security:hasCredentials", strategy="local", _id="refused") is False


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({}, 400, id="nothing"),
        pytest.param({"username": "", "password": None}, 400, id="empty both"),
        pytest.param({"username": "admin"}, 412, id="somebody else's user name"),
        pytest.param({"password": "p", "kuid": "admin"}, 400, id="kuid among them"),
    ],
)
async def test_changes_that_cannot_be_meant_are_refused(house: House, body: dict[str, Any], status: int) -> None:
    """The credentials stay as they are."""
    if await house.admin.succeed("security:mGetUsers", ids=["kept"]) == {"hits": []}:
        await make(house, "kept", "kept")
    before = await house.stored("credentials")

    assert (status, None, None) == await refusal(
        house.admin, "security:updateCredentials", strategy="local", _id="kept", body=body
    )
    assert before == await house.stored("credentials")


async def test_a_user_has_one_pair_at_most_and_what_is_not_there_cannot_change(house: House) -> None:
    """412 without an id for both; an unknown user is not found before."""
    await make(house, "paired", "paired")
    await make(house, "unpaired")
    pair = {"username": "another", "password": "p"}

    for action, kuid in (
        ("createCredentials", "paired"),
        ("updateCredentials", "unpaired"),
    ):
        assert (412, None, None) == await refusal(
            house.admin, f"security:{action}", strategy="local", _id=kuid, body=pair
        )
        assert (404, "security.user.not_found", ["ghost"]) == await refusal(
            house.admin, f"security:{action}", strategy="local", _id="ghost", body=pair
        )
    for action in ("getCredentials", "getCredentialsById", "deleteCredentials"):
        assert (412, None) == await house.admin.fail(f"security:{action}", strategy="local", _id="unpaired")


async def test_validation_takes_a_whole_pair_whoever_it_is_for(house: House) -> None:
    """Nobody in particular, somebody without, and somebody with credentials, whose own name is not taken."""
    await make(house, "valid", "valid-name")
    before = await house.stored("credentials")

    for named, username in (({}, "free"), ({"_id": "nobody"}, "free"), ({"_id": "valid"}, "valid-name")):
        body = {"username": username, "password": "p"}
        assert await house.admin.succeed("security:validateCredentials", strategy="local", body=body, **named) is True
    assert await house.admin.succeed(
        "auth:validateMyCredentials", strategy="local", body={"username": "admin", "password": "p"}
    )
    assert (400, None) == await house.admin.fail(
        "auth:validateMyCredentials", strategy="local", body={"username": "admin"}
    )
    assert before == await house.stored("credentials")


async def test_the_fields_of_strategies_are_listed(house: House) -> None:
    """One by name, or all."""
    fields = ["username", "password"]

    assert fields == await house.admin.succeed("security:getCredentialFields", strategy="local")
    assert {"local": fields} == await house.admin.succeed("security:getAllCredentialFields")
    assert ["local"] == await house.admin.succeed("auth:getStrategies")


@pytest.mark.asyncio(loop_scope="function")
async def test_the_present_password_may_be_required(start_gateway: StartGateway, connect: Connect) -> None:
    """`security.requires_password`: for changing and deleting one's own, in the body or, as of old, beside it."""
    gateway = await start_gateway(security={"initial_rights": "open", "requires_password": True})
    client: Client = await connect(gateway)
    body = {"content": {"profileIds": ["default"]}, "credentials": {"local": {"username": "u", "password": "first"}}}
    await client.succeed("security:createUser", _id="u", body=body)
    await client.login("u", "first")

    new: dict[str, Any] = {"strategy": "local", "body": {"password": "second"}}
    for without in ({}, {"password": ""}, {"password": 5}, {"password": ["first"]}):
        assert (400, None) == await client.fail("auth:updateMyCredentials", **new, **without)
        assert (400, None) == await client.fail("auth:deleteMyCredentials", strategy="local", **without)
    wrong = {"password": "second", "currentPassword": "wrong"}
    assert (403, None) == await client.fail("auth:updateMyCredentials", strategy="local", body=wrong)
    assert (403, None) == await client.fail("auth:updateMyCredentials", **new, password="wrong")
    assert (403, None) == await client.fail("auth:deleteMyCredentials", strategy="local", body=wrong)
    await client.login("u", "first")

    right = {"password": "second", "currentPassword": "first"}
    await client.succeed("auth:updateMyCredentials", strategy="local", body=right)
    await client.login("u", "second")
    await client.succeed("auth:updateMyCredentials", strategy="local", body={"password": "third"}, password="second")

    # An administrator need not know it.
    await client.succeed("security:updateCredentials", strategy="local", _id="u", body={"password": "fourth"})

    await client.succeed("auth:deleteMyCredentials", strategy="local", body={"currentPassword": "fourth"})
    assert await client.succeed("auth:credentialsExist", strategy="local") is False
