"""What stands in for the two neighbours of a transport: the event loop's side of a connection, and the actions."""

import asyncio
import functools
import itertools
import json
from collections.abc import Callable, Iterable
from typing import Any, cast

from gateway.actions import Context
from gateway.dispatch import Dispatcher
from gateway.protocol.http.requests import BodyRules
from gateway.protocol.http.responses import Responses
from gateway.protocol.http.routing import RouteTree
from gateway.protocol.messages import Request
from gateway.protocol.routes import Route
from gateway.security.origins import Origins
from gateway.transports.door import Factory
from gateway.transports.http import HttpConnection, NewWebSocket
from gateway.transports.http_desk import Desk as HttpDesk
from gateway.transports.traffic import Limits, Traffic
from gateway.transports.websocket import WebSocketConnection
from tests.transports.wire import Received, frames_in, head

__all__ = ["ROUTES", "Empty", "Notebook", "Workshop", "at_door", "opened", "shaken", "traffic_of", "until"]

_PATIENCE_S = 10.0


class Notebook(asyncio.Transport):
    """A transport that writes down what is asked of it.

    Attributes:
        writes: what was written, call by call.
        waiting: bytes that the other side has not taken yet; a test sets it.
    """

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.writes: list[bytes] = []
        self.waiting = 0
        self._protocol: asyncio.BaseProtocol = asyncio.Protocol()
        self.is_reading_paused = self.is_ended = self.is_aborted = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Keep it."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Give it."""
        return self._protocol

    def receive(self, data: bytes) -> None:
        """Let whoever reads at the moment receive something."""
        cast("asyncio.Protocol", self._protocol).data_received(data)

    def write(self, data: Any) -> None:
        """Note it."""
        assert not self.is_ended, "written after the end"
        self.writes.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        """Say what the test says."""
        return self.waiting

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Take any."""

    def pause_reading(self) -> None:
        """Note it; twice is a mistake."""
        assert not self.is_reading_paused
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        """Note it; twice is a mistake."""
        assert self.is_reading_paused
        self.is_reading_paused = False

    def can_write_eof(self) -> bool:
        """Be like TCP."""
        return True

    def write_eof(self) -> None:
        """Note it."""
        self.is_ended = True

    def close(self) -> None:
        """Note it: nothing waits here, so the end comes at once."""
        self.is_ended = True

    def abort(self) -> None:
        """Note it."""
        self.is_aborted = True

    def is_closing(self) -> bool:
        """Tell whether it was aborted."""
        return self.is_aborted

    def read(self) -> list[Received]:
        """Return the frames written since the last call."""
        written, self.writes[:] = b"".join(self.writes), []
        return list(frames_in(written))


class Workshop:
    """An endpoint with a door.

    `test:wait` answers when the door is open, all others at once: with their name, or a text as long as `body.size`.

    Attributes:
        door: what `test:wait` waits for.
        begun: the ids of requests, as they began.
        done: the ids of requests, as they ended.
        most: most requests that waited at once.
    """

    def __init__(self) -> None:
        self.door = asyncio.Event()
        self.begun: list[str] = []
        self.done: list[str] = []
        self.most = 0

    @property
    def waiting(self) -> int:
        """How many have begun and not ended."""
        return len(self.begun) - len(self.done)

    async def __call__(self, request: Request, _: Context) -> object:
        """Run a request."""
        self.begun.append(str(request.request_id))
        self.most = max(self.most, self.waiting)
        if request.action == "wait":
            await self.door.wait()
        self.done.append(str(request.request_id))
        arguments = json.loads(request.payload) if isinstance(request.payload, bytes) else request.payload
        size = int((arguments.get("body") or {}).get("size", 0))
        return "x" * size or request.action


class Empty:
    """A site that is ready and has nothing to show."""

    async def is_ready(self) -> bool:
        """It is."""
        return True

    async def page(self, host: str, *, is_ready: bool, is_secure: bool) -> tuple[str, str]:
        """What it was told."""
        return f"<p>{host} {is_ready} {is_secure}</p>", "default-src 'none'"


ROUTES = [
    Route(verb, f"/{name}", "test", name)
    for verb in ("GET", "POST", "PUT", "DELETE")
    for name in ("now", "wait", "echo")
]
"""How the workshop is reached over HTTP."""


def at_door(traffic: Traffic, new_websocket: NewWebSocket | None = None, **rules: Any) -> Factory:
    """What a listener makes of a new connection, as the gateway has it."""
    responses = Responses("knode-test", compresses=True, cookies=True, date=lambda: "Thu, 26 Nov 2026 00:00:00 GMT")
    numbers = itertools.count()
    desk = HttpDesk(
        traffic,
        responses,
        RouteTree(ROUTES),
        BodyRules(traffic.limits.max_message_bytes, **rules),
        site=Empty(),
        new_id=lambda: f"made-{next(numbers)}",
    )
    return functools.partial(
        HttpConnection, traffic, desk, new_websocket or functools.partial(WebSocketConnection, traffic)
    )


def opened(traffic: Traffic, **rules: Any) -> tuple[HttpConnection, Notebook]:
    """A connection that has said nothing yet."""
    connection, notebook = cast("HttpConnection", at_door(traffic, **rules)(None)), Notebook()
    notebook.set_protocol(connection)
    connection.connection_made(notebook)
    return connection, notebook


def shaken(traffic: Traffic) -> tuple[WebSocketConnection, Notebook]:
    """A connection after its handshake."""
    door, notebook = opened(traffic)
    door.data_received(head())
    assert notebook.writes.pop().startswith(b"HTTP/1.1 101 ")
    return cast("WebSocketConnection", notebook.get_protocol()), notebook


def traffic_of(endpoint: Callable[..., Any], origins: Iterable[str] | None = None, **limits: Any) -> Traffic:
    """Requests that an endpoint answers; an exception that is no `ApiError` fails the test."""

    def report(error: Exception, request: Request) -> None:
        raise AssertionError(f"{request.action} failed") from error

    dispatcher = Dispatcher(endpoint, node="knode-test", new_id=lambda: "made-up", report=report)
    return Traffic(dispatcher, Limits(**limits), None if origins is None else Origins(origins))


async def until(condition: Callable[[], object]) -> None:
    """Wait for what no event tells of; what does not come in ten seconds fails the test."""
    async with asyncio.timeout(_PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - the gateway's state is looked at from outside
            await asyncio.sleep(0)
