"""W15 over real sockets: connections of a key and of a user are bounded, and places come back."""

from functools import partial

import pytest

from tests.client import ADMIN
from tests.conftest import Connect, ConnectHttp, StartGateway
from tests.security.revocation.test_sockets import WHO, administrator, delete_key, has, new_key
from tests.storage.conftest import until

FULL = (429, "api.process.too_many_requests")


@pytest.mark.parametrize("setting", ["connections_per_key", "connections_per_user"])
async def test_w15_connections_of_a_key_and_of_a_user_are_bounded(
    start_gateway: StartGateway, connect: Connect, connect_http: ConnectHttp, setting: str
) -> None:
    """One too many is told so and lives; who has a seat keeps it; an end gives it back; HTTP takes none."""
    gateway = await start_gateway(limits={setting: 2, "logins_per_second": 0})
    admin = await administrator(await connect(gateway))
    await admin.succeed("security:createUser", _id="device", body={"content": {"profileIds": ["admin"]}})
    token = (await admin.succeed("security:createApiKey", userId="device", body={"description": ""}))["_source"][
        "token"
    ]
    here, there, beyond = [await connect(gateway) for _ in range(3)]
    web = await connect_http(gateway)
    web.jwt = token
    for client in (here, there):
        for _ in range(2):
            await client.succeed(WHO, jwt=token)

    answer = await beyond.ask(WHO, jwt=token)
    assert FULL == (answer["status"], answer["error"]["id"])
    assert "in use on 2 connections" in answer["error"]["message"]
    assert "-1" == (await beyond.succeed("auth:getCurrentUser"))["_id"]
    await web.succeed("GET", "/_me")
    await here.succeed(WHO, jwt=token)
    assert "device" == (await there.succeed("auth:getCurrentUser", jwt=token))["_id"]

    await here.socket.close()
    await until(partial(has, gateway, 3))
    await beyond.succeed(WHO, jwt=token)
    assert FULL == await (await connect(gateway)).fail(WHO, jwt=token)


async def test_w15_logout_and_revocation_give_the_seat_of_a_user_back(
    start_gateway: StartGateway, connect: Connect
) -> None:
    """A login on one connection too many leaves no token; other users are not concerned."""
    gateway = await start_gateway(limits={"connections_per_user": 2, "logins_per_second": 0})
    admin, other, late = [await connect(gateway) for _ in range(3)]
    await administrator(admin)
    await other.login(**ADMIN)
    tokens = gateway._rooms.collections.tokens
    before = await tokens.count({})

    assert FULL == await late.fail("auth:login", strategy="local", body=ADMIN)
    assert before == await tokens.count({})
    await other.succeed("auth:logout")
    await late.login(**ADMIN)
    assert FULL == await other.fail("auth:login", strategy="local", body=ADMIN, jwt=None)
    key_id, token = await new_key(late)
    await late.succeed("auth:logout")
    late.jwt = None
    await other.succeed(WHO, jwt=token)
    assert FULL == await late.fail("auth:login", strategy="local", body=ADMIN)
    await delete_key(admin, key_id)
    await late.login(**ADMIN)
