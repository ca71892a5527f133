"""An HTTP client for tests: one kept connection, no library between a test and the wire."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.transports.http_wire import Answer, ask_http
from tests.transports.wire import Wire, dial

__all__ = ["HttpClient", "http_connected"]


class HttpClient:
    """One connection.

    Attributes:
        wire: its bytes.
        jwt: sent as a bearer token with every request that brings no `Authorization` of its own; None for anonymous.
    """

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.jwt: str | None = None

    async def ask(self, method: str, target: str, *headers: str, body: Any = None) -> Answer:
        """Send a request and return its answer; a body that is no bytes is sent as JSON."""
        lines = list(headers)
        if self.jwt is not None and not any(line.lower().startswith("authorization:") for line in lines):
            lines.append(f"Authorization: Bearer {self.jwt}")
        if body is not None and not isinstance(body, bytes):
            lines.append("Content-Type: application/json")
            body = json.dumps(body).encode()
        return await ask_http(self.wire, method, target, *lines, body=body)

    async def succeed(self, method: str, target: str, *headers: str, body: Any = None) -> Any:
        """Ask and return `result`; the answer must be a success."""
        answer = await self.ask(method, target, *headers, body=body)

        assert (200, None) == (answer.status, answer.envelope["error"]), answer
        return answer.envelope["result"]

    async def fail(self, method: str, target: str, *headers: str, body: Any = None) -> tuple[int, str | None]:
        """Ask and return status and error id; the answer must be an error."""
        answer = await self.ask(method, target, *headers, body=body)

        assert answer.envelope["error"] is not None, answer
        return answer.status, answer.envelope["error"].get("id")

    async def login(self, username: str, password: str) -> str:
        """Log in and use the token from now on; return it."""
        self.jwt = None
        credentials = {"username": username, "password": password}
        self.jwt = str((await self.succeed("POST", "/_login/local", body=credentials))["jwt"])
        return self.jwt


@asynccontextmanager
async def http_connected(port: int) -> AsyncIterator[HttpClient]:
    """Connect to a gateway on this machine."""
    wire = await dial(port)
    try:
        yield HttpClient(wire)
    finally:
        wire.reset()
