"""Responses in tests: what a client makes of the bytes."""

import http.client
import io
import json
from typing import Any

from gateway.protocol.http.responses import Responses, Wish
from gateway.protocol.messages import Response

__all__ = ["DATE", "ORIGIN", "WISH", "Received", "answer", "responses", "written"]

DATE = "Thu, 26 Nov 2026 14:56:24 GMT"
ORIGIN = "http://app.example"
WISH = Wish("r")


class Received:
    """What a client makes of the bytes: read by the standard library, which is told of nothing."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        start, _, rest = raw.partition(b"\r\n")
        self.start = start.decode("latin-1")
        head, _, self.body = rest.partition(b"\r\n\r\n")
        self.lines = head.decode("latin-1").split("\r\n")
        parsed = http.client.parse_headers(io.BytesIO(head + b"\r\n\r\n"))
        self.headers = {name.lower(): value for name, value in parsed.items()}
        assert len(parsed) == len(self.headers) == len(self.lines), "a header is there twice"

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


def responses(*, compresses: bool = True, cookies: bool = True) -> Responses:
    """A writer of a fixed day."""
    return Responses("knode-test", compresses=compresses, cookies=cookies, date=lambda: DATE)


def answer(**changes: Any) -> Response:
    """An ordinary answer."""
    values: dict[str, Any] = {
        "action": "now",
        "controller": "server",
        "error": None,
        "node": "knode-test",
        "request_id": "r",
        "result": {"now": 1},
        "room": "r",
        "status": 200,
    }
    return Response(**(values | changes))


def written(wish: Wish = WISH, *, compresses: bool = True, cookies: bool = True, **changes: Any) -> Received:
    """Write an answer and read it."""
    return Received(responses(compresses=compresses, cookies=cookies).write(answer(**changes), wish))
