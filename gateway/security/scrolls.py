"""Scrolls: searches whose next page can be asked for later, from any process.

Order of the file: the record, the keeper. A stored scroll is `{_id, kind, body, lang, skip, size, expireOn}`; the body
is kept as JSON text, because its names are the client's. Source: search.md, "Scroll".
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from gateway.protocol import durations
from gateway.protocol.arguments import invalid_type
from gateway.protocol.codec import decode_value, encode
from gateway.protocol.errors import api_error
from gateway.storage.mongo import Collection

__all__ = ["Scroll", "Scrolls", "scroll_span"]

_LONGEST_MS = 60_000
_DEFAULT_MS = 15_000


class Scroll(Struct, frozen=True):
    """Where a search stands.

    Attributes:
        kind: what is searched: a scroll of users cannot go on among profiles.
        body: of the search.
        lang: of its query, as sent.
        skip: hits that were given out.
        size: of a page.
    """

    kind: str
    body: dict[str, Any]
    lang: Any
    skip: int
    size: int


def scroll_span(scroll: Any) -> int | None:
    """Read the argument `scroll`: milliseconds, or None where it is falsy.

    Raises:
        BadRequestError: no text, no duration, or more than a minute.
    """
    if not scroll:
        return None
    if not isinstance(scroll, str):
        raise invalid_type("scroll", "string")
    span = durations.parse(scroll)
    if span is None or span < 1:
        raise api_error("api.assert.invalid_argument", "scroll", "a timespan string")
    if span > _LONGEST_MS:
        raise api_error("services.storage.scroll_duration_too_great", scroll)
    return int(span)


class Scrolls:
    """Keeps the scrolls.

    Args:
        collection: where; swept by the database after their end.
        now: milliseconds since the epoch.
        new_id: 32 hex digits, not to be guessed.
    """

    def __init__(self, collection: Collection, now: Callable[[], int], new_id: Callable[[], str]) -> None:
        self._collection = collection
        self._now = now
        self._new_id = new_id

    async def open(self, scroll: Scroll, span: int) -> str:
        """Keep a scroll for `span` milliseconds; return its id."""
        scroll_id = self._new_id()
        await self._collection.insert_one({"_id": scroll_id, **_stored(scroll), "expireOn": self._end(span)})
        return scroll_id

    async def find(self, scroll_id: str, kind: str) -> Scroll:
        """Return where a scroll stands.

        Raises:
            NotFoundError: `services.storage.unknown_scroll_id`: ended, never there, or of another kind.
        """
        found = await self._collection.find_one({"_id": scroll_id, "kind": kind})
        if found is None or found["expireOn"] <= self._end(0):
            raise api_error("services.storage.unknown_scroll_id")
        body = decode_value("body", found["body"])
        return Scroll(kind, body, found["lang"], int(found["skip"]), int(found["size"]))

    async def move(self, scroll_id: str, scroll: Scroll, span: int | None) -> None:
        """Note where a scroll stands now, and keep it for longer."""
        end = self._end(_DEFAULT_MS if span is None else span)
        await self._collection.update_one({"_id": scroll_id}, {"$set": {"skip": scroll.skip, "expireOn": end}})

    async def close(self, scroll_id: str) -> None:
        """Forget a scroll."""
        await self._collection.delete_one({"_id": scroll_id})

    def _end(self, span: int) -> datetime:
        return datetime.fromtimestamp((self._now() + span) / 1000, UTC)


def _stored(scroll: Scroll) -> dict[str, Any]:
    return {
        "kind": scroll.kind,
        "body": encode(scroll.body).decode(),
        "lang": scroll.lang,
        "skip": scroll.skip,
        "size": scroll.size,
    }
