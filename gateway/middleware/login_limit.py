"""How often: logins within one second, of one connection or, over HTTP, of one address.

Rules of the file: one endpoint around the next; the time is handed in. Failed logins count too, and so do refused
ones (rights.md, "Rate limits"). Over HTTP each request is a connection of its own, so a count per connection would
count nothing (http.md §1).
"""

from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, ip_address
from weakref import WeakKeyDictionary

from gateway.actions import Connection, Context, Endpoint, Middleware
from gateway.protocol.errors import api_error
from gateway.protocol.messages import Request

__all__ = ["login_limit"]

_MOST_ADDRESSES = 10_000
"""Counted apart within a second; those who come later are counted as one."""

_SITE_BITS = 64  # RFC 4291 §2.5.1: what is left of an IPv6 address names a machine, which may take any of them


def login_limit(per_second: int, now: Callable[[], int], http_per_second: int = 0) -> Middleware:
    """Make the middleware.

    Args:
        per_second: most logins of one connection that lasts, in a slice of a second; 0 for no limit.
        now: milliseconds since the epoch.
        http_per_second: likewise, of one address over HTTP.
    """
    limiter = _Limiter(per_second, http_per_second)

    def around(endpoint: Endpoint) -> Endpoint:
        def limit(request: Request, context: Context) -> Awaitable[object]:
            is_login = request.action == "login" and request.controller == "auth"
            if is_login and not limiter.admits(context.connection, now() // 1000):
                raise api_error("api.process.too_many_logins_requests")
            return endpoint(request, context)

        return limit

    return around


class _Limiter:
    def __init__(self, per_connection: int, per_address: int) -> None:
        self._per_connection = per_connection
        self._per_address = per_address
        self._connections: WeakKeyDictionary[Connection, tuple[int, int]] = WeakKeyDictionary()
        self._addresses: dict[str | int, int] = {}
        self._second = 0

    def admits(self, connection: Connection, second: int) -> bool:
        """Count one login; tell whether it may pass."""
        if connection.protocol == "http":
            return not self._per_address or self._of_address(connection.address, second) <= self._per_address
        return not self._per_connection or self._of_connection(connection, second) <= self._per_connection

    def _of_connection(self, connection: Connection, second: int) -> int:
        started, logins = self._connections.get(connection, (second, 0))
        logins = logins + 1 if started == second else 1
        self._connections[connection] = (second, logins)
        return logins

    def _of_address(self, address: str, second: int) -> int:
        if second != self._second:
            self._second = second
            self._addresses = {}
        site = _site(address)
        if site not in self._addresses and len(self._addresses) >= _MOST_ADDRESSES:
            site = ""
        logins = self._addresses[site] = self._addresses.get(site, 0) + 1
        return logins


def _site(address: str) -> str | int:
    """Give whom an address stands for: itself, or the network of an IPv6 one; "" and other names stand as they are."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, IPv4Address):
        return address
    return str(ip.ipv4_mapped) if ip.ipv4_mapped else int(ip) >> _SITE_BITS
