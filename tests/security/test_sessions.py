"""Login tokens from birth to logout."""

import hashlib
import re
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.security.tokens import LOGIN_PREFIX
from tests.client import ADMIN, Client
from tests.conftest import Connect, StartGateway
from tests.security.conftest import House, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOUR = 3_600_000
INVALID = (401, "security.token.invalid")
NO_LIFE: list[Any] = ["abc", 0, "0", "", False, True, -5, 1e308, []]
LIFE = "a number of milliseconds, or a parsable timespan string"


async def login(client: Client, **arguments: Any) -> dict[str, Any]:
    """Log in as the administrator, anonymously asked; return the result."""
    given = {"strategy": "local", "jwt": None, "body": ADMIN} | arguments
    result: dict[str, Any] = await client.succeed("auth:login", **given)
    return result


async def who(client: Client, token: str) -> str:
    """Whom a token stands for."""
    return str((await client.succeed("auth:getCurrentUser", jwt=token))["_id"])


async def test_a_login_gives_a_token_for_an_hour(house: House) -> None:
    """`_id`, `expiresAt`, `jwt` and `ttl`, in milliseconds."""
    before = time.time_ns() // 1_000_000
    result = await login(house.admin)
    after = time.time_ns() // 1_000_000

    assert {"_id", "expiresAt", "jwt", "ttl"} == set(result)
    assert ("admin", HOUR) == (result["_id"], result["ttl"])
    assert before + HOUR <= result["expiresAt"] <= after + HOUR
    assert re.fullmatch(r"kauth-[\w-]+\.[A-Za-z0-9+/]+\.[\w-]{43}", result["jwt"])
    assert "admin" == await who(house.admin, result["jwt"])


@pytest.mark.parametrize(
    ("expires_in", "ttl"),
    [(60_000, 60_000), ("2h", 2 * HOUR), (1.5, 2), (None, HOUR), (-1, -1), ("-1", -1), (10**15, 10**15)],
    ids=str,
)
async def test_a_login_may_say_how_long(house: House, expires_in: Any, ttl: int) -> None:
    """The grammar of keys; null is the default; a life past the calendar of the database works too."""
    result = await login(house.admin, expiresIn=expires_in)

    assert ttl == result["ttl"]
    assert (result["expiresAt"] == -1) is (ttl == -1)
    if ttl != 2:
        assert "admin" == await who(house.admin, result["jwt"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        *(
            pytest.param(
                {"expiresIn": value}, (400, "api.assert.invalid_argument", ["expiresIn", LIFE]), id=f"{value!r}"
            )
            for value in NO_LIFE
        ),
        pytest.param({"strategy": "oauth"}, (400, "security.credentials.unknown_strategy", ["oauth"]), id="strategy"),
        pytest.param({"strategy": ""}, (400, "security.credentials.unknown_strategy", [""]), id="empty strategy"),
        pytest.param(
            {"strategy": "Local"}, (400, "security.credentials.unknown_strategy", ["Local"]), id="letter case"
        ),
        pytest.param({"strategy": 5}, (400, "api.assert.invalid_type", ["strategy", "string"]), id="numeric strategy"),
        pytest.param({"strategy": None}, (400, "api.assert.invalid_type", ["strategy", "string"]), id="null strategy"),
        pytest.param({"cookieAuth": 1}, (400, "api.assert.invalid_type", ["cookieAuth", "boolean"]), id="cookieAuth"),
    ],
)
async def test_a_login_that_cannot_be_meant_makes_no_token(
    house: House, arguments: dict[str, Any], expected: tuple[int, str, list[str]]
) -> None:
    """The documented errors of login, all credentials being right."""
    before = await house.stored("tokens")

    assert expected == await refusal(house.admin, "auth:login", **({"strategy": "local", "body": ADMIN} | arguments))
    assert before == await house.stored("tokens")


async def test_a_login_needs_a_strategy(house: House) -> None:
    """Missing is said before anything else is looked at."""
    assert (400, "api.assert.missing_argument", ["strategy"]) == await refusal(house.admin, "auth:login", body={})


async def test_in_cookie_mode_the_token_is_not_shown(house: House) -> None:
    """A present `jwt` would tell the SDK that cookies are not supported."""
    assert {"_id", "expiresAt", "ttl"} == set(await login(house.admin, cookieAuth=True))


async def test_every_login_makes_a_token_of_its_own(house: House) -> None:
    """In the same second too, and on a socket that used an endless one (deviation 21)."""
    endless = await login(house.admin, expiresIn=-1)
    tokens = {(await login(house.admin, jwt=endless["jwt"]))["jwt"] for _ in range(3)}

    assert 4 == len(tokens | {endless["jwt"]})


async def test_a_login_is_stored_without_its_token(house: House) -> None:
    """Fingerprint, owner, times, and the date at which the database sweeps it."""
    result = await login(house.admin, expiresIn=60_000)
    mark = hashlib.sha256(result["jwt"].encode()).hexdigest()

    (record,) = [record for record in await house.stored("tokens") if record["_id"] == mark]

    end = result["expiresAt"]
    sweep = datetime.fromtimestamp(end / 1000, UTC)
    created = {"createdAt": end - 60_000, "expireOn": sweep, "singleUse": False}
    assert {"_id": mark, "userId": "admin", "expiresAt": end, "ttl": 60_000} | created == record


async def test_the_database_sweeps_what_has_ended(house: House) -> None:
    """An index says so; endless tokens have no date and stay."""
    indexes = await house.database._database["tokens"].index_information()

    assert [0] == [index["expireAfterSeconds"] for index in indexes.values() if index["key"] == [("expireOn", 1)]]
    await login(house.admin, expiresIn=-1)
    await login(house.admin, expiresIn=10**15)  # past the year 9999
    assert {-1, 10**15} == {record["ttl"] for record in await house.stored("tokens") if "expireOn" not in record}


async def test_a_stale_token_spoils_even_a_login(house: House) -> None:
    """The token of a request is checked whatever its action; the SDKs that send one must know."""
    assert INVALID == await house.admin.fail("auth:login", jwt="kauth-stale", strategy="local", body=ADMIN)


async def test_logout_ends_this_token_and_no_other(house: House) -> None:
    """On every connection; a second logout is a request with a dead token."""
    first, second = (await login(house.admin))["jwt"], (await login(house.admin))["jwt"]
    elsewhere = await house.connect()

    assert {"acknowledged": True} == await house.admin.succeed("auth:logout", jwt=first)

    for client in (house.admin, elsewhere):
        assert INVALID == await client.fail("auth:getCurrentUser", jwt=first)
        assert "admin" == await who(client, second)
    assert INVALID == await house.admin.fail("auth:logout", jwt=first)


async def test_global_logout_ends_every_login_of_the_user(house: House) -> None:
    """Keys stay, and so do other users' logins."""
    user = await house.add_user("everywhere")
    tokens = [str(user.jwt), await user.login("everywhere", "pass-everywhere")]
    key = await house.admin.succeed("security:createApiKey", userId="everywhere", body={"description": ""})

    assert {"acknowledged": True} == await user.succeed("auth:logout", **{"global": True})

    for token in tokens:
        assert INVALID == await user.fail("auth:getCurrentUser", jwt=token)
    assert "everywhere" == await who(user, key["_source"]["token"])
    assert "admin" == await who(user, str(house.admin.jwt))


@pytest.mark.parametrize("arguments", [{}, {"global": True}, {"cookieAuth": True}], ids=str)
async def test_logout_with_a_key_leaves_the_key(house: House, arguments: dict[str, Any]) -> None:
    """It is acknowledged all the same."""
    kuid = f"robot-{len(arguments)}-{'global' in arguments}"
    user = await house.add_user(kuid)
    key = await house.admin.succeed("security:createApiKey", userId=kuid, body={"description": ""})
    token = key["_source"]["token"]

    assert {"acknowledged": True} == await user.succeed("auth:logout", jwt=token, **arguments)
    assert kuid == await who(user, token)
    own = await user.ask("auth:getCurrentUser")
    assert (401 if "global" in arguments else 200) == own["status"]


@pytest.mark.asyncio(loop_scope="function")
async def test_nobody_can_log_out_who_is_not_logged_in(start_gateway: StartGateway, connect: Connect) -> None:
    """401 whatever the rights, but for cookie mode, where the cookie may be gone already."""
    stranger = await connect(await start_gateway(security={"initial_rights": "open"}))

    assert (401, "security.rights.unauthorized", ["auth", "logout"]) == await refusal(stranger, "auth:logout")
    assert {"acknowledged": True} == await stranger.succeed("auth:logout", cookieAuth=True)


@pytest.mark.asyncio(loop_scope="function")
async def test_settings_decide_default_and_longest_life(start_gateway: StartGateway, connect: Connect) -> None:
    """An endless login is longer than any maximum; the maximum itself is allowed; the error names the policy."""
    gateway = await start_gateway(security={"auth_token_expires_in": HOUR // 2, "auth_token_max_ttl": HOUR})
    client = await connect(gateway)
    await client.succeed("security:createFirstAdmin", _id="admin", body={"credentials": {"local": ADMIN}})

    assert HOUR // 2 == (await login(client))["ttl"]
    assert HOUR == (await login(client, expiresIn=HOUR))["ttl"]
    for expires_in in (HOUR + 1, -1, "1y"):
        assert (400, "security.token.ttl_exceeded", ["security.auth_token_max_ttl", HOUR]) == await refusal(
            client, "auth:login", strategy="local", body=ADMIN, expiresIn=expires_in
        )


async def test_login_tokens_are_no_keys(house: House) -> None:
    """Neither collection knows the other kind (J09)."""
    token = (await login(house.admin))["jwt"]
    mark = hashlib.sha256(token.encode()).hexdigest()

    assert token.startswith(LOGIN_PREFIX)
    assert mark not in {key["fingerprint"] for key in await house.stored("api-keys")}
    assert (404, "services.storage.not_found") == await house.admin.fail("auth:deleteApiKey", key=token)
    assert "admin" == await who(house.admin, token)
