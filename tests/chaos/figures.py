"""What the scenarios say: counts, percentiles, slopes, and the table of a run.

A slope is that of least squares over the means of blocks: neighbouring samples of a process's memory are anything but
independent, and blocks give an honest standard error.
"""

import math
from collections.abc import Sequence
from statistics import mean
from typing import NamedTuple

__all__ = ["Row", "Slope", "percentile", "slope_of"]

BLOCKS = 20


class Row(NamedTuple):
    """One line of the table: what was done, what was found."""

    scenario: str
    finding: str
    figure: str


class Slope(NamedTuple):
    """A line through samples; `error` is the standard error of `per_minute`."""

    per_minute: float
    error: float

    @property
    def is_flat(self) -> bool:
        """Zero lies within three standard errors."""
        return abs(self.per_minute) <= 3 * self.error


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that at least `share` (0 to 1) of them do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * share) - 1, 0)] if ordered else 0.0


def slope_of(samples: Sequence[tuple[float, float]], blocks: int = BLOCKS) -> Slope:
    """Fit a line through the means of blocks of (seconds, value); at least three blocks."""
    size = max(len(samples) // blocks, 1)
    groups = [samples[at : at + size] for at in range(0, len(samples) - size + 1, size)]
    points = [(mean(t for t, _ in group), mean(v for _, v in group)) for group in groups]
    if len(points) < 3:
        raise ValueError("too few samples for a slope and its error")
    middle, level = mean(t for t, _ in points), mean(v for _, v in points)
    spread = sum((t - middle) ** 2 for t, _ in points)
    slope = sum((t - middle) * (v - level) for t, v in points) / spread
    rest = sum((v - level - slope * (t - middle)) ** 2 for t, v in points)
    return Slope(60 * slope, 60 * math.sqrt(rest / (len(points) - 2) / spread))
