"""Roles over the socket: replaced, shown, found in use, deleted, and felt by the next request."""

import asyncio
from typing import Any

import pytest

from tests.conftest import Connect, StartGateway
from tests.security.conftest import House, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

HISTORY = {"author", "createdAt", "updatedAt", "updater"}


def allowing(**controllers: str) -> dict[str, Any]:
    """A definition: controller → names of the actions that it allows."""
    return {
        "controllers": {
            name: {"actions": dict.fromkeys(actions.split(), True)} for name, actions in controllers.items()
        }
    }


async def make(house: House, *names: str) -> None:
    """Make roles that allow the time."""
    for name in names:
        await house.admin.succeed("security:createRole", _id=name, body=allowing(server="now"))


async def test_create_or_replace_makes_a_role_and_puts_another_in_its_place(house: House) -> None:
    """The first call stores, the second leaves nothing of the first definition; free fields stay as written."""
    first = allowing(server="now") | {"tags": ["old"], "note": {"by": "us"}, "_id": "other", "_kuzzle_info": {"x": 1}}

    made = await house.admin.succeed("security:createOrReplaceRole", _id="replaced", body=first)

    history = made["_source"].pop("_kuzzle_info")
    kept = {name: first[name] for name in ("controllers", "tags", "note")}
    assert {"_id": "replaced", "_source": kept} == made
    assert HISTORY == set(history)
    assert ("admin", None, None) == (history["author"], history["updatedAt"], history["updater"])

    again = await house.admin.succeed("security:createOrReplaceRole", _id="replaced", body=allowing(auth="logout"))

    assert {"controllers", "_kuzzle_info"} == set(again["_source"])
    assert again == await house.admin.succeed("security:getRole", _id="replaced")


async def test_an_update_replaces_the_definition_and_remembers_the_author(house: House) -> None:
    """Despite its name the action takes the whole definition; the history tells who changed it."""
    made = await house.admin.succeed(
        "security:createRole", _id="updated", body=allowing(server="now") | {"tags": ["a"]}
    )

    changed = await house.admin.succeed(
        "security:updateRole", _id="updated", body=allowing(server="info"), retryOnConflict=3, refresh="false"
    )

    before, after = made["_source"]["_kuzzle_info"], changed["_source"].pop("_kuzzle_info")
    assert allowing(server="info") == changed["_source"]
    assert (before["author"], before["createdAt"]) == (after["author"], after["createdAt"])
    assert "admin" == after["updater"]
    assert after["updatedAt"] >= before["createdAt"]


async def test_an_update_of_a_role_that_is_not_there_is_a_missing_document(house: House) -> None:
    """The original's storage speaks here, so the id is the storage's; nothing is made."""
    assert (404, "services.storage.not_found", ["ghost", "kuzzle", "roles"]) == await refusal(
        house.admin, "security:updateRole", _id="ghost", body=allowing(server="now")
    )
    assert (404, "security.role.not_found", ["ghost"]) == await refusal(house.admin, "security:getRole", _id="ghost")


async def test_a_change_of_rights_is_felt_by_the_next_request(house: House) -> None:
    """An open connection with its old token gains and loses what its role does."""
    await house.add_profile("watcher", server="now")
    client = await house.add_user("watched", "watcher")
    await client.succeed("server:now")

    await house.admin.succeed("security:updateRole", _id="watcher", body=allowing(server="info"))

    assert (403, "security.rights.forbidden") == await client.fail("server:now")
    await client.succeed("server:info")

    denied = {"controllers": {"server": {"actions": {"*": True, "info": False}}}}
    await house.admin.succeed("security:createOrReplaceRole", _id="watcher", body=denied)

    await client.succeed("server:now")
    assert (403, "security.rights.forbidden") == await client.fail("server:info")


async def test_several_roles_are_shown_if_all_are_there(house: House) -> None:
    """In the order of the ids; one that is unknown spoils the call; none at all is an answer."""
    await make(house, "m-1", "m-2")

    shown = await house.admin.succeed("security:mGetRoles", body={"ids": ["m-2", "admin", "m-1"]})

    assert ["m-2", "admin", "m-1"] == [hit["_id"] for hit in shown["hits"]]
    assert shown["hits"][0] == await house.admin.succeed("security:getRole", _id="m-2")
    assert (404, "security.role.not_found", ["nope"]) == await refusal(
        house.admin, "security:mGetRoles", body={"ids": ["m-1", "nope"]}
    )
    assert {"hits": []} == await house.admin.succeed("security:mGetRoles", body={"ids": []})


async def test_a_deleted_role_is_gone(house: House) -> None:
    """The answer names it; a second deletion does not find it."""
    await make(house, "doomed")

    assert {"_id": "doomed"} == await house.admin.succeed("security:deleteRole", _id="doomed")
    assert (404, "security.role.not_found", ["doomed"]) == await refusal(
        house.admin, "security:deleteRole", _id="doomed"
    )


@pytest.mark.parametrize("name", ["admin", "default", "anonymous"])
async def test_a_built_in_role_cannot_be_deleted(house: House, name: str) -> None:
    """It can be edited."""
    assert (400, "security.role.cannot_delete", []) == await refusal(house.admin, "security:deleteRole", _id=name)

    role = await house.admin.succeed("security:getRole", _id=name)
    body = {"controllers": role["_source"]["controllers"], "tags": ["edited"]}
    edited = await house.admin.succeed("security:updateRole", _id=name, body=body)

    assert ["edited"] == edited["_source"]["tags"]


@pytest.mark.parametrize(
    "body",
    [
        allowing(server="now"),
        {"controllers": {"auth": {"actions": {"login": False}}}},
        {"controllers": {"auth": {"actions": {"logout": True}}, "*": {"actions": {"*": True}}}},
    ],
    ids=["without auth", "login denied", "auth hides the rest"],
)
@pytest.mark.parametrize("name", ["updateRole", "createOrReplaceRole"])
async def test_strangers_can_always_log_in(house: House, name: str, body: dict[str, Any]) -> None:
    """The role anonymous keeps auth:login, or nobody could repair anything."""
    assert (400, "security.role.login_required", []) == await refusal(
        house.admin, f"security:{name}", _id="anonymous", body=body
    )


async def test_a_role_in_use_stays_until_it_is_free(house: House) -> None:
    """Any profile that refers to it protects it."""
    await make(house, "used")
    policies = {"policies": [{"roleId": "default"}, {"roleId": "used"}]}
    await house.admin.succeed("security:createProfile", _id="user-of-it", body=policies)

    assert (412, "security.role.in_use", ["used"]) == await refusal(house.admin, "security:deleteRole", _id="used")

    await house.admin.succeed("security:updateProfile", _id="user-of-it", body={"policies": [{"roleId": "default"}]})
    await house.admin.succeed("security:deleteRole", _id="used")


async def test_of_several_deletions_those_that_fail_are_told(house: House) -> None:
    """Status 206: the result lists what is gone, the error everything else with its own error."""
    await make(house, "gone-1", "gone-2")

    assert ["gone-1"] == await house.admin.succeed("security:mDeleteRoles", body={"ids": ["gone-1"]})

    answer = await house.admin.ask("security:mDeleteRoles", body={"ids": ["gone-1", "gone-2", "admin"]})

    assert (206, ["gone-2"]) == (answer["status"], answer["result"])
    error = answer["error"]
    assert ("services.storage.incomplete_delete", 206, 2) == (error["id"], error["status"], error["count"])
    assert {("security.role.not_found", 404), ("security.role.cannot_delete", 400)} == {
        (each["id"], each["status"]) for each in error["errors"]
    }
    assert all({"code", "id", "message", "props", "status"} == set(each) for each in error["errors"])


async def test_no_more_than_two_hundred_are_deleted_at_once(house: House) -> None:
    """One too many, and nothing is touched."""
    await make(house, "spared")
    ids = ["spared", *(f"none-{number}" for number in range(200))]

    assert (413, "services.storage.write_limit_exceeded", []) == await refusal(
        house.admin, "security:mDeleteRoles", body={"ids": ids}
    )
    await house.admin.succeed("security:getRole", _id="spared")

    answer = await house.admin.ask("security:mDeleteRoles", body={"ids": ids[:200]})

    assert (206, ["spared"], 199) == (answer["status"], answer["result"], answer["error"]["count"])


async def test_no_profile_is_left_with_a_role_that_goes_at_the_same_moment(house: House) -> None:
    """Whoever is first, the other is refused: a race of deletion and reference has one winner."""
    client = await house.connect()
    client.jwt = house.admin.jwt
    for turn in range(6):
        await make(house, f"raced-{turn}")
        body = {"policies": [{"roleId": f"raced-{turn}"}]}

        deletion, reference = await asyncio.gather(
            house.admin.ask("security:deleteRole", _id=f"raced-{turn}"),
            client.ask("security:createProfile", _id=f"racer-{turn}", body=body),
        )

        assert {(200, 404), (412, 200)} & {(deletion["status"], reference["status"])}, (deletion, reference)


@pytest.mark.asyncio(loop_scope="function")
async def test_restricting_the_default_rights_closes_an_open_house(
    start_gateway: StartGateway, connect: Connect
) -> None:
    """Everybody may do everything until an administrator calls it; the answer has no `result`."""
    client = await connect(await start_gateway(security={"initial_rights": "open"}))
    await client.succeed("server:info")

    answer = await client.ask("security:restrictDefaultRights")

    assert (200, None, False) == (answer["status"], answer["error"], "result" in answer)
    assert (401, "security.rights.unauthorized") == await client.fail("server:info")
    await client.succeed("server:publicApi")


@pytest.mark.parametrize("collection", ["users", "profiles", "roles"])
async def test_a_refresh_is_acknowledged_with_nothing(house: House, collection: str) -> None:
    """What was written can be found without it."""
    answer = await house.admin.ask("security:refresh", collection=collection)

    assert (200, None, None) == (answer["status"], answer["error"], answer["result"])


async def test_what_cannot_be_refreshed_is_named(house: House) -> None:
    """Collections beside the three are none of its business."""
    status, error_id, props = await refusal(house.admin, "security:refresh", collection="api-keys")

    assert (400, "api.assert.unexpected_argument", "api-keys") == (status, error_id, (props or [None])[0])
