"""A figure says how far to believe it."""

import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.figures import Figure, figure, interval, slope

DRAWN = 2_000


def test_rounds_become_a_median_between_its_ends() -> None:
    """Of a few rounds the ends are those of all; no rounds, no figure."""
    assert (Figure(2, 1, 9), None) == (figure([9, 1, 2]), figure([]))


def test_a_few_rounds_that_went_astray_do_not_widen_many() -> None:
    """Those of 24 that count are the seventh from either end."""
    rounds = [1.0 + number / 100 for number in range(20)] + [0.1, 0.2, 9.0, 99.0]

    assert (sorted(rounds)[6], sorted(rounds)[-7]) == interval(rounds)


@pytest.mark.parametrize(("count", "least"), [(3, 0.74), (6, 0.95), (9, 0.95), (24, 0.95)])
def test_the_true_median_is_inside_as_often_as_is_said(count: int, least: float) -> None:
    """Whatever the noise looks like: here a busy machine's, with a long tail. Three rounds cannot say so much."""
    noise = random.Random(1)
    true = 2.0**0.5  # of a Pareto distribution with the exponent 2
    inside = 0
    for _ in range(DRAWN):
        low, high = interval([noise.paretovariate(2) for _ in range(count)])
        inside += low <= true <= high

    assert inside / DRAWN > least - 0.015


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=60))
def test_the_median_is_in_its_interval(rounds: list[float]) -> None:
    """And both ends are rounds."""
    low, high = interval(rounds)

    assert low <= median(rounds) <= high
    assert {low, high} <= set(rounds)


def test_a_line_has_its_slope_and_no_error() -> None:
    """Points beside it widen the interval around the same middle."""
    line = [(float(x), 8.0 * x + 3) for x in range(10)]
    exact = slope(line)
    noisy = slope([(x, y + (1 if x % 2 else -1) * 2) for x, y in line])

    assert (8.0, 8.0, 8.0) == pytest.approx((exact.value, exact.low, exact.high))
    assert noisy.low < 8.0 < noisy.high
    assert noisy.high - noisy.value == pytest.approx(noisy.value - noisy.low)
