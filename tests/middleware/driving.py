"""What the tests of middleware share: one endpoint around another, run by hand, let through or refused."""

from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest

from gateway.actions import Context, Endpoint
from gateway.protocol.codec import decode_request
from gateway.protocol.errors import ApiError
from gateway.protocol.messages import Request
from tests.driving import drive

__all__ = ["Reached", "request", "run", "run_refused"]


class Reached:
    """The endpoint inside: answers `reached` and notes what reaches it."""

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
    """Run an endpoint that waits for nothing."""
    return drive(cast("Coroutine[Any, Any, object]", endpoint(request, context)))


def run_refused(call: Callable[[], object]) -> tuple[int, str | None, tuple[Any, ...]]:
    """Run what must be refused; return status, error id and props."""
    with pytest.raises(ApiError) as refused:
        call()
    return refused.value.status, refused.value.id, refused.value.props
