"""Koncorde filters (`lang: "koncorde"`) → MongoDB filters.

Rules of the file: pure. Koncorde's own words are in the tables below; any other is a clause of the query language
and translated as such, with all that is inside of it. Source: search.md, "lang = koncorde".
"""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.protocol.errors import ApiError, api_error
from gateway.storage.queries.clauses import translate
from gateway.storage.queries.filters import Filter, all_of, any_of, none_of
from gateway.storage.queries.scope import Scope

__all__ = ["translate_koncorde"]

_SYNONYMS = {"equals": "term", "in": "terms"}


def translate_koncorde(query: Any, scope: Scope) -> Filter:
    """Translate one Koncorde filter: an object with an operator's or a clause's name as its only key.

    Raises:
        BadRequestError: `api.assert.koncorde_dsl_error` for the form, `….koncorde_restricted_keyword` for `bool`,
            and what `clauses.translate` raises.
    """
    if not isinstance(query, Mapping) or len(query) != 1:
        raise _unreadable("a filter must be an object with exactly one key")
    name, body = next(iter(query.items()))
    if name == "bool":
        raise api_error("api.assert.koncorde_restricted_keyword", "operator", name)
    if name == "missing":
        return none_of([translate({"exists": body}, scope)])
    operator = _OPERATORS.get(name)
    if operator is None:
        return translate({_SYNONYMS.get(name, name): body}, scope)
    inner = scope.deeper()
    inner.spend()
    return operator(body, inner)


def _and(body: Any, scope: Scope) -> Filter:
    return all_of(_each(body, scope))


def _or(body: Any, scope: Scope) -> Filter:
    return any_of(_each(body, scope))


def _not(body: Any, scope: Scope) -> Filter:
    return none_of([translate_koncorde(body, scope)])


def _each(body: Any, scope: Scope) -> list[Filter]:
    if not isinstance(body, list) or not body:
        raise _unreadable("and, or take a list of filters")
    return [translate_koncorde(query, scope) for query in body]


def _unreadable(reason: str) -> ApiError:
    return api_error("api.assert.koncorde_dsl_error", reason)


_OPERATORS: dict[str, Callable[[Any, Scope], Filter]] = {"and": _and, "or": _or, "not": _not}
