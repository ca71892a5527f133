"""What an action, a controller, a connection and a principal are: the seam that everything hangs on.

Rules of the file: types and the one decorator; no behaviour of the gateway. An endpoint is a function from a
request to a result; a middleware takes one and returns one. Seen from inside, a connection is write-only: reading
is the transport's business, which is what lets answers and pushed messages live together.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Protocol, TypeVar

from msgspec import Struct

from gateway.protocol.messages import Cookie, Request

__all__ = [
    "ANONYMOUS_ID",
    "NOBODY",
    "Action",
    "Connection",
    "Context",
    "Controller",
    "Endpoint",
    "Middleware",
    "Principal",
    "Reply",
    "Rights",
    "Session",
    "action",
    "hand_over",
]

ANONYMOUS_ID = "-1"
"""The user id of whoever sends no token (rights.md, "Anonymous")."""


class Connection(Protocol):
    """One client, seen from inside.

    Attributes:
        id: a UUID of version 4.
        protocol: `"websocket"`, or `"http"`, where every request is a connection of its own.
        address: of the client, without port.
        cookie: the token of its cookie `authToken`, None where there is none that may count (deviation 10).
        refused_origin: the `Origin` of a page that may not call the gateway, None for everybody else.
    """

    id: str
    protocol: str
    address: str
    cookie: str | None
    refused_origin: str | None

    @property
    def is_local(self) -> bool:
        """The peer is this very machine, with no proxy and no foreign page between (see `security.first_admin`)."""

    def send(self, message: bytes) -> None:
        """Queue one text message; nothing happens on a connection that is gone."""

    def close(self, code: int, reason: str) -> None:
        """Begin to end the connection with a WebSocket close code (RFC 6455 §7.4)."""


class Rights(Protocol):
    """What somebody may do."""

    def allow(self, controller: str, action: str, index: str | None, collection: str | None) -> bool:
        """Tell whether an action is allowed on the index and collection that the request names, None for none."""

    def effective(self) -> list[dict[str, str]]:
        """List what is granted and denied: `action, collection, controller, index, value` (rights.md)."""


class Principal(Struct, frozen=True):
    """Who is asking.

    Attributes:
        kuid: user id, `ANONYMOUS_ID` for nobody.
        profile_ids: the profiles that give the rights.
        rights: the rights of this very moment.
        rate_limit: requests per second, 0 for no limit.
    """

    kuid: str
    profile_ids: tuple[str, ...]
    rights: Rights
    rate_limit: int = 0

    @property
    def is_anonymous(self) -> bool:
        """Nobody is logged in."""
        return self.kuid == ANONYMOUS_ID


class Session(Struct, frozen=True):
    """What a valid token stands for.

    Attributes:
        kuid: whose it is.
        fingerprint: SHA-256 of the token, 64 hex digits.
        expires_at: milliseconds since the epoch, -1 for never.
        is_api_key: an API key rather than a login token.
        is_single_use: it has been used up by this request.
        is_superseded: another one has taken its place, and it counts for a moment longer.
        key_id: `_id` of an API key, empty for a login token.
    """

    kuid: str
    fingerprint: str
    expires_at: int
    is_api_key: bool
    is_single_use: bool = False
    is_superseded: bool = False
    key_id: str = ""


class Reply(Struct, frozen=True):
    """A result that has more to say than its value; an action may return one in the place of the value.

    Attributes:
        result: the JSON value, as it would be returned alone.
        headers: further headers of the answer, names in lower case.
        cookie: what to keep in the browser; over a socket, where there is no such thing, it is left out.
        content_type: of a raw answer, the result itself without an envelope: `application/json` takes any JSON
            value, every other type a text. None for an ordinary answer.
    """

    result: Any
    headers: Mapping[str, str] = {}
    cookie: Cookie | None = None
    content_type: str | None = None


class _NoRights:
    def allow(self, _controller: str, _action: str, _index: str | None, _collection: str | None) -> bool:
        return False

    def effective(self) -> list[dict[str, str]]:
        return []


NOBODY = Principal(kuid=ANONYMOUS_ID, profile_ids=(), rights=_NoRights())
"""The principal before authentication: may do nothing at all."""


class Context(Struct, frozen=True):
    """What surrounds a request.

    Attributes:
        connection: where it came from.
        principal: who is asking; `NOBODY` until authentication has run.
        session: the token that was used, None for anonymous.
    """

    connection: Connection
    principal: Principal = NOBODY
    session: Session | None = None


Endpoint = Callable[[Request, Context], Awaitable[object]]
Middleware = Callable[[Endpoint], Endpoint]

Handler = TypeVar("Handler", bound=Callable[..., Any])


class Action(Struct, frozen=True):
    """What the decorator notes about a handler.

    Attributes:
        name: the action's name on the wire.
        logged_in_only: anonymous callers are refused with 401, whatever their rights.
    """

    name: str
    logged_in_only: bool = False


def action(name: str, *, logged_in_only: bool = False) -> Callable[[Handler], Handler]:
    """Make a method of a `Controller` answer the wire's `controller:name`.

    The method takes, by annotation and in any order: one `Arguments` subclass, a `Context`, a `Request`; each at
    most once. It returns the JSON value of `result` (`msgspec.UNSET` leaves the key out), or a `Reply`, or raises an
    `ApiError`.
    A plain function must not block; one that waits is an `async def`. One that seldom waits is a plain function that
    returns either the value or a coroutine of it: what is at hand is answered without a task.
    """

    def mark(handler: Handler) -> Handler:
        handler.__action__ = Action(name, logged_in_only)  # type: ignore[attr-defined]
        return handler

    return mark


class Controller:
    """Base of a set of actions under one wire name; several classes may share that name."""

    name: ClassVar[str]


class _HandOver:
    """An awaitable that gives way once, without a loop of any make."""

    def __await__(self) -> Any:
        yield


_HAND_OVER = _HandOver()


def hand_over() -> Awaitable[None]:
    """Leave the fast path: what follows may wait.

    A transport drives a request without a task until it waits for the first time; awaiting this before code that
    is not ours makes it run inside a task of its own, as `asyncio.timeout` and others demand.
    """
    return _HAND_OVER
