"""W03, W15: who comes in through the door, as whom, and who is left outside; over real sockets, on both loops."""

import asyncio
import resource
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.transports import door
from gateway.transports.peers import Peer, TrustedProxies
from gateway.transports.port import Port, PortTakenError
from gateway.transports.tls import Certificate
from tests.certificates import Authority
from tests.transports.doubles import Workshop, traffic_of, until
from tests.transports.preambles import LOCAL, UNIX, UNKNOWN, over_tls, preamble, preamble_of
from tests.transports.wire import Wire

CLIENT = "203.0.113.9"


class Echo(asyncio.Protocol):
    """Somebody inside: says back what it hears, and says before who it is."""

    def __init__(self, peer: Peer | None, inside: list["Echo"]) -> None:
        self.peer = peer
        self._inside = inside

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be inside."""
        self.transport = cast("asyncio.Transport", transport)
        self._inside.append(self)

    def data_received(self, data: bytes) -> None:
        """Say it back."""
        self.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Be gone."""
        self._inside.remove(self)


class Entrance:
    """A port with a door, and its clients.

    Attributes:
        inside: the connections that have come in.
        number: of the port.
    """

    def __init__(self, port: Port, inside: list[Echo], stack: AsyncExitStack) -> None:
        self.port = port
        self.inside = inside
        self.number = 0
        self._stack = stack

    @property
    def door(self) -> door.Door:
        """The door itself."""
        assert self.port._door is not None
        return self.port._door

    @property
    def refused(self) -> Counter[str]:
        """Who has not come in, by reason."""
        return self.door.refusals.counts

    async def knock(self, trust: ssl.SSLContext | None = None, *, first: bytes = b"") -> Wire:
        """Connect, send the first bytes, then agree on TLS if there is somebody to trust."""
        loop = asyncio.get_running_loop()
        raw = socket.socket()
        raw.settimeout(0)
        try:
            await loop.sock_connect(raw, ("127.0.0.1", self.number))
            await loop.sock_sendall(raw, first)
        except OSError:
            raw.close()
            raise
        name = None if trust is None else "localhost"
        wire = Wire(*await asyncio.open_connection(sock=raw, ssl=trust, server_hostname=name))
        self._stack.callback(wire.reset)
        return wire

    async def refuse(self, *, first: bytes = b"") -> bytes:
        """Connect, and give what there is before the end of the stream."""
        wire = await self.knock(first=first)
        answer = await rest(wire)
        wire.reset()
        return answer


Open = Callable[..., Awaitable[Entrance]]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A pair in two files."""
    return Authority(tmp_path)


@pytest.fixture
async def entrance() -> AsyncIterator[Open]:
    """Open a port; keyword arguments are limits."""
    async with AsyncExitStack() as stack:

        async def start(authority: Authority | None = None, *networks: str, **limits: Any) -> Entrance:
            inside: list[Echo] = []
            certificate = None if authority is None else Certificate(authority.chain, authority.key)
            proxies = TrustedProxies(networks) if networks else None
            traffic = traffic_of(Workshop(), **({"close_timeout": 0.2} | limits))
            port = Port(traffic, lambda peer: Echo(peer, inside), certificate, proxies)
            opened = Entrance(port, inside, stack)
            opened.number = await port.open("127.0.0.1", 0)
            stack.push_async_callback(port.close, 0)
            return opened

        yield start


async def rest(wire: Wire) -> bytes:
    """What there is before the end, be it a polite one or not: bytes that nobody read make a reset of it."""
    async with asyncio.timeout(10):
        try:
            return await wire.reader.read()
        except ConnectionResetError:
            return b""


async def echoed(wire: Wire, text: bytes = b"hello") -> bytes:
    """Say something, and give what comes back."""
    await wire.send(text)
    async with asyncio.timeout(10):
        return await wire.reader.readexactly(len(text))


# Who comes in, and as whom.


@pytest.mark.parametrize(
    ("first", "peer"),
    [
        (preamble_of(CLIENT), Peer(CLIENT, is_secure=False, is_direct=False)),
        (preamble_of("2001:db8::9", over_tls()), Peer("2001:db8::9", is_secure=True, is_direct=False)),
        (preamble_of("127.0.0.1"), Peer("127.0.0.1", is_secure=False, is_direct=False)),
        (preamble(LOCAL, UNKNOWN), Peer("127.0.0.1", is_secure=False, is_direct=False)),
        (preamble(0x21, UNKNOWN, b"x" * 4096), Peer("127.0.0.1", is_secure=False, is_direct=False)),
        (preamble(0x21, UNIX, b"\0" * 216), Peer("", is_secure=False, is_direct=False)),
    ],
    ids=["ipv4", "ipv6 over tls", "this machine", "local", "unknown", "unix"],
)
async def test_the_preamble_says_who_it_is(entrance: Open, first: bytes, peer: Peer) -> None:
    """Bytes right behind it are the client's; what came by a proxy is never direct."""
    opened = await entrance(None, "127.0.0.1")
    wire = await opened.knock(first=first + b"hello")

    assert b"hello" == await wire.reader.readexactly(5)
    assert [peer] == [each.peer for each in opened.inside]


async def test_the_preamble_comes_before_tls(entrance: Open, authority: Authority) -> None:
    """It is in clear, and the client is then secure whatever the proxy says."""
    opened = await entrance(authority, "127.0.0.0/8")
    wire = await opened.knock(authority.trust, first=preamble_of(CLIENT, over_tls(is_secure=False)))

    assert b"hello" == await echoed(wire)
    assert [Peer(CLIENT, is_secure=True, is_direct=False)] == [each.peer for each in opened.inside]


async def test_a_preamble_may_come_byte_by_byte(entrance: Open) -> None:
    """A network may cut anywhere."""
    opened = await entrance(None, "127.0.0.1")
    wire = await opened.knock()
    wire.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in preamble_of(CLIENT):
        await wire.send(bytes((byte,)))
        await asyncio.sleep(0)

    assert b"hello" == await echoed(wire)
    assert [CLIENT] == [each.peer.address for each in opened.inside if each.peer]


async def test_with_tls_alone_the_transport_must_be_asked(entrance: Open, authority: Authority) -> None:
    """There is no preamble, so no peer is told."""
    opened = await entrance(authority)
    wire = await opened.knock(authority.trust)

    assert b"hello" == await echoed(wire)
    assert [None] == [each.peer for each in opened.inside]
    assert opened.inside[0].transport.get_extra_info("peername")[0] == "127.0.0.1"
    assert opened.inside[0].transport.get_extra_info("sslcontext") is not None


async def test_a_new_pair_is_for_new_connections(entrance: Open, authority: Authority) -> None:
    """The old connection goes on."""
    opened = await entrance(authority)
    old = await opened.knock(authority.trust)
    new_certificate = authority.issue()
    assert opened.door._certificate is not None
    opened.door._certificate.reload()
    new = await opened.knock(authority.trust)

    assert new_certificate == new.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    assert authority.certificate == old.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    assert b"hello" == await echoed(old) == await echoed(new)


# Who does not.


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (b"PROXY TCP4 203.0.113.9 192.0.2.1 5 443\r\n", "PROXY protocol of version 1; the proxy must send version 2"),
        (b"PROXY UNKNOWN\r\n", "PROXY protocol of version 1; the proxy must send version 2"),
        (b"G", "no PROXY protocol preamble"),
        (b"GET / HTTP/1.1\r\n\r\n", "no PROXY protocol preamble"),
        (b"\x16\x03\x01\x02\0\x01", "no PROXY protocol preamble"),
        (preamble(0x21, 0x11, declared=65_535), "PROXY protocol preamble too long"),
        (preamble(0x21, 0x11, b"\0"), "PROXY protocol with addresses cut short"),
    ],
)
async def test_w03_without_a_good_preamble_nobody_comes_in(entrance: Open, first: bytes, reason: str) -> None:
    """The connection is closed at once, without an answer, and counted; the next one comes in."""
    opened = await entrance(None, "127.0.0.1")

    assert b"" == await opened.refuse(first=first)
    assert {reason: 1} == opened.refused
    assert b"hello" == await echoed(await opened.knock(first=preamble_of(CLIENT)))


async def test_a_client_that_ends_before_its_preamble_is_counted(entrance: Open) -> None:
    """As a proxy's health check without preamble does."""
    opened = await entrance(None, "127.0.0.1")
    wire = await opened.knock(first=preamble_of(CLIENT)[:20])
    wire.writer.write_eof()

    assert b"" == await rest(wire)
    assert {"gone before their PROXY protocol preamble was whole": 1} == opened.refused


async def test_k17_nobody_but_a_trusted_proxy_may_connect(entrance: Open) -> None:
    """However good the preamble."""
    opened = await entrance(None, "10.0.0.0/8", "::1")

    assert b"" == await opened.refuse(first=preamble_of(CLIENT))
    assert {"their address is not among server.trusted_proxies": 1} == opened.refused
    assert [] == opened.inside


async def test_refusals_are_told_in_the_log(entrance: Open, caplog: pytest.LogCaptureFixture) -> None:
    """By the timer that looks at everything."""
    opened = await entrance(None, "127.0.0.1", handshake_timeout=0.2)
    await opened.refuse(first=b"PROXY ")

    await until(lambda: caplog.messages)

    assert ["connections refused: 1 (PROXY protocol of version 1; the proxy must send version 2)"] == caplog.messages


async def test_w18_plain_http_to_the_tls_port_is_closed(entrance: Open, authority: Authority) -> None:
    """Nothing of HTTP comes back: at most the alert of TLS."""
    opened = await entrance(authority)

    answer = await opened.refuse(first=b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")

    assert len(answer) <= 7
    assert {"no TLS handshake that could be understood": 1} == opened.refused
    assert b"hello" == await echoed(await opened.knock(authority.trust))


@pytest.mark.parametrize(
    ("networks", "first"),
    [
        (["127.0.0.1"], b""),
        (["127.0.0.1"], preamble_of(CLIENT)[:20]),
        (["127.0.0.1"], preamble_of(CLIENT)),
        ([], b""),
        ([], b"\x16\x03\x01\x02\0\x01\0\x01"),
    ],
    ids=["no preamble", "half a preamble", "no TLS behind the preamble", "no TLS", "half a TLS hello"],
)
async def test_w03_a_slow_client_is_dropped(
    entrance: Open, authority: Authority, networks: list[str], first: bytes
) -> None:
    """Preamble and TLS together have `handshake_timeout`."""
    opened = await entrance(authority, *networks, handshake_timeout=0.1)

    assert b"" == await opened.refuse(first=first)
    await until(lambda: not opened.door._half_inside)
    assert {"not ready to begin in time": 1} == opened.refused


async def test_w03_dripping_bytes_buy_no_time(entrance: Open, authority: Authority) -> None:
    """A TLS hello, one byte now and then, is dropped like silence."""
    opened = await entrance(authority, handshake_timeout=0.3)
    wire = await opened.knock()

    async def drip() -> None:
        for byte in b"\x16\x03\x01\x02\0" + b"\x01" * 500:
            await wire.send(bytes((byte,)))
            await asyncio.sleep(0.02)

    with pytest.raises(ConnectionError):
        await drip()
    assert [] == opened.inside
    assert {"not ready to begin in time": 1} == opened.refused


# Many.


@contextmanager
def descriptors(number: int | None = None) -> Iterator[None]:
    """Allow the process so many open files, or as many as it may have."""
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most if number is None else number, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))


@pytest.mark.parametrize("first", [b"", preamble_of(CLIENT)[:14]], ids=["silent", "half"])
@pytest.mark.parametrize("has_tls", [True, False], ids=["TLS behind", "plain behind"])
async def test_w15_a_thousand_without_a_preamble_keep_nobody_out(
    entrance: Open, authority: Authority, monkeypatch: pytest.MonkeyPatch, first: bytes, *, has_tls: bool
) -> None:
    """No more than so many are half inside; the oldest give way, and a proper client comes in at once."""
    monkeypatch.setattr(door, "_MOST_HALF_INSIDE", 100)
    monkeypatch.setattr(door, "_GRACE_S", 0.0)
    opened = await entrance(authority if has_tls else None, "127.0.0.1", handshake_timeout=60.0)
    with descriptors():
        idle = [await opened.knock(first=first) for _ in range(1000)]
        await until(lambda: opened.refused.total() == 900)
        wire = await opened.knock(authority.trust if has_tls else None, first=preamble_of(CLIENT))

        assert b"hello" == await echoed(wire)
        assert 1 == len(opened.inside)
        assert 99 <= len(opened.door._half_inside) <= 100
        assert b"" == await rest(idle[0])
        for each in idle:
            each.reset()


async def test_w15_a_thousand_without_tls_keep_nobody_out(
    entrance: Open, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not without a preamble either."""
    monkeypatch.setattr(door, "_MOST_HALF_INSIDE", 100)
    monkeypatch.setattr(door, "_GRACE_S", 0.0)
    opened = await entrance(authority, handshake_timeout=60.0)
    with descriptors():
        idle = [await opened.knock() for _ in range(1000)]
        await until(lambda: opened.refused.total() == 900)

        assert b"hello" == await echoed(await opened.knock(authority.trust))
        for each in idle:
            each.reset()


async def test_w15_who_is_half_inside_has_a_while_before_giving_way(
    entrance: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one behind waits, and comes in when it is over."""
    monkeypatch.setattr(door, "_MOST_HALF_INSIDE", 1)
    monkeypatch.setattr(door, "_GRACE_S", 0.3)
    opened = await entrance(None, "127.0.0.1", handshake_timeout=60.0)
    began = asyncio.get_running_loop().time()
    silent, proper = await opened.knock(), await opened.knock(first=preamble_of(CLIENT))

    assert b"hello" == await echoed(proper)
    assert b"" == await rest(silent)
    assert 0.3 <= asyncio.get_running_loop().time() - began < 5.0


async def test_a_crowd_that_is_slow_waits_its_turn(entrance: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """All have connected before the first one says a word; nobody is pushed out."""
    monkeypatch.setattr(door, "_MOST_HALF_INSIDE", 100)
    opened = await entrance(None, "127.0.0.1")
    crowd = [await opened.knock() for _ in range(200)]
    await until(lambda: 100 == len(opened.door._half_inside))

    for each in crowd:
        await each.send(preamble_of(CLIENT))
    said = [await echoed(each) for each in crowd]

    assert [b"hello"] * 200 == said
    assert 0 == opened.refused.total()


async def test_a_crowd_comes_in_whole(entrance: Open, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that do their part are not pushed out by each other, though they come all at once."""
    monkeypatch.setattr(door, "_MOST_HALF_INSIDE", 100)
    opened = await entrance(authority, "127.0.0.1")

    async def visit() -> bytes:
        return await echoed(await opened.knock(authority.trust, first=preamble_of(CLIENT)))

    said = await asyncio.gather(*(visit() for _ in range(200)))

    assert [b"hello"] * 200 == said
    assert 0 == opened.refused.total()


async def test_w16_a_process_out_of_descriptors_goes_on_when_there_are_some(
    entrance: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The accept loop lives; who is half inside gives way."""
    monkeypatch.setattr(door, "_GRACE_S", 0.0)
    opened = await entrance(None, "127.0.0.1", handshake_timeout=60.0)
    silent = await opened.knock()
    await until(lambda: opened.door._half_inside)
    with closing(socket.socket()) as late:
        late.settimeout(0)
        with closing(socket.socket()) as probe:
            lowest = probe.fileno()
        with descriptors(lowest):
            await asyncio.get_running_loop().sock_connect(late, ("127.0.0.1", opened.number))
            await until(lambda: not opened.door._half_inside)
        assert b"" == await rest(silent)
        await asyncio.get_running_loop().sock_sendall(late, preamble_of(CLIENT) + b"hello")

        async with asyncio.timeout(10):
            assert b"hello" == await asyncio.get_running_loop().sock_recv(late, 5)


# Beginning and end.


def open_files() -> set[str]:
    """The descriptors of this process."""
    return {each.name for each in Path("/proc/self/fd").iterdir()}


async def test_whoever_is_left_outside_leaves_nothing_behind(entrance: Open, authority: Authority) -> None:
    """No open file, no task: after bad preambles, bad TLS, silence, and clients that vanish."""
    opened = await entrance(authority, "127.0.0.1", handshake_timeout=0.2)
    first_of_all = await opened.knock(authority.trust, first=preamble_of(CLIENT))
    await echoed(first_of_all)  # for its first stream uvloop opens a file of its own
    first_of_all.reset()
    await until(lambda: not opened.inside)
    before = open_files()

    for first in (b"", b"GET / HTTP/1.1\r\n\r\n", preamble_of(CLIENT), preamble_of(CLIENT) + b"GET / HTTP/1.1\r\n\r\n"):
        await opened.refuse(first=first)
        (await opened.knock(first=first)).reset()
        (await opened.knock(first=first)).writer.close()
    (await opened.knock(authority.trust, first=preamble_of(CLIENT))).reset()
    await until(lambda: not opened.door._half_inside and not opened.inside)

    await until(lambda: before == open_files())


async def test_a_stop_drops_who_is_half_inside(entrance: Open, authority: Authority) -> None:
    """At once, and nobody comes in any more."""
    opened = await entrance(authority, "127.0.0.1", handshake_timeout=60.0)
    before_preamble, before_tls = await opened.knock(), await opened.knock(first=preamble_of(CLIENT))
    await until(lambda: 2 == len(opened.door._half_inside))

    async with asyncio.timeout(5):
        await opened.port.close(0)

    assert b"" == await rest(before_preamble)
    assert b"" == await rest(before_tls)
    assert not opened.door._half_inside
    with pytest.raises(ConnectionRefusedError):
        await opened.knock()


async def test_a_port_in_use_is_told_to_the_operator(entrance: Open) -> None:
    """As without a door; a host without address likewise."""
    opened = await entrance(None, "127.0.0.1")
    port = Port(traffic_of(Workshop()), lambda peer: Echo(peer, []), None, TrustedProxies(["::1"]))

    with pytest.raises(PortTakenError, match=rf"cannot listen on 127\.0\.0\.1:{opened.number}: "):
        await port.open("127.0.0.1", opened.number)
    with pytest.raises(PortTakenError, match=r"cannot listen on 203\.0\.113\.9:0: "):
        await port.open(CLIENT, 0)
    with pytest.raises(PortTakenError, match=r"cannot listen on no-such-host\.invalid:0: "):
        await port.open("no-such-host.invalid", 0)
    await port.close(0)


async def test_who_is_half_inside_comes_in_while_the_port_is_handed_over(entrance: Open) -> None:
    """Nobody new is let in, but a preamble that has begun may end."""
    opened = await entrance(None, "127.0.0.1")
    words = preamble(LOCAL, UNKNOWN)
    wire = await opened.knock(first=words[:5])
    await until(lambda: 1 == len(opened.door._half_inside))

    leaving = asyncio.create_task(opened.port._stop_accepting(10))
    await until(lambda: opened.door._listening[0].fileno() == -1)
    with pytest.raises(ConnectionError):
        await opened.knock()
    await wire.send(words[5:])
    await leaving

    assert b"hello" == await echoed(wire)
