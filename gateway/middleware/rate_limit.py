"""How often: requests within one second.

Rules of the file: one endpoint around the next; the time is handed in. A user's requests are counted together, an
anonymous caller's for the connection and for its address (deviation 22), over all processes that share a database.
Refused requests take nothing from the next second; logins are counted elsewhere, the logout of somebody who is logged
in nowhere (rights.md, "Rate limits").
"""

from collections.abc import Awaitable, Callable

from gateway.actions import Context, Endpoint, Middleware
from gateway.middleware.permits import Accounts
from gateway.protocol.errors import api_error
from gateway.protocol.messages import Request

__all__ = ["Lease", "rate_limit"]

Lease = Callable[[str, int, int, int], Awaitable[int | None]]
"""From key, second, number wanted and limit to the number granted, None if nobody can tell; may be awaited by many."""


async def _no_lease(_key: str, _second: int, _wanted: int, _most: int) -> int | None:
    return None


def rate_limit(now: Callable[[], int], processes: int = 1, lease: Lease = _no_lease) -> Middleware:
    """Make the middleware.

    Args:
        now: milliseconds since the epoch.
        processes: how many share each limit; with one, `lease` is never called.
        lease: asks for a part of what all of them may let through.
    """
    limiter = _Limiter(now, processes, lease)

    def around(endpoint: Endpoint) -> Endpoint:
        def limit(request: Request, context: Context) -> Awaitable[object]:
            most = context.principal.rate_limit
            if most and _is_counted(request, context):
                return count(request, context, most)
            return endpoint(request, context)

        async def count(request: Request, context: Context, most: int) -> object:
            if not await limiter.admits(context, most):
                raise api_error("api.process.too_many_requests")
            return await endpoint(request, context)

        return limit

    return around


class _Limiter:
    def __init__(self, now: Callable[[], int], processes: int, lease: Lease) -> None:
        self._now = now
        self._lease = lease
        self._accounts = Accounts(processes)

    async def admits(self, context: Context, most: int) -> bool:
        """Tell whether one more request may pass."""
        if not context.principal.is_anonymous:
            return await self._passes(f"user:{context.principal.kuid}", most)
        # A connection is one process's own, an address may have others elsewhere.
        return await self._passes(f"connection:{context.connection.id}", most, is_shared=False) and await self._passes(
            f"address:{context.connection.address}", most
        )

    async def _passes(self, key: str, most: int, *, is_shared: bool = True) -> bool:
        while True:
            account = self._accounts.find(key, most, self._now() // 1000, is_shared=is_shared)
            if (verdict := account.take()) is not None:
                return verdict
            if account.pending is None:
                account.pending = self._lease(key, account.second, account.wanted, most)
            lease = account.pending
            granted = await lease
            if account.pending is lease:  # else another request that waited for it has settled
                account.settle(granted, most)
                account.pending = None


def _is_counted(request: Request, context: Context) -> bool:
    if request.controller != "auth":
        return True
    return request.action != "login" and (request.action != "logout" or context.principal.is_anonymous)
