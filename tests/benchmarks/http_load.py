"""An HTTP/1.1 load generator that also measures the CPU of the server: `python -m tests.benchmarks.http_load`.

A request is built once; "$ID" in its target, headers or body is a fresh id, "$OWNER" the next of some users.
Connections are kept alive, and with a depth above 1 requests are sent ahead (pipelining). An answer must have a
Content-Length, status 200, and the JSON envelope of a success as its body. Answers come in the order of the requests
(RFC 9112 §9.3.2).
"""

import asyncio
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Literal, cast
from urllib.parse import urlsplit

import msgspec

from tests.benchmarks.generator import ID_BYTES, OWNERS, Client, Tally, Template, options
from tests.benchmarks.windows import Load, run

__all__ = ["main", "request_text", "take_answer"]

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"\r\ncontent-length:"


class Envelope(msgspec.Struct):
    """The part of an answer's body that is looked at."""

    status: Literal[200]
    error: None


decode = msgspec.json.Decoder(Envelope).decode


def request_text(request: str, host: str, headers: Sequence[str] = (), body: str = "") -> bytes:
    """Put a request together.

    Args:
        request: method and target, `GET /_now`.
        host: with its port.
        headers: further lines, `Name: value`.
        body: JSON; empty for none.
    """
    lines = [f"{request} HTTP/1.1", f"Host: {host}", *headers]
    if body:
        length = len(body.replace("$ID", "i" * ID_BYTES).replace("$OWNER", OWNERS[0]).encode())
        lines += ["Content-Type: application/json", f"Content-Length: {length}"]
    return "\r\n".join([*lines, "", body]).encode()


def take_answer(data: bytes, start: int) -> tuple[bytes, bytes, int] | None:
    """Find the answer that begins at `start`: its head in lower case, its body, its end; None while it is cut short.

    Raises:
        ValueError: it has no Content-Length, or one that is no number.
    """
    end = data.find(END_OF_HEAD, start)
    if end < 0:
        return None
    head = data[start : end + 2].lower()
    found = head.find(LENGTH)
    if found < 0:
        raise ValueError("no Content-Length")
    value = found + len(LENGTH)
    body = end + len(END_OF_HEAD)
    after = body + int(head[value : head.index(b"\r\n", value)])
    return (head, data[body:after], after) if after <= len(data) else None


class HttpClient(Client, asyncio.Protocol):
    """One connection."""

    def __init__(self, number: int, tally: Tally, template: Template) -> None:
        super().__init__(number, tally, template)
        self.waiting: deque[float] = deque()
        self.data = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Only the end of the run may do that."""
        self.transport = None
        self.lost()

    def ask(self, count: int, since: float) -> None:
        """All requests in one write."""
        if self.transport is None:
            return
        self.waiting.extend([since] * count)
        self.transport.write(b"".join([self.template.fill(self.fresh_id()) for _ in range(count)]))

    def leave(self) -> None:
        """Close the connection."""
        if self.transport is not None:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Take the answers of this read and follow them by as many requests."""
        now = perf_counter()
        data, start, taken = self.data + data, 0, 0
        try:
            while (answer := take_answer(data, start)) is not None:
                head, body, start = answer
                taken += 1
                self.take(head, body, now)
        except ValueError:
            self.tally.error("not an answer", data)
            self.leave()
            return
        self.data = data[start:]
        if taken:
            self.go_on(taken)

    def take(self, head: bytes, body: bytes, now: float) -> None:
        """Check one answer."""
        if not self.waiting:
            self.tally.error("an answer to nothing", body)
            return
        sent = self.waiting.popleft()
        try:
            decode(body)
        except msgspec.MsgspecError:
            self.tally.error("not the envelope of a success", body)
            return
        if not head.startswith(b"http/1.1 200 "):
            self.tally.error("status", head)
            return
        self.tally.latencies.append(now - sent)


def main() -> int:
    """Run once and print the measure."""
    parser = options(__doc__)
    parser.add_argument("--request", default="", help='method and target, as "GET /_now"')
    parser.add_argument("--header", action="append", default=[], help='a further one, as "Name: value"')
    parser.add_argument("--body", default="", help="JSON")
    given = parser.parse_args()
    place = urlsplit(given.url)
    tally = Tally(stays=not given.fresh)

    def template(options: Mapping[str, str]) -> Template:
        return Template(request_text(options["request"], place.netloc, given.header, options["body"]))

    async def connect(number: int, template: Template) -> HttpClient:
        client = HttpClient(number, tally, template)
        await asyncio.get_running_loop().create_connection(lambda: client, place.hostname, place.port)
        return client

    return run(given, Load(given, tally, connect, template).measure, ["request", "body"])


if __name__ == "__main__":
    sys.exit(main())
