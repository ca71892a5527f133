"""Users: made, shown, deleted with everything that is theirs."""

import asyncio
import re
from typing import Any

import pytest

from gateway.actions import ANONYMOUS_ID
from gateway.protocol.errors import ApiError
from gateway.rooms import Rooms
from gateway.security.users import belongings
from tests.client import Client
from tests.conftest import Connect, StartGateway
from tests.security.conftest import House, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEFAULT = {"profileIds": ["default"]}


async def test_a_user_is_stored_and_shown_as_it_was_written(house: House) -> None:
    """Free content stands beside the profiles; the history is ours; no password is anywhere."""
    content = {"profileIds": ["default", "anonymous"], "name": "Ada", "address": {"city": "London"}, "_id": "other"}
    body = {"content": content, "credentials": {"local": {"username": "ada", "password": "lovelace"}}}

    made = await house.admin.succeed("security:createUser", _id="ada", body=body)

    history = made["_source"].pop("_kuzzle_info")
    assert {"_id": "ada", "_source": {k: v for k, v in content.items() if k != "_id"}} == made
    assert ("admin", None, None) == (history["author"], history["updatedAt"], history["updater"])

    shown = await house.admin.succeed("security:getUser", _id="ada")

    assert made["_source"] | {"_kuzzle_info": history} == shown["_source"]
    assert "lovelace" not in repr(await house.stored("users") + await house.stored("credentials"))


@pytest.mark.parametrize(
    ("arguments", "form"),
    [
        pytest.param({}, r"kuid-[a-z]+-[a-z]+-\d{1,5}", id="by default"),
        pytest.param({"_id": None}, r"kuid-[a-z]+-[a-z]+-\d{1,5}", id="null id"),
        pytest.param({"_id": ""}, r"kuid-[a-z]+-[a-z]+-\d{1,5}", id="empty id"),
        pytest.param({"kuid": "human"}, r"kuid-[a-z]+-[a-z]+-\d{1,5}", id="human"),
        pytest.param({"kuid": "robot"}, r"kuid-[a-z]+-[a-z]+-\d{1,5}", id="any other word"),
        pytest.param({"kuid": "uuid"}, r"kuid-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f-]{16}", id="uuid"),
        pytest.param({"kuid": "uuid", "_id": "chosen"}, "chosen", id="an id wins"),
    ],
)
async def test_an_id_is_made_where_none_is_given(house: House, arguments: dict[str, Any], form: str) -> None:
    """`kuid-adjective-name-number`, or a UUID on request."""
    made = await house.admin.succeed("security:createUser", body={"content": DEFAULT}, **arguments)

    assert re.fullmatch(form, made["_id"])


CREDENTIALS = {"username": "eve", "password": "secret"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param({}, (400, "api.assert.body_required", []), id="no body"),
        pytest.param({"body": {}}, (400, "api.assert.missing_argument", ["body.content"]), id="no content"),
        pytest.param(
            {"body": {"content": "x"}},
            (400, "api.assert.invalid_type", ["body.content", "object"]),
            id="content is text",
        ),
        pytest.param(
            {"body": {"content": {}}},
            (400, "api.assert.missing_argument", ["body.content.profileIds"]),
            id="no profiles",
        ),
        pytest.param(
            {"body": {"content": {"profileIds": "default"}}},
            (400, "api.assert.invalid_type", ["body.content.profileIds", "array"]),
            id="profiles are a text",
        ),
        pytest.param(
            {"body": {"content": {"profileIds": ["default", 5]}}},
            (400, "api.assert.invalid_type", ["profileIds", "string[]"]),
            id="a profile is a number",
        ),
        pytest.param(
            {"_id": "u", "body": {"content": {"profileIds": []}}},
            (400, "security.user.no_profile", ["u"]),
            id="empty profiles",
        ),
        pytest.param(
            {"body": {"content": {"profileIds": ["default", "nope"]}}},
            (404, "security.profile.not_found", ["nope"]),
            id="unknown profile",
        ),
        pytest.param(
            {"_id": 7, "body": {"content": DEFAULT}},
            (400, "api.assert.invalid_type", ["_id", "string"]),
            id="numeric id",
        ),
        pytest.param(
            {"_id": "a\0b", "body": {"content": DEFAULT}},
            (400, "api.assert.invalid_argument", ["_id", "1 to 512 bytes of printable text"]),
            id="NUL in the id",
        ),
        pytest.param(
            {"kuid": 5, "body": {"content": DEFAULT}},
            (400, "api.assert.invalid_type", ["kuid", "string"]),
            id="numeric kuid",
        ),
        pytest.param(
            {"_id": "admin", "body": {"content": DEFAULT}},
            (412, "security.user.already_exists", ["admin"]),
            id="taken id",
        ),
        pytest.param(
            {"_id": "admin", "body": {"content": DEFAULT, "credentials": {"local": CREDENTIALS}}},
            (412, "security.user.already_exists", ["admin"]),
            id="taken id with credentials",
        ),
        pytest.param(
            {"_id": "-1", "body": {"content": DEFAULT}},
            (400, "security.user.anonymous_profile_required", []),
            id="the anonymous without their profile",
        ),
        pytest.param(
            {"_id": "-1", "body": {"content": {"profileIds": ["anonymous", "admin"]}}},
            (412, "security.user.already_exists", ["-1"]),
            id="the anonymous again",
        ),
        pytest.param(
            {"_id": "anonymous", "body": {"content": {"profileIds": ["anonymous"]}}},
            (412, "security.user.already_exists", ["anonymous"]),
            id="the anonymous by their other name",
        ),
        pytest.param(
            {"body": {"content": DEFAULT | {"a": {"$ne": 1}}}},
            (400, "services.storage.unexpected_bad_request", ['"$ne" cannot be the name of a field']),
            id="an operator",
        ),
        pytest.param(
            {"body": {"content": DEFAULT, "credentials": "x"}},
            (400, "api.assert.invalid_type", ["body.credentials", "object"]),
            id="credentials are a text",
        ),
        pytest.param(
            {"body": {"content": DEFAULT, "credentials": {"oauth": {}}}},
            (400, "security.credentials.unknown_strategy", ["oauth"]),
            id="unknown strategy",
        ),
        pytest.param(
            {"body": {"content": DEFAULT, "credentials": {"local": CREDENTIALS, "oauth": {}}}},
            (400, "security.credentials.unknown_strategy", ["oauth"]),
            id="a known and an unknown strategy",
        ),
    ],
)
async def test_a_user_that_cannot_be_made_leaves_nothing(
    house: House, arguments: dict[str, Any], expected: tuple[int, str, list[str]]
) -> None:
    """The documented errors of createUser; neither user nor credentials are stored."""
    before = await house.stored("users") + await house.stored("credentials")

    assert expected == await refusal(house.admin, "security:createUser", **arguments)
    assert before == await house.stored("users") + await house.stored("credentials")


@pytest.mark.parametrize("kuid", ["-1", "anonymous"])
async def test_the_anonymous_user_is_shown_under_both_names(house: House, kuid: str) -> None:
    """Not a stored document, and without a history."""
    assert {
        "_id": ANONYMOUS_ID,
        "_source": {"profileIds": ["anonymous"], "name": "Anonymous"},
    } == await house.admin.succeed("security:getUser", _id=kuid)


@pytest.mark.parametrize("name", ["getUser", "deleteUser"])
async def test_one_user_must_be_named_and_known(house: House, name: str) -> None:
    """The documented errors of the actions on one user; the anonymous one cannot be deleted."""
    assert (400, "api.assert.missing_argument", ["_id"]) == await refusal(house.admin, f"security:{name}")
    assert (400, "api.assert.missing_argument", ["_id"]) == await refusal(house.admin, f"security:{name}", _id="")
    assert (400, "api.assert.invalid_type", ["_id", "string"]) == await refusal(
        house.admin, f"security:{name}", _id=["admin"]
    )
    assert (404, "security.user.not_found", ["nope"]) == await refusal(house.admin, f"security:{name}", _id="nope")
    assert (404, "security.user.not_found", ["-1"]) == await refusal(house.admin, "security:deleteUser", _id="-1")


async def test_a_deleted_user_takes_everything_along(house: House) -> None:
    """Credentials, login tokens and keys; nobody else's, and the id may be used again without them."""
    victim = await house.add_user("victim")
    await house.add_user("witness")
    key = await house.admin.succeed("security:createApiKey", userId="victim", body={"description": ""})
    await house.admin.succeed("security:createApiKey", userId="witness", body={"description": ""})

    assert {"_id": "victim"} == await house.admin.succeed("security:deleteUser", _id="victim")

    assert (401, "security.token.invalid") == await victim.fail("auth:getCurrentUser")
    victim.jwt = key["_source"]["token"]
    assert (401, "security.token.invalid") == await victim.fail("auth:getCurrentUser")
    assert (401, "plugin.strategy.missing_user") == await victim.fail(
        "auth:login", jwt=None, strategy="local", body={"username": "victim", "password": "pass-victim"}
    )
    remaining = repr([await house.stored(name) for name in ("users", "credentials", "tokens", "api-keys")])
    assert ("victim" in remaining, "witness" in remaining) == (False, True)
    assert (404, "security.user.not_found", ["victim"]) == await refusal(
        house.admin, "security:deleteUser", _id="victim"
    )

    await house.admin.succeed("security:createUser", _id="victim", body={"content": DEFAULT})

    assert (401, "security.token.invalid") == await victim.fail("auth:getCurrentUser")


async def test_k04_demotion_is_felt_by_the_next_message(house: House) -> None:
    """Rights are those of the moment, for login tokens and keys alike (K04)."""
    clerk = await house.add_user("clerk", "admin")
    key = await house.admin.succeed("security:createApiKey", userId="clerk", body={"description": ""})
    device = await house.connect()
    device.jwt = key["_source"]["token"]
    for client in (clerk, device):
        await client.succeed("server:now")

    await house.admin.succeed("security:updateUser", _id="clerk", body={"profileIds": ["default"]})

    for client in (clerk, device):
        assert (403, "security.rights.forbidden") == await client.fail("server:now")


async def test_a_demotion_past_the_gateway_is_felt_soon(house: House) -> None:
    """What is written into the database directly comes through the change stream, within `revocation_bound_ms`."""
    porter = await house.add_user("porter", "admin")
    await porter.succeed("server:now")

    await house.database.collection("users").update_one(
        {"_id": "porter"}, {"$set": {"content.profileIds": ["default"]}}
    )

    async with asyncio.timeout(10):
        while (await porter.ask("server:now"))["status"] != 403:  # noqa: ASYNC110 - the gateway tells nobody
            await asyncio.sleep(0.01)


@pytest.mark.asyncio(loop_scope="function")
async def test_more_keys_than_a_batch_go_with_their_user(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    """No number of keys makes the deletion fail (deviation 18)."""
    monkeypatch.setattr(belongings, "_PURGE_BATCH", 4)
    await rooms.users.create("rich", DEFAULT, {}, author="test")
    for number in range(11):
        await rooms.collections.keys.insert_one({"_id": f"k{number}", "userId": "rich", "fingerprint": f"f{number}"})
    await rooms.collections.keys.insert_one({"_id": "other", "userId": "poor", "fingerprint": "f"})

    await rooms.users.delete("rich")

    assert ["other"] == [key["_id"] for key in await rooms.collections.keys.find({})]


@pytest.mark.asyncio(loop_scope="function")
async def test_what_a_broken_deletion_left_does_not_come_alive(rooms: Rooms) -> None:
    """A new user of an old id owns none of the old one's keys, tokens and passwords."""
    await rooms.collections.keys.insert_one({"_id": "old", "userId": "phoenix", "fingerprint": "f"})
    await rooms.collections.tokens.insert_one({"_id": "old", "userId": "phoenix"})
    await rooms.collections.credentials.insert_one({"_id": "old", "kuid": "phoenix", "password": "-"})

    await rooms.users.create("phoenix", DEFAULT, {}, author="test")

    for collection in (rooms.collections.keys, rooms.collections.tokens, rooms.collections.credentials):
        assert [] == await collection.find({})


@pytest.mark.asyncio(loop_scope="function")
async def test_a_generated_id_that_is_taken_is_drawn_again(rooms: Rooms) -> None:
    """Up to a handful of times; then the collision is told."""
    draws = iter(["taken", "taken", "free", *["taken"] * 9])
    rooms.users._new_kuid = lambda _readable: next(draws)
    await rooms.users.create("taken", DEFAULT, {}, author="test")

    assert "free" == (await rooms.users.create(None, DEFAULT, {}, author="test"))["_id"]

    with pytest.raises(ApiError) as refused:
        await rooms.users.create(None, DEFAULT, {}, author="test")

    assert "security.user.already_exists" == refused.value.id


@pytest.mark.asyncio(loop_scope="function")
async def test_a_user_of_an_open_house_is_made_by_anybody(start_gateway: StartGateway, connect: Connect) -> None:
    """The author of what a stranger makes is -1."""
    stranger: Client = await connect(await start_gateway(security={"initial_rights": "open"}))

    made = await stranger.succeed("security:createUser", body={"content": DEFAULT})

    assert ANONYMOUS_ID == made["_source"]["_kuzzle_info"]["author"]
