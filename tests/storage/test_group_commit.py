"""Sharing round trips: who is grouped with whom, who hears of which error, and that nobody sees what is out of date."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gateway.storage.group_commit import GroupCommit, GroupRead, Told


class Store:
    """What the groups are written to and read from; it answers call by call, when the test lets it.

    Attributes:
        calls: the items or keys of each call, in order.
        values: what is read.
    """

    def __init__(self) -> None:
        self.calls: list[list[Any]] = []
        self.values: dict[Any, Any] = {}
        self._under_way: deque[Callable[[Any], None]] = deque()
        self._answers: deque[Any] = deque()

    def answer(self, outcome: Any = None) -> None:
        """End a call: with an outcome, or with an exception that befalls it as a whole."""
        self._answers.append(outcome)
        self._match()

    def write(self, items: list[Any], told: Told[list[Exception | None]]) -> None:
        """Store nothing."""
        self._call(items, lambda answer: told(answer or [None] * len(items)))

    def read(self, keys: list[Any], told: Told[dict[Any, Any]]) -> None:
        """Find what is there as the call begins."""
        found = {key: self.values[key] for key in keys if key in self.values}
        self._call(keys, lambda answer: told(answer or found))

    def _call(self, items: list[Any], end: Callable[[Any], None]) -> None:
        self.calls.append(items)
        self._under_way.append(end)
        self._match()

    def _match(self) -> None:
        while self._under_way and self._answers:
            asyncio.get_running_loop().call_soon(self._under_way.popleft(), self._answers.popleft())


def begin(*work: Coroutine[Any, Any, Any]) -> list[asyncio.Task[Any]]:
    """Start callers."""
    return [asyncio.create_task(one) for one in work]


async def turns(number: int = 5) -> None:
    """Let the event loop go round some times."""
    for _ in range(number):
        await asyncio.sleep(0)


async def outcomes(tasks: list[asyncio.Task[Any]]) -> list[Any]:
    """What became of the callers."""
    async with asyncio.timeout(5):
        return await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_lone_item_is_written_at_once() -> None:
    """No timer: the write begins in the next turn of the event loop."""
    store = Store()
    lane = GroupCommit(store.write)

    tasks = begin(lane.submit("a"))
    await turns(2)
    assert [["a"]] == store.calls
    store.answer()

    assert [None] == await outcomes(tasks)


async def test_items_of_one_turn_share_a_write() -> None:
    """What the present turn of the event loop brings goes together, in order."""
    store = Store()
    lane = GroupCommit(store.write)

    tasks = begin(*(lane.submit(number) for number in range(10)))
    await turns()
    store.answer()

    assert [None] * 10 == await outcomes(tasks)
    assert [list(range(10))] == store.calls


async def test_items_gather_while_a_write_is_under_way() -> None:
    """They all go with the next one; no caller returns before its own write has ended."""
    store = Store()
    lane = GroupCommit(store.write)
    first = begin(lane.submit("a"))
    await turns()

    others = begin(lane.submit("b"))
    await turns()
    others += begin(lane.submit("c"))
    await turns()
    assert [["a"]] == store.calls
    store.answer()
    await turns()

    assert [["a"], ["b", "c"]] == store.calls
    assert (True, False, False) == (first[0].done(), others[0].done(), others[1].done())
    store.answer()
    assert [None, None] == await outcomes(others)


async def test_an_error_of_one_item_reaches_its_caller_alone() -> None:
    """The neighbours' items are written, and their callers know nothing of it."""
    store = Store()
    lane = GroupCommit(store.write)
    refusal = KeyError("b")

    tasks = begin(*(lane.submit(name) for name in "abc"))
    store.answer([None, refusal, None])

    assert [None, refusal, None] == await outcomes(tasks)


async def test_an_error_of_the_group_reaches_all_of_it_and_nobody_else() -> None:
    """Those who came later are written as if nothing had happened."""
    store = Store()
    lane = GroupCommit(store.write)
    failure = ConnectionError()
    group = begin(lane.submit("a"), lane.submit("b"))
    await turns()
    later = begin(lane.submit("c"))
    await turns()

    store.answer(failure)
    store.answer()

    assert [failure, failure] == await outcomes(group)
    assert [None] == await outcomes(later)
    assert [["a", "b"], ["c"]] == store.calls


@pytest.mark.parametrize("when", ["waiting", "under way"])
async def test_a_cancelled_caller_does_not_take_its_item_back(when: str) -> None:
    """Its item is written all the same, and its neighbours hear of their own."""
    store = Store()
    lane = GroupCommit(store.write)
    before = begin(lane.submit("before"))
    await turns()
    group = begin(lane.submit("a"), lane.submit("b"), lane.submit("c"))
    await turns()
    if when == "under way":
        store.answer()
        await turns()

    group[1].cancel()
    await turns()
    if when == "waiting":
        store.answer()
    store.answer([None, KeyError("nobody listens"), None])

    first, cancelled, last = await outcomes(group)
    assert [["before"], ["a", "b", "c"]] == store.calls
    assert (None, None) == (first, last)
    assert isinstance(cancelled, asyncio.CancelledError)
    assert [None] == await outcomes(before)


async def test_a_group_has_a_largest_size() -> None:
    """What is too much for one write goes with the next, in order."""
    store = Store()
    lane = GroupCommit(store.write, most=4)

    tasks = begin(*(lane.submit(number) for number in range(10)))
    for _ in range(3):
        store.answer()

    assert [None] * 10 == await outcomes(tasks)
    assert [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]] == store.calls


async def test_many_items_are_written_beside_the_write_that_is_under_way() -> None:
    """Once enough have gathered; a third write waits for one of the two."""
    store = Store()
    lane = GroupCommit(store.write, enough=3)
    tasks = begin(lane.submit("a"))
    await turns()

    tasks += begin(lane.submit("b"), lane.submit("c"))
    await turns()
    assert [["a"]] == store.calls
    tasks += begin(lane.submit("d"))
    await turns()
    assert [["a"], ["b", "c", "d"]] == store.calls
    tasks += begin(*(lane.submit(name) for name in "efgh"))
    await turns()
    assert 2 == len(store.calls)
    for _ in range(3):
        store.answer()

    assert [None] * 8 == await outcomes(tasks)
    assert [["a"], ["b", "c", "d"], ["e", "f", "g", "h"]] == store.calls


async def test_what_gathered_behind_two_writes_goes_with_the_first_that_is_free() -> None:
    """However little it is; the other place stays free."""
    store = Store()
    lane = GroupCommit(store.write, enough=2)
    tasks = begin(lane.submit("a"))
    await turns()
    tasks += begin(lane.submit("b"), lane.submit("c"))
    await turns()
    tasks += begin(lane.submit("d"))
    await turns()

    store.answer()
    await turns()
    assert [["a"], ["b", "c"], ["d"]] == store.calls
    store.answer()
    store.answer()

    assert [None] * 4 == await outcomes(tasks)
    assert 0 == lane._under_way


async def test_an_idle_lane_leaves_no_task() -> None:
    """And it works again afterwards, after a failure too."""
    store = Store()
    lane = GroupCommit(store.write)
    tasks = asyncio.all_tasks()

    for outcome in (None, ConnectionError(), None):
        store.answer(outcome)
        assert [outcome] == await outcomes(begin(lane.submit("a")))
        await turns()
        assert tasks == asyncio.all_tasks()


async def test_a_lane_survives_a_call_that_cannot_begin() -> None:
    """Its callers hear of it, and so do those who came meanwhile; then it works again."""
    store = Store()
    failure = RuntimeError("no thread")
    begins = iter([False, False, True])

    def write(items: list[Any], told: Told[list[Exception | None]]) -> None:
        if not next(begins):
            raise failure
        store.write(items, told)

    lane = GroupCommit(write, most=1)
    assert [failure, failure] == await outcomes(begin(lane.submit("a"), lane.submit("b")))
    store.answer()

    assert [None] == await outcomes(begin(lane.submit("c")))
    assert 0 == lane._under_way


@pytest.mark.parametrize("told", [[None], [None, None, None]], ids=["fewer", "more"])
async def test_a_lane_survives_a_write_that_tells_a_wrong_number_of_outcomes(told: list[None]) -> None:
    """Nobody is told a neighbour's outcome, nobody waits for ever, and the lane works again."""
    store = Store()
    lane = GroupCommit(store.write)

    tasks = begin(lane.submit("a"), lane.submit("b"))
    store.answer(told)
    assert [RuntimeError] * 2 == [type(outcome) for outcome in await outcomes(tasks)]
    store.answer()

    assert [None] == await outcomes(begin(lane.submit("c")))
    assert 0 == lane._under_way


async def test_equal_keys_of_one_group_are_asked_for_once() -> None:
    """All callers get the value; a key without one gives None."""
    store = Store()
    store.values = {"a": 1, "b": 2}
    lane = GroupRead(store.read)

    tasks = begin(*(lane.get(key) for key in "abacab"))
    store.answer()

    assert [1, 2, 1, None, 1, 2] == await outcomes(tasks)
    assert [["a", "b", "c"]] == store.calls


async def test_a_read_never_answers_who_asked_after_it_began() -> None:
    """Whoever asks after a write was acknowledged sees it, even where a read of the same key is under way."""
    store = Store()
    store.values = {"a": "old"}
    lane = GroupRead(store.read)
    before = begin(lane.get("a"))
    await turns()
    assert [["a"]] == store.calls

    store.values = {"a": "new"}  # acknowledged while the read is under way
    after = begin(lane.get("a"), lane.get("a"))
    await turns()
    store.answer()
    await turns()
    assert [False, False] == [task.done() for task in after]
    store.answer()

    assert ["old"] == await outcomes(before)
    assert ["new", "new"] == await outcomes(after)
    assert [["a"], ["a"]] == store.calls


async def test_a_cancelled_reader_takes_nobody_with_it() -> None:
    """Neither those who wait for the same key nor those of the same group."""
    store = Store()
    store.values = {"a": 1, "b": 2}
    lane = GroupRead(store.read)
    tasks = begin(lane.get("a"), lane.get("a"), lane.get("b"))
    await turns()

    tasks[0].cancel()
    await turns()
    store.answer()

    cancelled, *others = await outcomes(tasks)
    assert isinstance(cancelled, asyncio.CancelledError)
    assert [1, 2] == others


async def test_a_failed_read_reaches_its_group_and_nobody_else() -> None:
    """A later group reads anew; if all readers are gone nobody complains of an error that nobody saw."""
    store = Store()
    store.values = {"a": 1}
    lane = GroupRead(store.read)
    failure = ConnectionError()
    group = begin(lane.get("a"), lane.get("a"), lane.get("b"))
    await turns()
    later = begin(lane.get("a"))
    await turns()

    store.answer(failure)
    store.answer()
    assert [failure] * 3 == await outcomes(group)
    assert [1] == await outcomes(later)

    (gone,) = begin(lane.get("a"))
    await turns()
    gone.cancel()
    await turns()
    store.answer(failure)
    await turns()
    assert not lane._is_under_way


async def test_a_group_of_keys_has_a_largest_size() -> None:
    """What is too much for one read goes with the next, in order."""
    store = Store()
    store.values = {number: number for number in range(10)}
    lane = GroupRead(store.read, most=4)

    tasks = begin(*(lane.get(number) for number in range(10)))
    for _ in range(3):
        store.answer()

    assert list(range(10)) == await outcomes(tasks)
    assert [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]] == store.calls
