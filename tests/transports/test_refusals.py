"""Refused connections: all of them are counted, and few lines tell of them."""

import pytest

from gateway.transports.refusals import Refusals


def test_a_flood_is_a_line_a_reason_each_minute(caplog: pytest.LogCaptureFixture) -> None:
    """The first is told at once; what comes within the minute is told after it; then there is silence."""
    refusals = Refusals()
    for second in range(100):
        for _ in range(1000):
            refusals.note("no preamble")
        if second == 0:
            refusals.note("too long")
        refusals.tell(5000.0 + second)
    refusals.tell(6000.0)
    refusals.tell(7000.0)

    assert {"no preamble": 100_000, "too long": 1} == refusals.counts
    assert [
        "connections refused: 1000 (no preamble)",
        "connections refused: 1 (too long)",
        "connections refused: 60000 (no preamble)",
        "connections refused: 39000 (no preamble)",
    ] == caplog.messages
