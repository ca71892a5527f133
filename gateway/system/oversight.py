"""Who is connected and what goes on: `server:metrics`, and two actions of our own on connections of this process.

Order of the file: the arguments, the two controllers. Of a token only what is public is shown: its fingerprint, the
`_id` of a key, whose it is. Sources: server-realtime.md, "server"; deviation 25.
"""

import math
from collections.abc import Callable
from typing import Any

from msgspec import field

from gateway.actions import Controller, Session, action
from gateway.connections import Connections, Load, Member
from gateway.protocol.arguments import Arguments, RequiredId
from gateway.protocol.errors import NotFoundError, api_error
from gateway.security.links import Links
from gateway.security.records import Document
from gateway.security.upkeep import Upkeep

__all__ = ["CLOSED_BY_ADMINISTRATOR", "ConnectionsController", "MetricsController"]

CLOSED_BY_ADMINISTRATOR = 4403
"""Close code: somebody who may has closed this connection (4000 to 4999 are for applications, RFC 6455 §7.4.2)."""

_MOST_HITS = 10_000


class ListConnections(Arguments, frozen=True):
    """Arguments of `admin:listConnections`; `userId` asks for those on which a token of that user is in use."""

    user_id: str | None = None
    first: int = field(name="from", default=0)
    size: int = 100


class CloseConnection(Arguments, frozen=True):
    """Arguments of `admin:closeConnection`."""

    id: RequiredId = field(name="_id")


class MetricsController(Controller):
    """`server:metrics`.

    Args:
        load: what the process is busy with.
        upkeep: knows which tokens are in use, which are remembered, and how true that is.
    """

    name = "server"

    def __init__(self, load: Callable[[], Load], upkeep: Upkeep) -> None:
        self._load = load
        self._upkeep = upkeep

    @action("metrics")
    def measure(self) -> Document:
        """Numbers of this process; `security` is ours: `staleness` in milliseconds, null before the first news."""
        load, cache, follower = self._load(), self._upkeep.cache, self._upkeep.follower
        staleness = follower.staleness
        return {
            "api": {"concurrentRequests": load.in_flight, "pendingRequests": load.waiting},
            "network": {"connections": dict(load.connections)},
            "realtime": {"rooms": 0, "subscriptions": 0},
            "security": {
                "cache": {**cache.sizes, "hits": cache.hits, "misses": cache.misses},
                "isTrusted": follower.is_trusted(),
                "staleness": round(staleness * 1000) if math.isfinite(staleness) else None,
                "tokensInUse": len(self._upkeep.links),
            },
        }


class ConnectionsController(Controller):
    """`admin:listConnections`, `admin:closeConnection`.

    Args:
        connections: of this process.
        links: tokens in use.
    """

    name = "admin"

    def __init__(self, connections: Connections, links: Links) -> None:
        self._connections = connections
        self._links = links

    @action("listConnections")
    def list(self, arguments: ListConnections) -> Document:
        """Show the WebSocket connections of this process, oldest first: `{hits, total}`."""
        for name, value, most in (("from", arguments.first, None), ("size", arguments.size, _MOST_HITS)):
            if value < 0 or (most is not None and value > most):
                raise api_error("api.assert.invalid_argument", name, f"0 to {_MOST_HITS}" if most else "0 or more")
        found = [one for one in self._connections if self._is_wanted(one, arguments.user_id)]
        found.sort(key=lambda one: (one.tally.since, one.id))
        page = found[arguments.first : arguments.first + arguments.size]
        return {"hits": [self._present(one) for one in page], "total": len(found)}

    @action("closeConnection")
    def close(self, arguments: CloseConnection) -> Document:
        """Close a connection of this process; its tokens stay."""
        connection = self._connections.find(arguments.id)
        if connection is None:
            raise NotFoundError(f'There is no connection "{arguments.id}" on this node.')
        connection.close(CLOSED_BY_ADMINISTRATOR, "closed by an administrator")
        return {"acknowledge": True}

    def _is_wanted(self, connection: Member, kuid: str | None) -> bool:
        return kuid is None or any(session.kuid == kuid for session in self._links.sessions_of(connection))

    def _present(self, connection: Member) -> Document:
        tally = connection.tally
        return {
            "_id": connection.id,
            "address": connection.address,
            "bytes": {"in": tally.bytes_in, "out": tally.bytes_out},
            "messages": {"in": tally.messages_in, "out": tally.messages_out},
            "protocol": connection.protocol,
            "since": tally.since,
            "tokens": [_shown(session) for session in self._links.sessions_of(connection)],
        }


def _shown(session: Session) -> dict[str, Any]:
    shown = {"expiresAt": session.expires_at, "fingerprint": session.fingerprint, "userId": session.kuid}
    return shown | {"apiKey": session.key_id} if session.is_api_key else shown
