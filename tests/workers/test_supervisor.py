"""The supervisor over workers that are small programs: it starts, revives, replaces and ends them."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from gateway.transports.listening import bind_again, bind_shared
from gateway.workers.process import Worker
from gateway.workers.supervisor import Place, Supervisor, WorkerFailed

PROGRAM = """
import signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
pair = socket.socket(fileno=int(sys.argv[1]))
{begin}
pair.sendall(b"ready 1\\n")
said = pair.recv(100)
sys.exit(0 if said in (b"retire\\n", b"") else 9)
"""
SOUND = PROGRAM.format(begin="")
BROKEN = PROGRAM.format(begin="sys.exit(3)")
PATIENCE_S = 30.0


class House:
    """A supervisor, and the workers that it has started.

    Attributes:
        program: what the next worker runs.
    """

    def __init__(self, shares: Sequence[Sequence[socket.socket]], port: int) -> None:
        self.program = SOUND
        self.workers: list[Worker] = []
        self.places = [Place(bound) for bound in shares]
        self.shutdowns = 0
        self._keeping: asyncio.Task[None] | None = None

        async def bind() -> list[socket.socket]:
            return await bind_again("127.0.0.1", port)

        self.supervisor = Supervisor(self.places, self._begin, bind, PATIENCE_S)

    async def _begin(self, bound: Sequence[socket.socket]) -> Worker:
        words = [sys.executable, "-c", self.program]
        worker = await Worker.start(lambda files: [*words, *map(str, files)], bound, self._note)
        self.workers.append(worker)
        return worker

    def keep(self) -> None:
        """Let it keep the places filled until the test ends."""
        self._keeping = asyncio.create_task(self.supervisor.keep(asyncio.Event()))

    async def stop(self) -> None:
        """End everything."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait((self._keeping,))
        await self.supervisor.stop()

    def _note(self) -> None:
        self.shutdowns += 1


OpenHouse = Callable[[int], Awaitable[House]]


@pytest.fixture
async def house() -> AsyncIterator[OpenHouse]:
    """Make a supervisor with some places; everything is ended afterwards."""
    async with AsyncExitStack() as stack:

        async def make(places: int) -> House:
            shares = await bind_shared("127.0.0.1", 0, places)
            made = House(shares, shares[0][0].getsockname()[1])
            stack.push_async_callback(made.stop)
            return made

        yield make


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what no event tells of: what other processes do."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.01)


def is_alive(worker: Worker) -> bool:
    """It has not ended."""
    return not worker.ended.done()


async def test_all_places_are_filled_and_emptied(house: OpenHouse) -> None:
    """As many processes as places, all different; a stop ends them with status 0."""
    it = await house(3)

    assert await it.supervisor.start()
    assert 3 == len({worker.pid for worker in it.workers})
    await it.supervisor.stop()

    assert [0, 0, 0] == [await worker.ended for worker in it.workers]


async def test_what_keeps_the_first_from_starting_is_tried_once(house: OpenHouse) -> None:
    """One process, not as many as there are places, and its status."""
    it = await house(3)
    it.program = BROKEN

    with pytest.raises(WorkerFailed) as failed:
        await it.supervisor.start()

    assert (3, 1) == (failed.value.status, len(it.workers))


async def test_a_dead_worker_is_replaced_and_the_others_stay(house: OpenHouse) -> None:
    """By one process, on the same sockets."""
    it = await house(2)
    await it.supervisor.start()
    it.keep()
    victim, other = it.workers
    bound = it.places[0].bound

    os.kill(victim.pid, signal.SIGKILL)
    await until(lambda: len(it.workers) == 3)

    assert await it.workers[2].ready(PATIENCE_S)
    assert -9 == await victim.ended
    assert is_alive(other)
    assert bound is it.places[0].bound


def ends(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log says of workers that have ended."""
    return [record.message for record in caplog.records if "starting another" in record.message]


async def test_a_crash_loop_backs_off_and_gives_its_share_of_the_port_back(
    house: OpenHouse, caplog: pytest.LogCaptureFixture
) -> None:
    """Now, in 0.5 s, in 1 s; the sockets are new, so nobody waits at the old ones; a sound program ends the loop."""
    it = await house(2)
    await it.supervisor.start()
    old = it.places[0].bound
    it.keep()

    it.program = BROKEN
    os.kill(it.workers[0].pid, signal.SIGKILL)
    await until(lambda: len(ends(caplog)) == 3)
    it.program = SOUND
    await until(lambda: len(it.workers) == 5)

    assert await it.workers[4].ready(PATIENCE_S)
    told = ends(caplog)
    assert [-9, 3, 3] == [int(line.split("status ")[1].split(";")[0]) for line in told[:3]]
    assert ["now", "in 0.5 s", "in 1 s"] == [line.split("starting another ")[1] for line in told[:3]]
    assert old is not it.places[0].bound
    assert [-1] == [each.fileno() for each in old]


async def test_a_roll_replaces_all_one_after_the_other(house: OpenHouse) -> None:
    """Every new one is ready before its predecessor is told to retire; nobody is killed."""
    it = await house(2)
    await it.supervisor.start()
    before = list(it.workers)

    await it.supervisor.roll()

    assert [0, 0] == [await worker.ended for worker in before]
    assert [True, True] == [is_alive(place.worker) for place in it.places if place.worker]
    assert 4 == len(it.workers)


async def test_a_roll_that_cannot_begin_changes_nothing(house: OpenHouse) -> None:
    """The first new worker fails: no second is tried, and those that run stay."""
    it = await house(2)
    await it.supervisor.start()
    it.program = BROKEN

    await it.supervisor.roll()

    assert [True, True, False] == [is_alive(worker) for worker in it.workers]
    assert it.workers[:2] == [place.worker for place in it.places]


@pytest.mark.parametrize("turns", range(4))
async def test_a_start_that_is_cancelled_leaves_no_process(tmp_path: Path, turns: int) -> None:
    """Whenever that happens: either nothing was begun, or it is known and can be ended, or it is gone."""
    words = [sys.executable, "-c", "import time; time.sleep(600)", str(tmp_path)]
    starting = asyncio.create_task(Worker.start(lambda files: words, (), lambda: None))
    for _ in range(turns):
        await asyncio.sleep(0)
    starting.cancel()

    (outcome,) = await asyncio.gather(starting, return_exceptions=True)

    if isinstance(outcome, Worker):
        await outcome.end(0)
    assert 0 == processes_with(str(tmp_path))


def processes_with(word: str) -> int:
    """How many processes have a word on their command lines; one that has ended has none."""
    number = 0
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            number += word.encode() in entry.read_bytes().split(b"\0")
    return number


async def test_a_worker_can_ask_for_the_end_of_everything(house: OpenHouse) -> None:
    """`shutdown`: an administrator spoke to one worker and meant the gateway."""
    it = await house(1)
    it.program = PROGRAM.format(begin='pair.sendall(b"what is this\\nshutdown\\n")')

    await it.supervisor.start()

    assert 1 == it.shutdowns


async def test_a_port_of_a_stranger_is_not_shared() -> None:
    """Even of one who would let us in: the kernel would split their connections with ours."""
    taken = await bind_shared("127.0.0.1", 0, 1)
    taken[0][0].listen()

    with pytest.raises(OSError, match="in use"):
        await bind_shared("127.0.0.1", taken[0][0].getsockname()[1], 2)

    taken[0][0].close()
