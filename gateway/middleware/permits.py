"""Who may still ask within this second, where several processes share one limit.

Rules of the file: pure; the second is handed in, and what others have left is asked for by somebody else. Of each
limit a process takes one small slice for granted and leases what it needs beyond that, so that most requests ask
nobody. A lease is as large as what the process used in the second before; what it does not use is lost.
"""

from collections.abc import Awaitable

from msgspec import Struct

__all__ = ["ERROR_SHARE", "Account", "Accounts", "slice_of"]

ERROR_SHARE = 10
"""One in so many: all processes together let at most this part more through than the limit."""


def slice_of(most: int, processes: int) -> int:
    """How many requests of a limit each process may let through without asking; none where the limit is small."""
    return most if processes <= 1 else most // (ERROR_SHARE * processes)


class Account(Struct):
    """One key in one second, as one process knows it.

    Attributes:
        second: since the epoch.
        allowed: requests that may pass: the slice, and what was leased.
        least: the smallest lease that is worth asking for.
        before: requests that passed in the second before.
        used: requests that have passed.
        is_spent: there is nothing left to lease.
        pending: a lease that is on its way, for all who wait for it.
    """

    second: int
    allowed: int
    least: int
    before: int
    used: int = 0
    is_spent: bool = False
    pending: Awaitable[int | None] | None = None

    def take(self) -> bool | None:
        """Let one request pass, or not; None: a lease decides."""
        if self.used < self.allowed:
            self.used += 1
            return True
        return False if self.is_spent else None

    @property
    def wanted(self) -> int:
        """How many to lease."""
        return max(self.least, self.before - self.used)

    def settle(self, granted: int | None, most: int) -> None:
        """Take in what a lease has brought.

        Args:
            granted: at most what was wanted; None if nobody could tell: then this process's own count has to do.
            most: the limit.
        """
        self.is_spent = granted is None or granted < self.wanted
        self.allowed = most if granted is None else self.allowed + granted


class Accounts:
    """The accounts of a process, one per key; those of earlier seconds are forgotten.

    Args:
        processes: how many share each limit.
    """

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._second = 0
        self._present: dict[str, Account] = {}
        self._past: dict[str, Account] = {}

    def find(self, key: str, most: int, second: int, *, is_shared: bool) -> Account:
        """The account of a key.

        Args:
            key: who is counted.
            most: requests per second.
            second: since the epoch.
            is_shared: other processes may hear of the same key.
        """
        if second != self._second:
            self._past = self._present if second == self._second + 1 else {}
            self._second, self._present = second, {}
        account = self._present.get(key)
        if account is None:
            account = self._present[key] = self._opened(key, most, is_shared=is_shared)
        return account

    def _opened(self, key: str, most: int, *, is_shared: bool) -> Account:
        if not is_shared or self._processes <= 1:
            return Account(self._second, allowed=most, least=0, before=0, is_spent=True)
        share = slice_of(most, self._processes)
        past = self._past.get(key)
        return Account(self._second, allowed=share, least=max(1, share), before=past.used if past else 0)
