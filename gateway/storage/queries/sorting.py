"""The order of hits, and where a page starts in it.

Rules of the file: pure. `_id` is always part of the order, so that no two documents share a place. Source:
search.md, "Sort" and "Pagination as the SDK does it".
"""

from collections.abc import Sequence
from typing import Any

from gateway.storage.queries.filters import Filter, all_of, any_of, nothing
from gateway.storage.queries.scope import Schema, refused, shown
from gateway.storage.queries.values import Scalar, options, scalar

__all__ = ["Sort", "after_filter", "to_sort"]

Sort = list[tuple[str, int]]
"""Paths in the stored document, each with 1 for ascending or -1 for descending."""

_DIRECTIONS = {"asc": 1, "desc": -1}
_NO_FIELDS = frozenset({"_score", "_doc"})
"""Orders without a meaning here: hits have no score, and storage no order."""

_MAX_FIELDS = 16

_TYPES = ("null", "number", "string", "object", "bool")
"""MongoDB's types that a JSON value can have, in the order in which it sorts them; lists sort by an element."""


def to_sort(sort: Any, schema: Schema) -> Sort:
    """Translate the `sort` of a search body.

    Args:
        sort: `"f"`, `{f: "asc"}`, `{f: {"order": "desc"}}`, a list of these, or None.
        schema: of the collection.

    Returns:
        At least `_id`, which is last unless it was named, in the direction of the field before it: so an index over
        that field and `_id` serves both directions.

    Raises:
        BadRequestError: anything else, a field twice, or more than 16 fields.
    """
    entries = [] if sort is None else sort if isinstance(sort, list) else [sort]
    wanted = [pair for entry in entries for pair in _pairs(entry)]
    if len(wanted) > _MAX_FIELDS:
        raise refused(f"hits are sorted by {_MAX_FIELDS} fields at most")
    order = [(schema.path(field), _direction(field, given)) for field, given in wanted if field not in _NO_FIELDS]
    paths = [path for path, _ in order]
    if len(set(paths)) < len(paths):
        raise refused("hits are sorted by one field twice")
    return order if "_id" in paths else [*order, _last(order)]


def _pairs(entry: Any) -> list[tuple[str, Any]]:
    if isinstance(entry, str):
        return [(entry, "asc")]
    if not isinstance(entry, dict):
        raise refused("a sort must be a field, or an object with fields")
    return list(entry.items())


def _direction(field: str, given: Any) -> int:
    order = options("sort", given, ("order", "unmapped_type")).get("order", "asc") if isinstance(given, dict) else given
    if order not in ("asc", "desc"):
        raise refused(f"[{shown(field)}] is sorted asc or desc")
    return _DIRECTIONS[order]


def after_filter(sort: Sequence[tuple[str, int]], values: Any) -> Filter:
    """Translate `search_after`: what comes after a hit with these values.

    Args:
        sort: what `to_sort` returned.
        values: of the hit, one for each field; that of `_id` may be left out where it was added by us, and then
            hits that share all values are passed over. None and missing fields are the same.

    Raises:
        BadRequestError: no list, another number of values, or no scalars.
    """
    if not isinstance(values, list) or len(values) not in _accepted_lengths(sort):
        raise refused("search_after needs one value for each field of the sort")
    fields = list(zip(sort, (None if value is None else scalar(value) for value in values), strict=False))
    branches = []
    for place, ((path, direction), value) in enumerate(fields):
        same = [{path: value} for (path, _), value in fields[:place]]
        branches.append(all_of([*same, _beyond(path, direction, value)]))
    return any_of(branches)


def _accepted_lengths(sort: Sequence[tuple[str, int]]) -> set[int]:
    return {len(sort), len(sort) - 1} - {0} if sort[-1] == _last(sort[:-1]) else {len(sort)}


def _last(order: Sequence[tuple[str, int]]) -> tuple[str, int]:
    return "_id", order[-1][1] if order else 1


def _beyond(path: str, direction: int, value: Scalar | None) -> Filter:
    """What sorts after a value; MongoDB compares within a type only, so the types after it are named."""
    types = _TYPES[::direction]
    later = types[types.index(_type(value)) + 1 :]
    ways: list[Filter] = [] if value is None else [{path: {"$gt" if direction > 0 else "$lt": value}}]
    named = [name for name in later if name != "null"]
    if named:
        ways.append({path: {"$type": named}})
    if "null" in later:
        ways.append({path: None})
    return any_of(ways) if ways else nothing()


def _type(value: Scalar | None) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    return "null" if value is None else "number"
