"""Profiles over the socket: changed in parts, shown, their rights, deleted, taken off their users."""

import asyncio
from typing import Any

import pytest

from tests.client import Client
from tests.security.conftest import House, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEFAULT = [{"roleId": "default"}]


async def make(house: House, name: str, *role_ids: str, **fields: Any) -> dict[str, Any]:
    """Make a profile; return its content."""
    body = {"policies": [{"roleId": role_id} for role_id in role_ids or ("default",)]} | fields
    made = await house.admin.succeed("security:createProfile", _id=name, body=body)
    return dict(made["_source"])


async def content(house: House, name: str) -> dict[str, Any]:
    """What a profile says, without its history."""
    shown = await house.admin.succeed("security:getProfile", _id=name)
    return {key: value for key, value in shown["_source"].items() if key != "_kuzzle_info"}


async def profiles_of(house: House, kuid: str) -> list[str]:
    """The profiles of a user."""
    return list((await house.admin.succeed("security:getUser", _id=kuid))["_source"]["profileIds"])


async def test_create_or_replace_makes_a_profile_and_puts_another_in_its_place(house: House) -> None:
    """Extra keys stay as written until the profile is replaced; a limit of 3.0 requests is one of 3."""
    policies = [{"roleId": "default", "restrictedTo": [{"index": "i", "collections": ["c"]}]}]
    body = {"policies": policies, "rateLimit": 3.0, "tags": ["a"], "x": {"y": 1}}

    made = await house.admin.succeed("security:createOrReplaceProfile", _id="replaced", body=body)

    assert "admin" == made["_source"]["_kuzzle_info"]["author"]
    assert body == await content(house, "replaced")

    await house.admin.succeed("security:createOrReplaceProfile", _id="replaced", body={"policies": []})

    assert {"policies": DEFAULT, "rateLimit": 0} == await content(house, "replaced")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"rateLimit": 7}, {"rateLimit": 7}, id="limit"),
        pytest.param({"rateLimit": None}, {"rateLimit": 0}, id="no limit"),
        pytest.param(
            {"policies": [{"roleId": "admin"}]}, {"policies": [{"roleId": "admin"}]}, id="policies as a whole"
        ),
        pytest.param({"policies": []}, {"policies": DEFAULT}, id="no policies"),
        pytest.param({"policies": None}, {}, id="null keeps the policies"),
        pytest.param({"tags": ["b"]}, {"tags": ["b"]}, id="lists are replaced"),
        pytest.param({"note": {"b": 2}}, {"note": {"a": 1, "b": 2}}, id="objects are merged"),
        pytest.param({"note": {"_id": 1}}, {"note": {"a": 1, "_id": 1}}, id="an inner _id is content"),
        pytest.param({"_id": "other", "_kuzzle_info": {"author": "me"}}, {}, id="what is ours is ignored"),
        pytest.param({}, {}, id="nothing"),
    ],
)
async def test_an_update_changes_what_it_names(house: House, changes: dict[str, Any], expected: dict[str, Any]) -> None:
    """Everything else stays; the history keeps the author and tells who changed it."""
    first = {"policies": [{"roleId": "default"}, {"roleId": "admin"}], "tags": ["a"], "note": {"a": 1}, "rateLimit": 4}
    made = await house.admin.succeed("security:createOrReplaceProfile", _id="updated", body=first)

    changed = await house.admin.succeed("security:updateProfile", _id="updated", body=changes, retryOnConflict=2)

    history = changed["_source"].pop("_kuzzle_info")
    assert first | expected == changed["_source"]
    assert made["_source"]["_kuzzle_info"]["createdAt"] == history["createdAt"]
    assert ("admin", "admin") == (history["author"], history["updater"])
    assert changed["_source"] == await content(house, "updated")


@pytest.mark.parametrize("name", ["createOrReplaceProfile", "updateProfile"])
async def test_strangers_keep_their_role(house: House, name: str) -> None:
    """The profile anonymous can be edited, but not away from the role that lets people log in."""
    assert (400, "security.profile.missing_anonymous_role", []) == await refusal(
        house.admin, f"security:{name}", _id="anonymous", body={"policies": [{"roleId": "default"}]}
    )

    policies = [{"roleId": "default"}, {"roleId": "anonymous"}]
    edited = await house.admin.succeed(f"security:{name}", _id="anonymous", body={"policies": policies})

    assert policies == edited["_source"]["policies"]


async def test_the_limit_of_strangers_can_be_changed_alone(house: House) -> None:
    """A change that does not speak of policies needs none."""
    changed = await house.admin.succeed("security:updateProfile", _id="anonymous", body={"rateLimit": 1000})

    assert 1000 == changed["_source"]["rateLimit"]


async def test_an_update_needs_the_profile_and_its_roles(house: House) -> None:
    """404 for either; nothing is changed."""
    await make(house, "steady")
    before = await house.stored("profiles")

    assert (404, "security.profile.not_found", ["ghost"]) == await refusal(
        house.admin, "security:updateProfile", _id="ghost", body={"rateLimit": 1}
    )
    assert (404, "security.role.not_found", ["nope"]) == await refusal(
        house.admin, "security:updateProfile", _id="steady", body={"policies": [{"roleId": "nope"}]}
    )
    assert before == await house.stored("profiles")


async def test_the_rights_of_a_profile_are_listed(house: House) -> None:
    """One entry for each action and place; allowed wins over denied."""
    mixed = {"controllers": {"server": {"actions": {"now": True, "info": False}}}}
    await house.admin.succeed("security:createRole", _id="mixed", body=mixed)
    places = [{"index": "i", "collections": ["b", "a"]}, {"index": "j"}]
    policies = [{"roleId": "mixed", "restrictedTo": places}]
    await house.admin.succeed("security:createProfile", _id="placed", body={"policies": policies})

    rights = await house.admin.succeed("security:getProfileRights", _id="placed")

    expected = {
        (action, collection, "server", index, value)
        for action, value in (("now", "allowed"), ("info", "denied"))
        for index, collection in (("i", "a"), ("i", "b"), ("j", "*"))
    }
    keys = ("action", "collection", "controller", "index", "value")
    assert expected == {tuple(right[key] for key in keys) for right in rights["hits"]}
    assert rights["total"] == len(rights["hits"]) == 6
    assert (404, "security.profile.not_found", ["ghost"]) == await refusal(
        house.admin, "security:getProfileRights", _id="ghost"
    )


async def test_several_profiles_are_shown_if_all_are_there(house: House) -> None:
    """In the order of the ids."""
    shown = await house.admin.succeed("security:mGetProfiles", body={"ids": ["default", "admin"]})

    assert ["default", "admin"] == [hit["_id"] for hit in shown["hits"]]
    assert {"hits": []} == await house.admin.succeed("security:mGetProfiles", body={"ids": []})
    assert (404, "security.profile.not_found", ["nope"]) == await refusal(
        house.admin, "security:mGetProfiles", body={"ids": ["nope", "admin"]}
    )


@pytest.mark.parametrize("name", ["admin", "default", "anonymous"])
@pytest.mark.parametrize("how", ["fail", "remove"])
async def test_a_built_in_profile_cannot_be_deleted(house: House, name: str, how: str) -> None:
    """Whatever is to become of its users."""
    assert (400, "security.profile.cannot_delete", []) == await refusal(
        house.admin, "security:deleteProfile", _id=name, onAssignedUsers=how
    )


@pytest.mark.parametrize("how", [{}, {"onAssignedUsers": "fail"}], ids=["by default", "fail"])
async def test_a_profile_in_use_stays(house: House, how: dict[str, str]) -> None:
    """Any user who has it protects it, unless it is to be taken off."""
    name = f"used-{len(how)}"
    await make(house, name)
    await house.admin.succeed("security:createUser", _id=f"of-{name}", body={"content": {"profileIds": [name]}})

    assert (412, "security.profile.in_use") == await house.admin.fail("security:deleteProfile", _id=name, **how)
    assert [name] == await profiles_of(house, f"of-{name}")


async def test_a_profile_can_be_taken_off_its_users(house: House) -> None:
    """Who has others keeps them; who has no other becomes like a stranger. Both feel it at once."""
    await house.add_profile("taken", server="now")
    both: Client = await house.add_user("has-both", "default", "taken")
    only: Client = await house.add_user("has-one", "taken")
    await both.succeed("server:now")

    answer = await house.admin.succeed("security:deleteProfile", _id="taken", onAssignedUsers="remove")

    assert {"_id": "taken"} == answer
    assert ["default"] == await profiles_of(house, "has-both")
    assert ["anonymous"] == await profiles_of(house, "has-one")
    assert (403, "security.rights.forbidden") == await both.fail("server:now")
    assert (403, "security.rights.forbidden") == await only.fail("server:now")
    assert (404, "security.profile.not_found", ["taken"]) == await refusal(
        house.admin, "security:getProfile", _id="taken"
    )


async def test_of_several_deletions_those_that_fail_are_told(house: House) -> None:
    """Users keep their profiles; the rest goes."""
    await make(house, "free")
    await make(house, "held")
    await house.admin.succeed("security:createUser", _id="holder", body={"content": {"profileIds": ["held"]}})

    answer = await house.admin.ask("security:mDeleteProfiles", body={"ids": ["free", "held", "ghost", "admin"]})

    assert (206, ["free"]) == (answer["status"], answer["result"])
    assert ("services.storage.incomplete_delete", 3) == (answer["error"]["id"], answer["error"]["count"])
    assert ["security.profile.in_use", "security.profile.not_found", "security.profile.cannot_delete"] == [
        each["id"] for each in answer["error"]["errors"]
    ]
    assert ["held"] == await profiles_of(house, "holder")


async def test_no_user_is_left_with_a_profile_that_goes_at_the_same_moment(house: House) -> None:
    """Whoever is first, the other is refused or follows: nobody keeps the name of what is gone."""
    client = await house.connect()
    client.jwt = house.admin.jwt
    for turn, how in enumerate(("fail", "remove") * 3):
        name, kuid = f"raced-{turn}", f"racer-{turn}"
        await make(house, name)

        deletion, creation = await asyncio.gather(
            house.admin.ask("security:deleteProfile", _id=name, onAssignedUsers=how),
            client.ask("security:createUser", _id=kuid, body={"content": {"profileIds": [name]}}),
        )

        outcome = (deletion["status"], creation["status"])
        assert outcome in {(200, 404), (412, 200), (200, 200)}, (deletion, creation)
        if creation["status"] == 200:
            assert await profiles_of(house, kuid) == ([name] if deletion["status"] == 412 else ["anonymous"])


async def test_a_long_list_of_one_role_is_one_role(house: House) -> None:
    """A profile that names a role ten thousand times costs as much to store as one that names it once."""
    policies = [{"roleId": "default"}] * 10_000

    async with asyncio.timeout(5):
        await house.admin.succeed("security:createProfile", _id="long", body={"policies": policies})
    await house.admin.succeed("security:deleteProfile", _id="long")
