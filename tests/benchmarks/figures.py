"""Figures: a value and how far to believe it. Pure."""

from collections.abc import Sequence
from statistics import median

import msgspec

__all__ = ["Figure", "figure", "slope"]


class Figure(msgspec.Struct, frozen=True):
    """A measured value between two ends.

    Attributes:
        value: the median of the rounds.
        low: the least of a round, or the end of an interval of two standard errors.
        high: the greatest.
        errors: met while it was measured; with any, nothing is to be concluded from it.
    """

    value: float
    low: float
    high: float
    errors: int = 0


def figure(rounds: Sequence[float], errors: int = 0) -> Figure | None:
    """The median of some rounds; None without any."""
    return Figure(median(rounds), min(rounds), max(rounds), errors) if rounds else None


def slope(points: Sequence[tuple[float, float]]) -> Figure:
    """How much y grows with x: least squares, between two standard errors; at least three points."""
    count = len(points)
    middle = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    width = sum((x - middle[0]) ** 2 for x, _ in points)
    value = sum((x - middle[0]) * (y - middle[1]) for x, y in points) / width
    rest = sum((y - middle[1] - value * (x - middle[0])) ** 2 for x, y in points)
    error = (rest / (count - 2) / width) ** 0.5
    return Figure(value, value - 2 * error, value + 2 * error)
