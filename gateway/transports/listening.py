"""Sockets to listen on: the addresses of a host, bound, alone or shared with other processes.

Rules of the file: nobody listens here. A socket that is bound and does not listen keeps the port and gets no
connections, so whoever shares it begins to listen when it is ready.
"""

import asyncio
import errno
import socket
from collections.abc import Iterable
from typing import Any

__all__ = ["bind", "bind_again", "bind_shared"]

_ABSENT = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})

Address = tuple[socket.AddressFamily, Any]


async def bind(host: str, port: int) -> list[socket.socket]:
    """Take every address of a host that this machine has: a name may stand for more. One there must be.

    Raises:
        OSError: an address is in use, not ours, or not permitted.
    """
    return _bind_all(await _addresses(host, port), is_shared=False)


async def bind_shared(host: str, port: int, shares: int) -> list[list[socket.socket]]:
    """Take a port several times over; the kernel spreads connections over those that listen (SO_REUSEPORT: socket(7)).

    Args:
        host: of which every address is taken.
        port: 0 for a free one, the same for all.
        shares: how many times.

    Raises:
        OSError: as `bind`; an address that others share is in use, too, if it is not we who share it.
    """
    for each in await bind(host, port) if port else ():
        each.close()  # the kernel would let us in beside a stranger of the same user
    taken: list[list[socket.socket]] = []
    try:
        for _ in range(shares):
            taken.append(await bind_again(host, port))
            port = int(taken[0][0].getsockname()[1])
    except OSError:
        for each in (each for share in taken for each in share):
            each.close()
        raise
    return taken


async def bind_again(host: str, port: int) -> list[socket.socket]:
    """Take a port that is shared with others of this user already, as `bind_shared` does."""
    return _bind_all(await _addresses(host, port), is_shared=True)


async def _addresses(host: str, port: int) -> list[Address]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _bind_all(addresses: Iterable[Address], *, is_shared: bool) -> list[socket.socket]:
    bound: list[socket.socket] = []
    absent = None
    try:
        for family, address in addresses:
            port = bound[0].getsockname()[1] if bound and is_shared else address[1]
            try:
                bound.append(_bind(family, (address[0], port, *address[2:]), is_shared=is_shared))
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise
                absent = error
        if not bound:
            raise absent or OSError("the host has no address")
    except OSError:
        for each in bound:
            each.close()
        raise
    return bound


def _bind(family: socket.AddressFamily, address: Any, *, is_shared: bool) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.settimeout(0)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # or a restart waits for old connections
        if is_shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # or it would take IPv4's port as well
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound
