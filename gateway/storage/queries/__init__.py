"""The search language of the protocol as MongoDB filters: an allow-list, pure.

Rules of the package: no driver, no clock, no I/O. Text of a caller is only ever a value or, checked, a path; every
operator in a filter is written here. Whoever searches on behalf of somebody joins the filter with the owner's.
"""

from gateway.storage.queries.bodies import MAX_SIZE, Search, koncorde_to_filter, read_query, read_search, to_filter
from gateway.storage.queries.filters import Filter, all_of
from gateway.storage.queries.scope import Schema
from gateway.storage.queries.sorting import Sort, after_filter, to_sort

__all__ = [
    "MAX_SIZE",
    "Filter",
    "Schema",
    "Search",
    "Sort",
    "after_filter",
    "all_of",
    "koncorde_to_filter",
    "read_query",
    "read_search",
    "to_filter",
    "to_sort",
]
