"""The token is shown once and is nowhere else."""

import logging

import pytest

from gateway import Controller, action
from gateway.storage.mongo import Database
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
