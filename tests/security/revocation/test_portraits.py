"""What users see of themselves is remembered, and is at no time older than what may be remembered."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.security.users import Portraits
from tests.security.meetings import overtaken
from tests.security.nodes import Node, Outcome
from tests.security.revocation.conftest import Commands
from tests.security.revocation.people import OK, User
from tests.storage.conftest import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

ME = "auth:getCurrentUser"
LOCAL = {"strategy": "local"}

Change = Callable[[Node, User], Awaitable[Any]]
Seen = tuple[Any, list[str], list[str]]
"""Favourite colour, profiles, strategies."""

CHANGES: dict[str, tuple[Change, Seen]] = {
    "updated by themselves": (
        lambda where, user: where.succeed("auth:updateSelf", user.key, body={"colour": "red"}),
        ("red", ["default"], ["local"]),
    ),
    "updated": (
        lambda where, user: where.succeed("security:updateUser", _id=user.kuid, body={"colour": "blue"}),
        ("blue", ["default"], ["local"]),
    ),
    "replaced": (
        lambda where, user: where.succeed("security:replaceUser", _id=user.kuid, body={"profileIds": ["admin"]}),
        (None, ["admin"], ["local"]),
    ),
    "credentials deleted": (
        lambda where, user: where.succeed("security:deleteCredentials", _id=user.kuid, **LOCAL),
        (None, ["default"], []),
    ),
    "own credentials deleted": (
        lambda where, user: where.succeed("auth:deleteMyCredentials", user.key, **LOCAL),
        (None, ["default"], []),
    ),
}


async def seen(where: Node, user: User) -> Seen:
    """What a user sees there."""
    shown = await where.succeed(ME, user.key)
    assert user.kuid == shown["_id"]
    return shown["_source"].get("colour"), shown["_source"]["profileIds"], shown["strategies"]


async def test_who_has_seen_themselves_asks_the_database_nothing(
    nodes: list[Node], user: User, commands: Commands
) -> None:
    """A hundred times; and the answer is what it was."""
    first = await nodes[1].succeed(ME, user.key)
    commands.names.clear()

    assert [first] * 100 == [await nodes[1].succeed(ME, user.key) for _ in range(100)]
    assert [] == commands.names


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "elsewhere"])
@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_is_seen(nodes: list[Node], user: User, name: str, *, elsewhere: bool) -> None:
    """Here with the answer, elsewhere once it was heard of."""
    change, after = CHANGES[name]
    where, there = nodes[1], nodes[0] if elsewhere else nodes[1]
    assert (None, ["default"], ["local"]) == await seen(where, user)

    await change(there, user)
    assert elsewhere or after == await seen(where, user)

    async def is_seen() -> bool:
        return after == await seen(where, user)

    await until(is_seen)


async def test_new_credentials_are_seen(nodes: list[Node], user: User) -> None:
    """On every node."""
    await nodes[0].succeed("security:deleteCredentials", _id=user.kuid, **LOCAL)

    async def all_see(strategies: list[str]) -> bool:
        return all([strategies == (await seen(one, user))[2] for one in nodes])

    await until(lambda: all_see([]))
    body = {"username": user.kuid, "password": "another"}
    await nodes[0].succeed("security:createCredentials", _id=user.kuid, body=body, **LOCAL)

    await until(lambda: all_see(["local"]))


@pytest.mark.parametrize("door", ["users", "credentials"])
async def test_a_portrait_that_a_change_overtakes_is_not_kept(nodes: list[Node], user: User, door: str) -> None:
    """It may be shown this once, to whoever asked before the change."""
    where = nodes[1]

    async def change() -> Outcome:
        await where.succeed("security:deleteCredentials", _id=user.kuid, **LOCAL)
        return await where.outcome("security:updateUser", _id=user.kuid, body={"colour": "red"})

    where.rooms.upkeep.cache.forget_user(user.kuid)
    await where.outcome("auth:getMyRights", user.key)  # the token is known, so that only the portrait is looked up
    asking = where.outcome(ME, user.key)
    assert (OK, OK) == await overtaken(asking, change, (getattr(where.rooms.collections, door), "get"), after=True)

    assert ("red", ["default"], []) == await seen(where, user)


async def test_where_nobody_tells_nothing_is_remembered(nodes: list[Node], user: User, commands: Commands) -> None:
    """A strategy of one's own keeps credentials wherever it likes."""
    portraits = Portraits(nodes[0].rooms.users, None)
    first = await portraits.draw(user.kuid)
    commands.names.clear()

    assert portraits.recall(user.kuid) is None
    assert first == await portraits.draw(user.kuid)
    assert commands.names
