"""Users over the socket: restricted, changed, replaced, upserted, shown in numbers, their rights, their tokens."""

import asyncio
from typing import Any

import pytest

from tests.client import Client
from tests.conftest import Connect, StartGateway
from tests.security.conftest import House, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEFAULT = {"profileIds": ["default"]}
LOCAL = {"username": "somebody", "password": "secret"}


async def make(house: House, kuid: str, **content: Any) -> dict[str, Any]:
    """Make a user with the profile default; return it."""
    made: dict[str, Any] = await house.admin.succeed(
        "security:createUser", _id=kuid, body={"content": DEFAULT | content}
    )
    return made


async def content(house: House, kuid: str) -> dict[str, Any]:
    """What a user says, without the history."""
    shown = await house.admin.succeed("security:getUser", _id=kuid)
    return {key: value for key, value in shown["_source"].items() if key != "_kuzzle_info"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param({"body": {"content": {"name": "R"}}}, {"name": "R"}, id="content"),
        pytest.param({"body": {}}, {}, id="empty body"),
        pytest.param({"body": None}, {}, id="null body"),
        pytest.param({}, {}, id="no body"),
        pytest.param({"body": {"content": None, "credentials": None}}, {}, id="nulls"),
    ],
)
async def test_a_restricted_user_gets_the_profiles_of_the_configuration(
    house: House, arguments: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Whatever else is said of them, and nobody can name other profiles."""
    made = await house.admin.succeed("security:createRestrictedUser", **arguments)

    assert DEFAULT | expected == await content(house, made["_id"])
    assert made["_id"].startswith("kuid-")


@pytest.mark.parametrize("profile_ids", [["admin"], ["default"], [], None], ids=str)
async def test_a_restricted_user_may_name_no_profiles(house: House, profile_ids: Any) -> None:
    """Not even none; nothing is stored."""
    before = await house.stored("users")

    assert (400, "api.assert.forbidden_argument", ["body.content.profileIds"]) == await refusal(
        house.admin, "security:createRestrictedUser", body={"content": {"profileIds": profile_ids}}
    )
    assert before == await house.stored("users")


@pytest.mark.asyncio(loop_scope="function")
async def test_the_configuration_decides_what_restricted_means(start_gateway: StartGateway, connect: Connect) -> None:
    """`security.restricted_profile_ids`, with credentials that one can log in with."""
    security = {"initial_rights": "open", "restricted_profile_ids": ("anonymous", "default")}
    client = await connect(await start_gateway(security=security))

    made = await client.succeed("security:createRestrictedUser", _id="r", body={"credentials": {"local": LOCAL}})

    assert ["anonymous", "default"] == made["_source"]["profileIds"]
    await client.login(**LOCAL)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"name": "B"}, {"name": "B"}, id="a field"),
        pytest.param({"age": 3}, {"age": 3}, id="a new field"),
        pytest.param({"seat": {"row": 2}}, {"seat": {"floor": 1, "row": 2}}, id="objects are merged"),
        pytest.param({"seat": None}, {"seat": None}, id="null replaces an object"),
        pytest.param({"seat": {"floor": {"x": 1}}}, {"seat": {"floor": {"x": 1}}}, id="an object replaces a number"),
        pytest.param({"list": [3]}, {"list": [3]}, id="lists are replaced"),
        pytest.param({"profileIds": ["admin", "default"]}, {"profileIds": ["admin", "default"]}, id="profiles"),
        pytest.param({"profileIds": None}, {}, id="null keeps the profiles"),
        pytest.param({"_id": "x", "_kuzzle_info": {"author": "x"}}, {}, id="what is ours is ignored"),
        pytest.param({"seat": {"_id": 1}}, {"seat": {"floor": 1, "_id": 1}}, id="an inner _id is content"),
        pytest.param({"a.b": 1, "": 2, "c$": "$where"}, {"a.b": 1, "": 2, "c$": "$where"}, id="odd names"),
        pytest.param({}, {}, id="nothing"),
    ],
)
async def test_an_update_changes_what_it_names(house: House, changes: dict[str, Any], expected: dict[str, Any]) -> None:
    """The answer is the merged document, and so is what is stored; author and date of creation stay."""
    first = DEFAULT | {"name": "A", "seat": {"floor": 1}, "list": [1, 2], "large": 2**40}
    if await house.admin.succeed("security:mGetUsers", ids=["updated"]) == {"hits": []}:
        await make(house, "updated")
    made = await house.admin.succeed("security:replaceUser", _id="updated", body=first)

    changed = await house.admin.succeed(
        "security:updateUser", _id="updated", body=changes, retryOnConflict=2, refresh="false"
    )

    history = changed["_source"].pop("_kuzzle_info")
    assert first | expected == changed["_source"] == await content(house, "updated")
    assert made["_source"]["_kuzzle_info"]["createdAt"] == history["createdAt"]
    assert ("admin", "admin") == (history["author"], history["updater"])
    assert history["updatedAt"] >= history["createdAt"]


async def test_a_replacement_leaves_nothing_of_the_old_content(house: House) -> None:
    """But the id, the author, and the credentials."""
    client = await house.add_user("swapped")
    await house.admin.succeed("security:updateUser", _id="swapped", body={"name": "old"})

    replaced = await house.admin.succeed("security:replaceUser", _id="swapped", body=DEFAULT | {"nick": "new"})

    assert DEFAULT | {"nick": "new"} == await content(house, "swapped")
    assert "admin" == replaced["_source"]["_kuzzle_info"]["updater"]
    await client.login("swapped", "pass-swapped")


@pytest.mark.parametrize("name", ["updateUser", "replaceUser"])
async def test_a_change_needs_the_user_and_the_profiles(house: House, name: str) -> None:
    """404 for either, 400 for none; nothing is changed."""
    await make(house, f"steady-{name}")
    before = await house.stored("users")

    assert (404, "security.user.not_found", ["ghost"]) == await refusal(
        house.admin, f"security:{name}", _id="ghost", body=DEFAULT
    )
    assert (404, "security.profile.not_found", ["nope"]) == await refusal(
        house.admin, f"security:{name}", _id=f"steady-{name}", body={"profileIds": ["default", "nope"]}
    )
    assert (400, "security.user.no_profile", [f"steady-{name}"]) == await refusal(
        house.admin, f"security:{name}", _id=f"steady-{name}", body={"profileIds": []}
    )
    assert before == await house.stored("users")


async def test_an_upsert_makes_a_user_with_defaults_and_credentials(house: House) -> None:
    """`default` lies under the content, and counts only for the one who is new."""
    body = {
        "content": DEFAULT | {"name": "N"},
        "default": {"name": "D", "level": 1, "profileIds": ["admin"]},
        "credentials": {"local": {"username": "upserted", "password": "secret"}},
    }

    made = await house.admin.succeed("security:upsertUser", _id="upserted", body=body)

    assert DEFAULT | {"name": "N", "level": 1} == await content(house, "upserted")
    assert "admin" == made["_source"]["_kuzzle_info"]["author"]
    client = await house.connect()
    await client.login("upserted", "secret")

    body = {
        "content": DEFAULT | {"nick": "n"},
        "default": {"level": 2, "other": 3},
        "credentials": {"local": {"username": "second", "password": "other"}},
    }
    changed = await house.admin.succeed("security:upsertUser", _id="upserted", body=body)

    assert DEFAULT | {"name": "N", "level": 1, "nick": "n"} == await content(house, "upserted")
    assert "admin" == changed["_source"]["_kuzzle_info"]["updater"]
    assert {"username": "upserted", "kuid": "upserted"} == await house.admin.succeed(
        "security:getCredentials", strategy="local", _id="upserted"
    )


async def test_upserts_of_one_user_at_once_all_count(house: House) -> None:
    """One makes the user and the others change it; no field is lost and nobody is refused."""
    clients = [await house.connect() for _ in range(5)]
    for client in clients:
        client.jwt = house.admin.jwt

    answers = await asyncio.gather(
        *(
            client.ask("security:upsertUser", _id="contended", body={"content": DEFAULT | {f"f{number}": number}})
            for number, client in enumerate(clients)
        )
    )

    assert [200] * 5 == [answer["status"] for answer in answers], answers
    assert DEFAULT | {f"f{number}": number for number in range(5)} == await content(house, "contended")


async def test_several_users_are_shown_and_the_unknown_passed_over(house: House) -> None:
    """Ids in the body, or beside it as a list or as text with commas; none at all is a mistake."""
    await make(house, "g-1")
    await make(house, "g-2")
    wanted = ["g-2", "ghost", "g-1"]

    for named in ({"body": {"ids": wanted}}, {"ids": wanted}, {"ids": "g-2,ghost,g-1"}, {"ids": wanted, "body": {}}):
        shown = await house.admin.succeed("security:mGetUsers", **named)
        assert ["g-2", "g-1"] == [hit["_id"] for hit in shown["hits"]], named

    no_ids: list[dict[str, Any]] = [{}, {"body": {}}, {"body": {"ids": []}}, {"ids": []}]
    for nobody in no_ids:
        assert (400, "api.assert.missing_argument", ["ids"]) == await refusal(
            house.admin, "security:mGetUsers", **nobody
        ), nobody


async def test_several_users_are_deleted_with_all_that_is_theirs(house: House) -> None:
    """206 tells who was not there; nobody can log in any more, no token and no key counts."""
    clients = [await house.add_user(kuid) for kuid in ("d-1", "d-2")]
    made = await house.admin.succeed("security:createApiKey", userId="d-1", body={"description": "x"})
    key = await house.connect()
    key.jwt = made["_source"]["token"]

    answer = await house.admin.ask("security:mDeleteUsers", body={"ids": ["d-1", "ghost", "d-2", "-1"]})

    assert (206, ["d-1", "d-2"]) == (answer["status"], answer["result"])
    assert ["security.user.not_found"] * 2 == [each["id"] for each in answer["error"]["errors"]]
    for client in (*clients, key):
        assert (401, "security.token.invalid") == await client.fail("auth:getCurrentUser")
    local = {"username": "d-1", "password": "pass-d-1"}
    assert (401, "plugin.strategy.missing_user") == await house.admin.fail(
        "auth:login", jwt=None, strategy="local", body=local
    )
    assert [] == await house.admin.succeed("security:mDeleteUsers", body={"ids": []})


async def test_rights_of_anybody_are_listed_and_checked(house: House) -> None:
    """As the user's own view of them; the anonymous have some too; restrictions look at index and collection."""
    places = {"roleId": "doer", "restrictedTo": [{"index": "i", "collections": ["c"]}]}
    actions = {"document": {"actions": {"create": True}}, "auth": {"actions": {"*": True}}}
    await house.admin.succeed("security:createRole", _id="doer", body={"controllers": actions})
    await house.admin.succeed("security:createProfile", _id="doer", body={"policies": [places]})
    client: Client = await house.add_user("doer", "doer")

    listed = await house.admin.succeed("security:getUserRights", _id="doer")

    assert listed == await client.succeed("auth:getMyRights")
    assert {("document", "create", "i", "c", "allowed"), ("auth", "*", "i", "c", "allowed")} == {
        (hit["controller"], hit["action"], hit["index"], hit["collection"], hit["value"]) for hit in listed["hits"]
    }
    assert (await house.admin.succeed("security:getUserRights", _id="-1"))["total"] > 0
    assert (404, "security.user.not_found", ["ghost"]) == await refusal(
        house.admin, "security:getUserRights", _id="ghost"
    )

    questions: list[tuple[dict[str, Any], bool]] = [
        ({"controller": "document", "action": "create", "index": "i", "collection": "c"}, True),
        ({"controller": "document", "action": "create", "index": "i", "collection": "d"}, False),
        ({"controller": "document", "action": "create", "index": "j"}, False),
        ({"controller": "document", "action": "delete", "index": "i", "collection": "c"}, False),
        ({"controller": "auth", "action": "no such action"}, True),
        ({"controller": "server", "action": "now"}, False),
    ]
    for request, allowed in questions:
        expected = {"allowed": allowed}
        assert expected == await client.succeed("auth:checkRights", body=request), request
        assert expected == await house.admin.succeed("security:checkRights", userId="doer", body=request), request


async def test_strategies_of_a_user_are_those_with_credentials(house: House) -> None:
    """None for a user without, none for the anonymous; an unknown user is not found."""
    await house.add_user("with-password")
    await make(house, "without-password")

    for kuid, expected in (("with-password", ["local"]), ("without-password", []), ("-1", [])):
        assert {"strategies": expected, "total": len(expected)} == await house.admin.succeed(
            "security:getUserStrategies", _id=kuid
        )
    assert (404, "security.user.not_found", ["ghost"]) == await refusal(
        house.admin, "security:getUserStrategies", _id="ghost"
    )


async def test_revoking_tokens_spares_keys(house: House) -> None:
    """Every login of the user ends; a user who is not there has none, and that is fine."""
    client = await house.add_user("revoked")
    other = await house.connect()
    await other.login("revoked", "pass-revoked")
    made = await house.admin.succeed("security:createApiKey", userId="revoked", body={"description": "x"})
    key = await house.connect()
    key.jwt = made["_source"]["token"]

    assert await house.admin.succeed("security:revokeTokens", _id="revoked") is None

    for ended in (client, other):
        assert (401, "security.token.invalid") == await ended.fail("auth:getCurrentUser")
    assert "revoked" == (await key.succeed("auth:getCurrentUser"))["_id"]
    assert await house.admin.succeed("security:revokeTokens", _id="ghost") is None
