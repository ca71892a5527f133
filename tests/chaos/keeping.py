"""A gateway as a service manager keeps it: the real command, started again on the same port whenever it has died.

A start that fails is tried again after a second, as a service manager would: workers whose supervisor was killed may
hold the port for a moment.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Self

from tests.benchmarks.processes import free_port
from tests.serving import Served, served

__all__ = ["Kept", "kept"]

_TRIES = 10
_PAUSE_S = 1.0


class Kept:
    """One gateway that has to run.

    Args:
        data: its data folder.
        words: of the command line.
        environment: settings.

    Attributes:
        port: where it listens, whatever happens.
        gateway: the process of this moment.
        failures: how many starts failed.
    """

    def __init__(self, data: Path, *words: str, environment: Mapping[str, str] | None = None) -> None:
        self._environment = environment
        self._data = data
        self.port = free_port()
        self._words = (*words, "--port", str(self.port))
        self._stack = contextlib.ExitStack()
        self.gateway: Served
        self.failures = 0

    async def start(self) -> Self:
        """Start it."""
        self.gateway = await asyncio.to_thread(self._start)
        return self

    async def kill(self) -> None:
        """End it by SIGKILL and start it again, as a service manager does."""
        self.gateway.process.kill()
        for _ in range(_TRIES):
            try:
                self.gateway = await asyncio.to_thread(self._start)
            except AssertionError:
                self.failures += 1
                await asyncio.sleep(_PAUSE_S)
            else:
                return
        raise AssertionError("it does not start any more")

    async def stop(self) -> None:
        """End it for good."""
        await asyncio.to_thread(self._stack.close)

    def _start(self) -> Served:
        self._stack.close()
        return self._stack.enter_context(served(self._data, *self._words, environment=self._environment))


@contextlib.asynccontextmanager
async def kept(data: Path, *words: str, environment: Mapping[str, str] | None = None) -> AsyncIterator[Kept]:
    """Keep a gateway running until the block ends."""
    gateway = Kept(data, *words, environment=environment)
    try:
        yield await gateway.start()
    finally:
        await gateway.stop()
