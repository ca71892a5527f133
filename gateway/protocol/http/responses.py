"""Answer → HTTP response: status, headers, body (http.md §3, §4).

Rules of the file: pure. What is the same for every answer of a process is put together once, in `Responses`; what
the request has to say of its answer is a `Wish`. Everything that comes from outside is text without line breaks:
a request's header values by the parser, an action's headers by the check here.
"""

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus

from msgspec import UNSET, Struct

from gateway.protocol.codec import encode, encode_envelope, indented
from gateway.protocol.http.compression import choose_encoding, deflate
from gateway.protocol.http.cookies import set_cookie
from gateway.protocol.messages import Response

__all__ = ["CONTINUE", "Responses", "Wish"]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
"""Tells a client that it may send the body (RFC 9110 §10.1.1)."""

_ALLOWED_HEADERS = (
    "Content-Type, Access-Control-Allow-Headers, Authorization, X-Requested-With, Content-Encoding, Content-Length, "
    "X-Kuzzle-Volatile, X-Kuzzle-Request-Id"
)
_EXPOSED_HEADERS = "X-Kuzzle-Request-Id, X-Kuzzle-Node, Retry-After"
_METHODS = "GET,POST,PUT,PATCH,DELETE,OPTIONS,HEAD"
_JSON = "application/json"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# What is the server's to say: an action that said it too would have it there twice, and which one counts is a guess.
_OWN_HEADERS = frozenset(
    "accept-encoding access-control-allow-credentials access-control-allow-headers access-control-allow-methods "
    "access-control-allow-origin access-control-expose-headers cache-control connection content-encoding "
    "content-length date keep-alive set-cookie trailer transfer-encoding upgrade x-content-type-options "
    "x-kuzzle-node x-kuzzle-request-id".split()
)

_REASONS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}

# What is said beside a status: how to log in, to what to upgrade, to try again in a second (RFC 9110 §11.6.1, §15.5.22,
# §10.2.3; RFC 6455 §4.2.2).
_BY_STATUS = {
    401: "WWW-Authenticate: Bearer\r\n",
    426: "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    429: "Retry-After: 1\r\n",
    503: "Retry-After: 1\r\n",
}


class Wish(Struct, frozen=True):
    """What a request has to say of its answer.

    Attributes:
        request_id: of the answer.
        origin: the page's, echoed; None where there is none.
        accept_encoding: the header; None where there is none.
        is_pretty: indent the JSON.
        has_body: False for HEAD: headers only.
        is_secure: the client's side is TLS, so a cookie is for TLS only.
        connection: value of that header, empty for none.
    """

    request_id: str
    origin: str | None = None
    accept_encoding: str | None = None
    is_pretty: bool = False
    has_body: bool = True
    is_secure: bool = False
    connection: str = ""


class Responses:
    """Writes the responses of a process.

    Args:
        node: its name on the wire.
        compresses: whether bodies are compressed for those who ask.
        cookies: whether cookies authenticate.
        date: the value of the header `Date` at this moment (RFC 9110 §6.6.1).
    """

    def __init__(self, node: str, *, compresses: bool, cookies: bool, date: Callable[[], str]) -> None:
        self._compresses = compresses
        self._date = date
        lines = {
            "X-Kuzzle-Node": node,
            "Accept-Encoding": "gzip,deflate,identity" if compresses else "identity",
            "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Expose-Headers": _EXPOSED_HEADERS,
            **({"Access-Control-Allow-Credentials": "true"} if cookies else {}),
            # An answer may hold a token, and it is JSON whatever a browser would like to make of it.
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        self._constant = _lines(lines)
        self._beginnings: dict[tuple[int, str], str] = {}

    def encoder(self, wish: Wish) -> Callable[[Response], bytes]:
        """Give the encoder of one request's answer, for the dispatcher."""
        return lambda response: self.write(response, wish)

    def write(self, response: Response, wish: Wish) -> bytes:
        """Write the whole response.

        Raises:
            ValueError: an action's header cannot stand in a response.
            NotImplementedError, TypeError: its result has no form in JSON, or is no text where the type wants one.
        """
        if response.content_type in (UNSET, _JSON):
            body = encode_envelope(response) if response.content_type is UNSET else encode(response.result)
            body = indented(body) if wish.is_pretty else body
        else:
            body = _text(response.result)
        more: dict[str, str] = {}
        content_type = response.content_type or _JSON
        if response.headers or response.content_type is not UNSET:
            more |= {name.title(): value for name, value in response.headers.items()}
            content_type = more.pop("Content-Type", content_type)
            _check({"Content-Type": content_type, **more})
        if response.cookie is not UNSET:
            cookie = response.cookie
            more["Set-Cookie"] = set_cookie(cookie.token, cookie.expires_at, secure=wish.is_secure)
        return self._response(response.status, content_type, more, body, wish)

    def page(self, html: str, policy: str, wish: Wish) -> bytes:
        """Write a page for a person, with its Content-Security-Policy."""
        more = {
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "Vary": "Accept",
        }
        return self._response(200, "text/html; charset=utf-8", more, html.encode(), wish)

    def _response(self, status: int, content_type: str, more: dict[str, str], body: bytes, wish: Wish) -> bytes:
        encoding = "identity"
        if wish.origin is not None:
            more["Access-Control-Allow-Origin"] = wish.origin
            _vary(more, "Origin")
        if wish.accept_encoding is not None and self._compresses:
            encoding = choose_encoding(wish.accept_encoding)
            body = body if encoding == "identity" else deflate(body, encoding)
            _vary(more, "Accept-Encoding")
        if wish.connection:
            more["Connection"] = wish.connection
        beginning = self._beginnings.get((status, encoding)) if content_type == _JSON else None
        head = (
            f"{beginning or self._beginning(status, content_type, encoding)}{len(body)}\r\n"
            f"X-Kuzzle-Request-Id: {wish.request_id}\r\nDate: {self._date()}\r\n{_lines(more) if more else ''}\r\n"
        ).encode("latin-1")
        return head + body if wish.has_body else head

    def _beginning(self, status: int, content_type: str, encoding: str) -> str:
        """What stands before the length of the body; of JSON it is kept, there are few of them."""
        beginning = (
            f"HTTP/1.1 {_REASONS.get(status) or f'{status} '}\r\n{self._constant}{_BY_STATUS.get(status, '')}"
            f"Content-Type: {content_type}\r\nContent-Encoding: {encoding}\r\nContent-Length: "
        )
        if content_type == _JSON and status in _REASONS:
            self._beginnings[status, encoding] = beginning
        return beginning


def _lines(headers: Mapping[str, str]) -> str:
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])


def _vary(headers: dict[str, str], name: str) -> None:
    headers["Vary"] = f"{headers['Vary']}, {name}" if "Vary" in headers else name


def _text(result: object) -> bytes:
    if not isinstance(result, str):
        raise TypeError(f"a raw answer that is not {_JSON} is a text")
    return result.encode()


def _check(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value) or name.lower() in _OWN_HEADERS:
            raise ValueError(f"an action cannot set the header {name!r}")
