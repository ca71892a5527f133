"""When what ends: moments by name, and which of them have come.

Rules of the file: pure; the time is handed in. One heap for the process. A name that is taken out leaves its entry in
the heap until there are more such leavings than entries that count; then the heap is built anew. So everything is
logarithmic on average, and the heap is never more than twice as long as what counts.
"""

import heapq

__all__ = ["Expiries"]

_FEW = 64
"""Leavings that are not worth a new heap."""


class Expiries:
    """Moments by name."""

    def __init__(self) -> None:
        self._moments: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._moments)

    @property
    def earliest(self) -> int | None:
        """The next moment, or None."""
        self._drop_leavings()
        return self._heap[0][0] if self._heap else None

    def put(self, name: str, moment: int) -> None:
        """Set the moment of a name, milliseconds since the epoch."""
        if self._moments.get(name) != moment:
            self._moments[name] = moment
            heapq.heappush(self._heap, (moment, name))
            self._tidy()

    def discard(self, name: str) -> None:
        """Forget a name."""
        if self._moments.pop(name, None) is not None:
            self._tidy()

    def take_due(self, now: int) -> list[str]:
        """Take out and return the names whose moment has come, earliest first."""
        due = []
        while (earliest := self.earliest) is not None and earliest <= now:
            _, name = heapq.heappop(self._heap)
            del self._moments[name]
            due.append(name)
        return due

    def _drop_leavings(self) -> None:
        heap = self._heap
        while heap and self._moments.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)

    def _tidy(self) -> None:
        if len(self._heap) > 2 * len(self._moments) + _FEW:
            self._heap = [(moment, name) for name, moment in self._moments.items()]
            heapq.heapify(self._heap)
