"""All rights in memory: what profiles give, at this moment, whoever changed them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway import Config
from gateway.rooms import Rooms
from gateway.security import directory as module
from gateway.security.directory import Directory
from gateway.server import open_database
from tests.storage.conftest import until


async def add_role(rooms: Rooms, name: str, controller: str, action: str) -> None:
    """Store a role that allows one action."""
    content = {"controllers": {controller: {"actions": {action: True}}}}
    await rooms.roles.create(name, content, force=True, author="test")


async def add_profile(rooms: Rooms, name: str, *role_ids: str, limit: int = 0) -> None:
    """Store a profile."""
    content = {"policies": [{"roleId": role} for role in role_ids], "rateLimit": limit}
    await rooms.profiles.create(name, content, author="test")


def allows(directory: Directory, *profile_ids: str, action: str = "get") -> bool:
    """Tell whether these profiles allow `extra:<action>`."""
    return directory.principal("u", profile_ids).rights.allow("extra", action, None, None)


async def test_rights_come_from_all_profiles_and_all_their_roles(rooms: Rooms) -> None:
    """One policy of one profile is enough."""
    await add_role(rooms, "getter", "extra", "get")
    await add_role(rooms, "setter", "extra", "set")
    await add_profile(rooms, "both", "getter", "setter")
    await add_profile(rooms, "one", "setter")

    assert (True, True) == (allows(rooms.directory, "both"), allows(rooms.directory, "both", action="set"))
    assert (False, True) == (allows(rooms.directory, "one"), allows(rooms.directory, "one", action="set"))
    assert allows(rooms.directory, "one", "both")
    assert not allows(rooms.directory)


async def test_a_change_counts_as_soon_as_it_is_answered(rooms: Rooms) -> None:
    """Also for a list of profiles that was compiled before."""
    assert not allows(rooms.directory, "later")

    await add_role(rooms, "getter", "extra", "get")
    await add_profile(rooms, "later", "getter")

    assert allows(rooms.directory, "later")


async def test_what_is_gone_gives_nothing(rooms: Rooms) -> None:
    """Neither a profile that was deleted, nor a role that was, and what is left still counts."""
    await add_role(rooms, "getter", "extra", "get")
    await add_role(rooms, "setter", "extra", "set")
    await add_profile(rooms, "both", "getter", "setter")
    await rooms.collections.roles.delete_one({"_id": "getter"})
    await rooms.directory.refresh()

    assert (False, True) == (allows(rooms.directory, "both"), allows(rooms.directory, "both", action="set"))

    await rooms.collections.profiles.delete_one({"_id": "both"})
    await rooms.directory.refresh()

    assert not allows(rooms.directory, "both", action="set")


async def test_the_highest_rate_limit_counts_and_none_frees(rooms: Rooms) -> None:
    """One profile without a limit is no limit at all; one that is gone says nothing."""
    await add_profile(rooms, "slow", "default", limit=3)
    await add_profile(rooms, "fast", "default", limit=50)
    await add_profile(rooms, "free", "default")
    expected = {
        ("slow",): 3,
        ("slow", "fast"): 50,
        ("fast", "slow"): 50,
        ("slow", "free"): 0,
        ("free",): 0,
        ("gone",): 0,
        ("gone", "slow"): 3,
        (): 0,
    }

    assert expected == {ids: rooms.directory.principal("u", ids).rate_limit for ids in expected}


async def test_the_anonymous_have_the_profile_anonymous(rooms: Rooms) -> None:
    """The user id is -1, with the rights that role anonymous has at the moment."""
    anonymous = rooms.directory.anonymous

    assert ("-1", ("anonymous",), 200) == (anonymous.kuid, anonymous.profile_ids, anonymous.rate_limit)
    assert anonymous.is_anonymous
    assert anonymous.rights.allow("auth", "login", None, None)
    assert not anonymous.rights.allow("security", "createApiKey", None, None)


async def test_before_the_first_reading_nobody_may_do_anything(rooms: Rooms) -> None:
    """A directory that has read nothing refuses."""
    unread = Directory(rooms.collections.roles, rooms.collections.profiles)

    assert not unread.anonymous.rights.allow("auth", "login", None, None)
    assert not unread.principal("u", ("admin",)).rights.allow("auth", "login", None, None)


async def test_many_combinations_of_profiles_do_not_fill_the_memory(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiled rights are kept up to a bound; what was thrown away is compiled again."""
    monkeypatch.setattr(module, "_MOST_COMBINATIONS", 10)
    for number in range(25):
        assert allows(rooms.directory, "admin", f"made-up-{number}")

    assert len(rooms.directory._rights) <= 10


GET = {"controllers": {"extra": {"actions": {"get": True}}}}
ODD_ROLES: dict[str, Any] = {
    "no content": {},
    "content is a text": {"content": "all"},
    "no table": {"content": {"controllers": [["extra", {"actions": {"get": True}}]]}},
    "null": {"content": {"controllers": None}},
    "an entry is null": {"content": {"controllers": {"extra": GET["controllers"]["extra"], "*": None}}},
    "an action is null": {"content": {"controllers": {"extra": {"actions": {"get": None, "*": True}}}}},
    "actions are pairs": {"content": {"controllers": {"extra": {"actions": [["get", True]]}}}},
}
ODD_PLACES: tuple[Any, ...] = (
    *({}, "", False, {"index": "i"}),
    *([{}], [{"index": None}], [{"index": "i", "collections": ""}], ["i"]),
)
ODD_PROFILES: dict[str, Any] = {
    "no content": {},
    "content is null": {"content": None},
    "policies are a table": {"content": {"policies": {"roleId": "getter"}}},
    "a policy is a text": {"content": {"policies": [{"roleId": "getter"}, "getter"]}},
    "a role is a list": {"content": {"policies": [{"roleId": "getter"}, {"roleId": ["getter"]}]}},
    "a limit is a text": {"content": {"policies": [{"roleId": "getter"}], "rateLimit": "10"}},
    "a limit is negative": {"content": {"policies": [{"roleId": "getter"}], "rateLimit": -1}},
} | {
    f"restricted to {value}": {"content": {"policies": [{"roleId": "getter", "restrictedTo": value}]}}
    for value in ODD_PLACES
}


@pytest.mark.parametrize("odd", ODD_ROLES.values(), ids=list(ODD_ROLES))
async def test_an_odd_role_grants_nothing_and_hides_no_other(
    rooms: Rooms, caplog: pytest.LogCaptureFixture, odd: dict[str, Any]
) -> None:
    """Another tool wrote it: it is named in the log once, all the rest counts, and once mended it counts as well."""
    await rooms.collections.roles.insert_one({"_id": "strange"} | odd)
    await add_role(rooms, "getter", "extra", "get")
    await add_profile(rooms, "fine", "getter")
    await add_profile(rooms, "both", "getter", "strange")
    await add_profile(rooms, "odd", "strange")

    for _ in range(2):
        await rooms.directory.refresh()
        assert [True, True, False] == [allows(rooms.directory, name) for name in ("fine", "both", "odd")]
        assert 1 == caplog.text.count("'strange'")

    await rooms.collections.roles.update_one({"_id": "strange"}, {"$set": {"content": GET}})
    await rooms.directory.refresh()
    assert allows(rooms.directory, "odd")


@pytest.mark.parametrize("odd", ODD_PROFILES.values(), ids=list(ODD_PROFILES))
async def test_an_odd_profile_grants_nothing_and_hides_no_other(
    rooms: Rooms, caplog: pytest.LogCaptureFixture, odd: dict[str, Any]
) -> None:
    """Nothing of it, neither rights in places that were meant otherwise, nor freedom from the limit of another."""
    await add_role(rooms, "getter", "extra", "get")
    await add_profile(rooms, "fine", "getter", limit=3)
    await rooms.collections.profiles.insert_one({"_id": "strange"} | odd)

    for _ in range(2):
        await rooms.directory.refresh()
        assert (True, False) == (allows(rooms.directory, "fine"), allows(rooms.directory, "strange"))
        assert 3 == rooms.directory.principal("u", ("fine", "strange")).rate_limit
        assert 1 == caplog.text.count("'strange'")

    mended = {"content": {"policies": [{"roleId": "getter"}], "rateLimit": 10.0}}
    await rooms.collections.profiles.update_one({"_id": "strange"}, {"$set": mended})
    await rooms.directory.refresh()
    assert (True, 10) == (
        allows(rooms.directory, "strange"),
        rooms.directory.principal("u", ("strange",)).rate_limit,
    )


async def test_a_record_with_an_odd_id_hides_no_other(rooms: Rooms, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody can refer to it, whatever it says."""
    for door in (rooms.collections.roles, rooms.collections.profiles):
        await door.insert_one({"_id": {"a": 1}, "content": GET})
    await add_role(rooms, "getter", "extra", "get")
    await add_profile(rooms, "fine", "getter")

    assert allows(rooms.directory, "fine")
    assert 2 == caplog.text.count("{'a': 1}")


@pytest.fixture
async def other_process(config: Config, rooms: Rooms) -> AsyncIterator[Rooms]:
    """Rooms over the same database with connections and memory of their own."""
    async with open_database(config) as database:
        other = Rooms(config, database)
        await other.prepare()
        yield other
        await other.close()


async def test_a_change_by_another_process_is_heard_of(rooms: Rooms, other_process: Rooms) -> None:
    """The change stream brings it, without a request."""
    watching = asyncio.create_task(rooms.watch())
    await until(rooms.upkeep.follower.is_trusted)  # the stream is open

    await add_role(other_process, "getter", "extra", "get")
    await add_profile(other_process, "late", "getter")
    await until(lambda: allows(rooms.directory, "late"))

    watching.cancel()
    await asyncio.wait((watching,))
