"""The search language, clause by clause, against a real MongoDB: which documents a query finds."""

from collections.abc import Iterator
from typing import Any

import pytest

from gateway.storage.queries import to_filter
from tests.storage.search_documents import MAY_1, SCHEMA, Find, documents


@pytest.fixture(scope="module")
def find(mongod: str) -> Iterator[Find]:
    """Search the documents."""
    with documents(mongod) as search:
        yield search


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (None, "a b c d"),
        ({}, "a b c d"),
        ({"match_all": {}}, "a b c d"),
        ({"match_all": {"boost": 2}}, "a b c d"),
        ({"match_none": {}}, ""),
        ({"term": {"userId": "bob"}}, "a"),
        ({"term": {"userId": {"value": "bob", "boost": 2}}}, "a"),
        ({"term": {"userId": {"value": "BOB", "case_insensitive": True}}}, "a"),
        ({"term": {"userId": "a.*b"}}, "d"),
        ({"term": {"ttl": -1}}, "b"),
        ({"term": {"ttl": 2.5}}, "d"),
        ({"term": {"active": True}}, "c"),
        ({"term": {"tags": "green"}}, "a b"),
        ({"term": {"_id": "c"}}, "c"),
        ({"term": {"_kuzzle_info.author": "admin"}}, "b c"),
        ({"term": {"policies.restrictedTo.index": "i1"}}, "a"),
        ({"terms": {"userId": ["bob", "carol"]}}, "a c"),
        ({"terms": {"userId": ["bob"], "boost": 1.5}}, "a"),
        ({"terms": {"tags": "red"}}, "a"),
        ({"terms": {"tags": []}}, ""),
        ({"prefix": {"userId": "bob"}}, "a b"),
        ({"prefix": {"userId": {"value": "BOB.", "case_insensitive": True}}}, "b"),
        ({"prefix": {"userId": "a."}}, "d"),
        ({"wildcard": {"userId": "b*"}}, "a b"),
        ({"wildcard": {"userId": {"wildcard": "?ob"}}}, "a"),
        ({"wildcard": {"userId": "*o*s*h"}}, "b"),
        ({"wildcard": {"userId": r"a.\*b"}}, "d"),
        ({"wildcard": {"userId": r"\*"}}, ""),
        ({"wildcard": {"multi": "line*nd"}}, "c"),
        ({"wildcard": {"multi": "line"}}, ""),
        ({"wildcard": {"userId": {"value": "CAR*", "case_insensitive": True}}}, "c"),
        ({"regexp": {"userId": "bob(\\.smith)?"}}, "a b"),
        ({"regexp": {"userId": "ob"}}, ""),
        ({"regexp": {"userId": {"value": "[A-C].{3,4}", "case_insensitive": True}}}, "c d"),
        ({"regexp": {"userId": "[^b]+"}}, "c"),
        ({"regexp": {"userId": r"\w+\.\w+"}}, "b"),
        ({"regexp": {"userId": r"[\w.*]{4}"}}, "d"),
        ({"regexp": {"userId": "^bob$"}}, ""),
        ({"regexp": {"userId": {"value": "b@b", "flags": "NONE"}}}, ""),
        ({"regexp": {"multi": "line.end"}}, "c"),
        ({"regexp": {"multi": "x+"}}, ""),  # over 512 characters
        ({"exists": {"field": "description"}}, "a b c"),
        ({"exists": {"field": "tags"}}, "a b"),
        ({"exists": {"field": "policies.restrictedTo"}}, "a"),
        ({"ids": {"values": ["a", "d", "z"]}}, "a d"),
        ({"ids": {"values": "a"}}, "a"),
        ({"constant_score": {"filter": {"term": {"userId": "bob"}}, "boost": 3}}, "a"),
        ({"nested": {"path": "policies", "query": {"term": {"policies.roleId": "admin"}}}}, "a b"),
    ],
)
def test_exact_fields_are_compared_whole(find: Find, query: Any, expected: str) -> None:
    """Each clause finds what search.md says; text of the query is never read as a pattern or an operator."""
    assert expected == find(to_filter(query, SCHEMA))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"match": {"description": "sigfox"}}, "a b"),
        ({"match": {"description": "SIGFOX été"}}, "a b c"),
        ({"match": {"description": {"query": "key api", "operator": "and"}}}, "a"),
        ({"match": {"description": "sig"}}, ""),
        ({"match": {"description": "naïve"}}, "c"),
        ({"match": {"description": "na"}}, ""),
        ({"match": {"description": "... !"}}, ""),
        ({"match": {"description": 5}}, ""),
        ({"match": {"description": True}}, ""),
        ({"match": {"userId": "bob"}}, "a"),
        ({"match_phrase": {"description": "sigfox gateway"}}, "b"),
        ({"match_phrase": {"description": "gateway sigfox"}}, ""),
        ({"match_phrase": {"description": {"query": "à genève"}}}, "c"),
        ({"match_phrase": {"userId": "bob"}}, "a"),
        ({"match_phrase_prefix": {"description": "the sigfox gate"}}, "b"),
        ({"match_phrase_prefix": {"userId": "bob"}}, "a b"),
        ({"multi_match": {"query": "bob", "fields": ["description", "userId"]}}, "a"),
        ({"multi_match": {"query": "key", "fields": ["desc*^3"]}}, "a b"),
        ({"multi_match": {"query": "api key", "fields": "description", "type": "phrase"}}, "a"),
        ({"term": {"description": "sigfox"}}, "a b"),
        ({"term": {"description": "Sigfox"}}, ""),
        ({"term": {"description": "api key"}}, ""),
        ({"term": {"description": {"value": "SIGFOX", "case_insensitive": True}}}, "a b"),
        ({"terms": {"description": ["api", "été", "Key"]}}, "a c"),
        ({"prefix": {"description": "gat"}}, "b"),
        ({"prefix": {"description": "Gat"}}, ""),
        ({"wildcard": {"description": "s*x"}}, "a b"),
        ({"wildcard": {"description": "k?y"}}, "a b"),
        ({"wildcard": {"description": "a*i k*y"}}, ""),
        ({"wildcard": {"description": {"value": "GEN*", "case_insensitive": True}}}, "c"),
        ({"regexp": {"description": "(api|gateway)"}}, "a b"),
        ({"regexp": {"description": "g.*y"}}, "b"),
        ({"regexp": {"description": "a[^x]*y"}}, ""),
        ({"regexp": {"description": "api key"}}, ""),
        ({"regexp": {"description": r"\w+x"}}, "a b"),
        ({"exists": {"field": "description"}}, "a b c"),
    ],
)
def test_analysed_text_is_matched_by_words(find: Find, query: Any, expected: str) -> None:
    """On a text field clauses look at whole words, lower-cased; only the `match` family analyses what is sought."""
    assert expected == find(to_filter(query, SCHEMA))


@pytest.mark.parametrize(
    ("field", "bounds", "expected"),
    [
        ("ttl", {"gt": 1000}, "c"),
        ("ttl", {"gte": 1000, "lt": 5000}, "a"),
        ("ttl", {"lte": "2.5"}, "b d"),
        ("ttl", {"from": 1000, "to": 5000, "include_upper": "false"}, "a"),
        ("ttl", {"gt": None}, "a b c d"),
        ("missing", {}, ""),
        ("level", {"gte": "7"}, "a b c"),
        ("level", {"gte": 7}, "b c"),
        ("userId", {"gte": "b", "lt": "c"}, "a b"),
        ("_kuzzle_info.createdAt", {"gte": "2031-05-01"}, "a b c"),
        ("_kuzzle_info.createdAt", {"gt": "2031-05-01"}, "c"),
        ("_kuzzle_info.createdAt", {"lte": "2031-05-01"}, "a b"),
        ("_kuzzle_info.createdAt", {"lt": "2031-05-01T23:59:59.999Z"}, "a"),
        ("_kuzzle_info.createdAt", {"gte": "2031-05-02T02:00:00+02:00"}, "c"),
        ("_kuzzle_info.createdAt", {"gte": "2031", "lt": "2031-05-01T00:00:01"}, "a"),
        ("_kuzzle_info.createdAt", {"lte": str(MAY_1)}, "a"),
        ("_kuzzle_info.createdAt", {"lte": MAY_1}, "a"),
    ],
)
def test_range_compares_numbers_text_and_dates(find: Find, field: str, bounds: Any, expected: str) -> None:
    """Bounds are numbers, numbers as text, text, and on date fields ISO dates, whose missing parts round outwards."""
    assert expected == find(to_filter({"range": {field: bounds}}, SCHEMA))


BOB = {"term": {"userId": "bob"}}
GREEN = {"term": {"tags": "green"}}
ADMIN = {"term": {"_kuzzle_info.author": "admin"}}
NONE: dict[str, Any] = {"match_none": {}}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, "a b c d"),
        ({"must": BOB}, "a"),
        ({"must": [GREEN, ADMIN]}, "b"),
        ({"filter": [GREEN], "must_not": BOB}, "b"),
        ({"must_not": [BOB, ADMIN]}, "d"),
        ({"should": [BOB, ADMIN]}, "a b c"),
        ({"should": [NONE]}, ""),
        ({"should": []}, "a b c d"),
        ({"must": None, "should": BOB}, "a"),
        ({"must": GREEN, "should": [NONE]}, "a b"),
        ({"filter": GREEN, "should": BOB, "minimum_should_match": 1}, "a"),
        ({"must_not": GREEN, "should": [ADMIN, BOB]}, "c"),
        ({"should": [BOB, GREEN, ADMIN], "minimum_should_match": 2}, "a b"),
        ({"should": [BOB, GREEN, ADMIN], "minimum_should_match": "2"}, "a b"),
        ({"should": [BOB, GREEN, ADMIN], "minimum_should_match": "67%"}, "a b"),
        ({"should": [BOB, GREEN, ADMIN], "minimum_should_match": -1}, "a b"),
        ({"should": [BOB, GREEN, ADMIN], "minimum_should_match": "-34%"}, "a b"),
        ({"should": [BOB, GREEN], "minimum_should_match": 2}, "a"),
        ({"should": [BOB, GREEN], "minimum_should_match": 3}, ""),
        ({"should": [BOB, GREEN], "minimum_should_match": 0}, "a b"),
        ({"must": {"bool": {"should": [BOB, {"bool": {"must_not": [GREEN]}}]}}}, "a c d"),
    ],
)
def test_bool_counts_its_branches(find: Find, body: Any, expected: str) -> None:
    """`should` is optional beside must or filter and required otherwise, unless a minimum is given."""
    assert expected == find(to_filter({"bool": body}, SCHEMA))


def test_nested_looks_at_one_element(find: Find) -> None:
    """Two conditions inside of `nested` must hold for the same element; outside of it any element will do."""
    both = [{"term": {"policies.roleId": "admin"}}, {"exists": {"field": "policies.restrictedTo"}}]
    query = {"bool": {"must": both}}
    inner = {"nested": {"path": "policies.restrictedTo", "query": {"term": {"policies.restrictedTo.index": "i1"}}}}
    assert "a" == find(to_filter(query, SCHEMA))
    assert "" == find(to_filter({"nested": {"path": "policies", "query": query}}, SCHEMA))
    assert "a" == find(to_filter({"nested": {"path": "policies", "query": inner}}, SCHEMA))
