"""The matrix: every token that must not count, every place where `userId` can stand, every action on keys (K01, K02).

None of the combinations creates, shows or deletes anything. The same frames with a good token do, so the matrix can
fail.
"""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.security.tokens import LOGIN_PREFIX, Signer
from tests.client import Client
from tests.security.conftest import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

DESCRIPTION = '"body":{"description":"x"}'
OWNER_IN_BODY = '"body":{"description":"x","userId":"victim"}'

PLACES = {
    "args": f'"userId":"victim",{DESCRIPTION}',
    "body": OWNER_IN_BODY,
    "both": f'"userId":"victim",{OWNER_IN_BODY}',
    "args, another in the body": f'"userId":"mallory",{OWNER_IN_BODY}',
    "array": f'"userId":["victim"],{DESCRIPTION}',
    "object": f'"userId":{{"$eq":"victim"}},{DESCRIPTION}',
    "null": f'"userId":null,{DESCRIPTION}',
    "in _id": f'"_id":{{"userId":"victim"}},{DESCRIPTION}',
    "as _id": f'"_id":"victim",{DESCRIPTION}',
    "twice, victim last": f'"userId":"mallory","userId":"victim",{DESCRIPTION}',
    "twice, victim first": f'"userId":"victim","userId":"mallory",{DESCRIPTION}',
    "prototype": f'"__proto__":{{"userId":"victim"}},{DESCRIPTION}',
    "beside the owner's words": f'"userId":"victim","kuid":"admin","author":"admin",{DESCRIPTION}',
    "nowhere": DESCRIPTION,
}
"""JSON members by which a caller may try to name the victim."""

ACTIONS = [f"{controller}:{verb}ApiKey{s}" for controller in ("security", "auth") for verb, s in
           (("create", ""), ("search", "s"), ("delete", ""))]  # fmt: skip

TOKENS: dict[str, tuple[int, str]] = {
    "none": (401, "security.rights.unauthorized"),
    "null": (401, "security.rights.unauthorized"),
    "empty": (401, "security.token.invalid"),
    "garbage": (401, "security.token.invalid"),
    "expired login": (401, "security.token.invalid"),
    "expired key": (401, "security.token.invalid"),
    "logged out": (401, "security.token.invalid"),
    "revoked key": (401, "security.token.invalid"),
    "key of a deleted user": (401, "security.token.invalid"),
    "key without its prefix": (401, "security.token.invalid"),
    "key as a login": (401, "security.token.invalid"),
    "login without its prefix": (401, "security.token.invalid"),
    "login as a key": (401, "security.token.invalid"),
    "signed with another secret": (401, "security.token.invalid"),
    "login of another user": (403, "security.rights.forbidden"),
    "key of another user": (403, "security.rights.forbidden"),
}
"""What is sent as `jwt`, and how it is refused."""


async def key_of(house: House, owner: str, key_id: str | None = None, **arguments: Any) -> str:
    """Mint a key; return its token."""
    body = {"description": f"of {owner}"}
    made = await house.admin.succeed("security:createApiKey", userId=owner, _id=key_id, body=body, **arguments)
    return str(made["_source"]["token"])


async def ids_of(house: House, owner: str) -> set[str]:
    """The keys of a user."""
    return {key["_id"] for key in await house.stored("api-keys") if key["userId"] == owner}


async def ended(house: House) -> tuple[str, str]:
    """An administrator's login and key that have lived their millisecond."""
    local = {"username": "admin", "password": "correct horse"}
    login = await house.admin.succeed("auth:login", jwt=None, strategy="local", expiresIn=1, body=local)
    key = await key_of(house, "admin", expiresIn=1)
    await asyncio.sleep(0.005)  # the end of a millisecond is no event
    return login["jwt"], key


async def withdrawn(house: House) -> tuple[str, str, str]:
    """A login, a key and a user's key, all of administrators, that were ended before their time."""
    client = await house.connect()
    login = await client.login("admin", "correct horse")
    await client.succeed("auth:logout")
    revoked = await key_of(house, "admin", "to-be-revoked")
    await house.admin.succeed("security:deleteApiKey", userId="admin", _id="to-be-revoked")
    await house.add_user("deleted", "admin")
    orphan = await key_of(house, "deleted")
    await house.admin.succeed("security:deleteUser", _id="deleted")
    return login, revoked, orphan


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tokens(house: House) -> dict[str, str | None]:
    """The token of each name; the house has a victim with a key, and mallory, who may do nothing with keys."""
    await house.add_user("victim")
    await key_of(house, "victim", "victim-key")
    mallory = await house.add_user("mallory")
    good = await key_of(house, "admin", "admin-key")
    login = str(house.admin.jwt)
    expired_login, expired_key = await ended(house)
    logged_out, revoked, orphan = await withdrawn(house)
    forger = Signer(b"not the secret, but long enough to sign with")
    return {
        "good": good,
        "null": None,
        "empty": "",
        "garbage": "garbage",
        "expired login": expired_login,
        "expired key": expired_key,
        "logged out": logged_out,
        "revoked key": revoked,
        "key of a deleted user": orphan,
        "key without its prefix": good.removeprefix("kapikey-"),
        "key as a login": good.replace("kapikey-", "kauth-"),
        "login without its prefix": login.removeprefix("kauth-"),
        "login as a key": login.replace("kauth-", "kapikey-"),
        "signed with another secret": forger.mint(LOGIN_PREFIX, "admin", now=0, expires_at=-1, jti="0" * 32),
        "login of another user": mallory.jwt,
        "key of another user": await key_of(house, "mallory", "mallory-key"),
    }


def frames(name: str, token: str | None, *, is_sent: bool = True) -> Iterator[tuple[str, str]]:
    """The frame of an action for each place, as text: a name may stand twice in it."""
    controller, action = name.split(":")
    jwt = f'"jwt":{json.dumps(token)},' if is_sent else ""
    for place, members in PLACES.items():
        said = members
        if "search" in action:  # its body is a query
            said = members.replace(OWNER_IN_BODY, '"body":{"term":{"userId":"victim"}}').replace(
                DESCRIPTION, '"body":{}'
            )
        elif "delete" in action and '"_id"' not in members:
            said = f'"_id":"victim-key",{members}'
        yield place, f'{{"controller":"{controller}","action":"{action}","requestId":"r",{jwt}{said}}}'


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("token", TOKENS)
async def test_k01_nothing_is_made_shown_or_deleted_with_a_token_that_does_not_count(
    house: House, tokens: dict[str, str | None], token: str, action: str
) -> None:
    """401 or 403, no result, and the collection of keys as it was, wherever `userId` stands."""
    before = await house.stored("api-keys")
    for place, frame in frames(action, tokens.get(token), is_sent=token != "none"):
        answer = await house.admin.exchange(frame)

        assert TOKENS[token] == (answer["status"], answer["error"]["id"]), place
        assert answer["result"] is None
        assert "victim" not in json.dumps(answer), place
    assert before == await house.stored("api-keys")


async def test_the_same_frames_work_with_a_good_token(house: House, tokens: dict[str, str | None]) -> None:
    """Where `userId` is the last word among the arguments the action is done, so the matrix sends what makes sense."""
    done: dict[str, set[str]] = {name: set() for name in ACTIONS}
    for name in sorted(ACTIONS, key=lambda name: "delete" in name):
        for place, frame in frames(name, tokens["good"]):
            if (await house.admin.exchange(frame))["status"] == 200:
                done[name].add(place)
            if "victim-key" not in await ids_of(house, "victim"):
                await key_of(house, "victim", "victim-key")

    named = {"args", "both", "twice, victim last", "beside the owner's words"}
    of_mallory = {"args, another in the body", "twice, victim first"}
    assert named | of_mallory == done["security:createApiKey"] == done["security:searchApiKeys"]
    assert named == done["security:deleteApiKey"]
    assert set(PLACES) - {"in _id"} == done["auth:createApiKey"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def keeper(house: House, tokens: dict[str, str | None]) -> Client:
    """A user who may handle keys of their own, and has one."""
    await house.add_profile("keeper", auth="createApiKey searchApiKeys deleteApiKey")
    client = await house.add_user("keeper", "keeper")
    await key_of(house, "keeper", "keeper-key")
    return client


def frames_of(client: Client, name: str) -> Iterator[tuple[str, str]]:
    """The frames of an action with a client's token."""
    return frames(name, client.jwt)


async def test_k02_keys_of_one_s_own_are_all_that_one_can_make(house: House, keeper: Client) -> None:
    """`userId` is no argument of `auth:createApiKey`: the owner is the caller, wherever a victim is named."""
    for place, frame in frames_of(keeper, "auth:createApiKey"):
        before = {key["_id"] for key in await house.stored("api-keys")}
        answer = await keeper.exchange(frame)

        new = [key for key in await house.stored("api-keys") if key["_id"] not in before]
        assert {"keeper"} >= {key["userId"] for key in new}, place
        assert (200 if new else 400) == answer["status"], place


async def test_k02_keys_of_one_s_own_are_all_that_one_can_see(keeper: Client) -> None:
    """Wherever a victim is named, also in the query."""
    queries: list[dict[str, Any]] = [
        {"term": {"userId": "victim"}},
        {"bool": {"should": [{"term": {"userId": "victim"}}, {"exists": {"field": "userId"}}]}},
        {"query": {"term": {"userId": "victim"}}},
    ]
    asked = {"controller": "auth", "action": "searchApiKeys", "jwt": keeper.jwt, "userId": "victim"}
    wanted = [frame for _, frame in frames_of(keeper, "auth:searchApiKeys")]
    for frame in [*wanted, *(json.dumps(asked | {"body": body}) for body in queries)]:
        answer = await keeper.exchange(frame)

        hits = answer["result"]["hits"] if answer["status"] == 200 else []
        assert {"keeper"} >= {hit["_source"]["userId"] for hit in hits}, frame
    own = await keeper.succeed("auth:searchApiKeys", userId="victim")
    assert {"keeper"} == {hit["_source"]["userId"] for hit in own["hits"]}


async def test_k02_keys_of_one_s_own_are_all_that_one_can_delete(house: House, keeper: Client) -> None:
    """A foreign `_id` is 404, wherever its owner is named."""
    before = await ids_of(house, "victim")
    for place, frame in frames_of(keeper, "auth:deleteApiKey"):
        if "victim-key" in frame:
            assert 404 == (await keeper.exchange(frame))["status"], place

    assert "victim-key" in before
    assert before == await ids_of(house, "victim")


async def test_k02_one_s_own_rights_do_not_reach_the_administrators_actions(house: House, keeper: Client) -> None:
    """Rights on `auth:` are none on `security:`, not even for keys of one's own."""
    before = await house.stored("api-keys")
    for name in ACTIONS[:3]:
        for arguments in ({"userId": "victim", "_id": "victim-key"}, {"userId": "keeper", "_id": "keeper-key"}):
            assert (403, "security.rights.forbidden") == await keeper.fail(name, **arguments, body={"description": "x"})
    assert before == await house.stored("api-keys")


async def test_k02_one_s_own_user_id_does_not_open_a_foreign_key(house: House, keeper: Client) -> None:
    """Whoever may delete keys of a user deletes only that user's."""
    assert (404, "services.storage.not_found") == await house.admin.fail(
        "security:deleteApiKey", userId="keeper", _id="victim-key"
    )
    assert "victim-key" in {key["_id"] for key in await house.stored("api-keys")}
