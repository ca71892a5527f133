"""Tokens over the socket: refreshed, made for a single use, bounded, ended."""

import asyncio
import hashlib
import time
from typing import Any

import pytest

from tests.client import Client
from tests.conftest import Connect, StartGateway
from tests.security.conftest import House, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOUR = 3_600_000
UNAUTHORIZED = (401, "security.rights.unauthorized")


def now() -> int:
    """Milliseconds since the epoch."""
    return int(time.time() * 1000)


async def with_token(house: House, token: str) -> Client:
    """A connection that uses a token."""
    client = await house.connect()
    client.jwt = token
    return client


async def fresh(house: House, **arguments: Any) -> str:
    """A token of the administrator's own, made beside those of logins."""
    return str((await house.admin.succeed("auth:createToken", **arguments))["token"])


async def record_of(house: House, token: str) -> dict[str, Any] | None:
    """What is stored of a token."""
    mark = hashlib.sha256(token.encode()).hexdigest()
    return next((record for record in await house.stored("tokens") if record["_id"] == mark), None)


@pytest.mark.parametrize(
    ("arguments", "ttl"),
    [({}, HOUR), ({"expiresIn": "2h"}, 2 * HOUR), ({"expiresIn": None}, HOUR), ({"expiresIn": 1500}, 1500)],
    ids=["by default", "as text", "null", "as number"],
)
async def test_a_refresh_gives_a_new_token_and_a_moment_to_the_old(
    house: House, arguments: dict[str, Any], ttl: int
) -> None:
    """The old one counts for the grace period, and can itself not be refreshed any more."""
    old = await fresh(house)
    client = await with_token(house, old)
    before = now()

    made = await client.succeed("auth:refreshToken", **arguments)

    after = now()
    assert {"_id", "expiresAt", "jwt", "ttl"} == set(made)
    assert ("admin", ttl) == (made["_id"], made["ttl"])
    assert before + ttl <= made["expiresAt"] <= after + ttl
    assert old != made["jwt"]
    stored = await record_of(house, old)
    assert stored is not None
    assert before + 1000 <= stored["expiresAt"] <= after + 1000, "the grace period is a second"
    renewed = await with_token(house, made["jwt"])
    assert "admin" == (await renewed.succeed("auth:getCurrentUser"))["_id"]
    assert (401, "security.token.invalid") == await client.fail("auth:refreshToken")


async def test_of_several_refreshes_at_once_one_counts(house: House) -> None:
    """A token has one successor."""
    client = await with_token(house, await fresh(house))
    others = [await with_token(house, str(client.jwt)) for _ in range(3)]

    answers = await asyncio.gather(*(each.ask("auth:refreshToken") for each in (client, *others)))

    assert [200, 401, 401, 401] == sorted(answer["status"] for answer in answers)


async def test_in_cookie_mode_the_refreshed_token_is_not_shown(house: House) -> None:
    """As at login."""
    client = await with_token(house, await fresh(house))

    made = await client.succeed("auth:refreshToken", cookieAuth=True, strategy="local")

    assert {"_id", "expiresAt", "ttl"} == set(made)


@pytest.mark.parametrize(
    "expires_in", ["abc", "", 0, -2, True, [], {}, 9e15, 1e300], ids=lambda value: f"{type(value).__name__} {value!r}"
)
@pytest.mark.parametrize("name", ["refreshToken", "createToken"])
async def test_a_life_span_that_cannot_be_meant_makes_no_token(house: House, name: str, expires_in: Any) -> None:
    """Nor does it use up the token that was to be refreshed."""
    client = await with_token(house, await fresh(house))
    before = await house.stored("tokens")

    status, error_id, props = await refusal(client, f"auth:{name}", expiresIn=expires_in)

    assert (400, "api.assert.invalid_argument", "expiresIn") == (status, error_id, (props or [None])[0])
    assert before == await house.stored("tokens")


async def test_a_key_and_an_endless_token_are_not_refreshed(house: House) -> None:
    """There is nothing to put off; neither is ended by the attempt."""
    made = await house.admin.succeed("security:createApiKey", userId="admin", body={"description": "x"})
    endless = await house.connect()
    await endless.login("admin", "correct horse", expiresIn=-1)

    for client in (await with_token(house, made["_source"]["token"]), endless):
        assert (401, "security.token.refresh_forbidden") == await client.fail("auth:refreshToken")
        await client.succeed("auth:getCurrentUser")


async def test_a_token_is_made_beside_those_of_logins(house: House) -> None:
    """For an hour by default, and used as often as one likes."""
    before = now()
    made = await house.admin.succeed("auth:createToken")

    assert {"expiresAt", "singleUse", "token", "ttl"} == set(made)
    assert (False, HOUR) == (made["singleUse"], made["ttl"])
    assert before + HOUR <= made["expiresAt"] <= now() + HOUR
    assert made["token"].startswith("kauth-")
    client = await with_token(house, made["token"])
    for _ in range(2):
        assert "admin" == (await client.succeed("auth:getCurrentUser"))["_id"]


async def test_a_token_for_a_single_use_counts_once(house: House) -> None:
    """Of several requests at once one passes; it is gone whatever became of the request, and from the database."""
    made = await house.admin.succeed("auth:createToken", singleUse=True, expiresIn="10m")
    assert (True, 600_000) == (made["singleUse"], made["ttl"])
    clients = [await with_token(house, made["token"]) for _ in range(4)]

    answers = await asyncio.gather(*(client.ask("auth:getCurrentUser") for client in clients))

    assert [200, 401, 401, 401] == sorted(answer["status"] for answer in answers)
    assert await record_of(house, made["token"]) is None


@pytest.mark.parametrize("refused", [True, False], ids=["refused", "checked"])
async def test_a_token_for_a_single_use_is_used_up_by_being_looked_at(house: House, *, refused: bool) -> None:
    """Even if the rights then refuse the request, and even by checkToken, where it is nobody's token."""
    kuid = f"single-{refused}"
    maker = await house.add_user(kuid, "admin")
    token = (await maker.succeed("auth:createToken", singleUse=True))["token"]
    await house.admin.succeed("security:updateUser", _id=kuid, body={"profileIds": ["default"]})
    user, stranger = await with_token(house, token), await house.connect()

    if refused:
        assert (403, "security.rights.forbidden") == await user.fail("server:info")
    else:
        checked = await stranger.succeed("auth:checkToken", body={"token": token})
        assert (kuid, True) == (checked["kuid"], checked["valid"])

    assert (401, "security.token.invalid") == await user.fail("auth:getCurrentUser")
    assert {"state": "Invalid token.", "valid": False} == await stranger.succeed(
        "auth:checkToken", body={"token": token}
    )


@pytest.mark.parametrize("expires_in", [-1, "-1", "-1ms", "-1 ms"], ids=repr)
async def test_no_endless_token_is_made_without_a_login(house: House, expires_in: Any) -> None:
    """In whatever form -1 is written."""
    status, error_id, props = await refusal(house.admin, "auth:createToken", expiresIn=expires_in)

    assert (400, "security.token.invalid_expiration", "expiresIn") == (status, error_id, (props or [None])[0])


@pytest.mark.asyncio(loop_scope="function")
async def test_no_token_lives_longer_than_the_policy(start_gateway: StartGateway, connect: Connect) -> None:
    """`security.auth_token_max_ttl`, wherever tokens are made; exactly the maximum passes."""
    security = {"initial_rights": "open", "auth_token_max_ttl": HOUR, "auth_token_expires_in": HOUR // 2}
    client = await connect(await start_gateway(security=security))
    local = {"username": "u", "password": "p"}
    body = {"content": {"profileIds": ["default"]}, "credentials": {"local": local}}
    await client.succeed("security:createUser", _id="u", body=body)
    login: dict[str, Any] = {"strategy": "local", "body": local, "jwt": None}

    for too_long in (HOUR + 1, "61m", -1):
        assert (400, "security.token.ttl_exceeded") == await client.fail("auth:login", **login, expiresIn=too_long)
    client.jwt = (await client.succeed("auth:login", **login, expiresIn=HOUR))["jwt"]
    for name in ("auth:refreshToken", "auth:createToken"):
        assert (400, "security.token.ttl_exceeded") == await client.fail(name, expiresIn=HOUR + 1)
    assert HOUR // 2 == (await client.succeed("auth:createToken"))["ttl"]
    assert HOUR == (await client.succeed("auth:refreshToken", expiresIn=HOUR))["ttl"]


@pytest.mark.asyncio(loop_scope="function")
async def test_a_stranger_with_a_token_is_a_stranger(start_gateway: StartGateway, connect: Connect) -> None:
    """Where the rights let strangers make tokens, theirs stand for nobody: not to be refreshed nor logged out."""
    client = await connect(await start_gateway(security={"initial_rights": "open"}))
    client.jwt = (await client.succeed("auth:createToken"))["token"]

    assert "-1" == (await client.succeed("auth:getCurrentUser"))["_id"]
    checked = await client.succeed("auth:checkToken", body={"token": client.jwt})
    assert ("-1", True) == (checked["kuid"], checked["valid"])
    for name in ("auth:refreshToken", "auth:logout", "auth:updateSelf", "auth:getMyCredentials"):
        assert UNAUTHORIZED == await client.fail(name, strategy="local", body={})
    assert {"acknowledged": True} == await client.succeed("auth:logout", cookieAuth=True)
