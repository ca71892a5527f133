"""Growth is told from windows in turns, so that one that went wrong does not decide."""

from itertools import cycle
from typing import cast

import pytest

from tests.benchmarks.crowd import Ask, Done, Open, Ping
from tests.benchmarks.generator import Measure
from tests.benchmarks.many import FEW, SERVERS, SLICE, SLICES, Gathered, grow
from tests.benchmarks.stage import Running


class Told:
    """A crowd whose server takes what it is said to take."""

    def __init__(self, notes: list[tuple["Told", int]], **costs: list[float]) -> None:
        self.running = Running(SERVERS[0], 0, 0)
        self.notes = notes
        self.costs = {name: cycle(each) for name, each in costs.items()}

    def tell(self, _: Open | Ping | Ask) -> Done:
        """There are a hundred."""
        return Done(0, 100)

    def ask(self, order: Ask) -> Measure:
        """The next cost."""
        self.notes.append((self, order.among))
        cost = next(self.costs["few" if order.among == FEW else "all"])
        assert order.seconds >= SLICE
        return Measure(
            requests=1,
            requests_per_second=1.0,
            p50_ms=1.0,
            p99_ms=1.0,
            errors=0,
            server_us=cost,
            mongod_us=0.0,
            server_cores=1.0,
            generator_cores=1.0,
        )


def test_a_window_that_went_wrong_decides_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """One of each six takes ten times as much, each time another crowd's."""
    notes: list[tuple[Told, int]] = []
    few = Told(notes, few=[20, 20, 200, 20, 20, 20])
    many = Told(notes, few=[22, 220, 22, 22, 22, 22], all=[30, 30, 30, 30, 30, 300])

    found = grow(cast("Gathered", few), cast("Gathered", many), 3, 0.1)

    assert {"few_ask": 1.1, "all_ask": 1.5} == {name: each and each.value for name, each in found.items()}
    assert 3 == capsys.readouterr().out.count("20.0, 22.0, 30.0 µs")


def test_each_kind_of_asking_is_as_often_before_as_behind_the_others() -> None:
    """Forwards and backwards, so that whatever becomes slower meets all alike."""
    notes: list[tuple[Told, int]] = []
    few, many = Told(notes, few=[1.0]), Told(notes, few=[1.0], all=[1.0])

    grow(cast("Gathered", few), cast("Gathered", many), 1, 0.1)

    forwards = [(few, FEW), (many, FEW), (many, 100)]
    assert (forwards + forwards[::-1]) * (SLICES // 2) == notes
