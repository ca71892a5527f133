"""HTTP requests in tests: what one asks for, and why one is refused."""

import functools
import json
from typing import Any

from gateway.protocol.http.requests import BodyRules, HttpRequest, read_request
from gateway.protocol.http.routing import RouteTree
from gateway.protocol.messages import Request
from gateway.protocol.routes import ROUTES
from tests.protocol.http.refusals import refused

__all__ = ["FORM", "RULES", "TREE", "UNREADABLE", "VOLATILE", "asked", "body_of", "http", "refusal_of"]

TREE = RouteTree(ROUTES)
RULES = BodyRules()
UNREADABLE = "network.http.unexpected_error"
VOLATILE = "network.http.volatile_parse_failed"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def http(
    method: str, url: str, headers: dict[str, str] | None = None, body: bytes | dict[str, Any] | list[Any] = b""
) -> HttpRequest:
    """A request as the reader of heads leaves it, with its body."""
    path, _, query = url.partition("?")
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpRequest(method, path, query, headers or {}, content)


def asked(
    method: str,
    url: str,
    headers: dict[str, str] | None = None,
    body: bytes | dict[str, Any] | list[Any] = b"",
    rules: BodyRules = RULES,
) -> Request:
    """What a request asks for."""
    return read_request(http(method, url, headers, body), TREE, rules, "the-id")


def refusal_of(*arguments: Any, **options: Any) -> tuple[int, str | None, tuple[Any, ...]]:
    """Why nothing is asked for."""
    return refused(functools.partial(asked, *arguments, **options))


def body_of(request: Request) -> Any:
    """The decoded body."""
    assert not isinstance(request.payload, bytes)
    return request.payload["body"]
