"""Following what other processes change: one change stream for all collections, whatever happens to it.

Rules of the file: knows no driver; it is handed a feed. It tells of each change, of a history that was lost, and how
long ago it last knew everything: only an answer of the database that left nothing waiting counts as that, and only for
the moment at which it was asked for, however late it comes. A stream that breaks goes on where it stopped; after a long
break, or where the database has forgotten that place, it begins anew, and then anything may have changed.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from msgspec import Struct

__all__ = ["Batch", "Change", "Feed", "Follower", "HistoryLost", "Listener", "StreamBroken"]

_log = logging.getLogger("latchgate.storage")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 1.0
_LONGEST_GAP_S = 60.0
"""After a longer break everything is looked at anew: cheaper than to read the history of an hour."""
_STANDSTILL_S = 30.0
"""A replica set writes something every ten seconds even when idle. A server that shows nothing of it for so long is
cut off from the others, however promptly it answers."""
_UNSETTLED_S = 5.0
"""How long a server that has just taken over may still answer from before what its predecessor has told."""


class Change(Struct, frozen=True):
    """A write to one document.

    Attributes:
        collection: where.
        id: `_id` of the document; None where the whole collection changed.
        operation: `insert`, `update`, `replace`, `delete`; others concern the whole collection.
    """

    collection: str
    id: Any
    operation: str


class Batch(Struct, frozen=True):
    """One answer of the database.

    Attributes:
        changes: in the order in which they happened.
        is_all: nothing more was waiting.
        position: where to go on after a break.
    """

    changes: Sequence[Change]
    is_all: bool
    position: object


class StreamBroken(Exception):  # noqa: N818 - a state, which passes
    """The stream ended or never began; it may be opened again."""


class HistoryLost(Exception):  # noqa: N818 - a state, which passes
    """The database cannot tell what happened after the position."""


class Feed(Protocol):
    """A change stream as the driver's file offers it; every method raises `StreamBroken`."""

    async def open(self, position: object | None) -> None:
        """Begin after a position, None for now; raises `HistoryLost`."""

    async def read(self) -> Batch:
        """Wait for changes, a fraction of a second at most; raises `HistoryLost`.

        What the first reading gives may have come along with `open`; the others ask the database.
        """


class Listener(Protocol):
    """Whoever wants to know."""

    def changed(self, change: Change) -> None:
        """Take in a change."""

    def lost(self) -> None:
        """Take in that anything may have changed: at the beginning, and when history was lost."""


class Follower:
    """Follows a feed and tells.

    Args:
        feed: the stream.
        bound_s: how long ago the last complete answer may have been asked for, for what is remembered to be trusted.
            Answers that take up to half of it, the wait of the database included, leave no gap between them.
        clock: seconds, monotonic.

    Attributes:
        trusted_until: as `is_trusted`, for those who ask with every request and have the clock at hand.
    """

    def __init__(
        self,
        feed: Feed,
        *,
        bound_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._feed = feed
        self._bound_s = bound_s
        self._clock = clock
        self._position: object | None = None
        self._heard = self._moved = self.trusted_until = float("-inf")
        self._unsettled_until = float("-inf")

    @property
    def staleness(self) -> float:
        """Seconds since the latest moment of which everything is known; infinite before the stream began."""
        return self._clock() - self._heard

    def is_trusted(self) -> bool:
        """Tell whether what is remembered may be used: every change older than the bound has been told."""
        return self._clock() <= self.trusted_until

    def is_settled(self) -> bool:
        """Tell whether what is read now may be remembered; not right after the stream has changed its server."""
        return self._clock() >= self._unsettled_until

    async def run(self, listener: Listener) -> None:
        """Follow; never returns."""
        pause = _FIRST_PAUSE_S
        while True:
            began = self._clock()
            try:
                await self._follow(listener)
            except HistoryLost:
                _log.warning("change stream: the history since it broke is lost, looking at everything anew")
                self._position = None
            except StreamBroken as error:
                _log.warning("change stream lost, trying again: %s", error)
            except Exception:  # noqa: BLE001 - whatever it was, nobody would see changes again if this ended
                _log.exception("a change could not be taken in, looking at everything anew")
                self._position = None
            pause = _FIRST_PAUSE_S if self._heard > began else min(pause * 2, _LONGEST_PAUSE_S)
            await asyncio.sleep(pause)

    async def _follow(self, listener: Listener) -> None:
        if self._clock() - self._heard > _LONGEST_GAP_S:
            self._position = None
        asked = self._clock()
        await self._feed.open(self._position)
        if self._position is None:
            listener.lost()
        else:
            self._unsettled_until = self._clock() + _UNSETTLED_S
        while True:
            batch = await self._feed.read()
            for change in batch.changes:
                listener.changed(change)
            self._note(batch, asked)
            asked = self._clock()

    def _note(self, batch: Batch, asked: float) -> None:
        """Count from the asking: nobody knows how long the answer was on its way, nor how long it waited for us."""
        if batch.position != self._position:
            self._position, self._moved = batch.position, asked
        if batch.is_all:
            self._heard = asked
            self.trusted_until = asked + self._bound_s
        self.trusted_until = min(self.trusted_until, self._moved + _STANDSTILL_S)
