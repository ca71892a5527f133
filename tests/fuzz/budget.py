"""How long the fuzz targets search.

Without a word they try the same examples every time, so that a red run is about the change and not about luck.
`LATCHGATE_FUZZ=50 pytest tests/fuzz` tries fifty times as many, other ones every time.
"""

import os

from hypothesis import HealthCheck, settings

__all__ = ["examples"]

_FACTOR = int(os.environ.get("LATCHGATE_FUZZ", "0"))


def examples(count: int) -> settings:
    """Settings for one target: so many examples, no deadline for any, and nothing kept between runs."""
    return settings(
        max_examples=count * max(_FACTOR, 1),
        derandomize=not _FACTOR,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],  # two cores, shared by everything that is tested
    )
