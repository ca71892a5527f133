"""Keys under other settings: the longest life, and the form of the token."""

from typing import Any

import pytest

from gateway import Gateway
from tests.client import ADMIN, Client
from tests.conftest import Connect, StartGateway
from tests.security.conftest import refusal

DAY = 86_400_000
BODY = {"description": "d"}


async def admin_of(gateway: Gateway, connect: Connect) -> Client:
    """The administrator of a gateway, made if there is none."""
    client = await connect(gateway)
    if not gateway.has_administrator:
        await client.succeed("security:createFirstAdmin", _id="admin", body={"credentials": {"local": ADMIN}})
    await client.login(**ADMIN)
    return client


def ways(expires_in: Any) -> dict[str, dict[str, Any]]:
    """Every action that makes a key, with its arguments."""
    arguments: dict[str, Any] = {"body": BODY} | ({} if expires_in is None else {"expiresIn": expires_in})
    return {"security:createApiKey": arguments | {"userId": "admin"}, "auth:createApiKey": arguments}


TOO_LONG: list[Any] = [None, -1, "-1", DAY + 1, "25h", "1y", 8_640_000_000_000_000 - 10**12]
SHORT_ENOUGH: list[Any] = [1, "1h", DAY, "1d"]


async def test_k09_the_hard_maximum_holds_for_everybody(start_gateway: StartGateway, connect: Connect) -> None:
    """On every way to a key; an endless one is too long; the error names the policy and its limit (deviation 6)."""
    admin = await admin_of(await start_gateway(api_keys={"hard_max_ttl": DAY}), connect)
    for expires_in in TOO_LONG:
        for name, arguments in ways(expires_in).items():
            assert (400, "security.token.ttl_exceeded", ["api_keys.hard_max_ttl", DAY]) == await refusal(
                admin, name, **arguments
            ), (name, expires_in)
    assert 0 == (await admin.succeed("auth:searchApiKeys"))["total"]

    for expires_in in SHORT_ENOUGH:
        for name, arguments in ways(expires_in).items():
            await admin.succeed(name, **arguments)


async def test_k09_the_soft_maximum_holds_for_keys_of_one_s_own(start_gateway: StartGateway, connect: Connect) -> None:
    """As in Kuzzle: `auth:` only; the hard one beside it names itself where it is the one that is exceeded."""
    admin = await admin_of(await start_gateway(api_keys={"soft_max_ttl": DAY, "hard_max_ttl": 2 * DAY}), connect)

    assert (400, "security.token.ttl_exceeded", ["api_keys.soft_max_ttl", DAY]) == await refusal(
        admin, "auth:createApiKey", expiresIn=DAY + 1, body=BODY
    )
    await admin.succeed("security:createApiKey", userId="admin", expiresIn=DAY + 1, body=BODY)
    await admin.succeed("auth:createApiKey", expiresIn=DAY, body=BODY)
    for name, arguments in ways(None).items():
        assert (400, "security.token.ttl_exceeded", ["api_keys.hard_max_ttl", 2 * DAY]) == await refusal(
            admin, name, **arguments
        )


async def test_a_policy_on_keys_does_not_touch_logins_and_the_reverse(
    start_gateway: StartGateway, connect: Connect
) -> None:
    """Each has settings of its own."""
    gateway = await start_gateway(
        api_keys={"hard_max_ttl": DAY}, security={"auth_token_max_ttl": 2 * DAY, "auth_token_expires_in": 2 * DAY}
    )
    admin = await admin_of(gateway, connect)

    assert (400, "security.token.ttl_exceeded", ["security.auth_token_max_ttl", 2 * DAY]) == await refusal(
        admin, "auth:login", jwt=None, strategy="local", expiresIn=-1, body=ADMIN
    )


@pytest.mark.parametrize(("first", "second"), [("kapikey-", ""), ("", "kapikey-")], ids=["to bare", "to prefixed"])
async def test_old_keys_stay_valid_when_the_prefix_changes(
    start_gateway: StartGateway, connect: Connect, first: str, second: str
) -> None:
    """New keys take the new form; every key is valid in exactly the form in which it was issued."""
    tokens = {}
    for prefix in (first, second):
        admin = await admin_of(await start_gateway(api_keys={"token_prefix": prefix}), connect)
        made = await admin.succeed("security:createApiKey", userId="admin", body=BODY)
        tokens[prefix] = made["_source"]["token"]

    assert tokens["kapikey-"].startswith("kapikey-eyJ")
    assert tokens[""].startswith("eyJ")
    for prefix, token in tokens.items():
        assert "admin" == (await admin.succeed("auth:getCurrentUser", jwt=token))["_id"]
        bare = token.removeprefix("kapikey-")
        for other in {"", "kapikey-", "kauth-", "kapikey-kapikey-"} - {prefix}:
            assert (401, "security.token.invalid") == await admin.fail("auth:getCurrentUser", jwt=other + bare)


async def test_a_changed_secret_ends_every_token(start_gateway: StartGateway, connect: Connect) -> None:
    """Keys and logins alike: what another secret signed is a forgery."""
    admin = await admin_of(await start_gateway(), connect)
    made = await admin.succeed("security:createApiKey", userId="admin", body=BODY)
    stranger = await connect(await start_gateway(security={"jwt_secret": "another secret of at least 32 bytes"}))

    for token in (admin.jwt, made["_source"]["token"]):
        await admin.succeed("auth:getCurrentUser", jwt=token)
        assert (401, "security.token.invalid") == await stranger.fail("auth:getCurrentUser", jwt=token)


async def test_a_generated_secret_is_kept(start_gateway: StartGateway, connect: Connect) -> None:
    """Tokens outlive the process that made them: a second one over the same database signs with the same secret."""
    admin = await admin_of(await start_gateway(), connect)
    other = await connect(await start_gateway())

    assert "admin" == (await other.succeed("auth:getCurrentUser", jwt=admin.jwt))["_id"]
