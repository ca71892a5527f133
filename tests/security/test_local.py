"""The strategy `local` where two changes meet: what was looked at and what is there may differ."""

import pytest

from gateway.protocol.errors import ApiError, PreconditionError
from gateway.rooms import Rooms

FIELDS = {"username": "u", "password": "first"}


async def store(rooms: Rooms, fields: dict[str, str], *, is_update: bool) -> None:
    """Prepare and store credentials of the user `k`."""
    local = rooms.strategies.get("local")
    await local.store(await local.prepare("k", fields, updater="k", is_update=is_update), None)


async def test_deleted_credentials_do_not_come_back(rooms: Rooms) -> None:
    """An update that was prepared before the deletion is refused after it."""
    local = rooms.strategies.get("local")
    await store(rooms, FIELDS, is_update=False)
    prepared = await local.prepare("k", {"password": "second"}, updater="k", is_update=True)
    await local.remove("k")

    with pytest.raises(PreconditionError):
        await local.store(prepared, None)

    assert None is await local.describe("k")


async def test_a_new_name_does_not_bring_back_an_old_password(rooms: Rooms) -> None:
    """A rename that was prepared before the password was reset is refused, and the new password holds."""
    local = rooms.strategies.get("local")
    await store(rooms, FIELDS, is_update=False)
    renamed = await local.prepare("k", {"username": "v"}, updater="k", is_update=True)
    await store(rooms, {"password": "reset"}, is_update=True)

    with pytest.raises(PreconditionError):
        await local.store(renamed, None)

    assert "k" == await local.verify({"username": "u", "password": "reset"})
    with pytest.raises(ApiError):
        await local.verify({"username": "u", "password": "first"})
