"""Figures: a value and how far to believe it. Pure."""

from collections.abc import Sequence
from itertools import accumulate
from math import comb
from statistics import median

import msgspec

__all__ = ["Figure", "figure", "slope"]

TAIL = 0.025
"""How likely the true median may lie beyond one end of an interval."""


class Figure(msgspec.Struct, frozen=True):
    """A measured value between two ends.

    Attributes:
        value: the median of the rounds.
        low: the lower end of the interval in which the true value lies with 95 % probability; of less than nine rounds
            the least of them, of a slope two standard errors.
        high: the upper end.
        errors: met while it was measured; with any, nothing is to be concluded from it.
    """

    value: float
    low: float
    high: float
    errors: int = 0


def figure(rounds: Sequence[float], errors: int = 0) -> Figure | None:
    """The median of some rounds; None without any."""
    return Figure(median(rounds), *interval(rounds), errors) if rounds else None


def interval(rounds: Sequence[float]) -> tuple[float, float]:
    """Where the median lies with at least 95 % probability, as far as so many rounds can tell.

    Each round is above the true median as often as below, whatever the noise looks like. So the number of rounds below
    it is that of heads in as many throws, and the chance that it lies beyond the k-th least round is that of less than
    k heads (the sign test's interval; nothing is drawn at random). The widest there is, the ends of all rounds, says
    less than 95 % of five rounds or fewer.
    """
    ordered, count = sorted(rounds), len(rounds)
    chances = accumulate(comb(count, heads) / 2**count for heads in range(count))
    k = max(1, sum(chance <= TAIL for chance in chances))
    return ordered[k - 1], ordered[-k]


def slope(points: Sequence[tuple[float, float]]) -> Figure:
    """How much y grows with x: least squares, between two standard errors; at least three points."""
    count = len(points)
    middle = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    width = sum((x - middle[0]) ** 2 for x, _ in points)
    value = sum((x - middle[0]) * (y - middle[1]) for x, y in points) / width
    rest = sum((y - middle[1] - value * (x - middle[0])) ** 2 for x, y in points)
    error = (rest / (count - 2) / width) ** 0.5
    return Figure(value, value - 2 * error, value + 2 * error)
