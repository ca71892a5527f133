"""How often: logins of one connection within one second.

Rules of the file: one endpoint around the next; the time is handed in. Failed logins count too, and so do refused
ones (rights.md, "Rate limits").
"""

from collections.abc import Awaitable, Callable
from weakref import WeakKeyDictionary

from gateway.actions import Connection, Context, Endpoint, Middleware
from gateway.protocol.errors import api_error
from gateway.protocol.messages import Request

__all__ = ["login_limit"]


def login_limit(per_second: int, now: Callable[[], int]) -> Middleware:
    """Make the middleware.

    Args:
        per_second: most logins of one connection in a slice of a second; 0 for no limit.
        now: milliseconds since the epoch.
    """
    slices: WeakKeyDictionary[Connection, tuple[int, int]] = WeakKeyDictionary()

    def count(connection: Connection) -> int:
        second = now() // 1000
        started, logins = slices.get(connection, (second, 0))
        logins = logins + 1 if started == second else 1
        slices[connection] = (second, logins)
        return logins

    def around(endpoint: Endpoint) -> Endpoint:
        def limit(request: Request, context: Context) -> Awaitable[object]:
            is_login = request.action == "login" and request.controller == "auth"
            if is_login and per_second and count(context.connection) > per_second:
                raise api_error("api.process.too_many_logins_requests")
            return endpoint(request, context)

        return limit

    return around
