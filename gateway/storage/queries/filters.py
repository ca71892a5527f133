"""MongoDB filters as dictionaries, and how they are joined.

Rules of the file: operators are written here and in the modules of this package, never taken from a caller. Every
function returns a new dictionary that MongoDB accepts: an empty `$and` or `$or` never comes out.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

__all__ = ["Filter", "all_of", "any_of", "at_least", "everything", "none_of", "nothing"]

Filter = dict[str, Any]
"""A MongoDB query document."""


def everything() -> Filter:
    """Every document."""
    return {}


def nothing() -> Filter:
    """No document."""
    return {"$nor": [{}]}


def all_of(filters: Sequence[Filter]) -> Filter:
    """What every filter matches; with none, everything. Filters that match everything are left out."""
    narrowing = [query for query in filters if query]
    return _joined("$and", narrowing) if narrowing else everything()


def any_of(filters: Sequence[Filter]) -> Filter:
    """What one filter at least matches; with none, nothing."""
    return _joined("$or", filters) if filters else nothing()


def none_of(filters: Sequence[Filter]) -> Filter:
    """What no filter matches; with none, everything."""
    return {"$nor": list(filters)} if filters else everything()


def at_least(count: int, filters: Sequence[Filter]) -> Filter:
    """What `count` of the filters match, or more; each filter stands in the result C(n - 1, count - 1) times."""
    if count <= 0:
        return everything()
    return any_of([all_of(chosen) for chosen in combinations(filters, count)])


def _joined(operator: str, filters: Sequence[Filter]) -> Filter:
    return filters[0] if len(filters) == 1 else {operator: list(filters)}
