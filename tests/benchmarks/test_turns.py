"""Servers take turns in short slices, on connections that stay, and what goes wrong is noticed."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.benchmarks.contests import CREATE, NOW, NOW_WITH_KEY, Entrant
from tests.benchmarks.generator import Measure
from tests.benchmarks.processes import Meter, cpu_seconds
from tests.benchmarks.stage import Running, start_all
from tests.benchmarks.test_targets import measure
from tests.benchmarks.turns import Player, play, players, slice_of

ECHOES = (
    Entrant("anonymous", "anonymous", NOW, "peer_sansio", has_data=False),
    Entrant("key", "with a key", NOW_WITH_KEY, "peer_sansio", has_data=False, shares="anonymous"),
    Entrant("other", "other", NOW, "peer_picows", has_data=False),
)


@pytest.fixture(scope="module")
def playing() -> Iterator[list[Player]]:
    """Two kinds of requests to one echo, one kind to another."""
    with ExitStack() as stack:
        yield stack.enter_context(players(stack.enter_context(start_all(ECHOES))))


def test_kinds_of_requests_share_a_generator(playing: list[Player]) -> None:
    """Where they go to the same server, so they come on the same connections; another server has its own."""
    anonymous, key, other = playing

    assert anonymous.generator is key.generator
    assert anonymous.generator is not other.generator


def test_each_has_as_many_slices_as_the_others(playing: list[Player]) -> None:
    """Each with a figure, and with nothing wrong."""
    results = play(playing, 4, 0.5)

    assert [("anonymous", 2), ("key", 2), ("other", 2)] == [(result.name, len(result.rounds)) for result in results]
    assert {0} == {found.errors for result in results for found in result.rounds}
    assert all(found.server_us > 0 for result in results for found in result.rounds)


def test_every_other_round_goes_backwards(monkeypatch: pytest.MonkeyPatch, playing: list[Player]) -> None:
    """So neither of two is always the first; one slice before them warms up and is not counted."""
    turns: list[str] = []

    def take_turn(player: Player, *_: float) -> Measure:
        turns.append(player.running.entrant.name)
        return measure(1.0)

    monkeypatch.setattr(Player, "measure", take_turn)
    play(playing, 1, 0.5)

    forwards = ["anonymous", "key", "other"]
    assert [*forwards, *forwards, *reversed(forwards)] == turns


def test_a_generator_that_fails_is_named(playing: list[Player]) -> None:
    """Here there is no server to connect to."""
    entrant = Entrant("gone", "a server that is gone", NOW)
    nowhere = Running(entrant, 1, playing[0].running.pid)

    with players([nowhere]) as alone, pytest.raises(RuntimeError, match="failed on a server that is gone"):
        alone[0].measure(1, 0.0, 0.1)


def test_slices_are_longer_where_many_wait_for_a_database() -> None:
    """For all that are measured beside each other; one connection gets its answers soon."""
    short = slice_of([NOW])

    assert short.seconds < slice_of([NOW, CREATE]).seconds
    assert short == slice_of([CREATE._replace(connections=1)])


def test_a_meter_counts_what_a_walk_through_all_processes_counts(playing: list[Player]) -> None:
    """In the same seconds, but finer."""
    pid = playing[0].running.pid
    meter = Meter(pid)
    before, exact = cpu_seconds(pid), meter.read()
    playing[0].measure(1, 0.0, 0.2)
    walked, read = cpu_seconds(pid).since(before), meter.read().since(exact)

    assert walked.server > 0
    assert abs(walked.server - read.server) < 0.02
    assert 0.0 == read.mongod
