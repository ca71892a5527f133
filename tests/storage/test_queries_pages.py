"""The body of a search: its keys, the order of hits and paging, against a real MongoDB where that shows."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.protocol.errors import BadRequestError, SizeLimitError
from gateway.storage.queries import Schema, Search, after_filter, read_search, to_sort
from tests.storage.search_documents import stored

SCHEMA = Schema(paths={"at": "_info.at"}, prefix="content.")

VALUES = [None, "missing", -1, 2.5, 7, 7, "a", "b", "b", True, False, {"x": 1}]


@pytest.fixture(scope="module")
def documents(mongod: str) -> Iterator[Any]:
    """A collection whose field `v` holds values of all types, `w` a second key with ties."""
    contents = [
        {
            "_id": f"d{number:02}",
            "content": {"w": number % 3} | ({} if value == "missing" else {"v": value}),
            "_info": {"at": number},
        }
        for number, value in enumerate(VALUES)
    ]
    with stored(mongod, contents) as collection:
        yield collection


def page(documents: Any, search: Search) -> list[dict[str, Any]]:
    """The hits of a search."""
    return list(documents.find(search.page).sort(search.sort).skip(search.skip).limit(search.size))


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (None, [("_id", 1)]),
        ("a", [("content.a", 1), ("_id", 1)]),
        ({"a": "desc"}, [("content.a", -1), ("_id", -1)]),
        ([{"at": {"order": "desc", "unmapped_type": "long"}}, "b"], [("_info.at", -1), ("content.b", 1), ("_id", 1)]),
        ([{"a": {}}, "_score", {"_doc": "asc"}], [("content.a", 1), ("_id", 1)]),
        ([{"_id": "desc"}], [("_id", -1)]),
        ({"_id": "asc", "a": "asc"}, [("_id", 1), ("content.a", 1)]),
    ],
)
def test_sort_always_ends_in_a_tie_breaker(sort: Any, expected: Any) -> None:
    """Every form of a sort gives paths and directions, and `_id` is among them."""
    assert expected == to_sort(sort, SCHEMA)


@pytest.mark.parametrize("directions", list(itertools.product(("asc", "desc"), repeat=3)))
@pytest.mark.parametrize("size", [1, 5])
def test_search_after_visits_every_document_once(documents: Any, directions: tuple[str, ...], size: int) -> None:
    """Page after page gives the same documents in the same order as all at once, whatever the types of the values.

    A value that is no scalar cannot be handed back, so the document that has one is not part of this.
    """
    sort = [{name: direction} for name, direction in zip(("w", "v", "_id"), directions, strict=True)]
    body: dict[str, Any] = {"sort": sort, "query": {"bool": {"must_not": {"exists": {"field": "v.x"}}}}}
    whole = page(documents, read_search(body, SCHEMA))
    seen: list[dict[str, Any]] = []
    while (hits := page(documents, read_search(body, SCHEMA, size=size))) and len(seen) < len(VALUES):
        seen += hits
        last = hits[-1]
        body["search_after"] = [last["content"]["w"], last["content"].get("v"), last["_id"]]
    assert len(VALUES) - 1 == len(whole)
    assert whole == seen


@pytest.mark.parametrize(("order", "expected"), [("asc", "d11 d09 d10"), ("desc", "d00 d01 d02 d03 d04 d05")])
def test_search_after_passes_on_to_other_types(documents: Any, order: str, expected: str) -> None:
    """After a text come MongoDB's later types, backwards its earlier ones, and null is as good as missing."""
    search = read_search({"sort": [{"v": order}], "search_after": ["b" if order == "asc" else "a"]}, SCHEMA)
    found = [hit["_id"] for hit in page(documents, search)]
    assert set(expected.split()) == set(found)


def test_search_after_does_not_change_the_total(documents: Any) -> None:
    """`filter` counts all pages; `page` holds what is left of them, and `from` does not apply to it."""
    body = {"query": {"exists": {"field": "w"}}, "sort": "at", "search_after": [9], "from": 5}
    search = read_search(body, SCHEMA)
    assert len(VALUES) == documents.count_documents(search.filter)
    assert ["d10", "d11"] == [hit["_id"] for hit in page(documents, search)]


def test_arguments_win_over_the_body() -> None:
    """`from` and `size` may stand in the body, and the request's arguments override them."""
    body = {"from": 3, "size": 4}
    assert (3, 4) == (read_search(body, SCHEMA).skip, read_search(body, SCHEMA).size)
    search = read_search(body, SCHEMA, skip=0, size=0)
    assert (0, 0) == (search.skip, search.size)


@pytest.mark.parametrize("body", [None, {}, {"query": {}}, {"query": None, "highlight": {}, "_source": ["a"]}])
def test_empty_body_finds_everything(body: Any) -> None:
    """Without a query a search has no condition, `_id` order and the largest page."""
    assert Search({}, {}, [("_id", 1)], 0, 10_000) == read_search(body, SCHEMA)


def test_post_filter_narrows_the_hits() -> None:
    """`post_filter` differs from the query for aggregations only, so it is one more condition."""
    search = read_search({"query": {"term": {"a": 1}}, "post_filter": {"term": {"b": 2}}}, SCHEMA)
    assert {"$and": [{"content.a": 1}, {"content.b": 2}]} == search.filter


def test_language_applies_to_the_query() -> None:
    """The query of a body may be Koncorde."""
    assert {"content.a": 1} == read_search({"query": {"equals": {"a": 1}}}, SCHEMA, lang="koncorde").filter


@pytest.mark.parametrize("key", ["foo", "match", "roles", "$where"])
def test_unknown_root_key_is_named(key: str) -> None:
    """A search body has the keys of the protocol only; a bare clause is none of them."""
    with pytest.raises(BadRequestError) as caught:
        read_search({key: {}}, SCHEMA)
    assert "services.storage.invalid_search_query" == caught.value.id
    assert (key,) == caught.value.props


@pytest.mark.parametrize("body", [{"aggs": {}}, {"size": -1}, {"from": 1.5}, {"size": "5"}, {"from": True}, [], "x"])
def test_malformed_body_is_refused(body: Any) -> None:
    """Sizes are whole and not negative, and what cannot be done is not passed over in silence."""
    with pytest.raises(BadRequestError):
        read_search(body, SCHEMA)


def test_too_large_page_is_refused() -> None:
    """A page above the limit is 413, whether the body or the argument asks for it."""
    for body, size in (({"size": 10_001}, None), ({}, 10_001)):
        with pytest.raises(SizeLimitError) as caught:
            read_search(body, SCHEMA, size=size)
        assert "services.storage.get_limit_exceeded" == caught.value.id


@pytest.mark.parametrize(
    "sort",
    [5, [5], [["a"]], {"a": "up"}, {"a": 1}, {"a": {"order": "asc", "mode": "min"}}, {"a": []}, ["a", "a"], ["f"] * 17],
)
def test_malformed_sort_is_refused(sort: Any) -> None:
    """A sort is made of fields and directions, each field once."""
    with pytest.raises(BadRequestError):
        to_sort(sort, SCHEMA)


@pytest.mark.parametrize("values", [None, "x", [], [1, 2, 3, 4], [1, {"$gt": ""}], [1, [2]], [{"$gt": ""}, 1]])
def test_malformed_search_after_is_refused(values: Any) -> None:
    """`search_after` holds a scalar for each field of the sort."""
    with pytest.raises(BadRequestError):
        after_filter([("a", 1), ("b", -1), ("_id", 1)], values)
