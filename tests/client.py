"""A WebSocket client for tests: asks, and gives the answer as a dictionary.

Every answer is held against what the protocol promises of all of them (frames.md §3), so no test needs to.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

__all__ = ["ADMIN", "Client", "connected"]

ADMIN = {"username": "admin", "password": "correct horse"}
"""Credentials of the administrator that `administrator` makes."""

_KEYS = {"action", "controller", "error", "headers", "node", "requestId", "result", "status", "volatile", "room"}

_PATIENCE_S = 60.0


class Client:
    """One connection.

    Attributes:
        jwt: sent with every request that does not bring its own; None for anonymous.
        notes: notifications that came while an answer was awaited, oldest first.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.jwt: str | None = None
        self.notes: list[dict[str, Any]] = []
        self._numbers = itertools.count()

    async def ask(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Send `controller:action` with root arguments; return the whole answer."""
        controller, action = name.split(":")
        request = {"controller": controller, "action": action, "requestId": f"r{next(self._numbers)}"}
        if self.jwt is not None:
            request["jwt"] = self.jwt
        return await self.exchange(json.dumps(request | arguments))

    async def exchange(self, message: str | bytes) -> dict[str, Any]:
        """Send one message as it is; return the next one that is no notification, which must be its answer.

        A raw answer, a document without an envelope, is returned as if it were the result in one.
        """
        await self.socket.send(message)
        while "type" in (answer := await self.receive()):
            self.notes.append(answer)
        if {"openapi", "asyncapi"} & set(answer):
            return {"error": None, "status": 200, "result": answer, "room": answer["room"]}
        return checked(answer)

    async def told(self) -> dict[str, Any]:
        """Return the next notification; nothing else may come before it."""
        note = self.notes.pop(0) if self.notes else await self.receive()

        assert "type" in note, note
        return note

    async def receive(self) -> dict[str, Any]:
        """Return the next message; one that does not come within a minute fails the test."""
        async with asyncio.timeout(_PATIENCE_S):
            message: dict[str, Any] = json.loads(await self.socket.recv())
        return message

    async def succeed(self, name: str, **arguments: Any) -> Any:
        """Ask and return `result`; the answer must be a success."""
        answer = await self.ask(name, **arguments)

        assert (None, 200) == (answer["error"], answer["status"]), answer
        return answer["result"]

    async def fail(self, name: str, **arguments: Any) -> tuple[int, str | None]:
        """Ask and return status and error id; the answer must be an error."""
        answer = await self.ask(name, **arguments)

        assert answer["error"] is not None, answer
        return answer["status"], answer["error"].get("id")

    async def login(self, username: str, password: str, **arguments: Any) -> str:
        """Log in and use the token from now on; return it."""
        body = {"username": username, "password": password}
        result = await self.succeed("auth:login", strategy="local", body=body, jwt=None, **arguments)
        self.jwt = str(result["jwt"])
        return self.jwt


def checked(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer that has every key it must have, and whose parts agree."""
    assert set(answer) - {"index", "collection", "result"} == _KEYS - {"result"}, answer
    assert isinstance(answer["room"], str)
    if isinstance(answer["requestId"], str):
        assert answer["requestId"] == answer["room"]
    if answer["error"] is not None:
        assert answer["error"]["status"] == answer["status"]
        assert answer["error"]["message"]
    return answer


@asynccontextmanager
async def connected(port: int, **options: Any) -> AsyncIterator[Client]:
    """Connect to a gateway on this machine, over TLS if `ssl` is among the options."""
    scheme = "wss" if "ssl" in options else "ws"
    async with connect(f"{scheme}://127.0.0.1:{port}", compression=None, **options) as socket:
        yield Client(socket)
