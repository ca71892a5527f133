"""Behind nginx and HAProxy, set up as docs/operations.md says: the client is found, whatever it claims to be.

Skipped, with its reason, where the programs are not installed (Debian: `nginx-light`, `haproxy`); in CI a failure.
"""

import asyncio
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import cast

import pytest

from gateway.transports.peers import Peer, TrustedProxies
from gateway.transports.port import Port
from tests.certificates import Authority
from tests.client import Client, connected
from tests.conftest import StartGateway
from tests.ending import ending
from tests.npm import do_without
from tests.serving import START_S
from tests.transports.doubles import Workshop, traffic_of

PAGE = Path(__file__).parents[1] / "docs" / "operations.md"
PATH = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"

CLIENT = "127.0.0.2"
"""The client's end of the connection: another address than the proxy's, which alone is trusted."""

LIES = (
    "X-Forwarded-For: 127.0.0.1, 203.0.113.9",
    "X-Forwarded-For: 127.0.0.1",
    "X-Forwarded-Proto: gopher",
    'Forwarded: for=127.0.0.1;proto=gopher, for="127.0.0.1',
    "X-Real-IP: 127.0.0.1",
)

NGINX = """\
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path       {folder}/proxy;
    fastcgi_temp_path     {folder}/fastcgi;
    uwsgi_temp_path       {folder}/uwsgi;
    scgi_temp_path        {folder}/scgi;
    {block}
}}
"""


def blocks(language: str) -> list[str]:
    """The examples of the page in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def program(name: str) -> str:
    """Where a program is."""
    found = shutil.which(name, path=PATH)
    if found is None:
        do_without(f"the tests behind real proxies need {name}")
    return found


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def running(words: list[str], port: int, log: Path) -> Iterator[int]:
    """A proxy that listens on a port until the block ends."""
    with log.open("wb") as file:
        process = subprocess.Popen(words, stdout=file, stderr=file)
    with ending(process, log):
        for _ in range(int(START_S * 20)):
            assert process.poll() is None, log.read_text()
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(0.05)
            else:
                break
        yield port


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A pair in two files."""
    return Authority(tmp_path)


class Proxies:
    """Starts the proxies of the page, in front of a port of this machine."""

    def __init__(self, folder: Path, authority: Authority, stack: ExitStack) -> None:
        self._folder = folder
        self._authority = authority
        self._stack = stack

    def nginx(self, backend: int) -> int:
        """The one that speaks TLS and HTTP."""
        port = free_port()
        text = blocks("nginx")[0].replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
        text = text.replace("/etc/nginx/chain.pem", str(self._authority.chain))
        text = text.replace("/etc/nginx/key.pem", str(self._authority.key))
        block = text.replace("127.0.0.1:7512", f"127.0.0.1:{backend}")
        return self._start("nginx", NGINX.format(folder=self._folder, block=block), port, "-c")

    def haproxy(self, number: int, backend: int, **changes: str) -> int:
        """The one of that number on the page: 0 speaks TLS and HTTP, 1 passes bytes on; with some words changed."""
        port = free_port()
        both = self._folder / "chain-and-key.pem"
        both.touch(0o600)
        both.write_bytes(self._authority.chain.read_bytes() + self._authority.key.read_bytes())
        text = blocks("haproxy")[number]
        for word, other in {
            **changes,
            ":443": f"127.0.0.1:{port}",
            "/etc/haproxy/chain-and-key.pem": str(both),
        }.items():
            text = text.replace(word, other)
        return self._start("haproxy", text.replace("127.0.0.1:7512", f"127.0.0.1:{backend}"), port, "-db", "-f")

    def _start(self, name: str, settings: str, port: int, *words: str) -> int:
        file = self._folder / f"{name}.conf"
        file.write_text(settings)
        command = [program(name), *words, str(file)]
        return self._stack.enter_context(running(command, port, self._folder / f"{name}.log"))


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
