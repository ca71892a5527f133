"""Behind nginx and HAProxy, set up as docs/operations.md says: the client is found, whatever it claims to be.

Skipped, with its reason, where the programs are not installed; see `tests.real_proxies`.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from gateway.transports.peers import Peer, TrustedProxies
from gateway.transports.port import Port
from tests.certificates import Authority
from tests.client import Client, connected
from tests.conftest import StartGateway
from tests.real_proxies import Proxies
from tests.serving import START_S
from tests.transports.doubles import Workshop, traffic_of

CLIENT = "127.0.0.2"
"""The client's end of the connection: another address than the proxy's, which alone is trusted."""

LIES = (
    "X-Forwarded-For: 127.0.0.1, 203.0.113.9",
    "X-Forwarded-For: 127.0.0.1",
    "X-Forwarded-Proto: gopher",
    'Forwarded: for=127.0.0.1;proto=gopher, for="127.0.0.1',
    "X-Real-IP: 127.0.0.1",
)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A pair in two files."""
    return Authority(tmp_path)


@pytest.fixture
def proxies(tmp_path: Path, authority: Authority) -> Iterator[Proxies]:
    """Proxies that end with the test."""
    with ExitStack() as stack:
        yield Proxies(tmp_path, authority, stack)


class Listener(asyncio.Protocol):
    """Answers any request, and keeps who came by it and what its head was."""

    def __init__(self, peer: Peer | None, seen: list[tuple[Peer | None, str]]) -> None:
        self.peer = peer
        self._seen = seen
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer once the head is there."""
        self._head += data
        if self._head.endswith(b"\r\n\r\n"):
            self._seen.append((self.peer, self._head.decode("latin-1")))
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self._transport.close()


@asynccontextmanager
async def listening(trusted: TrustedProxies | None = None) -> AsyncIterator[tuple[int, list[tuple[Peer | None, str]]]]:
    """A port, and what has come by it."""
    seen: list[tuple[Peer | None, str]] = []
    port = Port(traffic_of(Workshop()), lambda peer: Listener(peer, seen), None, trusted)
    try:
        yield await port.open("127.0.0.1", 0), seen
    finally:
        await port.close(0)


async def ask(port: int, trust: ssl.SSLContext | None) -> None:
    """Ask something, from the client's address, with all its lies."""
    name = None if trust is None else "localhost"
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=trust, server_hostname=name, local_addr=(CLIENT, 0)
    )
    writer.write("\r\n".join(["GET / HTTP/1.1", "Host: localhost", "Connection: close", *LIES, "", ""]).encode())
    async with asyncio.timeout(START_S):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200 "), answer


def headers_of(head: str) -> list[tuple[str, str]]:
    """Names and values."""
    pairs = [line.split(":", 1) for line in head.split("\r\n")[1:] if line]
    return [(name, value.strip()) for name, value in pairs]


@pytest.mark.parametrize("name", ["nginx", "haproxy"])
async def test_k17_the_client_of_a_real_proxy_is_found(proxies: Proxies, authority: Authority, name: str) -> None:
    """The client's lies arrive as well, but left of what the proxy adds, or in headers that count for nothing."""
    async with listening() as (backend, seen):
        port = proxies.nginx(backend) if name == "nginx" else proxies.haproxy(0, backend)
        await ask(port, authority.trust)

    ((_, head),) = seen
    assert "203.0.113.9" in head
    trusted = TrustedProxies(["127.0.0.1"])
    assert Peer(CLIENT, is_secure=True, is_direct=False) == trusted.client("127.0.0.1", False, headers_of(head))  # noqa: FBT003 - as it is called


@pytest.mark.parametrize("with_tls", [True, False], ids=["tls", "clear"])
async def test_a_real_preamble_is_read(proxies: Proxies, authority: Authority, *, with_tls: bool) -> None:
    """Without TLS, and with TLS that ends at HAProxy, which then tells of it."""
    tls = {"bind :443": "bind :443 ssl crt /etc/haproxy/chain-and-key.pem", "send-proxy-v2": "send-proxy-v2-ssl-cn"}
    async with listening(TrustedProxies(["127.0.0.1"])) as (backend, seen):
        port = proxies.haproxy(1, backend, **(tls if with_tls else {}))
        await ask(port, authority.trust if with_tls else None)

    assert [Peer(CLIENT, is_secure=with_tls, is_direct=False)] == [peer for peer, _ in seen if peer and peer.address]


async def exists(client: Client) -> object:
    """Ask the question that a stranger may ask."""
    return (await client.succeed("server:adminExists"))["exists"]


async def test_websocket_over_tls_through_nginx(
    proxies: Proxies, authority: Authority, start_gateway: StartGateway
) -> None:
    """The upgrade goes through, and so do questions and answers."""
    gateway = await start_gateway(server={"trusted_proxies": ("127.0.0.1",)})

    async with connected(proxies.nginx(gateway.port), ssl=authority.trust) as client:
        assert await exists(client) is False


async def test_websocket_over_tls_through_haproxy(
    proxies: Proxies, authority: Authority, start_gateway: StartGateway
) -> None:
    """TLS ends at the proxy, or goes through it behind the preamble to the gateway's own certificate."""
    http = await start_gateway(server={"trusted_proxies": ("127.0.0.1",)})
    async with connected(proxies.haproxy(0, http.port), ssl=authority.trust) as client:
        assert await exists(client) is False

    pair = {"tls_cert": str(authority.chain), "tls_key": str(authority.key)}
    tcp = await start_gateway(server={"trusted_proxies": ("127.0.0.1",), "proxy_protocol": True} | pair)
    async with connected(proxies.haproxy(1, tcp.port), ssl=authority.trust) as client:
        assert await exists(client) is False
