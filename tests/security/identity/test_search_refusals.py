"""Searches that cannot be meant, or are meant badly: refused with 400 before the database hears of them.

The database's own profiler is the witness: it notes whatever is run on the collections that could be searched.
"""

import functools
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from tests.security.conftest import House, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEARCHES = ("security:searchUsers", "security:searchProfiles", "security:searchRoles")
BAD = "services.storage.unexpected_bad_request"


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def profiler(house: House) -> AsyncIterator[None]:
    """Every operation is noted; and there is a text that takes a careless expression forever."""
    body = {"content": {"profileIds": ["default"], "name": "a" * 400 + "!"}}
    await house.admin.succeed("security:createUser", _id="bait", body=body)
    await house.database._database.command({"profile": 2})
    yield
    await house.database._database.command({"profile": 0})


async def run(house: House, since: datetime) -> list[Any]:
    """What was run on what can be searched, but for looking up the caller."""
    names = ("users", "profiles", "roles", "credentials", "api-keys")
    spaces = [f"{house.database._database.name}.{name}" for name in names]
    noted = {"ts": {"$gte": since}, "ns": {"$in": spaces}}
    notes = await house.database.collection("system.profile").find(noted, sort=[("ts", 1)])
    commands = [note["command"] for note in notes]
    return [command for command in commands if command.get("filter") != {"_id": {"$in": ["admin"]}}]


async def test_the_witness_sees_a_search(house: House) -> None:
    """A search that can be meant is noted, so the tests below can fail."""
    for action in SEARCHES:
        start = datetime.now(UTC)
        await house.admin.succeed(action, body={"query": {"term": {"name": "x"}}})
        assert await run(house, start)


OPERATORS = {
    "$where": {"$where": "sleep(1000)"},
    "$where as a field": {"term": {"$where": "sleep(1000)"}},
    "$where below a field": {"term": {"a.$where": "1"}},
    "operator as value": {"term": {"name": {"$ne": 1}}},
    "operator in value": {"term": {"name": {"value": {"$gt": ""}}}},
    "operator in a list": {"terms": {"name": [{"$regex": ".*"}]}},
    "operator in ids": {"ids": {"values": [{"$ne": 1}]}},
    "operator in exists": {"exists": {"field": "$where"}},
    "operator as exists": {"exists": {"field": {"$ne": 1}}},
    "operator in a range": {"range": {"name": {"gt": {"$x": 1}}}},
    "operator in match": {"match": {"name": {"query": {"$ne": 1}}}},
    "operator in a filter": {"bool": {"filter": {"$or": []}}},
    "operator in bool": {"bool": {"$where": 1}},
    "operator as path": {"nested": {"path": "$where", "query": {"match_all": {}}}},
    "operator in a query string": {"query_string": {"query": "$where:1"}},
    "NUL": {"term": {"a\0b": 1}},
    "a long name": {"term": {"a" * 600: 1}},
}

BOMBS = {
    "nested repetition": {"regexp": {"name": "(a+)+b"}},
    "choice in a repetition": {"regexp": {"name": "(a|aa)*b"}},
    "empty repetition": {"regexp": {"name": "(a*)*b"}},
    "counted repetition": {"regexp": {"name": "(.*a){20}b"}},
    "optional many times": {"regexp": {"name": "(a?){50}a{50}b"}},
    "five times anything": {"regexp": {"name": ".*.*.*.*.*b"}},
    "long counts": {"regexp": {"name": "a{1,1000}b"}},
    "counts of counts": {"regexp": {"name": "a{1000}{1000}"}},
    "groups": {"regexp": {"name": "(" * 30 + "a" + ")" * 30}},
    "look ahead": {"regexp": {"name": "(?=a)b"}},
    "back reference": {"regexp": {"name": r"(a)\1"}},
    "a long expression": {"regexp": {"name": "a" * 1001}},
    "a long wildcard": {"wildcard": {"name": "*" * 1001}},
    "many clauses": {"bool": {"should": [{"term": {"a": number}} for number in range(1100)]}},
    "many values": {"terms": {"a": list(range(10_001))}},
}


def _inside_bool(query: dict[str, Any], _: int) -> dict[str, Any]:
    return {"bool": {"must": query}}


SHAPES: dict[str, Any] = {
    "a text": "x",
    "a list": [],
    "a number": 5,
    "two clauses": {"match_all": {}, "term": {"a": 1}},
    "an unknown clause": {"geo_shape": {"a": 1}},
    "an unknown option": {"term": {"a": {"value": 1, "other": 2}}},
    "a list as value": {"term": {"a": [1]}},
    "deep clauses": functools.reduce(_inside_bool, range(34), {"match_all": {}}),
}


@pytest.mark.parametrize("name", [*OPERATORS, *BOMBS, *SHAPES])
async def test_a_query_that_must_not_run_does_not(house: House, name: str) -> None:
    """400 for users, profiles, roles, keys and credentials, in both languages; nothing reaches the database."""
    query = (OPERATORS | BOMBS | SHAPES)[name]
    start = datetime.now(UTC)

    for action in SEARCHES:
        for place in ("query", "post_filter"):
            status, error_id, _ = await refusal(house.admin, action, body={place: query})
            assert (400, BAD) == (status, error_id), (action, place)
        assert 400 == (await refusal(house.admin, action, lang="koncorde", body={"query": query}))[0], action
    keys: dict[str, Any] = {"body": query} if isinstance(query, dict) else {"body": {"query": query}}
    for action in ("security:searchApiKeys", "auth:searchApiKeys"):
        assert 400 == (await refusal(house.admin, action, userId="bait", **keys))[0], action
    assert (
        400
        == (await refusal(house.admin, "security:searchUsersByCredentials", strategy="local", body={"query": query}))[0]
    )
    assert [] == await run(house, start)


@pytest.mark.parametrize(
    "sort",
    [
        {"$where": 1},
        "$where",
        {"a": "up"},
        {"a": 1},
        {"a": {"order": {"$x": 1}}},
        {"a": {"$meta": "textScore"}},
        [[]],
        5,
        ["a", "a"],
        [f"f{number}" for number in range(20)],
        [{"$gt": "asc"}],
    ],
    ids=str,
)
async def test_an_order_that_cannot_be_meant_is_refused(house: House, sort: Any) -> None:
    """400, and nothing is run."""
    start = datetime.now(UTC)

    for action in SEARCHES:
        assert (400, BAD) == await house.admin.fail(action, body={"sort": sort})
    status, _ = await house.admin.fail("security:searchUsersByCredentials", strategy="local", body={"sort": sort})
    assert 400 == status
    assert [] == await run(house, start)


@pytest.mark.parametrize(
    ("body", "error_id"),
    [
        pytest.param({"foo": 1}, "services.storage.invalid_search_query", id="unknown key"),
        pytest.param({"term": {"a": 1}}, "services.storage.invalid_search_query", id="a bare clause"),
        pytest.param({"equals": {"a": 1}}, "services.storage.invalid_search_query", id="a bare filter"),
        pytest.param({"$where": "1"}, "services.storage.invalid_search_query", id="an operator"),
        pytest.param({"query": {"script": {"source": "1"}}}, "services.storage.invalid_query_keyword", id="script"),
        pytest.param({"sort": {"_script": {"x": 1}}}, "services.storage.invalid_query_keyword", id="sort by script"),
        pytest.param({"aggs": {}}, BAD, id="aggregations"),
        pytest.param({"search_after": "x", "sort": ["a"]}, BAD, id="search_after is a text"),
        pytest.param({"search_after": [1, 2, 3], "sort": ["a"]}, BAD, id="too many values"),
        pytest.param({"search_after": [], "sort": ["a"]}, BAD, id="no values"),
        pytest.param({"search_after": [{"$gt": ""}], "sort": ["a"]}, BAD, id="operator after"),
    ],
)
@pytest.mark.parametrize("action", SEARCHES)
async def test_a_body_that_cannot_be_meant_is_refused(
    house: House, action: str, body: dict[str, Any], error_id: str
) -> None:
    """By its key; nothing is run."""
    start = datetime.now(UTC)

    assert (400, error_id) == await house.admin.fail(action, body=body)
    assert [] == await run(house, start)


@pytest.mark.parametrize("lang", ["sql", "", 5, ["koncorde"], {"$ne": 1}, True], ids=repr)
@pytest.mark.parametrize("action", [*SEARCHES, "security:searchUsersByCredentials"])
async def test_another_language_is_refused(house: House, action: str, lang: Any) -> None:
    """Whatever its type; null is none."""
    expected = (400, "api.assert.invalid_argument", ["lang", '"elasticsearch" or "koncorde"'])

    assert expected == await refusal(house.admin, action, strategy="local", lang=lang)
    await house.admin.succeed(action, strategy="local", lang=None)


@pytest.mark.parametrize("action", [*SEARCHES, "security:searchUsersByCredentials"])
async def test_bool_is_no_word_of_koncorde(house: House, action: str) -> None:
    """Nor are filters with several words, or none."""
    search: dict[str, Any] = {"strategy": "local", "lang": "koncorde"}

    assert (400, "api.assert.koncorde_restricted_keyword", ["operator", "bool"]) == await refusal(
        house.admin, action, **search, body={"query": {"bool": {"must": []}}}
    )
    unreadable: list[dict[str, Any]] = [{"and": []}, {"and": {"term": {"username": "a"}}}, {"not": {}}]
    for query in unreadable:
        assert (400, "api.assert.koncorde_dsl_error") == await house.admin.fail(action, **search, body={"query": query})


@pytest.mark.parametrize(
    "field", ["password", "kuid", "updater", "changedAt", "history", "userPassword", "userSalt", "passwordHistory"]
)
async def test_secrets_of_credentials_cannot_be_searched_by(house: House, field: str) -> None:
    """403 without an id; any other word is a mistake: 400 without an id. Sorting by kuid is fine."""
    search: dict[str, Any] = {"strategy": "local"}
    for query in ({"term": {field: "a"}}, {"bool": {"must": [{"prefix": {field: "$argon2"}}]}}):
        assert (403, None, None) == await refusal(
            house.admin, "security:searchUsersByCredentials", **search, body={"query": query}
        )
    if field != "kuid":
        assert (403, None, None) == await refusal(
            house.admin, "security:searchUsersByCredentials", **search, body={"sort": [{field: "asc"}]}
        )
    others: list[dict[str, Any]] = [{"query": {"wildcard": {"username": "*"}}}, {"sort": {"name": "asc"}}]
    for body in others:
        assert (400, None, None) == await refusal(house.admin, "security:searchUsersByCredentials", **search, body=body)
