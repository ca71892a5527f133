"""K17: the client is the socket's other end, unless a trusted proxy says who is behind it; nobody else is believed."""

import time
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.transports.peers import Peer, TrustedProxies

Address = IPv4Address | IPv6Address

PROXY = "10.0.0.1"
CLIENT = "203.0.113.9"

XFF, PROTO, FORWARDED = "X-Forwarded-For", "X-Forwarded-Proto", "Forwarded"

proxies = TrustedProxies(["10.0.0.0/8", "2001:db8:1::/48", "192.0.2.7"])
forwarded = TrustedProxies(["10.0.0.0/8"], "forwarded")


def seen(*headers: tuple[str, str], by: TrustedProxies = proxies, peer: str = PROXY, is_secure: bool = False) -> Peer:
    """The client of a request, by default one from the proxy."""
    return by.client(peer, is_secure, headers)


# Whom to trust.


@pytest.mark.parametrize(
    ("address", "is_trusted"),
    [
        ("10.255.0.3", True),
        ("11.0.0.1", False),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("2001:db8:1:ffff::1", True),
        ("2001:DB8:1::1%eth0", True),
        ("2001:db8:2::1", False),
        ("::ffff:10.1.2.3", True),
        ("::ffff:0a01:0203", True),
        ("::ffff:11.1.2.3", False),
        ("::10.1.2.3", False),
        ("64:ff9b::10.1.2.3", False),
        ("", False),
        ("unix:", False),
        ("10.1", False),
        ("010.0.0.1", False),
        ("167772161", False),
        ("1" * 100_000, False),
    ],
)
def test_k17_networks_hold_addresses_of_their_own_kind(address: str, *, is_trusted: bool) -> None:
    """IPv4 inside IPv6 counts as IPv4, in its one right form; what is no address is trusted by nobody."""
    assert is_trusted is proxies.trusts(address)


@pytest.mark.parametrize("network", ["::ffff:10.0.0.0/104", "::ffff:10.0.0.1", "10.0.0.1/32"])
def test_k17_a_mapped_network_is_the_ipv4_network(network: str) -> None:
    """Whichever way the operator writes it."""
    trusted = TrustedProxies([network])

    assert trusted.trusts("10.0.0.1")
    assert trusted.trusts("::ffff:10.0.0.1")
    assert not trusted.trusts("11.0.0.1")


def test_all_of_ipv6_is_nothing_of_ipv4() -> None:
    """A network that merely contains the mapped addresses is none of IPv4."""
    assert not TrustedProxies(["::/0"]).trusts("::ffff:10.0.0.1")
    assert TrustedProxies(["::/0"]).trusts("2001:db8::1")


@pytest.mark.parametrize("network", ["", "proxy.example", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.1:80", "[::1]"])
def test_what_is_no_network_is_refused(network: str) -> None:
    """A name, a network with host bits, a port."""
    with pytest.raises(ValueError):  # noqa: PT011 - the settings say the sentence
        TrustedProxies([network])


# Strangers.


@pytest.mark.parametrize(
    "trusted", [TrustedProxies([]), proxies, forwarded], ids=["nobody trusted", "xff", "forwarded"]
)
@pytest.mark.parametrize("peer", [CLIENT, "::1", ""])
def test_k17_headers_of_a_stranger_count_for_nothing(trusted: TrustedProxies, peer: str) -> None:
    """Neither address nor scheme; the client is the socket's other end, as it is."""
    headers = [(XFF, "127.0.0.1"), (PROTO, "https"), (FORWARDED, "for=127.0.0.1;proto=https")]

    assert Peer(peer, is_secure=False, is_direct=True) == seen(*headers, by=trusted, peer=peer)
    assert Peer(peer, is_secure=True, is_direct=True) == seen((PROTO, "http"), by=trusted, peer=peer, is_secure=True)


# X-Forwarded-For.


@pytest.mark.parametrize(
    "lines",
    [
        [CLIENT],
        [f"127.0.0.1, {CLIENT}"],
        [f"127.0.0.1,{CLIENT} ,\t10.0.0.2"],
        ["127.0.0.1", CLIENT],
        [f"127.0.0.1, {CLIENT}", "10.9.9.9, ::ffff:10.0.0.2", "[2001:db8:1::5]:443"],
        ["10.0.0.9, 127.0.0.1", f"{CLIENT}:5050"],
        [f", 127.0.0.1, {CLIENT}, , "],
        [f"\x00\xff garbage, {CLIENT}"],
        [f"::ffff:{CLIENT}"],
        [f"[::ffff:{CLIENT}]:1"],
    ],
)
def test_k17_the_client_is_the_first_untrusted_address_from_the_right(lines: list[str]) -> None:
    """Trusted ones are passed over, in one line or several, with ports or without; what is left of it is not read."""
    assert Peer(CLIENT, is_secure=False, is_direct=False) == seen(*[(XFF, line) for line in lines])
    assert CLIENT == seen(*[(XFF.lower(), line) for line in lines], peer="::ffff:10.0.0.1").address


@pytest.mark.parametrize(
    "value",
    [
        *("unknown", "_hidden", "client.example", "1.2.3", "1.2.3.4.5", "203.0.113.9/32", "0x7f.1", "127.0.0.1 ::1"),
        *(
            "[::1",
            "::1]",
            "[]",
            "[::1]x",
            ":80",
            "[127.0.0.1",
            '"127.0.0.1"',
            "\x00",
            "\u0661.1.1.1",
            "1" * 5000,
            "%eth0",
        ),
    ],
)
def test_k17_a_client_that_is_not_told_has_no_address(value: str) -> None:
    """Neither the proxy's, which may be allowed more, nor one that the client wrote."""
    assert Peer("", is_secure=False, is_direct=False) == seen((XFF, f"127.0.0.1, {value}"))


def test_a_trusted_proxy_that_names_nobody_speaks_for_itself() -> None:
    """A health check for instance; nothing that came through it counts as direct."""
    assert Peer(PROXY, is_secure=True, is_direct=False) == seen(is_secure=True)
    assert Peer(PROXY, is_secure=False, is_direct=False) == seen((XFF, " , "))


def test_where_all_are_trusted_the_outermost_is_the_client() -> None:
    """A proxy, or a machine beside it, may be a client."""
    assert "10.3.3.3" == seen((XFF, "10.3.3.3, 10.2.2.2")).address


def test_k17_a_list_without_end_names_nobody() -> None:
    """Thirty-two proxies are enough for everybody, and looking at more would cost time."""
    headers = [(XFF, ",".join([CLIENT, *["10.0.0.2"] * 10_000]))]
    began = time.process_time()

    assert "" == seen(*headers).address
    assert time.process_time() - began < 0.05


@pytest.mark.parametrize("noise", ["for=127.0.0.1;proto=https", "for=unknown"])
def test_k17_the_header_that_the_proxies_do_not_write_is_the_clients(noise: str) -> None:
    """A proxy hands on what it does not know, so the other header may come from anybody."""
    assert Peer(CLIENT, is_secure=False, is_direct=False) == seen((FORWARDED, noise), (XFF, CLIENT))
    assert PROXY == seen((FORWARDED, noise)).address

    headers = ((XFF, "127.0.0.1"), (PROTO, "https"), (FORWARDED, f"for={CLIENT}"))
    assert Peer(CLIENT, is_secure=False, is_direct=False) == seen(*headers, by=forwarded)


# X-Forwarded-Proto.


@pytest.mark.parametrize(
    ("addresses", "schemes", "is_secure"),
    [
        (CLIENT, ["https"], True),
        (CLIENT, ["HTTPS"], True),
        (CLIENT, ["wss"], True),
        (CLIENT, ["http"], False),
        (CLIENT, ["httpsx"], False),
        (f"127.0.0.1, {CLIENT}", ["https"], True),
        (f"{CLIENT}, 10.0.0.2", ["https"], True),
        (f"{CLIENT}, 10.0.0.2", ["https, http"], True),
        (f"{CLIENT}, 10.0.0.2", ["http", "https"], False),
        (CLIENT, ["https, http"], False),
        (CLIENT, ["https", "http"], False),
        (f"{CLIENT}, 10.0.0.2, 10.0.0.3", ["https, https"], False),
    ],
)
def test_the_scheme_is_that_of_the_clients_own_hop(addresses: str, schemes: list[str], *, is_secure: bool) -> None:
    """One scheme was set by the outermost proxy; of several the one in the client's place from the right counts."""
    headers = [(XFF, addresses), *((PROTO, scheme) for scheme in schemes)]

    assert Peer(CLIENT, is_secure=is_secure, is_direct=False) == seen(*headers, is_secure=not is_secure)


@pytest.mark.parametrize("is_secure", [True, False])
def test_without_a_scheme_the_socket_tells(is_secure: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A proxy that speaks TLS to the gateway and says nothing else is taken to speak it to the client."""
    assert is_secure is seen((XFF, CLIENT), is_secure=is_secure).is_secure


# Forwarded.


@pytest.mark.parametrize(
    ("lines", "address", "is_secure"),
    [
        (["for=203.0.113.9"], CLIENT, False),
        (["FOR=203.0.113.9;Proto=HTTPS"], CLIENT, True),
        (['for="203.0.113.9:47011" ; by=10.0.0.1; proto="https"'], CLIENT, True),
        (['for="[2001:db8::1]:80"'], "2001:db8::1", False),
        (['for="[2001:DB8::1]"'], "2001:db8::1", False),
        (["for=[2001:db8::1]:80"], "2001:db8::1", False),
        (["for=127.0.0.1;proto=https, for=203.0.113.9;proto=http"], CLIENT, False),
        (["for=127.0.0.1", "for=203.0.113.9;proto=https, for=10.0.0.2;proto=http"], CLIENT, True),
        (['for="127.0.0.1, for=203.0.113.9'], CLIENT, False),
        (["for=127.0.0.1, for=unknown"], "", False),
        (["for=127.0.0.1, for=_gazonk;proto=https"], "", True),
        (["for=127.0.0.1, proto=https"], "", True),
        (["for=127.0.0.1, for=203.0.113.9;for=203.0.113.9"], "", False),
        (["for=127.0.0.1, for"], "", False),
        (["for=127.0.0.1, for=203.0.113.9;"], "", False),
        (["for=127.0.0.1, for = 203.0.113.9"], "", False),
        (['for=127.0.0.1, for="203.0.113.9'], "", False),
        ([r'for=203.0.113.9;host="a, for=127.0.0.1"'], "", False),
        ([r'for=203.0.113.9;host="a, for=127.0.0.1;x=\"b"'], "", False),
        ([r'for=203.0.113.9;host="a\", for=127.0.0.1;x=\"b"'], "", False),
        ([r'for=203.0.113.9;host="a;for=127.0.0.1;x=\"b"'], "", False),
    ],
)
def test_k17_forwarded_is_read_like_it(lines: list[str], address: str, *, is_secure: bool) -> None:
    """RFC 7239; quotes that a client opened end at its own element, and a malformed element names nobody."""
    headers = [(FORWARDED, line) for line in lines]

    assert Peer(address, is_secure=is_secure, is_direct=False) == seen(*headers, by=forwarded)


# Whatever comes.

addresses = st.ip_addresses(v=4) | st.ip_addresses(v=6)
outside = addresses.filter(lambda ip: not proxies.trusts(str(ip)) and getattr(ip, "ipv4_mapped", None) is None)
inside = st.ip_addresses(network="10.0.0.0/8")
anything = st.text(st.characters(max_codepoint=255), max_size=60)
values = anything | st.lists(anything | addresses.map(str), max_size=6).map(", ".join)
names = st.sampled_from([XFF, PROTO, FORWARDED, "x-forwarded-for", "Host"])


def node(ip: Address, *, with_port: bool) -> str:
    """An address as proxies write it."""
    if not with_port:
        return str(ip)
    return f"[{ip}]:1" if ip.version == 6 else f"{ip}:1"


@given(st.lists(st.tuples(names, values), max_size=6), st.sampled_from([PROXY, CLIENT, ""]))
def test_k17_no_header_raises_and_the_address_is_one_or_none(headers: list[tuple[str, str]], peer: str) -> None:
    """Whatever stands in the headers; a stranger stays who he is."""
    for trusted in (proxies, forwarded):
        client = seen(*headers, by=trusted, peer=peer)

        assert client.address == "" or str(ip_address(client.address)) == client.address
        assert peer in (client.address, PROXY)
        assert client.is_direct is (peer != PROXY)


@given(
    spoofed=st.lists(values, max_size=3),
    client=outside,
    chain=st.lists(inside, max_size=4),
    with_port=st.booleans(),
)
def test_k17_what_a_client_writes_changes_nothing(
    spoofed: list[str], client: Address, chain: list[Address], *, with_port: bool
) -> None:
    """Each proxy adds the address that it saw, to the line or as a line of its own: the client is found."""
    hops = [node(ip, with_port=with_port) for ip in (client, *chain)]

    one_line = seen((XFF, ", ".join([*spoofed, *hops])))
    own_lines = seen(*((XFF, value) for value in [*spoofed, *hops]))
    elements = [f'for="{hop}"' if ":" in hop else f"for={hop}" for hop in hops]
    # A bare IPv6 address has no place in `Forwarded`, but is understood.
    by_rfc = seen((FORWARDED, ",".join([*spoofed, *elements])), by=TrustedProxies(["10.0.0.0/8"], "forwarded"))

    assert str(client) == one_line.address == own_lines.address == by_rfc.address
