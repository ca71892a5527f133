"""Searching users, profiles, roles, keys and credentials: pages, totals, order, languages, bodies."""

from typing import Any

import pytest
import pytest_asyncio

from tests.security.conftest import House, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBERS = range(7)
IDS = [f"u{number}" for number in NUMBERS]
PROFILES = [f"p{number}" for number in NUMBERS]
ROLES = [f"r{number}" for number in NUMBERS]
KEYS = [f"k{number}" for number in NUMBERS]

SEARCHES = {
    "security:searchUsers": IDS,
    "security:searchProfiles": PROFILES,
    "security:searchRoles": ROLES,
}
"""Actions whose body holds the query → what there is, beside the built-in ones."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def documents(house: House) -> None:
    """Seven of each kind: `tags` odd or even, `rank` falling; keys of u0, credentials of u0 to u2."""
    admin = house.admin
    for number in NUMBERS:
        free = {"tags": ["odd" if number % 2 else "even", "all"], "rank": 100 - number, "name": f"Name {number}"}
        role = {"controllers": {"server": {"actions": {"now": True}}}, **free}
        await admin.succeed("security:createRole", _id=ROLES[number], body=role)
        policies = [{"roleId": ROLES[number]}]
        await admin.succeed("security:createProfile", _id=PROFILES[number], body={"policies": policies, **free})
        body: dict[str, Any] = {"content": {"profileIds": [PROFILES[number]], **free}}
        if number < 3:
            body["credentials"] = {"local": {"username": f"name-{2 - number}", "password": "p"}}
        await admin.succeed("security:createUser", _id=IDS[number], body=body)
    for number in NUMBERS:
        await admin.succeed("security:createApiKey", userId="u0", _id=KEYS[number], body={"description": f"d {number}"})


def ids(result: dict[str, Any]) -> list[str]:
    """The ids of a page."""
    return [hit["_id"] for hit in result["hits"]]


ALL = {"term": {"tags": "all"}}
BY_RANK = [{"rank": "asc"}]


@pytest.mark.parametrize("action", SEARCHES)
async def test_pages_follow_each_other_under_the_true_total(house: House, action: str) -> None:
    """As the SDK does with `from`, and beyond the end; hits are whole documents without a score."""
    wanted = list(reversed(SEARCHES[action]))
    body = {"query": ALL, "sort": BY_RANK}

    pages = [await house.admin.succeed(action, body=body, size=3, **{"from": start}) for start in (0, 3, 6, 9)]

    assert [wanted[0:3], wanted[3:6], wanted[6:], []] == [ids(page) for page in pages]
    assert [7] * 4 == [page["total"] for page in pages]
    assert all({"hits", "total"} == set(page) for page in pages)
    first = pages[0]["hits"][0]
    show = action.replace("search", "get").removesuffix("s")
    assert first == await house.admin.succeed(show, _id=first["_id"])


@pytest.mark.parametrize("action", SEARCHES)
async def test_pages_follow_each_other_after_the_last_hit(house: House, action: str) -> None:
    """As the SDK does with `sort`: the values of the last hit, its `_id` among them where that is sorted by."""
    found: list[str] = []
    for sort in (BY_RANK, ["rank", {"_id": "desc"}], [{"name": {"order": "desc"}}], [{"_id": "desc"}]):
        fields = [next(iter(each)) if isinstance(each, dict) else each for each in sort]
        body: dict[str, Any] = {"query": ALL, "sort": sort}
        found = []
        while hits := (page := await house.admin.succeed(action, body=body, size=2))["hits"]:
            assert 7 == page["total"], "what came before counts as well"
            found += ids(page)
            last = hits[-1]
            values = [last["_id"] if field == "_id" else last["_source"][field] for field in fields]
            body["search_after"] = values
        assert sorted(SEARCHES[action]) == sorted(found), sort
        assert list(reversed(SEARCHES[action])) == found, sort


@pytest.mark.parametrize("action", SEARCHES)
async def test_nothing_asked_is_everything(house: House, action: str) -> None:
    """No body, an empty one, an empty query; the built-in ones are found too."""
    built_in = {"security:searchUsers": {"admin"}}.get(action, {"admin", "default", "anonymous"})

    bodies: list[Any] = [{}, None, {"query": {}}, {"query": None}]
    nothing: list[dict[str, Any]] = [{}, *({"body": body} for body in bodies)]
    for arguments in nothing:
        found = await house.admin.succeed(action, **arguments)
        assert set(SEARCHES[action]) | built_in == set(ids(found)), arguments
        assert found["total"] == len(found["hits"])


@pytest.mark.parametrize("action", SEARCHES)
async def test_a_page_has_its_bounds(house: House, action: str) -> None:
    """Ten thousand at most; none shows the total alone; arguments win over the body's; numbers may be text."""
    assert (413, "services.storage.get_limit_exceeded", []) == await refusal(house.admin, action, size=10_001)
    empty = await house.admin.succeed(action, size=0, body={"query": ALL})
    assert ([], 7) == (empty["hits"], empty["total"])
    both = await house.admin.succeed(action, size="2", **{"from": "1"}, body={"query": ALL, "size": 5, "from": 4})
    assert 2 == len(both["hits"])


KONCORDE: list[tuple[Any, list[int]]] = [
    ({"equals": {"tags": "odd"}}, [1, 3, 5]),
    ({"in": {"rank": [100, 98]}}, [0, 2]),
    ({"and": [{"equals": {"tags": "all"}}, {"range": {"rank": {"gt": 97}}}]}, [0, 1, 2]),
    ({"or": [{"ids": {"values": ["u1", "p1", "r1"]}}, {"equals": {"rank": 94}}]}, [1, 6]),
    ({"and": [{"equals": {"tags": "all"}}, {"not": {"equals": {"tags": "odd"}}}]}, [0, 2, 4, 6]),
    ({"regexp": {"name": "Name [56]"}}, [5, 6]),
]


@pytest.mark.parametrize(("query", "expected"), KONCORDE, ids=[next(iter(query)) for query, _ in KONCORDE])
@pytest.mark.parametrize("action", SEARCHES)
async def test_koncorde_is_understood(house: House, action: str, query: Any, expected: list[int]) -> None:
    """Its words, and clauses of the storage beside them."""
    found = await house.admin.succeed(action, lang="koncorde", body={"query": query})

    assert [SEARCHES[action][number] for number in expected] == sorted(ids(found))
    assert len(expected) == found["total"]


@pytest.mark.parametrize("action", SEARCHES)
async def test_koncorde_without_a_query_is_everything(house: House, action: str) -> None:
    """Where the original fails."""
    assert (await house.admin.succeed(action))["total"] == (await house.admin.succeed(action, lang="koncorde"))["total"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"term": {"policies.roleId": "r3"}}, ["p3"]),
        ({"terms": {"tags": ["odd"]}}, ["p1", "p3", "p5"]),
        ({"range": {"_kuzzle_info.createdAt": {"lt": "2020-01-01"}}}, []),
        ({"bool": {"must": [ALL, {"range": {"_kuzzle_info.createdAt": {"gte": "2020-01-01T00:00:00Z"}}}]}}, PROFILES),
        ({"term": {"_kuzzle_info.author": "admin"}}, PROFILES),
    ],
    ids=["role", "tags", "before a date", "after a date", "author"],
)
async def test_profiles_are_found_by_what_is_in_them(house: House, query: Any, expected: list[str]) -> None:
    """Roles, tags, and their history, by ISO dates if one likes."""
    assert expected == sorted(ids(await house.admin.succeed("security:searchProfiles", body={"query": query})))


async def test_profiles_are_found_by_their_roles(house: House) -> None:
    """The older way: any of the roles; no role is all of them; not together with a query."""
    admin = house.admin

    assert ["p1", "p2"] == sorted(ids(await admin.succeed("security:searchProfiles", body={"roles": ["r1", "r2"]})))
    paged = await admin.succeed("security:searchProfiles", body={"roles": ["r1", "r2"], "sort": ["_id"]}, size=1)
    assert (["p1"], 2) == (ids(paged), paged["total"])
    everything = (await admin.succeed("security:searchProfiles"))["total"]
    lists: list[Any] = [[], None]
    for roles in lists:
        assert everything == (await admin.succeed("security:searchProfiles", body={"roles": roles}))["total"]
    assert (400, None, None) == await refusal(
        admin, "security:searchProfiles", body={"roles": ["r1"], "query": {"match_all": {}}}
    )


async def test_roles_are_found_by_the_controllers_that_they_open(house: House) -> None:
    """Those with everything are among them; pages are cut after; not together with a query."""
    admin = house.admin

    found = await admin.succeed("security:searchRoles", body={"controllers": ["auth", "nope"]})
    assert ["admin", "anonymous", "default"] == sorted(ids(found))
    paged = await admin.succeed("security:searchRoles", body={"controllers": ["server"]}, size=4, **{"from": 3})
    assert (4, 10) == (len(paged["hits"]), paged["total"])
    assert 10 == (await admin.succeed("security:searchRoles", body={"controllers": []}))["total"]
    assert [] == (await admin.succeed("security:searchRoles", body={"controllers": ["auth"]}, size=0))["hits"]
    assert (400, None, None) == await refusal(
        admin, "security:searchRoles", body={"controllers": ["auth"], "query": ALL}
    )
    assert (413, "services.storage.get_limit_exceeded") == await admin.fail(
        "security:searchRoles", body={"controllers": ["auth"]}, size=10_001
    )


async def test_keys_are_counted_beyond_their_page(house: House) -> None:
    """The original counts the page (deviation 7)."""
    found = await house.admin.succeed("security:searchApiKeys", userId="u0", size=2, **{"from": 1})

    assert (["k1", "k2"], 7) == (ids(found), found["total"])
    some = await house.admin.succeed("security:searchApiKeys", userId="u0", body={"ids": {"values": ["k3", "k5"]}})
    assert (["k3", "k5"], 2) == (sorted(ids(some)), some["total"])


NAMES = [{"username": f"name-{2 - number}", "kuid": f"u{number}"} for number in range(3)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param({"prefix": {"username": "name-"}}, [2, 1, 0], id="prefix"),
        pytest.param({"term": {"username": "name-1"}}, [1], id="term"),
        pytest.param({"match": {"username": {"query": "name-1"}}}, [1], id="match"),
        pytest.param({"terms": {"username": ["name-0", "x"]}}, [2], id="terms"),
        pytest.param({"bool": {"must_not": [{"prefix": {"username": {"value": "a"}}}]}}, [2, 1, 0], id="bool"),
    ],
)
async def test_users_are_found_by_their_credentials(house: House, query: Any, expected: list[int]) -> None:
    """User name and kuid of each, nothing else."""
    found = await house.admin.succeed("security:searchUsersByCredentials", strategy="local", body={"query": query})

    assert {"hits": [NAMES[number] for number in expected], "total": len(expected)} == found


async def test_credentials_are_sorted_and_searched_in_koncorde(house: House) -> None:
    """By user name or kuid; Koncorde's words are as good as the storage's."""

    async def search(**arguments: Any) -> list[Any]:
        found = await house.admin.succeed("security:searchUsersByCredentials", strategy="local", **arguments)
        return list(found["hits"])

    names: Any = {"prefix": {"username": "name-"}}
    assert NAMES == await search(body={"query": names, "sort": {"kuid": "asc"}})
    assert NAMES == await search(body={"query": names, "sort": [{"username": {"order": "desc"}}]})
    assert [NAMES[1]] == await search(lang="koncorde", body={"query": {"equals": {"username": "name-1"}}})
    others = {"not": {"in": {"username": ["admin", "name-1"]}}}
    assert [NAMES[2], NAMES[0]] == await search(lang="koncorde", body={"query": others})


async def test_credentials_come_in_pages_of_ten(house: House) -> None:
    """By default; with the true total, and a limit."""
    search: dict[str, Any] = {"strategy": "local"}
    everybody = await house.admin.succeed("security:searchUsersByCredentials", **search)
    assert {"username": "admin", "kuid": "admin"} == everybody["hits"][0]
    assert 4 == everybody["total"] == len(everybody["hits"])
    paged = await house.admin.succeed("security:searchUsersByCredentials", **search, size=2, **{"from": 1})
    assert ([NAMES[2], NAMES[1]], 4) == (paged["hits"], paged["total"])
    none = await house.admin.succeed("security:searchUsersByCredentials", **search, size=0)
    assert ([], 4) == (none["hits"], none["total"])
    assert (413, "services.storage.get_limit_exceeded") == await house.admin.fail(
        "security:searchUsersByCredentials", **search, size=10_001
    )
