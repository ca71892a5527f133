"""Keys are found and revoked: by their owner's id, never anybody else's."""

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from tests.client import Client
from tests.security.conftest import House, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOWN = {"description", "expiresAt", "fingerprint", "ttl", "userId"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def collector(house: House) -> Client:
    """A user `collector` with the keys c0 … c11, who may handle keys of their own."""
    await house.add_profile("keeper", auth="createApiKey searchApiKeys deleteApiKey getCurrentUser")
    client = await house.add_user("collector", "keeper")
    for number in range(12):
        body = {"description": f"Key number {number} of the roof" if number % 2 else f"Number {number}, cellar"}
        await house.admin.succeed("security:createApiKey", userId="collector", _id=f"c{number}", body=body)
    await house.admin.succeed("security:createApiKey", userId="admin", _id="foreign", body={"description": "roof"})
    return client


def ids(found: dict[str, Any]) -> list[str]:
    """The ids of a page."""
    return [hit["_id"] for hit in found["hits"]]


async def test_all_keys_of_a_user_are_found_without_a_query(house: House, collector: Client) -> None:
    """Ten on a page, oldest first; `total` counts every page (deviation 7); no token, no history."""
    bodies: tuple[dict[str, Any], ...] = ({}, {"body": {}}, {"body": None})
    for body in bodies:
        found = await house.admin.succeed("security:searchApiKeys", userId="collector", **body)

        assert {"hits", "total"} == set(found)
        assert ([f"c{number}" for number in range(10)], 12) == (ids(found), found["total"])
        assert [{"_id", "_source"}] * 10 == [set(hit) for hit in found["hits"]]
        assert [SHOWN] * 10 == [set(hit["_source"]) for hit in found["hits"]]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ({"size": 12}, range(12)),
        ({"size": 10_000}, range(12)),
        ({"size": 0}, range(0)),
        ({"from": 10}, range(10, 12)),
        ({"from": 3, "size": 2}, range(3, 5)),
        ({"from": 12}, range(0)),
        ({"from": 2**53 - 1}, range(0)),
        ({"from": "3", "size": "2"}, range(3, 5)),
        ({"from": 3.0, "size": 2e0}, range(3, 5)),
        ({"size": 2, "scroll": "1m"}, range(2)),
        ({"size": 2, "lang": "elasticsearch"}, range(2)),
    ],
    ids=str,
)
async def test_a_page_is_cut_out_and_the_total_stays(
    house: House, collector: Client, page: dict[str, Any], expected: range
) -> None:
    """`from` and `size`, as numbers or as text that holds one."""
    for client, name in ((house.admin, "security"), (collector, "auth")):
        found = await client.succeed(f"{name}:searchApiKeys", userId="collector", **page)

        assert ([f"c{number}" for number in expected], 12) == (ids(found), found["total"])


@pytest.mark.parametrize(
    ("query", "lang", "expected"),
    [
        pytest.param({"match": {"description": "roof"}}, {}, {f"c{n}" for n in range(1, 12, 2)}, id="a word"),
        pytest.param(
            {"query": {"match": {"description": "roof"}}}, {}, {f"c{n}" for n in range(1, 12, 2)}, id="wrapped"
        ),
        pytest.param({"term": {"userId": "collector"}}, {}, {f"c{n}" for n in range(12)}, id="the owner"),
        pytest.param({"term": {"userId": "admin"}}, {}, set(), id="somebody else"),
        pytest.param(
            {"bool": {"should": [{"term": {"userId": "admin"}}, {"match": {"description": "cellar"}}]}},
            {},
            {f"c{n}" for n in range(0, 12, 2)},
            id="somebody else or a word",
        ),
        pytest.param({"bool": {"must_not": [{"term": {"userId": "collector"}}]}}, {}, set(), id="anybody else"),
        pytest.param(
            {"or": [{"equals": {"userId": "admin"}}, {"equals": {"userId": "collector"}}]},
            {"lang": "koncorde"},
            {f"c{n}" for n in range(12)},
            id="koncorde",
        ),
        pytest.param({"equals": {"userId": "admin"}}, {"lang": "koncorde"}, set(), id="koncorde, somebody else"),
    ],
)
async def test_p02_no_query_reaches_the_keys_of_others(
    house: House, collector: Client, query: dict[str, Any], lang: dict[str, str], expected: set[str]
) -> None:
    """The owner is and-ed to whatever is asked, for administrators and for oneself (P02)."""
    for client, name in ((house.admin, "security"), (collector, "auth")):
        found = await client.succeed(f"{name}:searchApiKeys", userId="collector", size=50, body=query, **lang)

        assert (expected, len(expected)) == (set(ids(found)), found["total"])


async def test_a_leaked_token_is_found_by_its_fingerprint(house: House, collector: Client) -> None:
    """What a leak report gives is enough (deviation 17)."""
    (key,) = [key for key in await house.stored("api-keys") if key["_id"] == "c7"]

    found = await house.admin.succeed(
        "security:searchApiKeys", userId="collector", body={"term": {"fingerprint": key["fingerprint"]}}
    )

    assert (["c7"], 1) == (ids(found), found["total"])


async def test_an_unknown_user_has_no_keys(house: House) -> None:
    """Existence is not looked at."""
    assert {"hits": [], "total": 0} == await house.admin.succeed("security:searchApiKeys", userId="nobody")
    assert {"hits": [], "total": 0} == await house.admin.succeed("security:searchApiKeys", userId="")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param({"userId": None}, (400, "api.assert.invalid_type", ["userId", "string"]), id="null userId"),
        pytest.param({"userId": {"$ne": 1}}, (400, "api.assert.invalid_type", ["userId", "string"]), id="operator"),
        pytest.param({"size": "many"}, (400, "api.assert.invalid_type", ["size", "integer"]), id="size is a word"),
        pytest.param({"size": 1.5}, (400, "api.assert.invalid_type", ["size", "integer"]), id="half a key"),
        pytest.param({"from": None}, (400, "api.assert.invalid_type", ["from", "integer"]), id="null from"),
        pytest.param({"from": True}, (400, "api.assert.invalid_type", ["from", "integer"]), id="from is true"),
        pytest.param({"from": 2**53}, (400, "api.assert.invalid_type", ["from", "integer"]), id="from is not safe"),
        pytest.param({"from": 2**64}, (400, "api.assert.invalid_type", ["from", "integer"]), id="from is huge"),
        pytest.param({"size": 10_001}, (413, "services.storage.get_limit_exceeded", []), id="size above the limit"),
        pytest.param({"body": []}, (400, "api.assert.invalid_type", ["body", "object"]), id="array body"),
        pytest.param(
            {"body": {"query": 5}}, (400, "api.assert.invalid_type", ["body.query", "object"]), id="query is 5"
        ),
        pytest.param(
            {"lang": "sql"},
            (400, "api.assert.invalid_argument", ["lang", '"elasticsearch" or "koncorde"']),
            id="unknown language",
        ),
    ],
)
async def test_a_search_that_cannot_be_meant_is_refused(
    house: House, arguments: dict[str, Any], expected: tuple[int, str, list[str]]
) -> None:
    """The documented errors of searchApiKeys."""
    assert expected == await refusal(house.admin, "security:searchApiKeys", **({"userId": "admin"} | arguments))


@pytest.mark.parametrize("page", [{"from": -1}, {"size": -1}], ids=str)
async def test_a_page_does_not_begin_before_the_first(house: House, page: dict[str, int]) -> None:
    """400, and which of the two it was."""
    status, error_id, props = await refusal(house.admin, "security:searchApiKeys", userId="admin", **page)

    assert (400, "api.assert.invalid_argument", next(iter(page))) == (status, error_id, (props or [""])[0])


@pytest.mark.parametrize(
    "query", [{"nope": {}}, {"$where": "1"}, {"match": {}}, {"term": {"userId": {"$ne": 1}}}], ids=str
)
async def test_an_unknown_query_is_refused(house: House, query: dict[str, Any]) -> None:
    """The storage refuses: what is not on the list is no query."""
    assert (400, "services.storage.unexpected_bad_request") == await house.admin.fail(
        "security:searchApiKeys", userId="admin", body=query
    )


async def revocable(house: House, key_id: str, owner: str = "admin") -> dict[str, Any]:
    """Mint a key to be revoked."""
    body = {"description": "to be revoked"}
    made: dict[str, Any] = await house.admin.succeed("security:createApiKey", userId=owner, _id=key_id, body=body)
    return made


@pytest.mark.parametrize("naming", ["_id", "fingerprint", "key"])
@pytest.mark.parametrize("controller", ["security", "auth"])
async def test_a_key_is_revoked_by_any_of_its_names(house: House, controller: str, naming: str) -> None:
    """By `_id`, fingerprint or the token itself (deviation 12); its next message is refused."""
    made = await revocable(house, f"{controller}-{naming}")
    device = await house.connect()
    device.jwt = made["_source"]["token"]
    await device.succeed("server:now")
    names = {"_id": made["_id"], "fingerprint": made["_source"]["fingerprint"], "key": device.jwt}

    result = await house.admin.succeed(f"{controller}:deleteApiKey", userId="admin", **{naming: names[naming]})

    assert {"_id": made["_id"]} == result
    assert (401, "security.token.invalid") == await device.fail("server:now")
    assert made["_id"] not in [key["_id"] for key in await house.stored("api-keys")]


@pytest.mark.parametrize("refresh", [None, False, "wait_for", "bad"], ids=str)
async def test_refresh_changes_nothing_of_a_revocation(house: House, refresh: Any) -> None:
    """Accepted in every form."""
    await revocable(house, "refreshed")

    await house.admin.succeed("security:deleteApiKey", userId="admin", _id="refreshed", refresh=refresh)


async def test_one_of_several_names_is_enough_and_the_id_counts(house: House) -> None:
    """What else is said does not matter."""
    await revocable(house, "named")

    assert {"_id": "named"} == await house.admin.succeed(
        "security:deleteApiKey", userId="admin", _id="named", fingerprint="f" * 64, key="x"
    )


async def test_of_two_who_revoke_at_once_one_is_told_so(house: House) -> None:
    """The other hears that there is no such key."""
    await revocable(house, "contested")
    clients = [await house.connect() for _ in range(2)]

    answers = await asyncio.gather(
        *(
            client.ask("security:deleteApiKey", jwt=house.admin.jwt, userId="admin", _id="contested")
            for client in clients
        )
    )

    assert [200, 404] == sorted(answer["status"] for answer in answers)


NOWHERE = ["kuzzle", "api-keys"]


async def test_an_unknown_key_is_not_found_under_any_name(house: House) -> None:
    """404 with what was asked for; of a token only its fingerprint is said again."""
    fingerprint = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    asked = {"_id": ("x", "x"), "fingerprint": ("f" * 64, "f" * 64), "key": ("x", fingerprint)}
    for naming, (given, shown) in asked.items():
        assert (404, "services.storage.not_found", [shown, *NOWHERE]) == await refusal(
            house.admin, "security:deleteApiKey", userId="admin", **{naming: given}
        )


async def test_a_key_of_somebody_else_is_not_found_either(house: House, collector: Client) -> None:
    """404, the key stays, and its id is not told to who does not know it."""
    foreign = await revocable(house, "not-yours")
    source = foreign["_source"]
    asked = {
        "_id": ("not-yours", "not-yours"),
        "fingerprint": (source["fingerprint"], source["fingerprint"]),
        "key": (source["token"], source["fingerprint"]),
    }
    for naming, (given, shown) in asked.items():
        for client, name in ((house.admin, "security"), (collector, "auth")):
            assert (404, "services.storage.not_found", [shown]) == await refusal(
                client, f"{name}:deleteApiKey", userId="collector", **{naming: given}
            )

    assert "not-yours" in [key["_id"] for key in await house.stored("api-keys")]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param({"_id": "c0"}, (400, "api.assert.missing_argument", ["userId"]), id="no userId"),
        pytest.param({"userId": 5, "_id": "c0"}, (400, "api.assert.invalid_type", ["userId", "string"]), id="number"),
        pytest.param({"userId": "collector"}, (400, "api.assert.missing_argument", ["_id"]), id="no name"),
        pytest.param({"userId": "collector", "_id": ""}, (400, "api.assert.missing_argument", ["_id"]), id="empty"),
        pytest.param({"userId": "collector", "_id": None}, (400, "api.assert.missing_argument", ["_id"]), id="null"),
        pytest.param(
            {"userId": "collector", "_id": {"$ne": ""}},
            (400, "api.assert.invalid_type", ["_id", "string"]),
            id="operator",
        ),
        pytest.param(
            {"userId": "collector", "fingerprint": {"$ne": ""}},
            (400, "api.assert.invalid_type", ["fingerprint", "string"]),
            id="operator as fingerprint",
        ),
    ],
)
async def test_a_revocation_that_cannot_be_meant_is_refused(
    house: House, collector: Client, arguments: dict[str, Any], expected: tuple[int, str, list[str]]
) -> None:
    """The documented errors of deleteApiKey; nothing is deleted."""
    before = await house.stored("api-keys")

    assert expected == await refusal(house.admin, "security:deleteApiKey", **arguments)
    assert before == await house.stored("api-keys")
