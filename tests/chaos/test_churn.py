"""Churn in the short form, too short for a slope to mean much; `make chaos` goes on for half an hour."""

from pathlib import Path

import pytest

from tests.chaos.churn import churn
from tests.chaos.figures import slope_of

_MIB = 2**20


async def test_visitors_leave_nothing_behind(tmp_path: Path) -> None:
    """However they go: descriptors come back to what they were, and memory does not run away."""
    soaked = await churn(tmp_path, seconds=15, warm_up_s=5)

    print(*soaked.rows(), sep="\n")
    assert all(soaked.visits[way] > 5 for way in soaked.visits)
    assert 6 == len(soaked.visits)
    before, after = soaked.idle
    assert after <= before + 4  # the driver's connections come and go
    assert soaked.resident[1] - soaked.resident[0] < 16 * _MIB
    assert abs(soaked.open_files.per_minute) < 60


@pytest.mark.parametrize("slope", [0.0, 2.5])
def test_a_slope_is_found_with_its_error(slope: float) -> None:
    """A line under noise that knows no direction."""
    samples = [(float(t), 100 + slope * t / 60 + (-1) ** t) for t in range(600)]

    found = slope_of(samples)

    assert abs(found.per_minute - slope) <= 3 * found.error < 1
    assert found.is_flat == (slope == 0.0)


def test_a_slope_of_next_to_nothing_is_refused() -> None:
    """Two points have no error."""
    with pytest.raises(ValueError, match="too few"):
        slope_of([(0.0, 1.0), (1.0, 2.0)])
