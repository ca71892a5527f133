"""Indexes and collections as names: noted, listed, forgotten; and profiles that may name no others."""

from typing import Any

import pytest

from tests.security.conftest import House, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def note(house: House, index: str, *collections: str) -> None:
    """Note an index with collections."""
    await house.admin.succeed("index:create", index=index)
    for collection in collections:
        await house.admin.succeed("collection:create", index=index, collection=collection)


async def test_an_index_is_noted_and_forgotten(house: House) -> None:
    """With its collections."""
    assert await house.admin.succeed("index:exists", index="i") is False

    made = await house.admin.succeed("index:create", index="i")

    assert made["acknowledged"] is True
    assert await house.admin.succeed("index:exists", index="i") is True
    assert "i" in (await house.admin.succeed("index:list"))["indexes"]
    assert (412, "services.storage.index_already_exists") == await house.admin.fail("index:create", index="i")

    await house.admin.succeed("collection:create", index="i", collection="c", body={"mappings": {}})
    assert {"acknowledged": True} == await house.admin.succeed("index:delete", index="i")

    assert await house.admin.succeed("collection:exists", index="i", collection="c") is False
    assert (412, "services.storage.unknown_index", ["i"]) == await refusal(house.admin, "index:delete", index="i")
    assert (412, "services.storage.unknown_index", ["i"]) == await refusal(house.admin, "collection:list", index="i")


async def test_a_collection_is_noted_and_forgotten(house: House) -> None:
    """It brings its index along; noting it again is no mistake."""
    for _ in range(2):
        assert {"acknowledged": True} == await house.admin.succeed("collection:create", index="j", collection="b")
    await house.admin.succeed("collection:create", index="j", collection="a")

    assert await house.admin.succeed("collection:exists", index="j", collection="a") is True
    assert await house.admin.succeed("collection:exists", index="j", collection="c") is False
    assert {
        "collections": [{"name": "a", "type": "stored"}, {"name": "b", "type": "stored"}],
        "type": "all",
    } == await house.admin.succeed("collection:list", index="j")

    assert {"acknowledged": True} == await house.admin.succeed("collection:delete", index="j", collection="a")

    assert await house.admin.succeed("collection:exists", index="j", collection="a") is False
    assert (412, "services.storage.unknown_collection", ["j", ["a"]]) == await refusal(
        house.admin, "collection:delete", index="j", collection="a"
    )


BAD_NAMES = ["", "_a", "-a", "Upper", "a b", "a/b", "a.b", "a#b", "a*", "a\0b", "a" * 127, "é" * 64]


@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
async def test_a_name_that_storage_could_not_have_is_refused(house: House, name: str) -> None:
    """The same for indexes and collections; nothing is noted."""
    before = await house.stored("places")

    for action, arguments, what in (
        ("index:create", {"index": name}, "index"),
        ("collection:create", {"index": name, "collection": "c"}, "index"),
        ("collection:create", {"index": "good", "collection": name}, "collection"),
    ):
        assert (400, f"services.storage.invalid_{what}_name", [name]) == await refusal(house.admin, action, **arguments)
    assert before == await house.stored("places")


@pytest.mark.parametrize("name", ["a", "0", "a-b_c", "a$b", "a" * 126, "é" * 63], ids=repr)
async def test_a_name_that_storage_could_have_is_noted(house: House, name: str) -> None:
    """Up to 126 bytes."""
    await note(house, name)
    assert await house.admin.succeed("index:exists", index=name) is True


async def test_several_indexes_are_forgotten_by_name(house: House) -> None:
    """Those that are there; none where none is named; part of a name is no name."""
    for name in ("m-1", "m-2", "m-3"):
        await note(house, name)

    assert {"deleted": ["m-1", "m-3"]} == await house.admin.succeed(
        "index:mDelete", body={"indexes": ["m-3", "ghost", "m-1", {"$ne": 1}]}
    )
    bodies: list[dict[str, Any]] = [{}, {"indexes": []}, {"indexes": ["m"]}]
    for body in bodies:
        assert {"deleted": []} == await house.admin.succeed("index:mDelete", body=body)
    for indexes in ("m-2", {"m-2": 1}, 5, None):
        assert (400, "api.assert.invalid_type", ["body.indexes", "array"]) == await refusal(
            house.admin, "index:mDelete", body={"indexes": indexes}
        )
    assert await house.admin.succeed("index:exists", index="m-2") is True


async def test_nobody_forgets_by_list_what_they_may_not_forget_by_name(house: House) -> None:
    """A restriction holds for each of the indexes."""
    for name in ("mine", "yours"):
        await note(house, name)
    role = {"controllers": {"index": {"actions": {"*": True}}}}
    await house.admin.succeed("security:createRole", _id="indexer", body=role)
    policies = [{"roleId": "indexer", "restrictedTo": [{"index": "mine"}]}]
    await house.admin.succeed("security:createProfile", _id="indexer", body={"policies": policies})
    client = await house.add_user("indexer", "indexer")

    assert (403, "security.rights.forbidden") == await client.fail("index:delete", index="yours")
    assert {"deleted": ["mine"]} == await client.succeed("index:mDelete", body={"indexes": ["mine", "yours"]})
    assert await house.admin.succeed("index:exists", index="yours") is True


def restricted(*restrictions: dict[str, Any]) -> dict[str, Any]:
    """A profile with one restricted policy."""
    return {"policies": [{"roleId": "default"}, {"roleId": "admin", "restrictedTo": list(restrictions)}]}


@pytest.mark.parametrize("action", ["createProfile", "createOrReplaceProfile", "updateProfile"])
async def test_a_strict_profile_names_places_that_are_there(house: House, action: str) -> None:
    """412 names the place that is not; without `strict` everything passes, and a null is no `strict`."""
    name = f"strict-{action.lower()}"
    await note(house, name, "c", "d")
    if action == "updateProfile":
        await house.admin.succeed("security:createProfile", _id=name, body={"policies": []})
    before = await house.stored("profiles")

    for body, error_id, props in (
        (restricted({"index": "nope"}), "unknown_index", ["nope"]),
        (restricted({"index": name}, {"index": "nope", "collections": ["c"]}), "unknown_index", ["nope"]),
        (restricted({"index": name, "collections": ["c", "x", "y"]}), "unknown_collection", [name, ["x", "y"]]),
    ):
        assert (412, f"services.storage.{error_id}", props) == await refusal(
            house.admin, f"security:{action}", _id=name, body=body, strict=True
        )
    assert before == await house.stored("profiles")

    good = restricted({"index": name, "collections": ["c", "d"]}, {"index": name, "collections": None})
    made = await house.admin.succeed(f"security:{action}", _id=name, body=good, strict=True)
    assert good["policies"] == made["_source"]["policies"]

    loose = restricted({"index": "nope", "collections": ["x"]})
    again = "createOrReplaceProfile" if action == "createProfile" else action
    for free in ({}, {"strict": False}, {"strict": None}):
        await house.admin.succeed(f"security:{again}", _id=name, body=loose, **free)


async def test_a_strict_update_looks_at_what_would_be_stored(house: House) -> None:
    """A profile that names an index of yesterday cannot be changed strictly, whatever the change."""
    await house.admin.succeed("security:createProfile", _id="stale", body=restricted({"index": "yesterday"}))

    assert (412, "services.storage.unknown_index", ["yesterday"]) == await refusal(
        house.admin, "security:updateProfile", _id="stale", body={"rateLimit": 1}, strict=True
    )
