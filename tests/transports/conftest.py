"""What the tests of transports share: a listener, and two event loops: asyncio's own and uvloop, the one in use."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import uvloop

from gateway.transports.port import Port
from gateway.transports.traffic import Traffic
from tests.transports.doubles import Workshop, at_door, traffic_of
from tests.transports.wire import Wire, dial, head


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Name the event loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Hall:
    """A listener and its clients.

    Attributes:
        workshop: the endpoint.
        port: the listener, to be closed.
        number: its port number.
    """

    def __init__(self, workshop: Workshop, traffic: Traffic, stack: AsyncExitStack) -> None:
        self.workshop = workshop
        self.traffic = traffic
        self.port = Port(traffic, at_door(traffic))
        self.number = 0
        self._stack = stack

    async def connect(self) -> Wire:
        """Open a TCP connection."""
        wire = await dial(self.number)
        self._stack.callback(wire.reset)
        return wire

    async def shake_hands(self) -> Wire:
        """Open a WebSocket connection."""
        wire = await self.connect()
        await wire.send(head())
        assert (await wire.read_head())[0] == 101
        return wire


Serve = Callable[..., Awaitable[Hall]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Listen; keyword arguments are limits, an endpoint may be given."""
    async with AsyncExitStack() as stack:

        async def start(endpoint: Callable[..., Any] | None = None, **limits: Any) -> Hall:
            workshop = Workshop()
            limits = {"close_timeout": 0.2} | limits
            hall = Hall(workshop, traffic_of(endpoint or workshop, **limits), stack)
            hall.number = await hall.port.open("127.0.0.1", 0)
            stack.push_async_callback(hall.port.close, 0)
            return hall

        yield start
