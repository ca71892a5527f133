"""How long to wait before a process that has ended is started again.

Rules of the file: pure; how long it lived is handed in.
"""

__all__ = ["Backoff"]

_FIRST_S = 0.5
_LONGEST_S = 30.0
_SOUND_S = 60.0


class Backoff:
    """Not at all at first, then 0.5 s, and twice as long each time, up to 30 s.

    A process that lived for a minute was sound, and its end counts as a first one.
    """

    def __init__(self) -> None:
        self._ends = 0

    def after(self, lived: float) -> float:
        """Seconds to wait.

        Args:
            lived: seconds from the start of the process to its end.
        """
        self._ends = 1 if lived >= _SOUND_S else self._ends + 1
        # Bounded before it is computed: a crash loop may go on for years.
        return 0.0 if self._ends == 1 else min(_LONGEST_S, _FIRST_S * 2.0 ** min(self._ends - 2, 16))
