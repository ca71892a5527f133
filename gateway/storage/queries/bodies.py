"""The body of a search: which keys it may have, and what comes of them.

Rules of the file: pure. Only the keys of the protocol are taken; those that would change the answer and are not
known here are refused. Inline scripts are refused wherever they stand. Source: search.md, "Searching security
objects".
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from gateway.protocol.errors import api_error
from gateway.storage.queries.clauses import translate
from gateway.storage.queries.filters import Filter, all_of, everything
from gateway.storage.queries.koncorde import translate_koncorde
from gateway.storage.queries.scope import Budget, Schema, Scope, refused, shown
from gateway.storage.queries.sorting import Sort, after_filter, to_sort

__all__ = ["MAX_SIZE", "Search", "koncorde_to_filter", "read_query", "read_search", "to_filter"]

MAX_SIZE = 10_000
"""Hits of one page, unless another limit is given."""

_MAX_FROM = 2**31 - 1
_USED = frozenset(("query", "post_filter", "sort", "search_after", "from", "size"))
_WITHOUT_EFFECT = frozenset(
    """
    explain fields highlight search_timeout _name _source _source_excludes _source_includes
    """.split()
)
_NOT_SUPPORTED = frozenset(("aggregations", "aggs", "collapse", "suggest"))
_SCRIPTS = frozenset(("script", "_script"))
_STORED_SCRIPT = frozenset(("id", "params"))


class Search(Struct, frozen=True):
    """A search, ready for the database.

    Attributes:
        filter: what matches; counts for the total.
        page: `filter` and `search_after` together; what hits are taken from.
        sort: their order.
        skip: hits to leave out.
        size: most hits to return; 0 means none, where a driver's `limit` of 0 means all.
    """

    filter: Filter
    page: Filter
    sort: Sort
    skip: int
    size: int


def to_filter(query: Any, schema: Schema) -> Filter:
    """Translate a query of the protocol's language.

    Args:
        query: an object with one clause; None and `{}` match everything.
        schema: of the collection.

    Returns:
        A filter for MongoDB, whose operators are all ours.

    Raises:
        BadRequestError: `services.storage.unexpected_bad_request`, whose `props[0]` says why, or
            `services.storage.invalid_query_keyword` for a script.
    """
    _refuse_scripts(query)
    if query is None or query == {}:
        return everything()
    return translate(query, Scope(schema, Budget()))


def koncorde_to_filter(query: Any, schema: Schema) -> Filter:
    """Translate a Koncorde filter; see `to_filter`.

    Raises:
        BadRequestError: as `to_filter`; `api.assert.invalid_type` for what is no object, `….koncorde_dsl_error`,
            `….koncorde_restricted_keyword`.
    """
    if query is None or query == {}:
        return everything()
    if not isinstance(query, Mapping):
        raise api_error("api.assert.invalid_type", "body.query", "object")
    _refuse_scripts(query)
    return translate_koncorde(query, Scope(schema, Budget()))


_LANGUAGES: dict[str, Callable[[Any, Schema], Filter]] = {
    "elasticsearch": to_filter,
    "koncorde": koncorde_to_filter,
}


def read_query(query: Any, schema: Schema, lang: Any = None) -> Filter:
    """Translate a query in the language that the argument `lang` names; none is `elasticsearch`.

    Raises:
        BadRequestError: `api.assert.invalid_argument` for another language, and as the language's function.
    """
    language = _LANGUAGES.get(lang) if isinstance(lang, str) else to_filter if lang is None else None
    if language is None:
        raise api_error("api.assert.invalid_argument", "lang", '"elasticsearch" or "koncorde"')
    return language(query, schema)


def read_search(
    body: Any,
    schema: Schema,
    *,
    lang: Any = None,
    skip: int | None = None,
    size: int | None = None,
    max_size: int = MAX_SIZE,
) -> Search:
    """Translate the body of a search.

    Args:
        body: of the request; None is empty.
        schema: of the collection.
        lang: the argument `lang`.
        skip: the argument `from`, which wins over the body's.
        size: the argument `size`, which wins over the body's; where neither is given it is `max_size`.
        max_size: most hits of a page.

    Raises:
        BadRequestError: `api.assert.invalid_type` for a body that is no object,
            `services.storage.invalid_search_query` for a key, and as `read_query`.
        SizeLimitError: `services.storage.get_limit_exceeded`.
    """
    given = _checked(body)
    wanted = _whole("size", given.get("size") if size is None else size, max_size)
    if wanted > max_size:
        raise api_error("services.storage.get_limit_exceeded")
    query = all_of([read_query(given.get("query"), schema, lang), to_filter(given.get("post_filter"), schema)])
    sort = to_sort(given.get("sort"), schema)
    if "search_after" in given:
        return Search(query, all_of([query, after_filter(sort, given["search_after"])]), sort, 0, wanted)
    start = _whole("from", given.get("from") if skip is None else skip, 0)
    return Search(query, query, sort, start, wanted)


def _checked(body: Any) -> Mapping[str, Any]:
    if body is None:
        return {}
    if not isinstance(body, Mapping):
        raise api_error("api.assert.invalid_type", "body", "object")
    for key in body:
        if key in _NOT_SUPPORTED:
            raise refused(f"[{key}] is not supported")
        if key not in _USED and key not in _WITHOUT_EFFECT:
            raise api_error("services.storage.invalid_search_query", shown(key))
    _refuse_scripts(body)
    return body


def _whole(name: str, value: Any, default: int) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_FROM:
        raise refused(f"[{name}] must be a whole number, not negative")
    return value


def _refuse_scripts(body: Any) -> None:
    """Refuse scripts other than stored ones; without recursion, so that depth does not matter."""
    waiting = [body]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, Mapping):
            for key, inner in value.items():
                if key in _SCRIPTS:
                    _check_script(key, inner)
            waiting.extend(value.values())


def _check_script(key: str, script: Any) -> None:
    if not isinstance(script, Mapping):
        raise api_error("services.storage.invalid_query_keyword", key)
    for name in script:
        if name not in _STORED_SCRIPT:
            raise api_error("services.storage.invalid_query_keyword", f"{key}.{shown(name)}")
