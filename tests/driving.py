"""Requests driven by hand: the middle of the gateway waits only for what it was handed, so it needs no event loop."""

from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["SilentConnection", "drive"]

T = TypeVar("T")


class SilentConnection:
    """A connection that keeps what it is told.

    Attributes:
        sent: every message.
        closed: code and reason, None while it is open.
    """

    id = "00000000-0000-4000-8000-000000000000"
    protocol = "websocket"
    address = "127.0.0.1"
    is_local = False
    cookie: str | None = None
    refused_origin: str | None = None

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed: tuple[int, str] | None = None

    def send(self, message: bytes) -> None:
        """Keep a message."""
        self.sent.append(message)

    def close(self, code: int, reason: str) -> None:
        """Keep why it ends."""
        self.closed = code, reason


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; it may give way, but wait for nothing."""
    while True:
        try:
            waits_for = coroutine.send(None)
        except StopIteration as done:
            result: T = done.value
            return result
        assert waits_for is None, f"it waits for {waits_for!r}, which nobody handed to it"
