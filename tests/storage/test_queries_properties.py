"""What holds for every query, however hostile: refused, or a filter of our operators that MongoDB runs."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protocol.errors import BadRequestError, SizeLimitError
from gateway.storage.queries import Filter, Schema, koncorde_to_filter, read_search, to_filter
from tests.storage.search_documents import Measure, adverse_documents

SCHEMA = Schema(
    paths={"description": "description", "at": "_info.at", "list": "list"},
    prefix="content.",
    text=frozenset({"description"}),
    dates=frozenset({"at"}),
)

JOINING = {"$and", "$or", "$nor"}


def is_scalar(value: Any) -> bool:
    """A value that holds no other."""
    return value is None or isinstance(value, str | int | float | bool)


def is_filter(query: Any) -> bool:
    """Only known operators, at their places, over paths that are none."""
    return isinstance(query, dict) and all(is_part(key, value) for key, value in query.items())


def is_part(key: str, value: Any) -> bool:
    """One entry of a filter is sound."""
    if key in JOINING:
        return isinstance(value, list) and bool(value) and all(map(is_filter, value))
    if "\0" in key or any(not segment or segment.startswith("$") for segment in key.split(".")):
        return False
    if isinstance(value, dict):
        return bool(value) and all(name in CONDITIONS and CONDITIONS[name](operand) for name, operand in value.items())
    return is_scalar(value)


CONDITIONS: dict[str, Callable[[Any], bool]] = {
    "$in": lambda value: isinstance(value, list) and all(map(is_scalar, value)),
    "$gt": is_scalar,
    "$gte": is_scalar,
    "$lt": is_scalar,
    "$lte": is_scalar,
    "$type": lambda value: set(value) <= {"string", "number", "bool", "object", "date"},
    "$regex": lambda value: isinstance(value, str) and value.startswith(("^", "(?<!")),
    "$options": lambda value: value in {"s", "is"},
    "$elemMatch": is_filter,
}
"""Operator below a path → whether its operand is what it must be."""

# Ordinary fields are drawn more often, so that queries get past the first refusal.
sound_fields = st.sampled_from("description at list.a a a.b _id".split() * 3)
fields = sound_fields | st.sampled_from("$where a.$gt x..y description.x".split())
words = st.sampled_from(["a*b", "(a+)+$", "a|b", "[a-c]{2,3}", "^", "2031-05-01", "12", "Été", "$ne", "a AND (b", "-x"])
texts = words | st.text(max_size=8) | st.text(alphabet='ab*?()[]{}|+.\\-^&~"#@<>: \n', max_size=12)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
operators = st.dictionaries(st.sampled_from("$gt $ne $where $regex $expr $function".split()), texts, max_size=2)
options = st.sampled_from(
    """
    query value wildcard operator flags case_insensitive gt gte lt lte from to include_upper field fields path values
    filter must must_not should minimum_should_match type default_field default_operator boost _name script id $where
    """.split()
)
names = st.sampled_from(
    """
    match_all match_none term terms match match_phrase match_phrase_prefix multi_match prefix wildcard regexp range
    exists ids bool constant_score nested query_string simple_query_string and or not equals in missing script $where
    fuzzy
    """.split()
)
values = scalars | operators | st.lists(scalars, max_size=3)
bodies = values | st.dictionaries(fields | options, values | st.dictionaries(options, values, max_size=3), max_size=2)
anything = st.recursive(
    scalars | st.text(alphabet=st.characters(), max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names | fields | options | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=15,
)


def single(name: str, body: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A clause of that name."""
    return body.map(lambda drawn: {name: drawn})


def leaves(fields: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Clauses about one field that have a chance to be accepted."""
    whole = "term match match_phrase match_phrase_prefix prefix wildcard regexp".split()
    bounds = st.dictionaries(st.sampled_from("gt gte lt lte".split()), scalars, max_size=2)
    of_field = {
        **dict.fromkeys(whole, texts | scalars),
        "terms": st.lists(texts, max_size=3),
        "range": bounds,
    }
    clauses = [single(name, st.dictionaries(fields, value, min_size=1, max_size=1)) for name, value in of_field.items()]
    return st.one_of(*clauses, single("exists", st.fixed_dictionaries({"field": fields})))


strings = st.fixed_dictionaries({"query": texts})
leaf = st.one_of(
    leaves(fields),
    st.dictionaries(names, bodies, min_size=1, max_size=1),
    single("nested", st.fixed_dictionaries({"path": st.just("list"), "query": leaves(st.just("list.a"))})),
    single("query_string", strings),
    single("simple_query_string", strings),
    single("multi_match", strings),
)


def storage_clauses(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Clauses of the query language that hold others."""
    several = st.lists(inner, max_size=3) | inner
    least = st.integers(-4, 5) | st.sampled_from(["1", "50%", "-20%"])
    lists = {"must": several, "filter": several, "must_not": several, "should": several}
    return single("bool", st.fixed_dictionaries({}, optional={**lists, "minimum_should_match": least})) | single(
        "constant_score", st.fixed_dictionaries({"filter": inner})
    )


def koncorde_clauses(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Operators of Koncorde."""
    several = st.lists(inner, min_size=1, max_size=3)
    return single("and", several) | single("or", several) | single("not", inner)


queries = st.recursive(leaf, storage_clauses, max_leaves=8)
filters = st.recursive(leaf | single("missing", fields), koncorde_clauses, max_leaves=8)
LANGUAGES = pytest.mark.parametrize(("translate", "likely"), [(to_filter, queries), (koncorde_to_filter, filters)])


def translated(translate: Callable[[Any, Schema], Filter], query: Any) -> Filter | None:
    """The filter, or None where the query is refused as it should be."""
    try:
        return translate(query, SCHEMA)
    except (BadRequestError, SizeLimitError):
        return None


@LANGUAGES
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_json_is_refused_or_becomes_a_filter_of_our_operators(
    translate: Callable[[Any, Schema], Filter], likely: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    """No key or object of a caller is ever an operator: P01 and P02 for whatever JSON there is."""
    query = data.draw(likely | anything | st.dictionaries(names, anything, min_size=1, max_size=1))
    query_filter = translated(translate, query)
    assert query_filter is None or is_filter(query_filter)


@settings(max_examples=200, deadline=None)
@given(
    body=st.dictionaries(st.sampled_from(["query", "sort", "search_after", "size", "from", "post_filter"]), anything)
)
def test_any_search_body_is_refused_or_sound(body: Any) -> None:
    """The same for whole bodies: filters of our operators, an order over paths, bounded numbers."""
    try:
        search = read_search(body, SCHEMA)
    except (BadRequestError, SizeLimitError):
        return
    assert is_filter(search.filter)
    assert is_filter(search.page)
    assert all(is_part(path, direction) and direction in {1, -1} for path, direction in search.sort)
    assert 0 <= search.size <= 10_000
    assert 0 <= search.skip


@pytest.fixture(scope="module")
def run(mongod: str) -> Iterator[Measure]:
    """Run a filter over adverse documents."""
    with adverse_documents(mongod) as measure:
        yield measure


@LANGUAGES
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_mongodb_runs_whatever_is_not_refused(
    run: Measure,
    translate: Callable[[Any, Schema], Filter],
    likely: st.SearchStrategy[Any],
    data: st.DataObject,
) -> None:
    """A filter that comes out is one that MongoDB takes: its refusal would be an error of ours."""
    query_filter = translated(translate, data.draw(likely))
    if query_filter is not None:
        run(query_filter)


def test_mongodb_runs_the_deepest_and_the_largest_filters(run: Measure) -> None:
    """What our limits let through stays below those of MongoDB: depth, length of patterns, size."""
    query: Any = {"term": {"a": 1}}
    for _ in range(31):
        query = {"bool": {"should": [query, {"match_none": {}}], "must_not": [{"match_none": {}}]}}
    run(to_filter(query, SCHEMA))
    nested: Any = {"exists": {"field": ".".join("a" * 32)}}
    for depth in range(30, 0, -1):
        nested = {"nested": {"path": ".".join("a" * depth), "query": nested}}
    run(to_filter(nested, SCHEMA))
    run(to_filter({"match_phrase": {"description": "é " * 500}}, SCHEMA))
    run(to_filter({"wildcard": {"description": "é*" * 500}}, SCHEMA))
    run(to_filter({"wildcard": {"a": "(*" * 500}}, SCHEMA))
    run(to_filter({"regexp": {"description": "[^(]" * 250}}, SCHEMA))
    run(to_filter({"bool": {"should": [{"match": {"description": "a" * 1000}}] * 50}}, SCHEMA))
