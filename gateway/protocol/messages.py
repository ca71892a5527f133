"""The nouns of the wire: what comes in, what goes out.

Rules of the file: frozen values without behaviour. Names are ours in snake_case; the wire's spelling stands in
the codec. `Raw` is JSON text that was checked but not decoded, to be echoed byte for byte (frames.md §2, §3).
"""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType

__all__ = ["BadFrame", "Cookie", "Notification", "Request", "Response"]


class Request(Struct, frozen=True, gc=False):
    """One call of one action.

    Attributes:
        controller, action: as sent; "" where the frame has none.
        request_id: the client's, or one made for it.
        payload: what the action's arguments are read from: the frame itself, or over HTTP, where they come from
            several places, wire name → value (text, lists of texts, and a decoded `body`).
        jwt: the token as sent; None is anonymous, "" is not.
        volatile: a JSON object to echo, or None.
        index, collection: echoed only if the frame carries the key, whatever its value.
        targets: the places of a multi-target search, UNSET if the frame has none.
    """

    controller: str
    action: str
    request_id: str
    payload: bytes | Mapping[str, Any]
    jwt: str | None = None
    volatile: Raw | None = None
    index: Raw | UnsetType = UNSET
    collection: Raw | UnsetType = UNSET
    targets: Raw | UnsetType = UNSET


class Cookie(Struct, frozen=True):
    """What the browser shall keep in the cookie `authToken` (http.md §7).

    Attributes:
        token: a login token, None to end the cookie.
        expires_at: milliseconds since the epoch, -1 for as long as the browser runs.
    """

    token: str | None
    expires_at: int = -1


class Response(Struct, frozen=True, gc=False, kw_only=True, rename="camel"):
    """One answer; its fields are the keys of the wire in the original's order (frames.md §3), what is UNSET left out.

    The one noun that carries the wire's spelling: copying it into another for the encoder would cost each answer as
    much as encoding it.

    Attributes:
        headers: further headers, names in lower case.
        request_id: the request's; a bad frame's may be any JSON.
        result: any JSON value; UNSET leaves the key out (an action that returned nothing).
        room: always a string, equal to `request_id` where that is one: SDKs find the pending call by it. Sockets only.
        cookie: HTTP only; in no envelope.
        content_type: of a raw answer, whose `result` goes out without an envelope; UNSET for an ordinary one.
    """

    action: str | None
    collection: Raw | UnsetType = UNSET
    controller: str | None
    error: Mapping[str, Any] | None
    headers: Mapping[str, str] = {}
    index: Raw | UnsetType = UNSET
    node: str
    request_id: Any
    result: Any
    status: int
    volatile: Raw | None = None
    room: str | UnsetType
    cookie: Cookie | UnsetType = UNSET
    content_type: str | UnsetType = UNSET


class Notification(Struct, frozen=True, gc=False):
    """A message that nobody asked for: a token's life has ended, or soon will (frames.md §6).

    Attributes:
        type: `TokenExpired`; `TokenExpiresSoon` is ours.
        request_id: a fresh one: the JVM SDK fails on a message without it (deviation 9).
        expires_at: when it will, milliseconds since the epoch.
    """

    type: str
    message: str
    info: str
    node: str
    request_id: str
    room: str = "kuzzle:notification:server"
    status: int = 200
    expires_at: int | UnsetType = UNSET


class BadFrame(Exception):  # noqa: N818 - named as the protocol page names it
    """A message that is no request.

    Attributes:
        reason: what is wrong, one clause for the client.
        request_id: JSON to echo as `requestId`, or None where none could be read.
        room: the `requestId` where it is a usable string, else None.
    """

    def __init__(self, reason: str, request_id: Raw | None = None, room: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.request_id = request_id
        self.room = room
