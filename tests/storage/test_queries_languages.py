"""The other languages of a search, against a real MongoDB: query strings and Koncorde."""

from collections.abc import Iterator
from typing import Any

import pytest

from gateway.storage.queries import koncorde_to_filter, read_query, to_filter
from tests.storage.search_documents import SCHEMA, Find, documents


@pytest.fixture(scope="module")
def find(mongod: str) -> Iterator[Find]:
    """Search the documents."""
    with documents(mongod) as search:
        yield search


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sigfox", "a b"),
        ("bob", "a"),
        ("sigfox été", "a b c"),
        ("sigfox AND api", "a"),
        ("sigfox && NOT api", "b"),
        ("sigfox -api", "b"),
        ("+sigfox été", "a b"),
        ("sigfox AND (api OR gateway) AND userId:bob", "a"),
        ("(api OR été) -userId:carol", "a"),
        ("NOT description:sigfox", "c d"),
        ('"sigfox gateway"', "b"),
        ('description:"api key"', "a"),
        ("userId:bob*", "a b"),
        ("userId: bob", "a"),
        ("gene* SIG*", "a b"),
        ("genè*", "c"),
        ("ttl:1000", "a"),
        ("active:true", "c"),
        (r"userId:a.\*b", "d"),
        ("tags:(red OR blue)", "a"),
        ("_exists_:tags", "a b"),
        ("tags:*", "a b"),
        ("*", "a b c d"),
        ("*:*", "a b c d"),
        ("", ""),
        ("()", ""),
    ],
)
def test_query_string_is_read_as_lucene_does(find: Find, text: str, expected: str) -> None:
    """Words, phrases, fields, `*`, AND, OR, NOT, signs and parentheses mean what they mean to Lucene."""
    assert expected == find(to_filter({"query_string": {"query": text}}, SCHEMA))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"query": "sigfox api", "default_operator": "AND"}, "a"),
        ({"query": "sigfox OR été", "default_operator": "and", "fields": ["description"]}, "a b c"),
        ({"query": "bob", "default_field": "description"}, ""),
        ({"query": "bob", "fields": ["user*^2"]}, "a"),
    ],
)
def test_query_string_takes_fields_and_an_operator(find: Find, body: Any, expected: str) -> None:
    """Where to look and how to join words can be chosen."""
    assert expected == find(to_filter({"query_string": body}, SCHEMA))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sigfox + api", "a"),
        ("api | gateway", "a b"),
        ("sigfox + -api", "b"),
        ("api -sigfox", "a c d"),
        ('"sigfox gateway"', "b"),
        ("gate*", "b"),
        ("sigfox)) +", "a b"),
        ('"sigfox', "a b"),
        ("((api | été) + sigfox)", "a"),
        ("sigfox AND nothing", "a b"),
        ("~-+", ""),
    ],
)
def test_simple_query_string_never_fails(find: Find, text: str, expected: str) -> None:
    """`+ | -` join words; what cannot be read is left out."""
    assert expected == find(to_filter({"simple_query_string": {"query": text, "fields": ["description"]}}, SCHEMA))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (None, "a b c d"),
        ({}, "a b c d"),
        ({"equals": {"userId": "bob"}}, "a"),
        ({"in": {"userId": ["bob", "carol"]}}, "a c"),
        ({"range": {"ttl": {"gte": 1000}}}, "a c"),
        ({"ids": {"values": ["d"]}}, "d"),
        ({"exists": "tags"}, "a b"),
        ({"exists": {"field": "tags"}}, "a b"),
        ({"missing": "tags"}, "c d"),
        ({"missing": {"field": "tags"}}, "c d"),
        ({"not": {"exists": "description"}}, "d"),
        ({"and": [{"exists": "tags"}, {"equals": {"userId": "bob"}}]}, "a"),
        ({"or": [{"equals": {"userId": "bob"}}, {"not": {"exists": "description"}}]}, "a d"),
        ({"regexp": {"userId": "bob.*"}}, "a b"),
        ({"match": {"description": "sigfox"}}, "a b"),
        ({"and": [{"match_all": {}}]}, "a b c d"),
    ],
)
def test_koncorde_is_translated(find: Find, query: Any, expected: str) -> None:
    """Koncorde's own words work, and clauses of the query language beside them."""
    assert expected == find(koncorde_to_filter(query, SCHEMA))
    assert expected == find(read_query(query, SCHEMA, "koncorde"))
