"""The gateway behind a proxy that passes bytes on, with and without TLS; and what it says of a port open to all."""

import asyncio
import json
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from gateway import Context, Controller, Gateway, action
from tests.certificates import Authority
from tests.client import ADMIN, connected
from tests.conftest import StartGateway
from tests.transports.http_wire import http, read_answer
from tests.transports.preambles import over_tls, preamble_of
from tests.transports.wire import Wire

CLEAR = "tokens and passwords travel in clear: server.host is {}, and there is no TLS"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A pair in two files."""
    return Authority(tmp_path)


def through_proxy(gateway: Gateway, preamble: bytes) -> socket.socket:
    """A connection on which the proxy has spoken, and the client not yet."""
    raw = socket.create_connection(("127.0.0.1", gateway.port))
    raw.sendall(preamble)
    return raw


def tls(authority: Authority) -> dict[str, str]:
    """The two settings."""
    return {"tls_cert": str(authority.chain), "tls_key": str(authority.key)}


class Mirror(Controller):
    """Shows a client how it is seen."""

    name = "mirror"

    @action("look")
    def look(self, context: Context) -> list[object]:
        """Address, and whether it is this machine."""
        return [context.connection.address, context.connection.is_local]


BEHIND_PROXY = {"proxy_protocol": True, "trusted_proxies": ("127.0.0.0/8",)}


async def looked_over_http(gateway: Gateway, headers: list[tuple[str, str]]) -> object:
    """How a client with these headers is seen."""
    body = b'{"controller":"mirror","action":"look"}'
    about = [("Host", "localhost"), ("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    lines = [f"{name}: {value}" for name, value in [*about, ("Connection", "close"), *headers]]
    answer = await answer_to(gateway, "\r\n".join(["POST /_query HTTP/1.1", *lines, "", ""]).encode() + body)
    return json.loads(answer.partition(b"\r\n\r\n")[2])["result"]


async def answer_to(gateway: Gateway, data: bytes) -> bytes:
    """What comes before the end of the connection, be it a polite one or a reset."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(data)
    async with asyncio.timeout(10):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()


# Behind a proxy that passes bytes on.


@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8::9", "127.0.0.1"])
@pytest.mark.parametrize("has_tls", [True, False], ids=["wss", "ws"])
async def test_k17_the_client_is_the_one_of_the_preamble(
    start_gateway: StartGateway, authority: Authority, address: str, *, has_tls: bool
) -> None:
    """The preamble comes first, then TLS, then the upgrade; headers count for nothing, and nobody is this machine."""
    server = BEHIND_PROXY | (tls(authority) if has_tls else {})
    gateway = await start_gateway(Mirror(), server=server, security={"initial_rights": "open"})
    options = {"ssl": authority.trust} if has_tls else {}
    raw = through_proxy(gateway, preamble_of(address, over_tls()))
    lies = {"X-Forwarded-For": "203.0.113.66"}

    async with connected(gateway.port, sock=raw, additional_headers=lies, **options) as client:
        assert [address, False] == await client.succeed("mirror:look")


async def test_nobody_behind_a_preamble_makes_the_first_administrator(start_gateway: StartGateway) -> None:
    """Not even one whose address is this machine's: it is the proxy's machine, and anybody's."""
    gateway = await start_gateway(server=BEHIND_PROXY)

    async with connected(gateway.port, sock=through_proxy(gateway, preamble_of("127.0.0.1"))) as client:
        answer = await client.ask("security:createFirstAdmin", _id="a", body={"credentials": {"local": ADMIN}})

    assert 401 == answer["status"], answer


async def test_w19_without_a_preamble_no_upgrade_is_looked_at(start_gateway: StartGateway) -> None:
    """A good request head on a connection that did not begin with a preamble gets no answer at all."""
    gateway = await start_gateway(server=BEHIND_PROXY)
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n"

    assert b"" == await answer_to(gateway, request)


async def test_an_address_outside_the_trusted_ones_gets_nothing(start_gateway: StartGateway) -> None:
    """Not even with a preamble."""
    gateway = await start_gateway(server=BEHIND_PROXY | {"trusted_proxies": ("10.0.0.0/8",)})

    assert b"" == await answer_to(gateway, preamble_of("203.0.113.9"))


# Whether the browser's side is TLS.

HTTPS, HTTP = "X-Forwarded-Proto: https", "X-Forwarded-Proto: http"
CLIENT = "X-Forwarded-For: 203.0.113.9"
SECURE = {
    "in clear": ({}, None, [], False),
    "own TLS": ({"tls": True}, None, [], True),
    "own TLS, which a stranger denies": ({"tls": True}, None, [HTTP], True),
    "a stranger's word": ({}, None, [HTTPS, "Forwarded: proto=https"], False),
    "a proxy's word": ({"trusted_proxies": ("127.0.0.1",)}, None, [CLIENT, HTTPS], True),
    "a proxy's word of none": ({"trusted_proxies": ("127.0.0.1",), "tls": True}, None, [CLIENT, HTTP], False),
    "no word of a proxy": ({"trusted_proxies": ("127.0.0.1",)}, None, [CLIENT], False),
    "a preamble that tells of TLS": (BEHIND_PROXY, preamble_of("203.0.113.9", over_tls()), [], True),
    "a preamble that does not": (BEHIND_PROXY, preamble_of("203.0.113.9"), [HTTPS], False),
    "own TLS behind a preamble": (BEHIND_PROXY | {"tls": True}, preamble_of("203.0.113.9"), [], True),
}


@pytest.mark.parametrize(("server", "preamble", "headers", "is_secure"), SECURE.values(), ids=SECURE)
async def test_w18_a_cookie_is_for_tls_only_where_the_browser_speaks_tls(
    start_gateway: StartGateway,
    authority: Authority,
    server: dict[str, Any],
    preamble: bytes | None,
    headers: list[str],
    *,
    is_secure: bool,
) -> None:
    """`Secure` where TLS is on, or whoever is trusted says that it is in front of us; no stranger's word counts."""
    has_tls = "tls" in server
    settings = {name: value for name, value in server.items() if name != "tls"} | (tls(authority) if has_tls else {})
    gateway = await start_gateway(server=settings, security={"initial_rights": "open", "first_admin_from": "anywhere"})
    first = http("POST", "/_createFirstAdmin/a", body=json.dumps({"credentials": {"local": ADMIN}}).encode())
    login = http("POST", "/_login/local?cookieAuth", *headers, body=json.dumps(ADMIN).encode())
    wire = Wire(*await opened_by(gateway, preamble, authority.trust if has_tls else None))

    await wire.send(first, login)
    made, answer = await read_answer(wire), await read_answer(wire)
    wire.reset()

    assert [200, 200] == [made.status, answer.status], (made, answer)
    assert is_secure is answer.headers["set-cookie"].endswith("; HttpOnly; SameSite=Strict; Secure")


async def opened_by(
    gateway: Gateway, preamble: bytes | None, trust: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection, behind the preamble of a proxy if there is one."""
    raw = through_proxy(gateway, preamble or b"")
    return await asyncio.open_connection(sock=raw, ssl=trust, server_hostname="localhost" if trust else None)


# Behind a proxy that speaks HTTP.


@pytest.mark.parametrize(
    ("headers", "seen"),
    [
        ([("X-Forwarded-For", "127.0.0.1, 203.0.113.9")], "203.0.113.9"),
        ([("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-For", "::ffff:203.0.113.9, 127.0.0.1")], "203.0.113.9"),
        ([("Forwarded", "for=203.0.113.66"), ("X-Forwarded-For", "203.0.113.9")], "203.0.113.9"),
        ([("X-Forwarded-For", "127.0.0.1, unknown")], ""),
        ([], "127.0.0.1"),
    ],
)
async def test_k17_the_client_is_the_one_that_the_trusted_proxy_tells_of(
    start_gateway: StartGateway, headers: list[tuple[str, str]], seen: str
) -> None:
    """Over WebSocket and over HTTP alike, and nobody is this machine."""
    server = {"trusted_proxies": ("127.0.0.1",)}
    gateway = await start_gateway(Mirror(), server=server, security={"initial_rights": "open"})

    async with connected(gateway.port, additional_headers=headers) as client:
        assert [seen, False] == await client.succeed("mirror:look")
    assert [seen, False] == await looked_over_http(gateway, headers)


async def test_k17_headers_of_strangers_change_nothing(start_gateway: StartGateway) -> None:
    """Where nobody is trusted."""
    gateway = await start_gateway(Mirror(), security={"initial_rights": "open"})
    headers = [("X-Forwarded-For", "203.0.113.9"), ("Forwarded", "for=203.0.113.9")]

    async with connected(gateway.port, additional_headers=headers) as client:
        assert ["127.0.0.1", False] == await client.succeed("mirror:look")
    assert ["127.0.0.1", False] == await looked_over_http(gateway, headers)
    assert ["127.0.0.1", True] == await looked_over_http(gateway, [])


# Open to all.


@pytest.mark.parametrize(
    ("host", "with_tls", "proxies", "warns"),
    [
        ("127.0.0.1", False, (), False),
        ("localhost", False, (), False),
        ("0.0.0.0", False, (), True),
        ("0.0.0.0", True, (), False),
        ("0.0.0.0", False, ("10.0.0.1",), False),
        ("127.0.0.1", True, (), False),
    ],
)
async def test_w18_a_port_open_to_all_without_tls_is_warned_of(
    start_gateway: StartGateway,
    authority: Authority,
    caplog: pytest.LogCaptureFixture,
    host: str,
    proxies: tuple[str, ...],
    *,
    with_tls: bool,
    warns: bool,
) -> None:
    """Once; neither on this machine, nor with TLS, nor behind a proxy that may have it."""
    settings = {"host": host, "trusted_proxies": proxies} | (tls(authority) if with_tls else {})

    await start_gateway(server=settings)

    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [CLEAR.format(host)] * warns == warnings
