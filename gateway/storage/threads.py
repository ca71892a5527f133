"""Threads for calls that block, each with an inbox of its own.

Rules of the file: knows no driver. A job wakes one thread, the one that worked last, and its outcome goes to the loop
as one callback. The threads of an executor wait at one queue, where two wake up for every job, and its answers pass
through two futures and several turns of the loop. There are never more threads than jobs at once: whoever hands in
jobs keeps their number. All of them are daemons: a silent database must not keep the process from ending.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

__all__ = ["Threads"]

Outcome = TypeVar("Outcome")

_Job = tuple[asyncio.AbstractEventLoop, Callable[[], Any], Callable[[Any], None]]
"""The loop of whoever waits, what to do, whom to tell."""

_Inbox = SimpleQueue[_Job | None]


class Threads:
    """A stack of threads; one that is needed and not there is started.

    Args:
        name: of every thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._idle: list[_Inbox] = []
        self._is_closed = False
        self._closing = threading.Lock()

    def run(self, work: Callable[[], Outcome], done: Callable[[Outcome | Exception], None]) -> None:
        """Do work in a thread, then call `done` in the running loop with what it returned or raised.

        Raises:
            RuntimeError: there is no thread to be had.
        """
        job = (asyncio.get_running_loop(), work, done)
        inbox = self._idle.pop() if self._idle else self._start()  # once closed, a new one does this job and ends
        inbox.put(job)

    def close(self) -> None:
        """Let every thread end when it has done what it is doing, and what waits in its inbox."""
        with self._closing:
            self._is_closed = True
        while self._idle:
            self._idle.pop().put(None)

    def _start(self) -> _Inbox:
        inbox: _Inbox = SimpleQueue()
        threading.Thread(target=self._serve, args=(inbox,), name=self._name, daemon=True).start()
        return inbox

    def _serve(self, inbox: _Inbox) -> None:
        while self._take(inbox, inbox.get()):
            pass

    def _take(self, inbox: _Inbox, job: _Job | None) -> bool:
        """Do a job, of which nothing is kept while the thread waits for the next; False if there is none to come."""
        if job is None:
            return False
        loop, work, done = job
        outcome: Any
        try:
            outcome = work()
        except BaseException as error:  # noqa: BLE001 - told to whoever waits
            outcome = _tellable(error)
        # Asked once, and under the lock: a thread in the stack may have been handed a job by now, and must not end.
        with self._closing:
            goes_on = not self._is_closed
            if goes_on:
                self._idle.append(inbox)  # before the telling: the next job is to find this thread
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(done, outcome)
        return goes_on


def _tellable(error: BaseException) -> Exception:
    """An error that a future takes, and `except Exception` too: or whoever waits would wait for ever."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    failure = RuntimeError(f"{type(error).__name__} in a thread")
    failure.__cause__ = error
    return failure
