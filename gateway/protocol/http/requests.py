"""HTTP request → request: where each part of it comes from (http.md §1, §2).

Rules of the file: pure. What is checked before the body is there (`check_head`) stands apart from what needs the
body (`read_request`); both raise the documented error, which its caller answers in an envelope like any other.
"""

from collections.abc import Collection, Mapping
from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType, structs

from gateway.protocol.codec import decode_json, decode_request, encode
from gateway.protocol.errors import ApiError, api_error
from gateway.protocol.http.bodies import FORMS, check_content, decode_body
from gateway.protocol.http.compression import inflate
from gateway.protocol.http.routing import RouteTree, parse_query, shown_path
from gateway.protocol.messages import BadFrame, Request

__all__ = ["METHODS", "BodyRules", "HttpRequest", "check_head", "read_request", "request_id_of"]

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
"""What is handled; anything else is `network.http.unsupported_verb`."""

_QUERY = "_query"
_BEARER = "bearer "
# Of the query string, what is no argument: the route says what is called, and only the header whose answer it is.
_RESERVED = ("controller", "action", "requestId", "volatile", "jwt")


class HttpRequest(Struct, frozen=True):
    """One request as it came in.

    Attributes:
        method: in capitals.
        path: of the URL, as sent.
        query: what follows `?`, as sent.
        headers: names in lower case; the values of a repeated one joined as HTTP allows.
        body: chunks joined, still compressed.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""


class BodyRules(Struct, frozen=True):
    """What bodies are taken.

    Attributes:
        most_bytes: of a body, before and after it is inflated.
        extra_types: media types beside the three of the protocol; they are read as JSON.
        compressed: whether compressed ones are.
    """

    most_bytes: int = 1_048_576
    extra_types: Collection[str] = ()
    compressed: bool = True


def request_id_of(headers: Mapping[str, str], new_id: str) -> str:
    """The id that the answer carries: the client's header, else the one made for it."""
    return headers.get("x-kuzzle-request-id") or new_id


def check_head(http: HttpRequest, rules: BodyRules) -> None:
    """Refuse a request whose body need not be waited for, in the order of http.md, "Order of checks".

    Raises:
        SizeLimitError: `network.http.request_too_large`.
        BadRequestError: `unsupported_verb`, `unsupported_content`, `unsupported_charset`, `compression_disabled`.
    """
    if http.method not in METHODS:
        raise api_error("network.http.unsupported_verb", http.method)
    length = http.headers.get("content-length")
    if length is not None and int(length) > rules.most_bytes:
        raise api_error("network.http.request_too_large")
    content_type = http.headers.get("content-type")
    if content_type is not None:
        check_content(content_type, rules.extra_types)
    if not rules.compressed and http.headers.get("content-encoding", "identity").lower() != "identity":
        raise api_error("network.http.compression_disabled")


def read_request(http: HttpRequest, tree: RouteTree, rules: BodyRules, request_id: str) -> Request:
    """Find out what is asked.

    Args:
        http: whole.
        tree: the routes.
        rules: of bodies.
        request_id: of the answer.

    Raises:
        ApiError: of `network.http`: the body, the volatile data or the URL cannot be read, or nothing is there.
    """
    frame, body = _body(http, rules) if http.body else (b"", None)
    jwt = _bearer(http.headers)
    if http.method == "POST" and http.path.strip("/") == _QUERY:
        return _read_query(frame, jwt, request_id)
    if body is not None and not isinstance(body, dict | list):
        raise api_error("network.http.unexpected_error", "the body must be an object or an array")
    volatile = _volatile(http.headers)
    found = tree.find(http.method, http.path)
    if found is None:
        raise api_error("network.http.url_not_found", shown_path(http.path))
    route, parameters = found
    fields: dict[str, Any] = {}
    if http.query:
        fields |= parse_query(http.query)
        jwt = _token(fields, jwt)
    fields |= parameters
    if body is not None:
        fields["body"] = body
    if not fields:
        return Request(route.controller, route.action, request_id, fields, jwt, volatile)
    return Request(
        controller=route.controller,
        action=route.action,
        request_id=request_id,
        payload=fields,
        jwt=jwt,
        volatile=volatile,
        index=_echoed(fields, "index"),
        collection=_echoed(fields, "collection"),
        targets=_echoed(fields, "targets"),
    )


def _body(http: HttpRequest, rules: BodyRules) -> tuple[bytes, Any]:
    """The body as JSON text, and as the value that it stands for; a form becomes an object of texts."""
    content_type = http.headers.get("content-type")
    media_type = check_content(content_type, rules.extra_types)
    text = inflate(http.body, http.headers.get("content-encoding"), rules.most_bytes)
    value = decode_body(text, content_type, media_type)
    return encode(value) if media_type in FORMS else text, value


def _bearer(headers: Mapping[str, str]) -> str | None:
    """The token behind the scheme, not trimmed; other schemes are no business of ours."""
    sent = headers.get("authorization")
    if sent is None:
        return None
    return sent[len(_BEARER) :] if sent[: len(_BEARER)].lower() == _BEARER else None


def _token(fields: dict[str, Any], bearer: str | None) -> str | None:
    """Take out of the query string what is no argument; a token counts there if the header has none."""
    if "body" in fields:
        raise api_error("network.http.unexpected_error", "a body cannot stand in the query string")
    jwt = fields.get("jwt")
    for name in _RESERVED:
        fields.pop(name, None)
    if bearer is not None or jwt is None:
        return bearer
    if not isinstance(jwt, str):
        raise api_error("network.http.unexpected_error", "the query string has more than one token")
    return jwt


def _volatile(headers: Mapping[str, str]) -> Raw | None:
    sent = headers.get("x-kuzzle-volatile")
    if sent is None:
        return None
    try:
        text = sent.encode("latin-1")  # the bytes that came: JSON is UTF-8, whatever header values once were
        value = decode_json(text)
    except (ValueError, ApiError):
        raise api_error("network.http.volatile_parse_failed", "it is not JSON") from None
    if value is not None and not isinstance(value, dict):
        raise api_error("network.http.volatile_parse_failed", "it is not an object")
    return None if value is None else Raw(text)


def _echoed(fields: Mapping[str, Any], name: str) -> Raw | UnsetType:
    return Raw(encode(fields[name])) if name in fields else UNSET


def _read_query(frame: bytes, bearer: str | None, request_id: str) -> Request:
    """A body that is a whole request (http.md §2, "Built-in endpoints"): its own token comes first, its id never."""
    if not frame:
        raise api_error("network.http.unexpected_error", "the body must be a request")
    try:
        request = decode_request(frame, lambda: request_id)
    except BadFrame as fault:
        raise api_error("network.http.unexpected_error", fault.reason) from None
    jwt = bearer if request.jwt is None else request.jwt
    return structs.replace(request, request_id=request_id, jwt=jwt)
