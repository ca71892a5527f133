"""Following a feed: what is told, what is trusted, and what becomes of a break; on a clock of the test's own."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.storage.changes import Batch, Change, Follower, HistoryLost, StreamBroken
from tests.transports.doubles import until

BOUND_S = 1.0
A, B = Change("tokens", "a", "delete"), Change("tokens", "b", "delete")


class ScriptedFeed:
    """A feed that gives what the test puts in; exceptions are raised.

    Attributes:
        script: what the next readings give.
        openings: the positions at which it was opened.
        refusals: what the next openings raise.
        opens_in: seconds that the next openings take.
    """

    def __init__(self, passes: Callable[[float], None]) -> None:
        self.script: asyncio.Queue[Batch | Exception] = asyncio.Queue()
        self.openings: list[object | None] = []
        self.refusals: list[Exception] = []
        self.opens_in = 0.0
        self._passes = passes

    async def open(self, position: object | None) -> None:
        """Open."""
        self.openings.append(position)
        self._passes(self.opens_in)
        if self.refusals:
            raise self.refusals.pop(0)

    async def read(self) -> Batch:
        """Give the next thing."""
        step = await self.script.get()
        if isinstance(step, Exception):
            raise step
        return step

    def put(self, *changes: Change, is_all: bool = True, position: object = "p") -> None:
        """Let the next reading give changes."""
        self.script.put_nowait(Batch(changes, is_all, position))


class Story:
    """What was told, and the hands of the clock.

    Attributes:
        told: changes, and `lost` where anything may have changed.
        time: seconds.
    """

    def __init__(self) -> None:
        self.feed = ScriptedFeed(self.let_pass)
        self.told: list[Change | str] = []
        self.time = 100.0
        self.follower = Follower(self.feed, bound_s=BOUND_S, clock=lambda: self.time)
        self.task = asyncio.create_task(self.follower.run(self))

    def changed(self, change: Change) -> None:
        """Note a change."""
        if change.id == "poison":
            raise ValueError(change.id)
        self.told.append(change)

    def lost(self) -> None:
        """Note the loss."""
        self.told.append("lost")

    def let_pass(self, seconds: float) -> None:
        """Move the hands."""
        self.time += seconds

    async def read(self) -> None:
        """Wait until everything that was put in was taken in, and the follower waits for more."""
        await until(lambda: self.feed.script.empty() and self.feed.script._getters)  # type: ignore[attr-defined]


@pytest.fixture
async def story() -> Story:
    """A feed that is being followed."""
    story = Story()
    await story.read()
    return story


async def test_the_beginning_tells_that_anything_may_have_changed(story: Story) -> None:
    """Nothing is trusted before the first complete answer."""
    assert ([None], ["lost"]) == (story.feed.openings, story.told)
    assert not story.follower.is_trusted()
    assert story.follower.staleness == float("inf")

    story.feed.put()
    await story.read()

    assert story.follower.is_trusted()
    assert story.follower.is_settled()
    assert story.follower.staleness == 0


async def test_changes_are_told_in_order(story: Story) -> None:
    """Each once."""
    story.feed.put(A, B)
    story.feed.put(A)
    await story.read()

    assert ["lost", A, B, A] == story.told


async def test_k14_silence_beyond_the_bound_is_not_trusted(story: Story) -> None:
    """Up to the bound, not beyond; the staleness can be read all the while, and the next answer mends it."""
    story.feed.put()
    await story.read()

    for passed, is_trusted in ((BOUND_S, True), (BOUND_S + 0.001, False), (3600, False)):
        story.time = 100 + passed
        assert is_trusted is story.follower.is_trusted()
        assert passed == pytest.approx(story.follower.staleness)
    story.feed.put(position="q")  # this was asked long ago
    story.feed.put(position="r")
    await story.read()
    assert story.follower.is_trusted()


@pytest.mark.parametrize(("late_s", "is_trusted"), [(BOUND_S, True), (BOUND_S + 0.001, False), (3600.0, False)])
async def test_k14_an_answer_speaks_for_the_moment_at_which_it_was_asked_for(
    story: Story, late_s: float, *, is_trusted: bool
) -> None:
    """However late it comes: what was revoked while it was on its way is in none of it."""
    story.feed.put()
    await story.read()
    for position in range(4):
        story.time += late_s
        story.feed.put(position=position)
        await story.read()

        assert late_s == pytest.approx(story.follower.staleness)
        assert is_trusted is story.follower.is_trusted()


async def test_k14_the_first_answer_speaks_for_the_moment_before_the_opening(story: Story) -> None:
    """It may have come along with that; the next one was asked for afterwards."""
    story.feed.opens_in = 5.0
    story.feed.script.put_nowait(StreamBroken("cut"))
    story.feed.put(position="here")
    await until(lambda: len(story.feed.openings) == 2)
    await story.read()
    assert (False, 5.0) == (story.follower.is_trusted(), story.follower.staleness)

    story.feed.put(position="there")
    await story.read()
    assert (True, 0.0) == (story.follower.is_trusted(), story.follower.staleness)


class Leg(NamedTuple):
    """One answer: seconds until the database makes it and back, changes that happen in the one time and the other."""

    there: float
    back: float
    before: int
    on_its_way: int


_SECONDS = st.integers(0, 48).map(lambda sixteenths: sixteenths * BOUND_S / 16)  # their sums are exact
_LEGS = st.lists(st.builds(Leg, _SECONDS, _SECONDS, st.integers(0, 2), st.integers(0, 2)), max_size=12)


@given(legs=_LEGS, samples=st.lists(_SECONDS, min_size=1, max_size=3))
def test_k14_while_it_trusts_every_change_older_than_the_bound_was_told(legs: list[Leg], samples: list[float]) -> None:
    """Whatever the network holds up, in either direction, and whenever changes happen."""
    asyncio.run(_travel(legs, samples))


async def _travel(legs: list[Leg], samples: list[float]) -> None:
    story = Story()
    happened: dict[str, float] = {}
    waiting: list[Change] = []

    def happen(times: int) -> None:
        for _ in range(times):
            one = str(len(happened))
            happened[one] = story.time
            waiting.append(Change("tokens", one, "delete"))

    def check() -> None:
        told = {change.id for change in story.told if isinstance(change, Change)}
        untold = [at for one, at in happened.items() if one not in told]
        assert not story.follower.is_trusted() or all(at >= story.time - BOUND_S for at in untold)

    for position, leg in enumerate(legs):
        await story.read()
        happen(leg.before)
        story.let_pass(leg.there)
        answer, waiting = waiting, []
        happen(leg.on_its_way)
        story.let_pass(leg.back)
        check()
        story.feed.put(*answer, position=position)
        await story.read()
        check()
    for seconds in samples:
        story.let_pass(seconds)
        check()
    story.task.cancel()
    await asyncio.wait((story.task,))


async def test_an_answer_that_leaves_changes_waiting_renews_no_trust(story: Story) -> None:
    """What still waits at the database may be the revocation that matters."""
    story.feed.put()
    await story.read()
    story.time += BOUND_S + 1

    story.feed.put(A, is_all=False)
    await story.read()
    assert not story.follower.is_trusted()

    story.feed.put(B, position="q")
    await story.read()
    assert story.follower.is_trusted()


async def test_a_server_that_answers_and_never_moves_is_not_trusted(story: Story) -> None:
    """It is cut off from the others: a replica set writes something every ten seconds."""
    for _ in range(40):
        story.feed.put(position="same")
        await story.read()
        story.time += 0.9
    assert not story.follower.is_trusted()

    story.feed.put(position="other")
    await story.read()
    assert story.follower.is_trusted()


async def test_a_break_goes_on_where_it_stopped(story: Story) -> None:
    """With history nothing is lost; for a while what is read is not remembered, for the new server may be behind."""
    story.feed.put(A, position="here")
    story.feed.script.put_nowait(StreamBroken("cut"))
    story.feed.put(B, position="there")
    await until(lambda: B in story.told)

    assert ([None, "here"], ["lost", A, B]) == (story.feed.openings, story.told)
    assert (True, False) == (story.follower.is_trusted(), story.follower.is_settled())
    story.time += 5
    assert story.follower.is_settled()


async def test_openings_that_fail_are_tried_again(story: Story) -> None:
    """However often, and nothing is trusted meanwhile."""
    story.feed.put(position="here")
    await story.read()
    story.feed.refusals = [StreamBroken("away")] * 3
    story.feed.script.put_nowait(StreamBroken("cut"))
    story.time += BOUND_S + 0.1
    await until(lambda: len(story.feed.openings) == 4)
    assert not story.follower.is_trusted()

    story.feed.put(A, position="there")
    await until(lambda: A in story.told)

    assert [None, *["here"] * 4] == story.feed.openings
    assert ["lost", A] == story.told


async def test_a_history_that_is_lost_is_told(story: Story) -> None:
    """Then the stream begins anew."""
    story.feed.put(A, position="here")
    await story.read()
    story.feed.refusals = [HistoryLost()]
    story.feed.script.put_nowait(StreamBroken("cut"))
    await until(lambda: len(story.feed.openings) == 3)

    assert ([None, "here", None], ["lost", A, "lost"]) == (story.feed.openings, story.told)


async def test_after_a_long_break_the_stream_begins_anew(story: Story) -> None:
    """The history of an hour takes longer to read than everything."""
    story.feed.put(position="here")
    await story.read()
    story.time += 61
    story.feed.script.put_nowait(StreamBroken("cut"))
    await until(lambda: len(story.feed.openings) == 2)

    assert ([None, None], ["lost", "lost"]) == (story.feed.openings, story.told)


@pytest.mark.parametrize(
    "fault",
    [
        lambda feed: feed.put(Change("tokens", "poison", "delete"), position="q"),
        lambda feed: feed.script.put_nowait(RuntimeError("whatever")),
    ],
    ids=["a listener that fails", "a feed that fails"],
)
async def test_whatever_fails_the_following_goes_on(
    story: Story, fault: Callable[[ScriptedFeed], None], caplog: pytest.LogCaptureFixture
) -> None:
    """What could not be taken in may be anything, so everything is looked at anew."""
    story.feed.put(A, position="here")
    await story.read()

    fault(story.feed)
    story.feed.put(B, position="there")
    await until(lambda: B in story.told)

    assert ([None, None], ["lost", A, "lost", B]) == (story.feed.openings, story.told)
    assert "could not be taken in" in caplog.text
