"""The query language of the protocol → MongoDB filters: the table of its clauses, and those that hold others.

Rules of the file: pure. What is not in the table is refused (P02). Each function takes the clause's name, its body
and its place, and returns a filter. Source: search.md, "Query language".
"""

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from math import comb
from typing import Any

from gateway.storage.queries.filters import Filter, all_of, any_of, at_least, everything, none_of, nothing
from gateway.storage.queries.leaves import LEAVES, Clause, match_on
from gateway.storage.queries.scope import MAX_CLAUSES, Schema, Scope, refused, shown
from gateway.storage.queries.strings import read_simple_string, read_string
from gateway.storage.queries.values import one_entry, options, short_text, text

__all__ = ["translate"]

_MULTI_MATCH = {
    "best_fields": "match",
    "most_fields": "match",
    "phrase": "match_phrase",
    "phrase_prefix": "match_phrase_prefix",
}
_STRINGS = {"query_string": read_string, "simple_query_string": read_simple_string}
_STRING_OPTIONS = ("fields", "default_field", "default_operator", "lenient", "analyze_wildcard")
_BOOL_OPTIONS = ("must", "filter", "must_not", "should", "minimum_should_match", "adjust_pure_negative")
_MAX_FIELDS = 64
_MAX_NAME = 512
_MINIMUM = re.compile(r"(-?)([0-9]{1,4})(%?)", re.ASCII)


def translate(query: Any, scope: Scope) -> Filter:
    """Translate one clause: an object with the clause's name as its only key.

    Raises:
        BadRequestError: `services.storage.unexpected_bad_request`, whose `props[0]` says why.
    """
    name, body = one_entry(query)
    clause = _CLAUSES.get(name)
    if clause is None:
        raise refused(f"unknown query [{shown(name)}]")
    inner = scope.deeper()
    inner.spend()
    return clause(name, body, inner)


def _translate_each(queries: Any, scope: Scope) -> list[Filter]:
    return [translate(query, scope) for query in _listed(queries)]


def _listed(queries: Any) -> Sequence[Any]:
    """A clause may stand where a list of them is meant; null stands for none."""
    if queries is None:
        return []
    if not isinstance(queries, list):
        return [queries]
    if len(queries) > MAX_CLAUSES:  # counted here already: what is computed from the length must stay small
        raise refused(f"more than {MAX_CLAUSES} clauses")
    return queries


def _match_all(clause: str, body: Any, _scope: Scope) -> Filter:
    options(clause, body, ())
    return everything()


def _match_none(clause: str, body: Any, _scope: Scope) -> Filter:
    options(clause, body, ())
    return nothing()


def _bool(clause: str, body: Any, scope: Scope) -> Filter:
    chosen = options(clause, body, _BOOL_OPTIONS)
    must = _translate_each(chosen.get("must"), scope) + _translate_each(chosen.get("filter"), scope)
    must_not = _translate_each(chosen.get("must_not"), scope)
    branches = _listed(chosen.get("should"))
    count = _minimum(chosen.get("minimum_should_match"), len(branches), is_optional=bool(must))
    times = comb(len(branches) - 1, count - 1) if 0 < count <= len(branches) else 1
    should = _translate_each(branches, scope.copied(times))
    return all_of([*must, at_least(count, should), none_of(must_not)])


def _minimum(given: Any, branches: int, *, is_optional: bool) -> int:
    """How many branches of `should` must match.

    Without required clauses beside them it is one at least. A negative number or percentage says how many may
    fail; percentages are rounded towards zero.
    """
    if not branches:
        return 0
    least = 0 if is_optional else 1
    if given is None:
        return least
    match = _MINIMUM.fullmatch(text(given))
    if match is None:
        raise refused("minimum_should_match must be a whole number or a percentage")
    minus, digits, percent = match.groups()
    count = branches * int(digits) // 100 if percent else int(digits)
    return max(least, branches - count if minus else count)


def _constant_score(clause: str, body: Any, scope: Scope) -> Filter:
    return translate(_object(clause, body, ("filter",), "filter")["filter"], scope)


def _nested(clause: str, body: Any, scope: Scope) -> Filter:
    chosen = _object(clause, body, ("path", "score_mode", "ignore_unmapped"), "query")
    path = chosen.get("path")
    if not isinstance(path, str):
        raise refused(f"[{clause}] needs [path]")
    return {scope.path(path): {"$elemMatch": translate(chosen["query"], scope.below(path))}}


def _multi_match(clause: str, body: Any, scope: Scope) -> Filter:
    chosen = _object(clause, body, ("fields", "type", "operator", "tie_breaker"), "query")
    kind = _MULTI_MATCH.get(text(chosen.get("type", "best_fields")))
    if kind is None:
        raise refused(f"[{clause}] does not know this type")
    fields = _fields(chosen.get("fields"), scope.schema)
    scope.spend(len(fields))
    operator = chosen.get("operator", "or")
    return any_of([match_on(kind, field, chosen["query"], operator, scope) for field in fields])


def _query_string(clause: str, body: Any, scope: Scope) -> Filter:
    chosen = _object(clause, body, _STRING_OPTIONS, "query")
    fields = _fields(chosen.get("fields", chosen.get("default_field")), scope.schema)
    operator = text(chosen.get("default_operator", "or")).lower()
    if operator not in {"or", "and"}:
        raise refused(f"[{clause}] joins words by or, or by and")
    read = _STRINGS[clause]
    query = read(short_text(chosen["query"]), fields, every=operator == "and", schema=scope.schema)
    return translate(query, scope)


def _object(clause: str, body: Any, known: Sequence[str], main: str) -> Mapping[str, Any]:
    """Options of a clause that has no short form."""
    if not isinstance(body, Mapping):
        raise refused(f"[{clause}] must be an object")
    return options(clause, body, known, main)


def _fields(given: Any, schema: Schema) -> list[str]:
    """Field names without their boosts (`title^3`); `*` in one stands for declared fields, absence for all of them."""
    names = ["*"] if given is None else given if isinstance(given, list) else [given]
    if len(names) > _MAX_FIELDS or not all(isinstance(name, str) and len(name) <= _MAX_NAME for name in names):
        raise refused(f"fields must be a list of at most {_MAX_FIELDS} names")
    plain = [name.partition("^")[0] for name in names]
    spread = [[field for field in schema.paths if _is_like(field, name)] if "*" in name else [name] for name in plain]
    fields = list(dict.fromkeys(field for several in spread for field in several))
    if not fields:
        raise refused("there are no such fields")
    return fields


def _is_like(field: str, pattern: str) -> bool:
    return fnmatchcase(field, pattern.replace("[", "[[]"))


_CLAUSES: dict[str, Clause] = {
    **LEAVES,
    "match_all": _match_all,
    "match_none": _match_none,
    "bool": _bool,
    "constant_score": _constant_score,
    "nested": _nested,
    "multi_match": _multi_match,
    "query_string": _query_string,
    "simple_query_string": _query_string,
}
