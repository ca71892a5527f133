"""One worker, as its supervisor sees it: a process, and a pair of sockets between the two.

Rules of the file: a process is begun by running a command, never by a fork of this one. Over the pair the worker says
`ready 0` or `ready 1` (whether there is an administrator) and `shutdown` (somebody who may has asked for it), the
supervisor says `retire`; either sees the end of the other as the end of what can be read.
"""

import asyncio
import contextlib
import socket
import subprocess
from collections.abc import Callable, Sequence

__all__ = ["Command", "Worker"]

Command = Callable[[Sequence[int]], Sequence[str]]
"""From numbers of open files (its end of the pair, then the sockets to listen on) to the words that start a worker."""

_POLL_S = 0.02
_LAST_BREATH_S = 10.0
"""How long a process may take to end once nothing can be read from it any more."""


class Worker:
    """A process that was started.

    Args:
        process: it.
        reader: what it says.
        writer: what it is told.
        shutdown: called when it says that somebody asked for the end of everything.

    Attributes:
        lived: how long it has, in seconds, once it has ended.
        ended: the task that waits for its status.
        has_administrator: as it said when it was ready.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        shutdown: Callable[[], None],
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._shutdown = shutdown
        self._is_ready = False
        self._changed = asyncio.Event()
        self._began = asyncio.get_running_loop().time()
        self.lived = 0.0
        self.has_administrator = False
        self.ended = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, command: Command, bound: Sequence[socket.socket], shutdown: Callable[[], None]) -> "Worker":
        """Start a process that may listen on some sockets.

        Raises:
            OSError: it cannot be started.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                files = [theirs.fileno(), *(each.fileno() for each in bound)]
                process = subprocess.Popen(  # noqa: S603, ASYNC220 - our own command; it returns as soon as that runs
                    list(command(files)),
                    pass_fds=files,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C in the terminal is for the supervisor
                )
        except OSError:
            ours.close()
            raise
        try:
            return cls(process, *await asyncio.open_unix_connection(sock=ours), shutdown)
        except BaseException:  # cancelled: nobody else knows of the process yet
            process.kill()
            process.wait()
            raise

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    async def ready(self, limit: float) -> bool:
        """Wait until it listens; False if it ended before, or is not ready within `limit` seconds and is killed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self._changed.wait()
        if not self._is_ready:
            await self.end(0)
        return self._is_ready

    def retire(self) -> None:
        """Tell it that a successor listens, and to end when nothing of its connections is in hand."""
        if not self._writer.is_closing():
            self._writer.write(b"retire\n")

    def stop(self) -> None:
        """Tell it to end within its grace."""
        self._process.terminate()

    async def end(self, limit: float) -> int:
        """Wait for its end, kill it after `limit` seconds; give its status, negative for a signal."""
        await asyncio.wait((self.ended,), timeout=limit)
        if not self.ended.done():
            self._process.kill()
        return await self.ended

    async def _listen(self) -> int:
        with contextlib.suppress(ConnectionError):
            async for line in self._reader:
                self._hear(line.decode(errors="replace").split())
        self._writer.close()
        status = await self._status()
        self.lived = asyncio.get_running_loop().time() - self._began
        self._changed.set()
        return status

    def _hear(self, words: list[str]) -> None:
        if words[:1] == ["ready"]:
            self.has_administrator = words[1:] == ["1"]
            self._is_ready = True
            self._changed.set()
        elif words == ["shutdown"]:
            self._shutdown()

    async def _status(self) -> int:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _LAST_BREATH_S
        while (status := self._process.poll()) is None:
            if loop.time() > deadline:
                self._process.kill()
            await asyncio.sleep(_POLL_S)
        return status
