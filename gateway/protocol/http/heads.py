"""The request head: what a parser found in it → a request that has its body still to come.

Rules of the file: pure. The parser has checked the syntax; here stands what two servers behind each other might
read differently (RFC 9112 §11.2): it is refused, whichever reading might be meant.
"""

import re
from collections.abc import Iterable, Mapping

from gateway.protocol.errors import ApiError, api_error
from gateway.protocol.http.requests import HttpRequest

__all__ = ["MAX_HEADERS", "MAX_TARGET_BYTES", "bad_request", "expects_continue", "read_head", "wants_websocket"]

MAX_TARGET_BYTES = 8192
"""Longest URL (RFC 9112 §3 asks for 8000 octets at least)."""

MAX_HEADERS = 100
"""Header lines of a request (Apache and gunicorn take as many)."""

_SINGLE = frozenset(
    "authorization content-length content-type expect host origin transfer-encoding x-kuzzle-request-id "
    "x-kuzzle-volatile".split()
)
_VERSIONS = ("1.1", "1.0")
_PATH = re.compile(rb'/[!"$-~]*')  # RFC 9112 §3.2.1: no fragment; what else no URL has is left to the routes
_HOST = re.compile(r"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]*")  # RFC 9112 §3.2, RFC 3986 §3.2


def bad_request(reason: str, status: int = 400) -> ApiError:
    """The error for what is not HTTP as this server takes it: `network.http.unexpected_error`.

    Args:
        reason: one clause for the client.
        status: where HTTP has a better one than 400.
    """
    error = api_error("network.http.unexpected_error", reason)
    error.status = status
    return error


def read_head(method: str, target: bytes, version: str, headers: Iterable[tuple[bytes, bytes]]) -> HttpRequest:
    """Make a request of its head.

    Args:
        method: as sent.
        target: of the request line, as sent.
        version: of HTTP, `1.1` or `1.0`; it decides how a message ends, so another one is refused.
        headers: in order, names in lower case.

    Raises:
        ApiError: status 400, 414, 417, 431, 501 or 505.
    """
    if version not in _VERSIONS:
        raise bad_request("the version of HTTP must be 1.1 or 1.0", 505)
    if len(target) > MAX_TARGET_BYTES:
        raise bad_request("the URL is too long", 414)
    if not _PATH.fullmatch(target) and (method, target) != ("OPTIONS", b"*"):
        raise bad_request("the request target must be a path")
    path, _, query = target.decode("ascii").partition("?")
    fields = _fields(headers)
    _check_host(fields.get("host"), version)
    _check_framing(fields, version)
    if "expect" in fields and fields["expect"].lower() != "100-continue":
        raise bad_request("only 100-continue can be expected", 417)
    return HttpRequest(method, path, query, fields)


def wants_websocket(headers: Mapping[str, str]) -> bool:
    """Tell whether a request asks for WebSocket, be it with a fault that the handshake will name (RFC 6455 §4.2)."""
    sent = headers.get("upgrade")
    return sent is not None and "websocket" in (word.strip().lower() for word in sent.split(","))


def expects_continue(headers: Mapping[str, str]) -> bool:
    """Tell whether the client waits for a word before it sends the body (RFC 9110 §10.1.1)."""
    return "expect" in headers


def _fields(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for count, (raw_name, raw_value) in enumerate(headers):
        if count == MAX_HEADERS:
            raise bad_request(f"there are more than {MAX_HEADERS} headers", 431)
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name not in fields:
            fields[name] = value
        elif name in _SINGLE:
            raise bad_request(f"there may be one header {name}")
        else:
            fields[name] = f"{fields[name]}{'; ' if name == 'cookie' else ', '}{value}"
    return fields


def _check_host(host: str | None, version: str) -> None:
    if host is None and version != "1.0":
        raise bad_request("the header host is missing")
    if host is not None and not _HOST.fullmatch(host):
        raise bad_request("the header host is no host")


def _check_framing(fields: Mapping[str, str], version: str) -> None:
    coding = fields.get("transfer-encoding")
    if "upgrade" in fields and (coding is not None or fields.get("content-length", "0") != "0"):
        raise bad_request("a request to upgrade has no body")
    if coding is None:
        return
    if "content-length" in fields:
        raise bad_request("a body has one length")
    if version == "1.0":
        raise bad_request("HTTP/1.0 has no transfer coding")
    if coding.lower() != "chunked":
        raise bad_request("the only transfer coding is chunked", 501)
