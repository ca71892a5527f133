"""A bounded number of values by name.

Rules of the file: pure, and knows nothing of what it keeps.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct

__all__ = ["Bounded", "Entry"]

Value = TypeVar("Value")


class Entry(Struct, Generic[Value]):
    """A value, and whether it was used since it was last looked at."""

    value: Value
    is_used: bool = False


class Bounded(Generic[Value]):
    """Values by name; what was not used since it was last looked at goes first (CLOCK).

    Args:
        most: values that are kept; 0 for none.
        dropped: told of every value that goes, however it does.
    """

    def __init__(self, most: int, dropped: Callable[[Value], None] = lambda _: None) -> None:
        self._most = most
        self._dropped = dropped
        self.entries: OrderedDict[str, Entry[Value]] = OrderedDict()

    def __len__(self) -> int:
        return len(self.entries)

    def get(self, name: str) -> Value | None:
        """The value, None if there is none."""
        entry = self.entries.get(name)
        if entry is None:
            return None
        entry.is_used = True
        return entry.value

    def put(self, name: str, value: Value) -> None:
        """Keep a value in the place of an older one."""
        self.pop(name)
        if self._most:
            while len(self.entries) >= self._most:
                self._evict()
            self.entries[name] = Entry(value)

    def pop(self, name: str) -> None:
        """Let a value go, if there is one."""
        entry = self.entries.pop(name, None)
        if entry is not None:
            self._dropped(entry.value)

    def clear(self) -> None:
        """Let everything go."""
        for entry in self.entries.values():
            self._dropped(entry.value)
        self.entries.clear()

    def _evict(self) -> None:
        name, entry = self.entries.popitem(last=False)
        if entry.is_used:
            entry.is_used = False
            self.entries[name] = entry
        else:
            self._dropped(entry.value)
