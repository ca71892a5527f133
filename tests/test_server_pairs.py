"""Two gateways over one database, as two processes have them: what one does counts for the other."""

import asyncio

import pytest

from gateway.storage.mongo import Database
from tests.client import ADMIN, Client
from tests.conftest import Connect, StartGateway

BOUND_S = 5.0
"""How soon the other gateway must know."""


@pytest.fixture
async def pair(start_gateway: StartGateway, connect: Connect) -> tuple[Client, Client]:
    """Connections to two gateways over one database; the first is the administrator's."""
    first = await start_gateway(server={"node_name": "knode-one"})
    second = await start_gateway(server={"node_name": "knode-two"})
    admin, other = await connect(first), await connect(second)
    await admin.succeed("security:createFirstAdmin", _id="admin", body={"credentials": {"local": ADMIN}})
    await admin.login(**ADMIN)
    return admin, other


async def test_gateways_may_start_on_an_empty_database_at_once(start_gateway: StartGateway, connect: Connect) -> None:
    """Indexes, first rights and the secret are made once; neither start fails for the other's sake."""
    gateways = await asyncio.gather(*(start_gateway() for _ in range(3)))

    for gateway in gateways:
        rights = await (await connect(gateway)).succeed("auth:getMyRights")
        assert "login" in [hit["action"] for hit in rights["hits"]]


async def test_token_of_one_gateway_is_accepted_by_the_other(pair: tuple[Client, Client]) -> None:
    """They share the secret that the first has made; a logout or a revocation holds for both."""
    admin, other = pair
    await admin.succeed("security:createUser", _id="sensor", body={"content": {"profileIds": ["default"]}})
    key = await admin.succeed("security:createApiKey", userId="sensor", body={"description": ""})
    token = key["_source"]["token"]

    answer = await other.ask("auth:getCurrentUser", jwt=admin.jwt)
    assert ("knode-two", "admin") == (answer["node"], answer["result"]["_id"])
    assert "sensor" == (await other.succeed("auth:getCurrentUser", jwt=token))["_id"]

    await other.succeed("security:deleteApiKey", userId="sensor", _id=key["_id"], jwt=admin.jwt)
    await other.succeed("auth:logout", jwt=admin.jwt)

    for client in pair:
        for jwt in (token, admin.jwt):
            assert (401, "security.token.invalid") == await client.fail("auth:getCurrentUser", jwt=jwt)


async def test_rights_changed_through_one_gateway_are_seen_by_the_other(pair: tuple[Client, Client]) -> None:
    """A role and a profile that the other never wrote give rights there within the bound."""
    admin, other = pair
    role = {"controllers": {"server": {"actions": {"now": True}}}}
    await admin.succeed("security:createRole", _id="clerk", body=role)
    await admin.succeed("security:createProfile", _id="clerk", body={"policies": [{"roleId": "clerk"}]})
    await admin.succeed("security:createUser", _id="jo", body={"content": {"profileIds": ["clerk"]}})
    key = await admin.succeed("security:createApiKey", userId="jo", body={"description": ""})
    other.jwt = key["_source"]["token"]

    async with asyncio.timeout(BOUND_S):
        while (await other.ask("server:now"))["status"] == 403:
            pass

    assert (403, "security.rights.forbidden") == await other.fail("server:info")
    assert (await other.succeed("server:now"))["now"] > 0


async def test_first_administrator_is_one_among_two_gateways(
    start_gateway: StartGateway, connect: Connect, database: Database
) -> None:
    """However many ask both of them at once, one is told yes and the others that there is one."""
    gateways = [await start_gateway(), await start_gateway()]
    clients = [await connect(gateway) for gateway in gateways * 2]
    asked = [
        client.ask(
            "security:createFirstAdmin",
            _id=f"admin{number}",
            body={"credentials": {"local": {"username": f"admin{number}", "password": "a password"}}},
        )
        for number, client in enumerate(clients)
    ]

    answers = await asyncio.gather(*asked)

    won = [answer["result"]["_id"] for answer in answers if answer["error"] is None]
    refused = {answer["error"]["id"] for answer in answers if answer["error"] is not None}
    assert 1 == len(won)
    assert refused <= {"api.process.admin_exists", "security.rights.unauthorized"}
    assert 1 == await database.collection("users").count({})
    assert 1 == await database.collection("credentials").count({"_id": won[0]})
