"""How often: requests within one second.

Rules of the file: one endpoint around the next; the time is handed in. A user's requests are counted together, an
anonymous caller's for the connection and for its address (deviation 22). Refused requests count too; logins are
counted elsewhere, the logout of somebody who is logged in nowhere (rights.md, "Rate limits").
"""

from collections.abc import Callable

from gateway.actions import Context, Endpoint, Middleware
from gateway.protocol.errors import api_error
from gateway.protocol.messages import Request

__all__ = ["rate_limit"]


def rate_limit(now: Callable[[], int]) -> Middleware:
    """Make the middleware.

    Args:
        now: milliseconds since the epoch.
    """
    counter = _Counter(now)

    def around(endpoint: Endpoint) -> Endpoint:
        async def limit(request: Request, context: Context) -> object:
            most = context.principal.rate_limit
            if most and _is_counted(request, context) and max(counter.add(key) for key in _keys(context)) > most:
                raise api_error("api.process.too_many_requests")
            return await endpoint(request, context)

        return limit

    return around


class _Counter:
    """Counts in slices of a second, all of which end together."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._second = 0
        self._counts: dict[str, int] = {}

    def add(self, key: str) -> int:
        second = self._now() // 1000
        if second != self._second:
            self._second, self._counts = second, {}
        count = self._counts[key] = self._counts.get(key, 0) + 1
        return count


def _is_counted(request: Request, context: Context) -> bool:
    if request.controller != "auth":
        return True
    return request.action != "login" and (request.action != "logout" or context.principal.is_anonymous)


def _keys(context: Context) -> tuple[str, ...]:
    if not context.principal.is_anonymous:
        return (f"user:{context.principal.kuid}",)
    return (f"connection:{context.connection.id}", f"address:{context.connection.address}")
