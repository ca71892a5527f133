"""What the scenarios say: counts, percentiles, slopes, and the table of a run.

A slope is that of least squares over the means of blocks. Memory moves in steps that stay, so even neighbouring blocks
are not independent, and what least squares alone says of its error is far too little: it is made for as many blocks as
would be independent, (1 - r) / (1 + r) of them, where r is the correlation of neighbouring rests (Santer et al. 2000,
J. Geophys. Res. 105 D6) without the bias of its estimate (Kendall 1954).
"""

import itertools
import math
from collections.abc import Sequence
from statistics import mean
from typing import NamedTuple

__all__ = ["Row", "Slope", "percentile", "slope_of"]

BLOCKS = 40
_CLOSEST = 0.99
"""Correlation that is believed at most."""


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
    def least(self) -> float:
        """What it is for certain: three standard errors below what was found."""
        return self.per_minute - 3 * self.error

    @property
    def most(self) -> float:
        """What it may be: three standard errors above what was found."""
        return self.per_minute + 3 * self.error


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
    rests = [v - level - slope * (t - middle) for t, v in points]
    rest = sum(each**2 for each in rests)
    return Slope(60 * slope, 60 * math.sqrt(rest / (_independent(rests) - 2) / spread))


def _independent(rests: Sequence[float]) -> float:
    """As how many independent ones they count; three at least."""
    number, rest = len(rests), sum(each**2 for each in rests)
    found = sum(one * next_one for one, next_one in itertools.pairwise(rests)) / rest if rest else 0.0
    correlation = min(max(found, 0.0) + (1 + 4 * max(found, 0.0)) / number, _CLOSEST)
    return max(number * (1 - correlation) / (1 + correlation), 3.0)
