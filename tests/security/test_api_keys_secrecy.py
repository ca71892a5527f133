"""The token is shown once and is nowhere else; a key never outlives its owner."""

import logging
from typing import Any

import pytest

from gateway import Controller, action
from gateway.protocol.errors import ApiError, api_error
from gateway.rooms import Rooms
from gateway.security.api_keys import ApiKeys, ApiKeysController
from gateway.storage.mongo import Database, Document
from tests.client import ADMIN, Client
from tests.conftest import Connect, StartGateway


class Faulty(Controller):
    """An extension with a fault."""

    name = "faulty"

    @action("fail")
    def fail(self) -> None:
        """Fail as no action should."""
        raise RuntimeError("an extension failed")


def parts_of(token: str) -> set[str]:
    """A token, and every piece of it by which it could be put together again: whole parts and their thirds."""
    _, payload, signature = token.split(".")
    pieces = {token, payload, signature}
    for part in (payload, signature):
        third = len(part) // 3
        pieces |= {part[:third], part[third : 2 * third], part[2 * third :]}
    # The payload begins with the user's id and a time, which are no secret and stand everywhere.
    return pieces - {payload[: len(payload) // 3]}


async def dump(database: Database) -> str:
    """Everything in the database, in words."""
    names = await database._database.list_collection_names()
    contents = {name: await database.collection(name).find({}) for name in names}
    assert {"users", "tokens", "api-keys", "credentials", "internals"} <= set(contents)
    return repr(contents)


async def use_everything(client: Client) -> list[str]:
    """Make tokens of both kinds and use them well and badly; return them."""
    made = await client.succeed("security:createApiKey", userId="admin", _id="k", body={"description": "d"})
    token = made["_source"]["token"]
    await client.succeed("auth:getCurrentUser", jwt=token)
    await client.succeed("auth:checkToken", body={"token": token})
    await client.succeed("security:searchApiKeys", userId="admin")
    await client.fail("faulty:fail", jwt=token)
    await client.fail("no:such", jwt=token)
    await client.fail("security:createApiKey", jwt=token, userId="admin", _id="k", body={"description": "d"})
    await client.exchange(f'{{"controller": 5, "jwt": "{token}"}}')
    await client.fail("security:deleteApiKey", userId="nobody", key=token)
    return [str(client.jwt), token]


async def test_k06_the_token_is_in_no_collection_and_no_log(
    start_gateway: StartGateway,
    connect: Connect,
    database: Database,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither whole nor in pieces, at the least severity that is logged; nor is a password."""
    monkeypatch.setattr(logging.getLogger("latchgate"), "propagate", True)
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="latchgate")
    client = await connect(await start_gateway(Faulty()))
    await client.succeed("security:createFirstAdmin", _id="admin", body={"credentials": {"local": ADMIN}})
    await client.login(**ADMIN)

    tokens = await use_everything(client)

    # The test's own client is a library that logs what it sends.
    logged = [record for record in caplog.records if not record.name.startswith("websockets")]
    text = "\n".join(caplog.handler.format(record) for record in logged)
    found = await dump(database)
    assert "an extension failed" in text
    for secret in {ADMIN["password"]}.union(*map(parts_of, tokens)):
        assert secret not in text
        assert secret not in found


@pytest.fixture
async def keys(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> ApiKeys:
    """The service, and a user `owner` who may have keys; what is taken back is looked for once."""
    monkeypatch.setattr(rooms.key_inserts, "_hunt_s", 0.0)
    controllers = rooms.controllers(await rooms.signer())
    (controller,) = [controller for controller in controllers if isinstance(controller, ApiKeysController)]
    await rooms.users.create("owner", {"profileIds": ["default"]}, {}, author="test")
    return controller._keys


def before_look(rooms: Rooms, number: int, deed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do something just before the creation of a key looks for its owner for the first or second time."""
    get = rooms.users.get
    looks = 0

    async def get_after_deed(kuid: str) -> Document:
        nonlocal looks
        looks += 1
        if looks == number:
            await deed()
        return await get(kuid)

    monkeypatch.setattr(rooms.users, "get", get_after_deed)


async def hunted_down(rooms: Rooms) -> None:
    """Wait until what had to be taken back is gone."""
    if rooms.key_inserts._hunter is not None:
        await rooms.key_inserts._hunter


@pytest.mark.parametrize("look", [1, 2], ids=["before the key is stored", "after the key is stored"])
async def test_a_user_who_goes_meanwhile_leaves_no_key(
    rooms: Rooms, keys: ApiKeys, monkeypatch: pytest.MonkeyPatch, look: int
) -> None:
    """Whichever comes first, the caller is told that there is no such user, and no key remains."""
    before_look(rooms, look, lambda: rooms.users.delete("owner"), monkeypatch)

    with pytest.raises(ApiError) as refused:
        await keys.issue("owner", "k", "d", None, author="admin")

    await hunted_down(rooms)
    assert ("security.user.not_found", ("owner",)) == (refused.value.id, refused.value.props)
    assert [] == await rooms.collections.keys.find({})


async def test_who_is_refused_has_no_key(rooms: Rooms, keys: ApiKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the database fall silent after the key is stored, the caller gets a 503 and the key is taken back."""

    async def fall_silent() -> None:
        raise api_error("services.storage.not_connected")

    before_look(rooms, 2, fall_silent, monkeypatch)

    with pytest.raises(ApiError) as refused:
        await keys.issue("owner", "k", "d", None, author="admin")

    await hunted_down(rooms)
    assert 503 == refused.value.status
    assert [] == await rooms.collections.keys.find({})


async def test_a_user_who_goes_between_both_looks_leaves_no_key(
    rooms: Rooms, keys: ApiKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole deletion passes after the owner was seen and before the key is stored: nobody else would delete it."""
    insert = rooms.key_inserts.insert

    async def insert_late(document: Document) -> None:
        await rooms.users.delete("owner")
        await insert(document)

    monkeypatch.setattr(rooms.key_inserts, "insert", insert_late)

    with pytest.raises(ApiError) as refused:
        await keys.issue("owner", "k", "d", None, author="admin")

    await hunted_down(rooms)
    assert "security.user.not_found" == refused.value.id
    assert [] == await rooms.collections.keys.find({})


async def test_taking_back_spares_a_stranger_s_key_of_the_same_id(
    rooms: Rooms, keys: ApiKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its fingerprint our own write is told from everybody else's."""
    other = {"_id": "k", "fingerprint": "f", "userId": "other"}

    async def replace() -> None:
        await rooms.users.delete("owner")
        await rooms.collections.keys.insert_one(dict(other))

    before_look(rooms, 2, replace, monkeypatch)

    with pytest.raises(ApiError):
        await keys.issue("owner", "k", "d", None, author="admin")

    await hunted_down(rooms)
    assert [other] == await rooms.collections.keys.find({})
