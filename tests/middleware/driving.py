"""What the tests of middleware share: endpoints driven without an event loop, as a transport drives them.

A middleware that is handed what answers at once never waits, so one step is the whole of it.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from gateway.actions import Context, Endpoint
from gateway.protocol.codec import decode_request
from gateway.protocol.errors import ApiError
from gateway.protocol.messages import Request

__all__ = ["FakeConnection", "Reached", "request", "run", "run_refused"]


class FakeConnection:
    """A connection that nothing is sent to."""

    protocol = "websocket"

    def __init__(self, *, is_local: bool = True) -> None:
        self.id = "c"
        self.is_local = is_local

    def send(self, message: bytes) -> None:
        """Forget it."""

    def close(self, code: int, reason: str) -> None:
        """Forget it."""


class Reached:
    """The endpoint inside: notes what reaches it."""

    def __init__(self) -> None:
        self.contexts: list[Context] = []

    async def __call__(self, request: Request, context: Context) -> object:
        """Answer."""
        self.contexts.append(context)
        return "reached"


def request(frame: str) -> Request:
    """Read a frame."""
    return decode_request(frame.encode(), lambda: "generated")


def run(endpoint: Endpoint, request: Request, context: Context) -> object:
    """Run an endpoint that does not wait."""
    waiting: Awaitable[object] = endpoint(request, context)
    steps: Any = waiting.__await__()
    try:
        next(steps)
    except StopIteration as done:
        return done.value
    raise AssertionError("the endpoint waits for something")


def run_refused(call: Callable[[], object]) -> tuple[int, str | None, tuple[Any, ...]]:
    """Run what must be refused; return status, error id and props."""
    try:
        call()
    except ApiError as error:
        return error.status, error.id, error.props
    raise AssertionError("it was not refused")
