"""Churn in the short form, too short for a slope to mean much; `make chaos` goes on for half an hour."""

from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from random import Random

import pytest

from tests.chaos.churn import Soaked, churn
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


@pytest.mark.parametrize("memory", [0.0, 0.9, 0.99, 0.997], ids="no memory,seconds,minutes,five minutes".split(","))
def test_the_error_of_a_slope_is_true_of_noise_that_lasts(memory: float) -> None:
    """Of 200 noises without a direction no more than one in twenty seems to have one at three standard errors."""
    rng = Random(5)
    deceived = sum(
        abs(found.per_minute) > 3 * found.error for found in (slope_of(noise(rng, memory)) for _ in range(200))
    )

    assert deceived <= 10


def noise(rng: Random, memory: float, step: float = 1.0) -> list[tuple[float, float]]:
    """Twenty minutes of samples, each a part of the one before and something new."""
    value, samples = 0.0, []
    for second in range(1200):
        value = memory * value + rng.gauss(0, step)
        samples.append((float(second), value))
    return samples


@pytest.mark.parametrize(("leak", "is_seen"), [(0, False), (24, True), (1024, True)])
def test_a_leak_is_seen(leak: int, *, is_seen: bool) -> None:
    """Bytes per visit, under noise as a gateway has it: whole pages that come and go and take minutes to do so."""
    per_second, rng = 80, Random(1)
    memory = [(t, 56 * _MIB + value + leak * per_second * t) for t, value in noise(rng, 0.99, step=4096)]
    files = [(t, 24 + value) for t, value in noise(rng, 0.0)]
    slope = slope_of(memory)
    soaked = Soaked(1800, 600, Counter({"closes": 1}), 60 * per_second, slope, (0, 0), slope_of(files), (24, 24))

    with pytest.raises(AssertionError, match="memory grows") if is_seen else nullcontext():
        soaked.check()


def test_a_slope_of_next_to_nothing_is_refused() -> None:
    """Two points have no error."""
    with pytest.raises(ValueError, match="too few"):
        slope_of([(0.0, 1.0), (1.0, 2.0)])
