"""What a user may change of oneself, and what not."""

from typing import Any

import pytest

from tests.security.conftest import House, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_user_changes_free_content(house: House) -> None:
    """The answer is the whole user; the history names the user as the one who did it."""
    client = await house.add_user("self")

    changed = await client.succeed("auth:updateSelf", body={"nick": "me", "seat": {"floor": 1}})
    changed = await client.succeed("auth:updateSelf", body={"seat": {"row": 2}}, retryOnConflict=1, refresh="wait_for")

    assert "self" == changed["_id"]
    assert {"floor": 1, "row": 2} == changed["_source"]["seat"]
    assert ("admin", "self") == tuple(changed["_source"]["_kuzzle_info"][key] for key in ("author", "updater"))
    assert changed | {"strategies": ["local"]} == await client.succeed("auth:getCurrentUser")


@pytest.mark.parametrize(
    ("body", "name"),
    [
        pytest.param({"profileIds": ["admin"]}, "profileIds", id="profiles"),
        pytest.param({"profileIds": []}, "profileIds", id="no profiles"),
        pytest.param({"profileIds": "admin"}, "profileIds", id="a text"),
        pytest.param({"_id": "admin"}, "_id", id="id"),
        pytest.param({"_id": {}}, "_id", id="an object as id"),
        pytest.param({"_id": "x", "profileIds": ["admin"]}, "_id", id="both"),
    ],
)
async def test_nobody_raises_oneself(house: House, body: dict[str, Any], name: str) -> None:
    """Neither id nor profiles are one's own to change; nothing is stored."""
    if not any(user["_id"] == "climber" for user in await house.stored("users")):
        await house.add_user("climber")
    client = await house.connect()
    await client.login("climber", "pass-climber")
    before = await house.stored("users")

    assert (400, "api.assert.forbidden_argument", [f"body.{name}"]) == await refusal(
        client, "auth:updateSelf", body=body | {"nick": "x"}
    )
    assert before == await house.stored("users")


@pytest.mark.parametrize("empty", [None, "", False, 0], ids=repr)
async def test_what_is_falsy_counts_as_absent(house: House, empty: Any) -> None:
    """As an id; as profiles it must at least be null."""
    client = await house.connect()
    client.jwt = house.admin.jwt

    changed = await client.succeed("auth:updateSelf", body={"_id": empty, "profileIds": None, "x": 1})

    assert ("admin", ["admin"]) == (changed["_id"], changed["_source"]["profileIds"])
