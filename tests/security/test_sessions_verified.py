"""Which tokens count at this moment, and whom they stand for: on the wire, in checkToken, against a clock."""

from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from gateway.protocol.errors import ApiError
from gateway.rooms import Rooms
from gateway.security.api_keys import ApiKeysController
from gateway.security.sessions import Sessions
from tests.security.conftest import House, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

INVALID = (401, "security.token.invalid")
NOT_VALID = {"state": "Invalid token.", "valid": False}
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tokens(house: House) -> dict[str, str]:
    """A good token of each kind, of the administrator."""
    made = await house.admin.succeed("security:createApiKey", userId="admin", body={"description": ""})
    return {"login": str(house.admin.jwt), "key": made["_source"]["token"]}


def with_other_spare_bits(token: str) -> str:
    """The last character of 43 holds four bits of the hash and two that mean nothing: turn one of these over."""
    return token[:-1] + ALPHABET[ALPHABET.index(token[-1]) ^ 1]


def without_prefix(token: str) -> str:
    """The bare JWT."""
    return token.partition("-")[2]


@pytest.mark.parametrize("kind", ["login", "key"])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(with_other_spare_bits, id="J07 spare bits"),
        pytest.param(lambda token: token + "=", id="J07 padding"),
        pytest.param(lambda token: token + "==", id="J07 more padding"),
        pytest.param(lambda token: token + " ", id="J07 space after"),
        pytest.param(lambda token: token + "\n", id="J07 newline after"),
        pytest.param(lambda token: " " + token, id="J07 space before"),
        pytest.param(lambda token: token[:-1], id="J07 cut short"),
        pytest.param(lambda token: token.replace(".", ".\n", 1), id="J07 newline inside"),
        pytest.param(without_prefix, id="J09 no prefix"),
        pytest.param(lambda token: token.partition("-")[0] + "-" + token, id="J09 prefix twice"),
        pytest.param(lambda token: token.upper(), id="upper case"),
        pytest.param(lambda token: "Bearer " + token, id="Bearer"),
        pytest.param(lambda token: token * 2, id="twice"),
        pytest.param(lambda _: "", id="empty"),
        pytest.param(lambda _: "garbage", id="garbage"),
        pytest.param(lambda _: "x" * 100_000, id="J13 long"),
    ],
)
async def test_j07_a_token_counts_only_as_the_exact_text_that_was_issued(
    house: House, tokens: dict[str, str], kind: str, change: Any
) -> None:
    """Everything else is 401 security.token.invalid in a request and `valid: false` in checkToken."""
    changed = change(tokens[kind])

    assert INVALID == await house.admin.fail("auth:getCurrentUser", jwt=changed)
    if changed:
        assert NOT_VALID == await house.admin.succeed("auth:checkToken", jwt=None, body={"token": changed})
    assert "admin" == (await house.admin.succeed("auth:getCurrentUser", jwt=tokens[kind]))["_id"]


@pytest.mark.parametrize(("kind", "other"), [("login", "kapikey-"), ("key", "kauth-")])
async def test_j09_a_prefix_cannot_be_swapped(house: House, tokens: dict[str, str], kind: str, other: str) -> None:
    """One kind on the other's path is unknown there."""
    assert INVALID == await house.admin.fail("auth:getCurrentUser", jwt=other + without_prefix(tokens[kind]))


@pytest.mark.parametrize("jwt", ["5", "true", "false", "{}", "[]", "0"])
async def test_a_token_that_is_no_text_spoils_the_frame(house: House, jwt: str) -> None:
    """400, not anonymous."""
    answer = await house.admin.exchange(f'{{"controller":"server","action":"publicApi","requestId":"r","jwt":{jwt}}}')

    assert (400, "r") == (answer["status"], answer["requestId"])


async def test_the_connection_remembers_no_token(house: House, tokens: dict[str, str]) -> None:
    """Each request brings its own or is anonymous, whatever came before on the socket."""
    client = await house.connect()
    for kind in ("login", "key"):
        assert "admin" == (await client.succeed("auth:getCurrentUser", jwt=tokens[kind]))["_id"]
        assert "-1" == (await client.succeed("auth:getCurrentUser"))["_id"]
        assert "-1" == (await client.succeed("auth:getCurrentUser", jwt=None))["_id"]


async def test_check_token_shows_what_a_token_stands_for(house: House, tokens: dict[str, str]) -> None:
    """`expiresAt`, `kuid`, `valid`, to whoever has it."""
    stranger = await house.connect()
    (login,) = [record for record in await house.stored("tokens") if record["userId"] == "admin"]

    assert {"expiresAt": login["expiresAt"], "kuid": "admin", "valid": True} == await stranger.succeed(
        "auth:checkToken", body={"token": tokens["login"]}
    )
    assert {"expiresAt": -1, "kuid": "admin", "valid": True} == await stranger.succeed(
        "auth:checkToken", body={"token": tokens["key"]}
    )


@pytest.mark.parametrize("arguments", [{}, {"body": None}, {"body": {}}, {"body": {"token": ""}}], ids=str)
async def test_no_token_is_the_anonymous_one(house: House, arguments: dict[str, Any]) -> None:
    """`valid` is true: the JavaScript SDK looks at the kuid. The token of the request does not count."""
    assert {"expiresAt": None, "kuid": "-1", "valid": True} == await house.admin.succeed("auth:checkToken", **arguments)


@pytest.mark.parametrize("token", [12, None, True, [], {"$ne": ""}], ids=str)
async def test_check_token_takes_text_only(house: House, token: Any) -> None:
    """Null included."""
    assert (400, "api.assert.invalid_type", ["body.token", "string"]) == await refusal(
        house.admin, "auth:checkToken", body={"token": token}
    )


async def test_the_anonymous_are_shown_to_themselves(house: House) -> None:
    """Without history, and with no strategies."""
    stranger = await house.connect()

    assert {
        "_id": "-1",
        "_source": {"profileIds": ["anonymous"], "name": "Anonymous"},
        "strategies": [],
    } == await stranger.succeed("auth:getCurrentUser")


async def test_a_user_is_shown_to_oneself(house: House) -> None:
    """As getUser shows them, with the strategies that they can log in by."""
    user = await house.add_user("myself")
    shown = await house.admin.succeed("security:getUser", _id="myself")

    assert shown | {"strategies": ["local"]} == await user.succeed("auth:getCurrentUser")


async def test_a_user_without_password_has_no_strategies(house: House) -> None:
    """A device has a key and nothing else."""
    content = {"profileIds": ["default"]}
    await house.admin.succeed("security:createUser", _id="device", body={"content": content})
    key = await house.admin.succeed("security:createApiKey", userId="device", body={"description": ""})

    shown = await house.admin.succeed("auth:getCurrentUser", jwt=key["_source"]["token"])

    assert ("device", []) == (shown["_id"], shown["strategies"])


async def test_my_rights_are_listed(house: House, tokens: dict[str, str]) -> None:
    """Everything for the administrator, the role anonymous for a stranger; `total` counts them."""
    right = {"action": "*", "collection": "*", "controller": "*", "index": "*", "value": "allowed"}

    assert {"hits": [right], "total": 1} == await house.admin.succeed("auth:getMyRights", jwt=tokens["key"])

    mine = await house.admin.succeed("auth:getMyRights", jwt=None)

    assert len(mine["hits"]) == mine["total"]
    assert {"auth:login", "auth:checkToken", "auth:getCurrentUser", "auth:getMyRights", "server:publicApi"} <= {
        f"{hit['controller']}:{hit['action']}" for hit in mine["hits"]
    }
    assert {"allowed"} == {hit["value"] for hit in mine["hits"]}


async def test_a_restricted_profile_shows_its_places(house: House) -> None:
    """One entry for each index and collection."""
    await house.admin.succeed(
        "security:createRole", _id="reader", body={"controllers": {"document": {"actions": {"get": True}}}}
    )
    places = [{"index": "sea"}, {"index": "air", "collections": ["birds", "planes"]}]
    policies = [{"roleId": "reader", "restrictedTo": places}, {"roleId": "default"}]
    await house.admin.succeed("security:createProfile", _id="reader", body={"policies": policies})
    user = await house.add_user("reader", "reader")

    hits = (await user.succeed("auth:getMyRights"))["hits"]

    assert {("sea", "*"), ("air", "birds"), ("air", "planes")} == {
        (hit["index"], hit["collection"]) for hit in hits if hit["controller"] == "document"
    }


@pytest.mark.asyncio(loop_scope="function")
@pytest.mark.parametrize("kind", ["login", "key"])
async def test_j08_a_token_ends_with_its_record_to_the_millisecond(rooms: Rooms, kind: str) -> None:
    """Valid until just before `expiresAt`, refused from then on, by the clock that was handed in."""
    sessions, token, end = await made_at(rooms, kind, now=1_700_000_000_123, span=1500)
    assert 1_700_000_001_623 == end

    for moment, counts in ((end - 1501, True), (end - 1, True), (end, False), (end + 1, False), (end + 10**9, False)):
        sessions._recogniser._now = partial(int, moment)
        assert counts is await is_valid(sessions, token), moment


async def made_at(rooms: Rooms, kind: str, *, now: int, span: int) -> tuple[Sessions, str, int]:
    """A token made at a moment: the service that knows it, the token, its end."""
    controllers = rooms.controllers(await rooms.founding.signer())
    (keys,) = [controller._keys for controller in controllers if isinstance(controller, ApiKeysController)]
    sessions = rooms.sessions
    keys._now = sessions._now = sessions._recogniser._now = lambda: now
    local = {"username": "u", "password": "p"}
    await rooms.users.create("u", {"profileIds": ["default"]}, {"local": local}, author="test")
    if kind == "key":
        source = (await keys.issue("u", None, "d", span, author="u"))["_source"]
        return sessions, source["token"], source["expiresAt"]
    result, token = await sessions.login("local", local, span)
    return sessions, token, result["expiresAt"]


async def is_valid(sessions: Sessions, token: str) -> bool:
    """Tell whether a token counts."""
    try:
        return (await sessions.verify(token)).kuid == "u"
    except ApiError as error:
        if (error.status, error.id) != INVALID:
            raise
        return False


@pytest.mark.asyncio(loop_scope="function")
async def test_a_record_counts_for_the_user_of_the_token_only(rooms: Rooms) -> None:
    """Whoever could write another user into a record gains nothing; a token whose user is gone is 404."""
    sessions, token, _ = await made_at(rooms, "login", now=1_700_000_000_123, span=-1)
    session = await sessions.verify(token)
    assert ("u", -1, False) == (session.kuid, session.expires_at, session.is_api_key)

    await rooms.collections.users.delete_one({"_id": "u"})
    with pytest.raises(ApiError) as refused:
        await sessions.principal(session)
    assert ("security.user.not_found", 404) == (refused.value.id, refused.value.status)

    await rooms.collections.tokens.update_one({}, {"$set": {"userId": "admin"}})
    assert not await is_valid(sessions, token)
