"""Connections that were refused before they could say a word: counted, and told at a bounded rate.

Rules of the file: a reason is one of our own sentences, never anything that was sent, so there are few of them.
"""

import logging
from collections import Counter

__all__ = ["Refusals"]

_log = logging.getLogger("latchgate")

_INTERVAL_S = 60.0


class Refusals:
    """What was refused.

    Attributes:
        counts: how often since the start, by reason.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._told: Counter[str] = Counter()
        self._next = 0.0

    def note(self, reason: str) -> None:
        """Count one."""
        self.counts[reason] += 1

    def tell(self, now: float) -> None:
        """Log what has come up, one line a reason, unless the last lines are younger than a minute.

        Args:
            now: the loop's clock in seconds.
        """
        if now < self._next or self.counts == self._told:
            return
        for reason, count in (self.counts - self._told).items():
            _log.warning("connections refused: %d (%s)", count, reason)
        self._told = self.counts.copy()
        self._next = now + _INTERVAL_S
