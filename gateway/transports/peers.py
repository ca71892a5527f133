"""Who the client is: the other end of the socket, or whoever a trusted proxy says stands behind it.

Rules of the file: pure. One header is read, the one that the operator's proxies write: a proxy leaves alone what it
does not know, so whatever else looks like word of a proxy is the client's own. Of that header only what trusted
proxies wrote counts, which is read from its right end. No value raises, whatever it is; a client whose proxy names
no address has the address "".
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from msgspec import Struct

__all__ = ["UNTOLD", "Peer", "TrustedProxies", "unmapped"]

_MAPPED_PREFIX = 96  # RFC 4291 §2.5.5.2: ::ffff:0:0/96 is IPv4
_LONGEST_NODE = 64  # an IPv6 address with its zone, brackets and port
_MOST_HOPS = 32
_SECURE = frozenset({"https", "wss"})

# RFC 7239 §4, without what has no place in an address: a comma, a semicolon or an escape inside a quoted string.
_PAIR = re.compile(r"""[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64})=(?:"([^",;\\]*)"|([^ \t",;\\]+))[ \t]*""")

_Address = IPv4Address | IPv6Address
_Hop = tuple[str, str | None]
"""An address as a proxy wrote it, and the scheme by which it was reached, None where nothing was said."""


class Peer(Struct, frozen=True):
    """One client.

    Attributes:
        address: without port; "" if it has none, or if a trusted proxy does not tell it.
        is_secure: its side of the connection is TLS.
        is_direct: nobody stands between; a trusted proxy's connection never is, even where it names nobody.
    """

    address: str
    is_secure: bool
    is_direct: bool


UNTOLD = Peer("", is_secure=False, is_direct=False)
"""A client of whom nothing is known yet."""


class TrustedProxies:
    """The proxies whose word counts.

    Args:
        networks: addresses and CIDR networks, IPv4 and IPv6; an IPv4-mapped one stands for the IPv4 one.
        header: that they write: `x-forwarded-for` (beside it `X-Forwarded-Proto` is read) or `forwarded` (RFC 7239).

    Raises:
        ValueError: a network is none.
    """

    __slots__ = ("_header", "_networks")

    def __init__(self, networks: Iterable[str], header: str = "x-forwarded-for") -> None:
        self._networks = tuple(_network(text) for text in networks)
        self._header = header

    def trusts(self, address: str) -> bool:
        """Tell whether an address is one of theirs; what is no address is not."""
        ip = _parsed(address)
        return ip is not None and self._holds(ip)

    def client(self, address: str, is_secure: bool, headers: Iterable[tuple[str, str]]) -> Peer:  # noqa: FBT001 - called by position on every request
        """Tell who sent a request.

        Args:
            address: of the socket's other end, without port.
            is_secure: the socket is TLS.
            headers: of the request, as received.
        """
        if not self._networks or not self.trusts(address):
            return Peer(address, is_secure, is_direct=True)
        peer = Peer(address, is_secure, is_direct=False)
        for node, scheme in self._hops(headers):
            ip = _node(node)
            scheme_is_secure = is_secure if scheme is None else scheme.lower() in _SECURE
            peer = Peer("" if ip is None else str(ip), scheme_is_secure, is_direct=False)
            if ip is None or not self._holds(ip):
                break  # whatever is left of it is the client's own word
        return peer

    def _holds(self, ip: _Address) -> bool:
        return any(ip in network for network in self._networks)

    def _hops(self, headers: Iterable[tuple[str, str]]) -> Iterable[_Hop]:
        """Give what the header says, the nearest hop first."""
        lines, schemes = [], []
        for name, value in headers:
            lower = name.lower()
            if lower == self._header:
                lines.append(value)
            elif lower == "x-forwarded-proto":
                schemes.append(value)
        elements = _from_the_right(lines)
        if self._header == "forwarded":
            return map(_element, elements)
        return _paired(list(elements), list(_from_the_right(schemes)))


def unmapped(ip: _Address) -> _Address:
    """Give the IPv4 address that an IPv6 one stands for, else the address, without its zone."""
    if isinstance(ip, IPv4Address):
        return ip
    return ip.ipv4_mapped or (IPv6Address(int(ip)) if ip.scope_id else ip)


@lru_cache(maxsize=1024)
def _parsed(text: str) -> _Address | None:
    if len(text) > _LONGEST_NODE:
        return None
    try:
        return unmapped(ip_address(text))
    except ValueError:
        return None


def _network(text: str) -> IPv4Network | IPv6Network:
    network = ip_network(text)
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is None or network.prefixlen < _MAPPED_PREFIX:
        return network
    return IPv4Network((mapped, network.prefixlen - _MAPPED_PREFIX))


def _node(text: str) -> _Address | None:
    """Read an address with or without port; `unknown` and made-up names (RFC 7239 §6.2, §6.3) are none."""
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        return _parsed(host) if bracket and (not port or port[0] == ":") else None
    host, colon, port = text.partition(":")
    return _parsed(text if ":" in port or not colon else host)


def _from_the_right(lines: list[str]) -> Iterator[str]:
    """Give the elements of a list in one or more header lines, the last first, but not the empty ones.

    Of a list that is too long the rest comes as one element, which is then none that can be read.
    """
    for part in reversed(",".join(lines).rsplit(",", _MOST_HOPS)):
        element = part.strip(" \t")
        if element:
            yield element


def _paired(nodes: list[str], schemes: list[str]) -> Iterator[_Hop]:
    """Give each address its scheme: the one that is given, or of several the one in the same place from the right."""
    for at, node in enumerate(nodes):
        if len(schemes) <= 1:
            yield node, schemes[0] if schemes else None
        else:
            yield node, schemes[at] if at < len(schemes) else ""


def _element(text: str) -> _Hop:
    """Read one element of `Forwarded`; one that is malformed names nobody."""
    pairs: dict[str, str] = {}
    for part in text.split(";"):
        pair = _PAIR.fullmatch(part)
        if pair is None or pair[1].lower() in pairs:
            return "", ""
        pairs[pair[1].lower()] = pair[2] if pair[3] is None else pair[3]
    return pairs.get("for", ""), pairs.get("proto")
