"""Threads for calls that block: whose turn it is, what is told, and what is left when they are not needed any more."""

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.storage.threads import Threads

NAME = "test-of-threads"


def alive() -> int:
    """How many threads there are."""
    return sum(thread.name == NAME for thread in threading.enumerate())


async def until_alive(number: int) -> None:
    """Wait until there are so many threads: a thread that ends tells nobody."""
    async with asyncio.timeout(5):
        while alive() != number:  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.001)


@pytest.fixture
async def threads() -> AsyncIterator[Threads]:
    """Threads that end with the test."""
    made = Threads(NAME)
    yield made
    made.close()
    await until_alive(0)


def ask(threads: Threads, work: Any) -> "asyncio.Future[Any]":
    """Hand in a job; the future holds what was told, an exception too."""
    told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    threads.run(work, told.set_result)
    return told


async def test_work_is_done_elsewhere_and_told_in_the_loop(threads: Threads) -> None:
    """The loop goes on meanwhile; what is told is told in its thread."""
    heard: asyncio.Future[tuple[object, int]] = asyncio.get_running_loop().create_future()

    threads.run(threading.get_ident, lambda worker: heard.set_result((worker, threading.get_ident())))
    worker, hearer = await heard

    assert hearer == threading.get_ident() != worker


async def test_what_is_raised_is_told(threads: Threads) -> None:
    """And the thread goes on."""
    failure = KeyError("x")

    def fail() -> None:
        raise failure

    assert await ask(threads, fail) is failure
    assert 1 == await ask(threads, lambda: 1)
    assert 1 == alive()


@pytest.mark.parametrize("kind", [SystemExit, StopIteration, asyncio.CancelledError])
async def test_what_no_future_takes_is_told_as_an_error(threads: Threads, kind: type[BaseException]) -> None:
    """Nobody waits for ever for a thread that was told to end; and the thread goes on."""
    failure = kind()

    def fail() -> None:
        raise failure

    async with asyncio.timeout(5):
        told = await ask(threads, fail)

    assert isinstance(told, RuntimeError)
    assert failure is told.__cause__
    assert 1 == await ask(threads, lambda: 1)
    assert 1 == alive()


async def test_one_job_after_the_other_needs_one_thread(threads: Threads) -> None:
    """The one that worked last is asked again, even from within what it tells."""
    workers = [await ask(threads, threading.get_ident) for _ in range(50)]

    assert 1 == len(set(workers)) == alive()


async def test_jobs_at_once_have_a_thread_each(threads: Threads) -> None:
    """None waits for another; afterwards the threads are there for the next."""
    meeting = threading.Barrier(4, timeout=5)

    for _ in range(2):
        assert {0, 1, 2, 3} == set(await asyncio.gather(*(ask(threads, meeting.wait) for _ in range(4))))
        assert 4 == alive()


async def test_a_waiting_thread_keeps_nothing_of_its_last_job(threads: Threads) -> None:
    """Neither what it did nor what it returned: a large answer must not stay until the next."""

    class Answer:
        pass

    answer = await ask(threads, Answer)
    kept = weakref.ref(answer)

    del answer
    async with asyncio.timeout(5):
        while kept() is not None:  # the thread lets go of it a moment after it has told
            gc.collect()
            await asyncio.sleep(0.001)


async def test_closing_waits_for_nobody_and_loses_no_job() -> None:
    """What is being done is told; a job that comes later is done as well; then all threads are gone."""
    threads = Threads(NAME)
    may_end = threading.Event()
    idle, busy = ask(threads, lambda: "idle"), ask(threads, lambda: may_end.wait(5))
    assert "idle" == await idle

    began = time.monotonic()
    threads.close()
    assert time.monotonic() - began < 1
    late = ask(threads, lambda: "late")
    may_end.set()

    assert (True, "late") == (await busy, await late)
    await until_alive(0)


async def test_a_job_for_a_thread_that_is_still_telling_outlives_the_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread is in the stack before it tells; what it is handed then is done, however soon they are closed."""
    threads, loop, is_closed = Threads(NAME), asyncio.get_running_loop(), threading.Event()
    tell = loop.call_soon_threadsafe

    def tell_and_linger(*what: Any) -> asyncio.Handle:
        handle = tell(*what)
        assert is_closed.wait(5)
        return handle

    monkeypatch.setattr(loop, "call_soon_threadsafe", tell_and_linger)
    assert "first" == await ask(threads, lambda: "first")
    second = ask(threads, lambda: "second")
    assert 1 == alive()
    threads.close()
    is_closed.set()

    async with asyncio.timeout(5):
        assert "second" == await second
    await until_alive(0)


def test_an_answer_for_a_loop_that_is_closed_is_dropped() -> None:
    """The thread ends in peace."""
    threads, may_end = Threads(NAME), threading.Event()
    told: list[object] = []

    async def leave_early() -> None:
        threads.run(lambda: may_end.wait(5), told.append)

    asyncio.run(leave_early())
    threads.close()
    may_end.set()

    asyncio.run(until_alive(0))
    assert [] == told
