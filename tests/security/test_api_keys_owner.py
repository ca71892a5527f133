"""A key never outlives its owner, whoever deletes whom at which moment, and whatever was remembered of the owner."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from gateway.protocol.errors import ApiError, api_error
from gateway.rooms import Rooms
from gateway.security.api_keys import ApiKeys, ApiKeysController
from gateway.storage.mongo import Beside, Document
from tests.security.nodes import Node, node, open_house
from tests.storage.conftest import until

NOT_FOUND = ("security.user.not_found", ("owner",))

Deed = Callable[[], Awaitable[object]]


@pytest.fixture
async def here(mongod: str) -> AsyncIterator[Node]:
    """A process with a user `owner`; what is taken back is looked for once."""
    async with node(open_house(mongod)) as here:
        here.rooms.key_inserts._hunt_s = 0.0
        await make_owner(here.rooms)
        yield here
        await here.database.drop()


@pytest.fixture
async def rooms(here: Node) -> Rooms:
    """Of a process that follows no changes: nothing is remembered."""
    return here.rooms


@pytest.fixture
async def trusting(here: Node) -> Rooms:
    """Of a process that remembers, and has made a key of the owner before."""
    await here.follow()
    await (await keys_of(here.rooms)).issue("owner", "before", "d", None, author="admin")
    assert here.rooms.upkeep.cache.birth("owner") is not None
    return here.rooms


async def keys_of(rooms: Rooms) -> ApiKeys:
    """The service."""
    controllers = rooms.controllers(await rooms.founding.signer())
    (controller,) = [controller for controller in controllers if isinstance(controller, ApiKeysController)]
    return controller._keys


async def make_owner(rooms: Rooms) -> None:
    """Make the user `owner`."""
    await rooms.users.create("owner", {"profileIds": ["default"]}, {}, author="test")


async def deleted_elsewhere(rooms: Rooms, *, made_again: bool = False) -> None:
    """Let another process, of which nothing is heard yet, delete the owner."""
    collections = rooms.collections
    found = await collections.users.find_one({"_id": "owner"})
    assert found is not None
    await collections.users.delete_one({"_id": "owner"})
    await collections.keys.delete_many({"userId": "owner"})
    if made_again:
        found["_kuzzle_info"]["createdAt"] += 1
        await collections.users.insert_one(found)


def before_first_look(rooms: Rooms, deed: Deed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do something just before the owner is looked for."""
    get = rooms.users.get

    async def get_after_deed(kuid: str) -> Document:
        monkeypatch.setattr(rooms.users, "get", get)
        await deed()
        return await get(kuid)

    monkeypatch.setattr(rooms.users, "get", get_after_deed)


def before_write(rooms: Rooms, deed: Deed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do something just before the key is stored."""
    insert = rooms.key_inserts.insert

    async def insert_after_deed(*args: Any) -> object:
        monkeypatch.setattr(rooms.key_inserts, "insert", insert)
        await deed()
        return await insert(*args)

    monkeypatch.setattr(rooms.key_inserts, "insert", insert_after_deed)


def before_second_look(rooms: Rooms, deed: Deed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do something when the key is durable, just before the owner is looked for again."""
    place, loop = rooms.users.place, asyncio.get_running_loop()

    def place_for_late_reading(kuid: str) -> Beside:
        monkeypatch.setattr(rooms.users, "place", place)
        real = place(kuid)

        def read(keys: list[str]) -> dict[str, Document]:
            asyncio.run_coroutine_threadsafe(_awaited(deed), loop).result(10)
            return real.read(keys)

        return Beside(read, kuid)

    monkeypatch.setattr(rooms.users, "place", place_for_late_reading)


async def _awaited(deed: Deed) -> None:
    await deed()


async def refusal(rooms: Rooms, key_id: str = "k") -> tuple[str | None, object]:
    """Ask for a key that must be refused; wait until what had to be taken back is gone."""
    keys = await keys_of(rooms)
    with pytest.raises(ApiError) as refused:
        await keys.issue("owner", key_id, "d", None, author="admin")
    if rooms.key_inserts._hunter is not None:
        await rooms.key_inserts._hunter
    return refused.value.id, refused.value.props


MOMENTS = [before_first_look, before_write, before_second_look]


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_user_who_goes_meanwhile_leaves_no_key(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch, moment: Callable[..., None]
) -> None:
    """Whichever comes first, the caller is told that there is no such user, and no key remains."""
    moment(rooms, lambda: rooms.users.delete("owner"), monkeypatch)

    assert NOT_FOUND == await refusal(rooms)
    assert [] == await rooms.collections.keys.find({})


@pytest.mark.parametrize("moment", MOMENTS[1:])
async def test_whoever_has_the_owners_id_by_now_gets_no_key_of_theirs(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch, moment: Callable[..., None]
) -> None:
    """The owner who was seen is gone, and somebody else has the id."""

    async def replace() -> None:
        await rooms.users.delete("owner")
        await make_owner(rooms)

    moment(rooms, replace, monkeypatch)

    assert NOT_FOUND == await refusal(rooms)
    assert [] == await rooms.collections.keys.find({})


async def test_taking_back_spares_a_stranger_s_key_of_the_same_id(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its fingerprint our own write is told from everybody else's."""
    other = {"_id": "k", "fingerprint": "f", "userId": "other"}

    async def replace() -> None:
        await rooms.users.delete("owner")
        await rooms.collections.keys.insert_one(dict(other))

    before_second_look(rooms, replace, monkeypatch)

    assert NOT_FOUND == await refusal(rooms)
    assert [other] == await rooms.collections.keys.find({})


def spoil_second_look(rooms: Rooms, monkeypatch: pytest.MonkeyPatch, fault: Exception | None = None) -> None:
    """Let the connection break between the write and the look that follows it, or something else befall it."""

    def read(_: list[str]) -> dict[str, Document]:
        raise fault or AutoReconnect("gone")

    monkeypatch.setattr(rooms.users, "place", lambda kuid: Beside(read, kuid))


@pytest.mark.parametrize("fault", [AutoReconnect("gone"), KeyError("cursor")], ids=["connection", "odd answer"])
async def test_a_look_that_fails_is_made_again(rooms: Rooms, monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    """The key is stored, so a connection that breaks after it is nothing that the caller hears of."""
    spoil_second_look(rooms, monkeypatch, fault)

    await (await keys_of(rooms)).issue("owner", "k", "d", None, author="admin")

    assert ["k"] == [key["_id"] for key in await rooms.collections.keys.find({})]


async def test_who_is_refused_has_no_key(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the database fall silent after the key is stored, the caller gets a 503 and the key is taken back."""
    spoil_second_look(rooms, monkeypatch)
    get, looks = rooms.users.get, iter(range(2))

    async def get_once(kuid: str) -> Document:
        if next(looks):
            raise api_error("services.storage.not_connected")
        return await get(kuid)

    monkeypatch.setattr(rooms.users, "get", get_once)

    assert ("services.storage.not_connected", ()) == await refusal(rooms)
    assert [] == await rooms.collections.keys.find({})


async def test_who_gives_up_while_the_owner_is_looked_for_has_no_key(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key was stored, and nobody was told of it."""
    spoil_second_look(rooms, monkeypatch)
    looking, get, looks = asyncio.Event(), rooms.users.get, iter(range(2))

    async def get_once(kuid: str) -> Document:
        if next(looks):
            looking.set()
            await asyncio.Event().wait()
        return await get(kuid)

    monkeypatch.setattr(rooms.users, "get", get_once)
    issuing = asyncio.create_task((await keys_of(rooms)).issue("owner", "k", "d", None, author="admin"))
    await looking.wait()
    issuing.cancel()
    await asyncio.wait((issuing,))

    async def is_gone() -> bool:
        return not await rooms.collections.keys.find({})

    await until(is_gone)


async def test_who_is_remembered_is_not_looked_for_before_the_write(
    trusting: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look at the database, the one behind the write, is enough."""

    async def get(kuid: str) -> Document:
        raise AssertionError(f"{kuid} was looked for")

    monkeypatch.setattr(trusting.users, "get", get)

    await (await keys_of(trusting)).issue("owner", "k", "d", None, author="admin")

    assert ["before", "k"] == [key["_id"] for key in await trusting.collections.keys.find({})]


async def test_who_is_remembered_and_gone_gets_no_key(trusting: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deletion elsewhere is not known here yet: the write is made, and taken back; the next one is not made."""
    monkeypatch.setattr(trusting.upkeep.revocations, "changed", lambda _: None)
    await deleted_elsewhere(trusting)

    assert NOT_FOUND == await refusal(trusting)
    assert [] == await trusting.collections.keys.find({})
    assert trusting.upkeep.cache.birth("owner") is None

    monkeypatch.setattr(trusting.key_inserts, "insert", None)
    assert NOT_FOUND == await refusal(trusting)


async def test_who_was_made_again_gets_a_key_though_another_is_remembered(
    trusting: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is remembered wrongly is found out, and is not the caller's fault."""
    monkeypatch.setattr(trusting.upkeep.revocations, "changed", lambda _: None)
    await deleted_elsewhere(trusting, made_again=True)

    made = await (await keys_of(trusting)).issue("owner", "k", "d", None, author="admin")

    (stored,) = await trusting.collections.keys.find({})
    assert ("k", made["_source"]["fingerprint"]) == (stored["_id"], stored["fingerprint"])


async def test_whoever_deletes_a_user_is_believed_at_once(trusting: Rooms) -> None:
    """Of a deletion by the same process nothing has to be found out."""
    await trusting.users.delete("owner")

    assert trusting.upkeep.cache.birth("owner") is None
    assert NOT_FOUND == await refusal(trusting)


@pytest.mark.parametrize("moment", MOMENTS[1:])
async def test_a_remembered_user_who_goes_meanwhile_leaves_no_key(
    trusting: Rooms, monkeypatch: pytest.MonkeyPatch, moment: Callable[..., None]
) -> None:
    """As without memory."""
    moment(trusting, lambda: trusting.users.delete("owner"), monkeypatch)

    assert NOT_FOUND == await refusal(trusting)
    assert [] == await trusting.collections.keys.find({})
