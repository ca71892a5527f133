"""Peer: uvicorn's plainest ASGI application, on uvloop and httptools, one process.

Before it listens it asks the gateway once, as the generator will, and from then on it answers those very bytes to
everybody: it finds no route, knows no rights, encodes nothing. Only the header `Date` is its own.
"""

import argparse
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from http.client import HTTPResponse
from typing import Any, NamedTuple

import uvicorn

from tests.benchmarks.generator import ID_BYTES, Template
from tests.benchmarks.http_load import request_text

__all__ = ["Answer", "ask", "make_app"]

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


class Answer(NamedTuple):
    """What is repeated."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def ask(port: int, request: str, body: str) -> Answer:
    """The answer of the server on a port of this machine, without its `Date`; names in lower case, as ASGI wants."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as stream:
        text = request_text(request, f"127.0.0.1:{port}", body=body)
        stream.sendall(Template(text).fill("0" * ID_BYTES))
        response = HTTPResponse(stream)
        response.begin()
        named = [(name.lower().encode(), value.encode()) for name, value in response.getheaders()]
        return Answer(response.status, [line for line in named if line[0] != b"date"], response.read())


def make_app(answer: Answer) -> App:
    """An application that reads a request to its end and repeats the answer."""
    start = {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
    body = {"type": "http.response.body", "body": answer.body}

    async def app(
        scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["method"] == "POST":
            while (await receive())["more_body"]:
                pass
        await send(start)
        await send(body)

    return app


def main() -> None:
    """Serve until the process is stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--like", type=int, required=True, help="the port of the server whose answer is repeated")
    parser.add_argument("--request", required=True)
    parser.add_argument("--body", default="")
    given = parser.parse_args()
    uvicorn.run(
        make_app(ask(given.like, given.request, given.body)),
        host="127.0.0.1",
        port=given.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
    )


if __name__ == "__main__":
    main()
