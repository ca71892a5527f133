"""What keeps memory true: everything that follows the database and the time beside the requests, put together.

Rules of the file: builds, connects and runs; what is remembered, linked and told is decided in `token_cache`, `links`
and `revocations`.
"""

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable

from msgspec import UNSET, UnsetType

from gateway.connections import Connections
from gateway.protocol.codec import encode_notification
from gateway.protocol.errors import ApiError
from gateway.protocol.messages import Notification
from gateway.security.directory import Directory
from gateway.security.links import Ending, Links
from gateway.security.revocations import Revocations
from gateway.security.seats import Seats
from gateway.security.token_cache import TokenCache
from gateway.security.tokens import fingerprint
from gateway.storage.changes import Follower
from gateway.storage.mongo import Collection, Database

__all__ = ["Upkeep", "ending"]

_log = logging.getLogger("latchgate.security")

_RETRY_S = 1.0
_LOOKS_PER_BOUND = 8
"""How often a database that has nothing to tell says so, while what is remembered may be trusted. Trust counts from the
asking, so without a gap in it there is time for two such waits and two round trips: three eighths of the bound for each
of these."""

_EXPIRED = "A token that was used on this connection does not count any more."
_EXPIRES_SOON = "A token that was used on this connection will soon end."


def ending(node: str, new_id: Callable[[], str], *, warning_ms: int, closes: bool) -> Ending:
    """How the end of a token is told (frames.md §6).

    Args:
        node: this process's name on the wire.
        new_id: makes request ids.
        warning_ms: how long before the end there is a warning, 0 for none.
        closes: the connection is closed as well.
    """

    def tell(kind: str, message: str, info: str, expires_at: int | UnsetType = UNSET) -> bytes:
        return encode_notification(Notification(kind, message, info, node, request_id=new_id(), expires_at=expires_at))

    return Ending(
        expired=lambda: tell("TokenExpired", "Authentication Token Expired", _EXPIRED),
        expires_soon=lambda at: tell("TokenExpiresSoon", "Authentication Token Expires Soon", _EXPIRES_SOON, at),
        warning_ms=warning_ms,
        closes=closes,
    )


def _digest() -> Callable[[str], object]:
    """Python's own hash where that is SipHash with a random key, else SHA-256.

    Somebody who shares a connection with the owner of a token must meet one value among 2^64 to pass for them.
    """
    is_keyed = sys.flags.hash_randomization and sys.hash_info.algorithm.startswith("siphash")
    return hash if is_keyed else fingerprint


class Upkeep:
    """The cache, the links, and what keeps both and the directory true.

    Args:
        database: whose changes are followed.
        tokens: collection of login tokens.
        keys: collection of API keys.
        users: collection of users.
        directory: roles and profiles.
        connections: of this process.
        ending: how the end of a token is told.
        seats: on how many connections who may be.
        cached_tokens: how many tokens are remembered.
        bound_s: how old what is remembered may be.
        now: milliseconds since the epoch.
        clock: seconds, monotonic.

    Attributes:
        follower: knows how true it all is.
        cache: what is remembered.
        links: what is in use.
        revocations: to be told of everything that ends.
    """

    def __init__(
        self,
        database: Database,
        *,
        tokens: Collection,
        keys: Collection,
        users: Collection,
        directory: Directory,
        connections: Connections,
        ending: Ending,
        seats: Seats,
        cached_tokens: int,
        bound_s: float,
        now: Callable[[], int],
        clock: Callable[[], float],
    ) -> None:
        self._directory = directory
        self._rights_changed, earlier = asyncio.Event(), asyncio.Event()
        feed = database.changes(
            ("roles", "profiles"), ("tokens", "api-keys", "users"), wait_ms=round(bound_s * 1000 / _LOOKS_PER_BOUND)
        )
        self.follower = Follower(feed, bound_s=bound_s, clock=clock)
        self.cache = TokenCache(
            cached_tokens,
            trust=self.follower,
            clock=clock,
            unknown_s=bound_s,
        )
        self.links = Links(ending, connections.__contains__, digest=_digest(), rearm=earlier.set, seats=seats)
        connections.tell_of_end(self.links.leave)
        self.revocations = Revocations(
            tokens,
            keys,
            users,
            cache=self.cache,
            links=self.links,
            earlier=earlier,
            rights_changed=self._rights_changed.set,
            now=now,
        )

    async def run(self) -> None:
        """Follow what other processes change, and the time; never returns."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.follower.run(self.revocations))
            group.create_task(self.revocations.follow())
            group.create_task(self._read_rights())

    async def _read_rights(self) -> None:
        """Read roles and profiles when they have changed, and once a second while nobody can tell.

        However many changes come, one reading takes in all that came before it.
        """
        while True:
            with contextlib.suppress(TimeoutError):
                # Not `wait_for`: before Python 3.12 it forgets that it was cancelled if the event comes just then.
                async with asyncio.timeout(_RETRY_S):
                    await self._rights_changed.wait()
            if not self._rights_changed.is_set() and self.follower.is_trusted():
                continue
            self._rights_changed.clear()
            try:
                await self._directory.refresh()
            except ApiError:
                await self._read_rights_later()
            except Exception:  # noqa: BLE001 - whatever it was, it must hide neither this change nor later ones
                _log.exception("roles and profiles could not be read")
                await self._read_rights_later()

    async def _read_rights_later(self) -> None:
        self._rights_changed.set()
        await asyncio.sleep(_RETRY_S)
