"""Revocation as clients see it: real sockets on gateways that share a database, and a stream that breaks."""

import asyncio
import time
from functools import partial
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from gateway import Gateway
from tests.client import ADMIN, Client
from tests.conftest import Connect, StartGateway
from tests.proxy import Proxy
from tests.storage.conftest import proxy, until

__all__ = ["proxy"]

INVALID = (401, "security.token.invalid")
WHO = "auth:getMyRights"


async def administrator(client: Client) -> Client:
    """Make the administrator and log in."""
    await client.succeed("security:createFirstAdmin", _id="admin", body={"credentials": {"local": ADMIN}})
    await client.login(**ADMIN)
    return client


async def new_key(admin: Client, **arguments: Any) -> tuple[str, str]:
    """Make a key of the administrator; return `_id` and token."""
    key = await admin.succeed("security:createApiKey", userId="admin", body={"description": ""}, **arguments)
    return key["_id"], key["_source"]["token"]


async def delete_key(admin: Client, key_id: str) -> None:
    """Revoke a key of the administrator."""
    await admin.succeed("security:deleteApiKey", userId="admin", _id=key_id)


async def metrics(client: Client) -> Any:
    """What a gateway says of its security."""
    return (await client.succeed("server:metrics"))["security"]


def follower(gateway: Gateway) -> Any:
    """What follows the changes in a gateway that runs in this process."""
    return gateway._rooms.upkeep.follower


async def is_known(client: Client, token: str) -> None:
    """Use a token until its gateway knows it; its stream may have to begin first."""

    async def hits() -> bool:
        before = (await metrics(client))["cache"]["hits"]
        await client.succeed(WHO, jwt=token)
        after = await metrics(client)
        return bool(after["isTrusted"] and after["cache"]["hits"] > before + 1)

    await until(hits)


async def test_the_frame_is_the_protocol_s(admin: Client) -> None:
    """frames.md §6 to the letter, and a `requestId` for the JVM; the connection lives and is anonymous."""
    key_id, token = await new_key(admin)
    await admin.succeed(WHO, jwt=token)
    await delete_key(admin, key_id)
    note = await admin.told()

    assert {"status", "info", "message", "type", "node", "room", "requestId"} == set(note)
    assert (200, "Authentication Token Expired", "TokenExpired", "knode-test", "kuzzle:notification:server") == tuple(
        note[name] for name in ("status", "message", "type", "node", "room")
    )
    assert note["info"]
    assert "-1" == (await admin.succeed("auth:getCurrentUser", jwt=None))["_id"]
    assert INVALID == await admin.fail(WHO, jwt=token)


async def test_k10_k11_a_revoked_key_is_gone_on_every_gateway(start_gateway: StartGateway, connect: Connect) -> None:
    """Its sockets are told, within a second elsewhere; for a while of trying nothing brings it back."""
    here, there = await start_gateway(), await start_gateway()
    admin, near, far = await administrator(await connect(here)), await connect(here), await connect(there)
    key_id, token = await new_key(admin)
    far.jwt = admin.jwt
    for client in (near, far):
        await client.succeed(WHO, jwt=token)
    await is_known(far, token)

    began = time.monotonic()
    await delete_key(admin, key_id)
    assert "TokenExpired" == (await near.told())["type"]
    assert "TokenExpired" == (await far.told())["type"]
    assert time.monotonic() - began < 1

    end = time.monotonic() + 2
    while time.monotonic() < end:
        again = await connect(there)
        assert INVALID == await again.fail(WHO, jwt=token)
        assert [INVALID] * 2 == [await client.fail(WHO, jwt=token) for client in (near, far)]
        await again.socket.close()


async def test_with_close_the_socket_is_closed_with_4401(start_gateway: StartGateway, connect: Connect) -> None:
    """Behind the frame; other sockets stay."""
    gateway = await start_gateway(websocket={"on_revoked": "close", "close_timeout_ms": 200})
    admin, other = await administrator(await connect(gateway)), await connect(gateway)
    key_id, token = await new_key(admin)
    await other.succeed(WHO, jwt=token)

    await delete_key(admin, key_id)

    assert "TokenExpired" == (await other.told())["type"]
    with pytest.raises(ConnectionClosed) as closed:
        await other.receive()
    assert closed.value.rcvd is not None
    assert 4401 == closed.value.rcvd.code
    await admin.succeed(WHO)


async def test_k13_an_expiry_is_warned_of_and_told_without_traffic(
    start_gateway: StartGateway, connect: Connect
) -> None:
    """Each once, at its time, to a socket that says nothing; for keys and for logins."""
    gateway = await start_gateway(websocket={"expiry_warning_ms": 300, "close_timeout_ms": 200})
    admin = await administrator(await connect(gateway))
    key_id, token = await new_key(admin, expiresIn=800)
    quiet = await connect(gateway)
    await quiet.succeed(WHO, jwt=token)
    search = await admin.succeed("security:searchApiKeys", userId="admin")
    (end,) = [hit["_source"]["expiresAt"] for hit in search["hits"] if hit["_id"] == key_id]

    soon = await quiet.told()
    at_warning = time.time() * 1000
    ended = await quiet.told()
    at_end = time.time() * 1000

    assert ("TokenExpiresSoon", end) == (soon["type"], soon["expiresAt"])
    assert "TokenExpired" == ended["type"]
    assert end - 300 <= at_warning < end <= at_end < end + 500
    assert INVALID == await quiet.fail(WHO, jwt=token)
    assert [] == quiet.notes


async def test_a_socket_that_is_gone_is_unlinked(gateway: Gateway, admin: Client, connect: Connect) -> None:
    """A thousand visits with keys of their own leave nothing behind but what the cache may hold."""
    links = gateway._rooms.upkeep.links
    _, token = await new_key(admin, expiresIn=3_600_000)
    before = len(links._of)
    for _ in range(50):
        visitor = await connect(gateway)
        await visitor.succeed(WHO, jwt=token)
        await visitor.socket.close()
    await until(lambda: len(links._of) == before)

    assert 1 == len(links)
    assert 1 == len(gateway._rooms.connections)


async def test_requests_over_http_are_not_linked(gateway: Gateway, admin: Client) -> None:
    """Each is a connection of its own, and over when it is answered."""
    _, token = await new_key(admin)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = f"GET /_me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()

    assert answer.startswith(b"HTTP/1.1 200")
    assert 1 == len(gateway._rooms.upkeep.links)


async def test_k14_without_the_stream_every_token_is_read_again(
    start_gateway: StartGateway, connect: Connect, proxy: Proxy
) -> None:
    """What was revoked elsewhere is refused once the bound has passed; the gauge shows it; healed, all is as before."""
    here = await start_gateway()
    there = await start_gateway(
        mongodb={"uri": proxy.uri, "operation_timeout_ms": 2000}, security={"revocation_bound_ms": 400}
    )
    admin, far = await administrator(await connect(here)), await connect(there)
    far.jwt = admin.jwt
    (dead_id, dead), (_, alive) = await new_key(admin), await new_key(admin)
    for token in (dead, alive):
        await is_known(far, token)

    proxy.lose_requests("aggregate")  # or the driver begins the stream anew, and it is as good as before
    proxy.cut()
    await until(lambda: not follower(there).is_trusted())
    await delete_key(admin, dead_id)
    reads = proxy.commands["find"]

    assert INVALID == await far.fail(WHO, jwt=dead)
    await far.succeed(WHO, jwt=alive)
    assert proxy.commands["find"] > reads
    gauge = await metrics(far)
    assert (False, True) == (gauge["isTrusted"], gauge["staleness"] > 400)

    proxy.heal()
    await is_known(far, alive)
    assert INVALID == await far.fail(WHO, jwt=dead)
    assert (await metrics(far))["staleness"] <= 400


async def test_k14_a_silent_database_is_no_reason_to_trust_what_is_remembered(
    start_gateway: StartGateway, connect: Connect, proxy: Proxy
) -> None:
    """Beyond the bound a known token is answered 503, not let in; afterwards it is let in again by itself."""
    gateway = await start_gateway(
        mongodb={"uri": proxy.uri, "operation_timeout_ms": 800}, security={"revocation_bound_ms": 400}
    )
    admin = await administrator(await connect(gateway))
    _, token = await new_key(admin)
    await is_known(admin, token)

    proxy.fall_silent()
    await until(lambda: not follower(gateway).is_trusted())
    assert (503, "services.storage.not_connected") == await admin.fail(WHO, jwt=token)
    proxy.heal()

    await is_known(admin, token)


def has(gateway: Gateway, number: int) -> bool:
    """So many connections are open."""
    return len(gateway._rooms.connections) == number


async def test_w15_connections_are_bounded_before_the_upgrade(start_gateway: StartGateway, connect: Connect) -> None:
    """In all with 503, of one address with 429; room that is left can be taken."""
    for setting, status in (("connections", "503"), ("connections_per_address", "429")):
        gateway = await start_gateway(limits={setting: 2, "logins_per_second": 0})
        clients = [await connect(gateway) for _ in range(2)]
        with pytest.raises(Exception, match=status):
            await connect(gateway)

        await clients[0].socket.close()
        await until(partial(has, gateway, 1))
        assert "-1" == (await (await connect(gateway)).succeed("auth:getCurrentUser"))["_id"]


async def test_connections_are_listed_and_closed(gateway: Gateway, admin: Client, connect: Connect) -> None:
    """With what went over them, and without a token; the closed one sees 4403."""
    key_id, token = await new_key(admin)
    other = await connect(gateway)
    for _ in range(3):
        await other.succeed(WHO, jwt=token)

    listed = await admin.succeed("admin:listConnections", userId="admin")
    mine, theirs = listed["hits"]

    assert (2, key_id, 3, 3) == (
        listed["total"],
        theirs["tokens"][0]["apiKey"],
        theirs["messages"]["in"],
        theirs["messages"]["out"],
    )
    assert mine["since"] <= theirs["since"] <= time.time() * 1000
    assert theirs["bytes"]["in"] > 3 * len(token)
    assert token not in str(listed)
    await admin.succeed("admin:closeConnection", _id=theirs["_id"])
    with pytest.raises(ConnectionClosed) as closed:
        await other.receive()
    assert closed.value.rcvd is not None
    assert 4403 == closed.value.rcvd.code
    assert 1 == (await admin.succeed("admin:listConnections", size=0))["total"]


async def test_tokens_in_use_are_looked_up_when_the_database_is_back(
    start_gateway: StartGateway, connect: Connect, proxy: Proxy
) -> None:
    """What ended while a gateway could not ask is told as soon as it can."""
    here = await start_gateway()
    there = await start_gateway(mongodb={"uri": proxy.uri, "operation_timeout_ms": 600})
    admin, far = await administrator(await connect(here)), await connect(there)
    key_id, token = await new_key(admin)
    await far.succeed(WHO, jwt=token)
    follower(there)._position = None  # as if the break had been a long one
    proxy.refuse()
    await delete_key(admin, key_id)
    there._rooms.upkeep.revocations.lost()
    await asyncio.sleep(0.5)  # it is being tried in vain
    assert [] == far.notes
    proxy.heal()

    assert "TokenExpired" == (await far.told())["type"]
