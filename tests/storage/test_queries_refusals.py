"""What the search language refuses, and with which error (P01, P02)."""

from typing import Any

import pytest

from gateway.protocol.errors import ApiError, BadRequestError
from gateway.storage.queries import (
    Schema,
    koncorde_to_filter,
    read_query,
    read_search,
    to_filter,
    to_sort,
)

SCHEMA = Schema(paths={"description": "description"}, text=frozenset({"description"}), dates=frozenset({"at"}))
ALL: dict[str, Any] = {"match_all": {}}
REFUSED = "services.storage.unexpected_bad_request"


def refusal(query: Any) -> ApiError:
    """The error with which a query is refused."""
    with pytest.raises(BadRequestError) as caught:
        to_filter(query, SCHEMA)
    return caught.value


def deep(levels: int) -> Any:
    """A query of `levels` clauses inside of each other."""
    query: Any = ALL
    for _ in range(levels - 1):
        query = {"bool": {"must": [query]}}
    return query


@pytest.mark.parametrize("name", ["nope", "script_score", "geo_distance", "fuzzy", "has_child", "percolate", "$where"])
def test_unknown_clause_is_named(name: str) -> None:
    """A clause that is not in the list gets the original's words as `props[0]`."""
    error = refusal({name: {}})
    assert REFUSED == error.id
    assert (f"unknown query [{name}]",) == error.props


@pytest.mark.parametrize(
    "query",
    [
        [],
        "match_all",
        5,
        {"term": {"a": 1}, "match_all": {}},
        {"bool": {"must": [{}]}},
        {"bool": {"must": ["x"]}},
        {"bool": {"must": [[ALL]]}},
        {"bool": []},
        {"bool": {"nope": ALL}},
        {"bool": {"should": ALL, "minimum_should_match": "3<90%"}},
        {"match_all": {"nope": 1}},
        {"match_all": None},
        {"term": {}},
        {"term": {"a": 1, "b": 2}},
        {"term": {"a": [1]}},
        {"term": {"a": None}},
        {"term": {"a": {"nope": 1}}},
        {"term": {"a": {"value": 1, "nope": 1}}},
        {"term": {"a": {"value": "x", "case_insensitive": "maybe"}}},
        {"term": "a"},
        {"terms": {"a": [None]}},
        {"terms": {"a": [[1]]}},
        {"terms": {"a": [{"$gt": ""}]}},
        {"terms": {"a": {"index": "i", "id": "1", "path": "p"}}},
        {"match": {"a": {"query": "x", "fuzziness": "AUTO"}}},
        {"match": {"a": {"query": {"$gt": ""}}}},
        {"match": {"a": {"query": "x", "operator": "xor"}}},
        {"match_phrase": {"a": None}},
        {"multi_match": {"query": "x", "fields": [5]}},
        {"multi_match": {"query": "x", "fields": []}},
        {"multi_match": {"query": "x", "fields": ["nope*"]}},
        {"multi_match": {"query": "x", "type": "cross_fields"}},
        {"multi_match": {"fields": ["a"]}},
        {"multi_match": "x"},
        {"wildcard": {"a": None}},
        {"regexp": {"a": {"value": "x", "flags": "i"}}},
        {"range": {"a": 5}},
        {"range": {"a": {"gt": True}}},
        {"range": {"a": {"gt": [1]}}},
        {"range": {"a": {"gt": {"$gt": ""}}}},
        {"range": {"a": {"gt": 1, "format": "yyyy"}}},
        {"range": {"at": {"gt": "now-1d"}}},
        {"range": {"at": {"gt": "2031-13-01"}}},
        {"range": {"at": {"gt": "0000-01-01"}}},
        {"exists": {"field": 5}},
        {"exists": {}},
        {"ids": ["a"]},
        {"ids": {"values": [{}]}},
        {"constant_score": {"filter": {}}},
        {"constant_score": 5},
        {"nested": {"path": "a"}},
        {"nested": {"path": 5, "query": ALL}},
        {"nested": {"path": "a", "query": {"term": {"b": 1}}}},
        {"nested": {"path": "a", "query": {"ids": {"values": ["x"]}}}},
        {"query_string": "x"},
        {"query_string": {"query": "x", "default_operator": "xor"}},
        {"query_string": {"query": {}}},
        {"simple_query_string": {"query": "x", "fields": []}},
    ],
)
def test_malformed_query_is_refused(query: Any) -> None:
    """Whatever does not have a clause's form is a bad request, never an error of ours."""
    assert REFUSED == refusal(query).id


@pytest.mark.parametrize("field", ["$where", "a.$gt", "$expr", "a..b", ".a", "a.", "", "a\0b", "x" * 513, "\ud800"])
def test_field_names_that_mongodb_could_misread_are_refused(field: str) -> None:
    """No operator, empty segment, NUL or half character becomes a key of a filter, wherever a field is named."""
    for query in (
        {"term": {field: 1}},
        {"exists": {"field": field}},
        {"range": {field: {"gt": 1}}},
        {"multi_match": {"query": "x", "fields": [field]}},
        {"nested": {"path": field, "query": ALL}},
        {"nested": {"path": "a", "query": {"term": {f"a.{field}": 1}}}},
    ):
        assert REFUSED == refusal(query).id
    for sort in (field, {field: "asc"}):
        with pytest.raises(BadRequestError):
            to_sort(sort, SCHEMA)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, float("nan"), float("inf"), "\ud800"])
def test_values_that_mongodb_cannot_store_are_refused(value: Any) -> None:
    """Numbers above 64 bits, no numbers, and half characters do not reach the driver."""
    assert REFUSED == refusal({"term": {"a": value}}).id


def test_closed_schema_refuses_other_fields() -> None:
    """With `prefix=None` only declared fields, what lies below them, and `_id` can be searched."""
    closed = Schema(paths={"user": "u"}, prefix=None)
    assert {"u.name": 1} == to_filter({"term": {"user.name": 1}}, closed)
    assert {"_id": 1} == to_filter({"term": {"_id": 1}}, closed)
    with pytest.raises(BadRequestError):
        to_filter({"prefix": {"password": "a"}}, closed)


def test_depth_is_bounded() -> None:
    """32 clauses inside of each other are taken and 33 refused, also by query strings and nested lists."""
    assert {} == to_filter(deep(32), SCHEMA)
    assert REFUSED == refusal(deep(33)).id
    assert REFUSED == refusal({"query_string": {"query": "(" * 400 + "a" + ")" * 400}}).id


def test_scripts_are_found_at_any_depth() -> None:
    """The look-out for scripts does not recurse, so that no depth is too deep for it."""
    query: Any = {"script": {"source": "1"}}
    for _ in range(20_000):
        query = [query]
    assert "services.storage.invalid_query_keyword" == refusal({"terms": {"a": query}}).id


def test_size_is_bounded() -> None:
    """Clauses, values of a list and characters of a pattern have a limit each."""
    assert to_filter({"bool": {"should": [ALL] * 1023}}, SCHEMA)
    assert REFUSED == refusal({"bool": {"should": [ALL] * 1024}}).id
    assert to_filter({"terms": {"a": ["x"] * 10_000}}, SCHEMA)
    assert REFUSED == refusal({"terms": {"a": ["x"] * 10_001}}).id
    assert REFUSED == refusal({"terms": {"description": ["x"] * 2000}}).id
    for clause in ("prefix", "wildcard", "regexp"):
        assert to_filter({clause: {"a": "x" * 1000}}, SCHEMA)
        assert REFUSED == refusal({clause: {"a": "x" * 1001}}).id
        assert REFUSED == refusal({clause: {"a": "x\0"}}).id
    assert REFUSED == refusal({"match": {"description": "x" * 1001}}).id
    assert REFUSED == refusal({"multi_match": {"query": "x", "fields": ["a"] * 65}}).id
    assert REFUSED == refusal({"query_string": {"query": "x", "fields": ["*" * 513]}}).id
    assert REFUSED == refusal({"bool": {"should": [{"regexp": {"a": "x"}}] * 100}}).id


def test_combinations_of_branches_are_bounded() -> None:
    """A minimum of branches repeats them, so their number and their nesting are limited."""
    assert to_filter({"bool": {"should": [ALL] * 6, "minimum_should_match": 3}}, SCHEMA)
    assert REFUSED == refusal({"bool": {"should": [ALL] * 20, "minimum_should_match": 10}}).id
    assert REFUSED == refusal({"bool": {"should": [0] * 500_000, "minimum_should_match": "50%"}}).id
    wide = {"bool": {"should": [ALL] * 30}}
    assert to_filter({"bool": {"should": [wide] * 6}}, SCHEMA)
    assert REFUSED == refusal({"bool": {"should": [wide] * 6, "minimum_should_match": 3}}).id
    once = {"bool": {"should": [ALL] * 6, "minimum_should_match": 3}}
    assert REFUSED == refusal({"bool": {"should": [once] * 6, "minimum_should_match": 3}}).id


@pytest.mark.parametrize("key", ["script", "_script"])
@pytest.mark.parametrize("script", ["1", None, 5, [], {"source": "1"}, {"id": "x", "inline": "1"}])
def test_inline_scripts_are_refused(key: str, script: Any) -> None:
    """`script` with anything but `id` and `params` is refused wherever it stands."""
    for query in ({key: script}, {"bool": {"must": [{"term": {"a": {key: script}}}]}}):
        error = refusal(query)
        assert "services.storage.invalid_query_keyword" == error.id
        assert str(error.props[0]).startswith(key)
    with pytest.raises(BadRequestError) as caught:
        read_search({"sort": {key: script}}, SCHEMA)
    assert "services.storage.invalid_query_keyword" == caught.value.id


def test_stored_script_is_an_unknown_clause() -> None:
    """A script named by its id is no inline script, but there are none here."""
    assert ("unknown query [script]",) == refusal({"script": {"id": "x", "params": {}}}).props


@pytest.mark.parametrize(
    "text",
    [
        "a AND",
        "OR",
        "(a",
        "a)",
        '"a',
        "a:",
        "a:(b",
        "a~2",
        "a^2",
        "/a/",
        "[1 TO 2]",
        "a:>5",
        "a:b:c",
        "NOT",
        "\\",
        "a:OR",
    ],
)
def test_unreadable_query_string_is_refused(text: str) -> None:
    """What is not in the small subset of query_string is refused rather than guessed."""
    assert REFUSED == refusal({"query_string": {"query": text}}).id


@pytest.mark.parametrize(
    "query",
    [
        "x",
        ["x"],
        {"and": []},
        {"and": {"exists": "a"}},
        {"or": [5]},
        {"not": [{"exists": "a"}]},
        {"and": [{"exists": "a", "missing": "b"}]},
        {"equals": {"a": [1]}},
        {"equals": {"a": {"$gt": ""}}},
        {"geoDistance": {}},
        {"exists": "$where"},
        {"missing": 5},
    ],
)
def test_malformed_koncorde_is_refused(query: Any) -> None:
    """Koncorde that cannot be read is a bad request."""
    with pytest.raises(BadRequestError) as caught:
        koncorde_to_filter(query, SCHEMA)
    assert caught.value.id in {"api.assert.invalid_type", "api.assert.koncorde_dsl_error", REFUSED}


def test_koncorde_refuses_bool() -> None:
    """`bool` belongs to realtime filters only, at any depth."""
    bare: Any = {"bool": {}}
    within: Any = {"and": [{"not": {"bool": {"must": []}}}]}
    for query in (bare, within):
        with pytest.raises(BadRequestError) as caught:
            koncorde_to_filter(query, SCHEMA)
        assert "api.assert.koncorde_restricted_keyword" == caught.value.id
        assert ("operator", "bool") == caught.value.props


def test_koncorde_depth_is_bounded() -> None:
    """Operators inside of each other count as clauses do."""
    query: Any = {"exists": "a"}
    for _ in range(40):
        query = {"not": query}
    with pytest.raises(BadRequestError):
        koncorde_to_filter(query, SCHEMA)


def test_unknown_language_is_refused() -> None:
    """Only two languages are known."""
    with pytest.raises(BadRequestError) as caught:
        read_query({}, SCHEMA, "sql")
    assert "api.assert.invalid_argument" == caught.value.id
    assert ("lang", '"elasticsearch" or "koncorde"') == caught.value.props
