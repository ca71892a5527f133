"""The clauses about the value of a field, one function each.

Rules of the file: pure; each function takes the clause's name, its body and its place, and returns a filter. Exact
fields compare whole values; a field of analysed text matches by its lower-cased words, and the clauses that the
original does not analyse (`term`, `prefix`, …) find nothing there unless they are written in lower case.
Source: search.md, "Query language".
"""

from collections.abc import Callable
from typing import Any

from gateway.storage.queries.filters import Filter, all_of, any_of, nothing
from gateway.storage.queries.patterns import (
    as_word,
    matching,
    one_of_words,
    phrase,
    starting_with,
    whole,
    wildcard,
    words,
)
from gateway.storage.queries.regexps import regexp
from gateway.storage.queries.scope import Scope, refused, shown
from gateway.storage.queries.values import (
    Scalar,
    flag,
    moment,
    number,
    one_field,
    options,
    scalar,
    scalars,
    short_text,
    text,
)

__all__ = ["LEAVES", "Clause", "match_on"]

Clause = Callable[[str, Any, Scope], Filter]
"""Clause name, body, place → filter."""

_BOUNDS = {"gt": "$gt", "gte": "$gte", "lt": "$lt", "lte": "$lte"}
_REGEXP_COST = 10
"""Clauses that a regular expression counts for: it is the dearest thing to ask of the database."""

_REGEXP_FLAGS = frozenset("ALL NONE ANYSTRING COMPLEMENT EMPTY INTERSECTION INTERVAL".split())


def match_on(clause: str, field: str, query: Any, operator: Any, scope: Scope) -> Filter:
    """One field matches a text, in the way of the clause: `match`, `match_phrase` or `match_phrase_prefix`.

    Args:
        clause: one of those.
        field: search field.
        query: a scalar.
        operator: for `match` of analysed text: whether one word will do (`or`) or all must be there (`and`).
        scope: place of the clause.

    Raises:
        BadRequestError: no scalar, no such operator, too long.
    """
    path, every = scope.path(field), _is_and(operator)
    if field not in scope.schema.text:
        if clause == "match_phrase_prefix":
            return {path: matching(starting_with(short_text(query)))}
        return {path: scalar(query)}
    wanted = words(short_text(query))
    scope.spend(len(wanted))
    if not wanted:
        return nothing()
    if clause != "match":
        return {path: matching(phrase(wanted, is_prefix=clause == "match_phrase_prefix"), ignore_case=True)}
    if every:
        return all_of([{path: matching(one_of_words([word]), ignore_case=True)} for word in wanted])
    return {path: matching(one_of_words(wanted), ignore_case=True)}


def _is_and(operator: Any) -> bool:
    if operator not in ("or", "and", "OR", "AND"):
        raise refused("an operator must be or, or and")
    return bool(operator in ("and", "AND"))


def _match(clause: str, body: Any, scope: Scope) -> Filter:
    field, given = one_field(clause, body)
    known = ("operator",) if clause == "match" else ()
    chosen = options(clause, given, known, "query")
    return match_on(clause, field, chosen["query"], chosen.get("operator", "or"), scope)


def _term(clause: str, body: Any, scope: Scope) -> Filter:
    field, given = one_field(clause, body)
    chosen = options(clause, given, ("case_insensitive",), "value")
    if flag(chosen.get("case_insensitive", False)):
        return _text_filter(field, chosen["value"], scope, ignore_case=True, exact=whole, word=_whole_word)
    return _equal_to_one(field, [scalar(chosen["value"])], scope)


def _terms(clause: str, body: Any, scope: Scope) -> Filter:
    field, given = one_field(clause, body)
    return _equal_to_one(field, scalars(given), scope)


def _equal_to_one(field: str, values: list[Scalar], scope: Scope) -> Filter:
    path = scope.path(field)
    if field not in scope.schema.text:
        return {path: values[0] if len(values) == 1 else {"$in": values}}
    wanted = [value for value in map(text, values) if as_word(value)]
    scope.spend(len(wanted))
    return any_of([{path: matching(_whole_word(short_text(word)), ignore_case=True)} for word in wanted])


def _whole_word(word: str) -> str:
    return one_of_words([word])


def _starting_word(word: str) -> str:
    return phrase([word], is_prefix=True)


def _text_filter(
    field: str,
    value: Any,
    scope: Scope,
    *,
    ignore_case: bool,
    exact: Callable[[str], str],
    word: Callable[[str], str],
) -> Filter:
    """Compare with a text by the pattern `exact` makes of it, or `word` for words of analysed text."""
    path, wanted = scope.path(field), short_text(value)
    if field not in scope.schema.text:
        return {path: matching(exact(wanted), ignore_case=ignore_case)}
    wanted = wanted.lower() if ignore_case else wanted
    return {path: matching(word(wanted), ignore_case=True)} if as_word(wanted) else nothing()


def _prefix(clause: str, body: Any, scope: Scope) -> Filter:
    field, given = one_field(clause, body)
    chosen = options(clause, given, ("case_insensitive", "rewrite"), "value")
    ignore_case = flag(chosen.get("case_insensitive", False))
    return _text_filter(
        field, chosen["value"], scope, ignore_case=ignore_case, exact=starting_with, word=_starting_word
    )


def _wildcard(clause: str, body: Any, scope: Scope) -> Filter:
    field, given = one_field(clause, body)
    main = "wildcard" if isinstance(given, dict) and "wildcard" in given else "value"
    chosen = options(clause, given, ("case_insensitive", "rewrite"), main)
    ignore_case = flag(chosen.get("case_insensitive", False))
    path, glob = scope.path(field), short_text(chosen[main])
    if field not in scope.schema.text:
        return {path: matching(wildcard(glob), ignore_case=ignore_case)}
    glob = glob.lower() if ignore_case else glob
    literal = glob.translate({ord("*"): "x", ord("?"): "x"})
    return {path: matching(wildcard(glob, in_words=True), ignore_case=True)} if as_word(literal) else nothing()


def _regexp(clause: str, body: Any, scope: Scope) -> Filter:
    field, given = one_field(clause, body)
    known = ("flags", "case_insensitive", "max_determinized_states", "rewrite")
    chosen = options(clause, given, known, "value")
    flags = text(chosen.get("flags", "ALL"))
    if not _REGEXP_FLAGS.issuperset(flags.split("|")):
        raise refused(f"[{clause}] does not know the flags [{shown(flags)}]")
    in_words = field in scope.schema.text
    scope.spend(_REGEXP_COST)
    pattern = regexp(short_text(chosen["value"]), in_words=in_words, are_operators_off=flags == "NONE")
    ignore_case = in_words or flag(chosen.get("case_insensitive", False))
    return {scope.path(field): matching(pattern, ignore_case=ignore_case)}


def _range(clause: str, body: Any, scope: Scope) -> Filter:
    field, given = one_field(clause, body)
    if not isinstance(given, dict):
        raise refused(f"[{clause}] must hold bounds")
    path, bounds = scope.path(field), _bounds(clause, given)
    if not bounds:
        return _has_value(path)
    if field in scope.schema.dates:
        return {path: {operator: moment(end, latest=operator in ("$gt", "$lte")) for operator, end in bounds.items()}}
    numbers = {operator: number(end) for operator, end in bounds.items()}
    if None in numbers.values() or numbers == bounds:
        return {path: bounds}
    return any_of([{path: bounds}, {path: numbers}])  # text that reads as a number may mean either


def _bounds(clause: str, given: dict[str, Any]) -> dict[str, Scalar]:
    """Read `gt`, `gte`, `lt`, `lte` and the older `from`, `to`; null leaves an end open. Operator → bound."""
    chosen = options(clause, given, (*_BOUNDS, "from", "to", "include_lower", "include_upper"))
    is_low_in, is_high_in = flag(chosen.get("include_lower", True)), flag(chosen.get("include_upper", True))
    names = _BOUNDS | {"from": "$gte" if is_low_in else "$gt", "to": "$lte" if is_high_in else "$lt"}
    bounds = {names[name]: scalar(end) for name, end in chosen.items() if name in names and end is not None}
    if any(isinstance(end, bool) for end in bounds.values()):
        raise refused(f"[{clause}] cannot order true and false")
    return bounds


def _exists(clause: str, body: Any, scope: Scope) -> Filter:
    field = options(clause, body, (), "field")["field"]
    if not isinstance(field, str):
        raise refused(f"[{clause}] must name a field")
    return _has_value(scope.path(field))


def _has_value(path: str) -> Filter:
    """The field holds a value, or a list that does: null, and a list without anything but null, are none."""
    return {path: {"$type": ["string", "number", "bool", "object", "date"]}}


def _ids(clause: str, body: Any, scope: Scope) -> Filter:
    if not isinstance(body, dict):
        raise refused(f"[{clause}] must be an object")
    return {scope.path("_id"): {"$in": scalars(options(clause, body, ("type",), "values")["values"])}}


LEAVES: dict[str, Clause] = {
    "match": _match,
    "match_phrase": _match,
    "match_phrase_prefix": _match,
    "term": _term,
    "terms": _terms,
    "prefix": _prefix,
    "wildcard": _wildcard,
    "regexp": _regexp,
    "range": _range,
    "exists": _exists,
    "ids": _ids,
}
"""Clause name → its function."""
