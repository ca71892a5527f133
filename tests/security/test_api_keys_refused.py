"""Keys are refused: every documented error of createApiKey, and which of two wins."""

import itertools
from typing import Any

import pytest

from tests.security.conftest import House, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

BODY = {"description": "d"}
PRINTABLE = "1 to 512 bytes of printable text"
LIFE = "a number of milliseconds, or a parsable timespan string"

MISSING = "api.assert.missing_argument"
INVALID_TYPE = "api.assert.invalid_type"
INVALID = "api.assert.invalid_argument"


async def check(house: House, name: str, arguments: dict[str, Any], expected: tuple[int, str, list[str]]) -> None:
    """Ask; hold error and props against what is expected; see that nothing was stored."""
    before = await house.stored("api-keys")

    assert expected == await refusal(house.admin, name, **arguments)
    assert before == await house.stored("api-keys")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param({"body": BODY}, (400, MISSING, ["userId"]), id="no userId"),
        pytest.param({"userId": None, "body": BODY}, (400, INVALID_TYPE, ["userId", "string"]), id="null userId"),
        pytest.param({"userId": 5, "body": BODY}, (400, INVALID_TYPE, ["userId", "string"]), id="numeric userId"),
        pytest.param({"userId": ["admin"], "body": BODY}, (400, INVALID_TYPE, ["userId", "string"]), id="array userId"),
        pytest.param(
            {"userId": {"$ne": None}, "body": BODY}, (400, INVALID_TYPE, ["userId", "string"]), id="operator as userId"
        ),
        pytest.param({"body": BODY | {"userId": "admin"}}, (400, MISSING, ["userId"]), id="userId in the body"),
        pytest.param({"userId": "", "body": BODY}, (404, "security.user.not_found", [""]), id="empty userId"),
        pytest.param(
            {"userId": "nobody", "body": BODY}, (404, "security.user.not_found", ["nobody"]), id="unknown userId"
        ),
        pytest.param(
            {"userId": "-1", "body": BODY}, (400, INVALID, ["userId", "somebody who can own a key"]), id="anonymous"
        ),
        pytest.param(
            {"userId": "anonymous", "body": BODY},
            (400, INVALID, ["userId", "somebody who can own a key"]),
            id="anonymous by name",
        ),
        pytest.param({"userId": "admin", "body": BODY, "_id": 5}, (400, INVALID_TYPE, ["_id", "string"]), id="number"),
        pytest.param({"userId": "admin", "body": BODY, "_id": True}, (400, INVALID_TYPE, ["_id", "string"]), id="true"),
        pytest.param({"userId": "admin", "body": BODY, "_id": [1]}, (400, INVALID_TYPE, ["_id", "string"]), id="array"),
        pytest.param(
            {"userId": "admin", "body": BODY, "_id": {"$ne": 1}}, (400, INVALID_TYPE, ["_id", "string"]), id="object"
        ),
        pytest.param(
            {"userId": "admin", "body": BODY, "_id": "x" * 513}, (400, INVALID, ["_id", PRINTABLE]), id="long"
        ),
        pytest.param(
            {"userId": "admin", "body": BODY, "_id": "\u00e9" * 257},
            (400, INVALID, ["_id", PRINTABLE]),
            id="many bytes",
        ),
        pytest.param(
            {"userId": "admin", "body": BODY, "_id": "a\nb"}, (400, INVALID, ["_id", PRINTABLE]), id="newline"
        ),
        pytest.param({"userId": "admin", "body": BODY, "_id": "\0"}, (400, INVALID, ["_id", PRINTABLE]), id="NUL"),
        pytest.param({"userId": "admin", "body": BODY, "_id": "\u202e"}, (400, INVALID, ["_id", PRINTABLE]), id="bidi"),
        pytest.param({"userId": "admin"}, (400, "api.assert.body_required", []), id="no body"),
        pytest.param({"userId": "admin", "body": None}, (400, "api.assert.body_required", []), id="null body"),
        pytest.param({"userId": "admin", "body": {}}, (400, MISSING, ["body.description"]), id="empty body"),
        pytest.param({"userId": "admin", "body": []}, (400, MISSING, ["body.description"]), id="array body"),
        pytest.param(
            {"userId": "admin", "description": "d", "body": {}},
            (400, MISSING, ["body.description"]),
            id="beside the body",
        ),
        *(
            pytest.param(
                {"userId": "admin", "body": {"description": value}},
                (400, INVALID_TYPE, ["body.description", "string"]),
                id=f"description {value}",
            )
            for value in (None, 12, True, {"a": 1}, ["x"])
        ),
        *(
            pytest.param(
                {"userId": "admin", "body": BODY, "expiresIn": value}, (400, INVALID, ["expiresIn", LIFE]), id=name
            )
            for name, value in {"abc": "abc", "text 0": "0", "true": True, "false": False, "0": 0, "array": []}.items()
        ),
    ],
)
async def test_every_documented_refusal_of_create(
    house: House, arguments: dict[str, Any], expected: tuple[int, str, list[str]]
) -> None:
    """Status, id and props; nothing is stored."""
    await check(house, "security:createApiKey", arguments, expected)


async def test_p09_an_id_is_taken_once_whoever_owns_the_key(house: House) -> None:
    """The first key stays as it is (P09)."""
    await house.add_user("other")
    await house.admin.succeed("security:createApiKey", userId="other", _id="once", body={"description": "first"})

    for owner in ("other", "admin"):
        arguments = {"userId": owner, "_id": "once", "body": {"description": "second"}}
        await check(house, "security:createApiKey", arguments, (400, "services.storage.document_already_exists", []))


async def test_a_duplicate_does_not_harm_its_neighbours(house: House) -> None:
    """Keys that are written together with a refused one are stored all the same."""
    client = await house.connect()
    client.jwt = house.admin.jwt
    names = ["n1", "n2", "n2", "n3", "n1", "n4"]
    for number, name in enumerate(names):
        await client.socket.send(
            f'{{"controller":"security","action":"createApiKey","requestId":"{number}","jwt":"{client.jwt}",'
            f'"userId":"admin","_id":"{name}","body":{{"description":""}}}}'
        )
    answers = sorted([await client.receive() for _ in names], key=lambda answer: str(answer["requestId"]))

    for name in ("n1", "n2"):
        twins = [answers[i]["status"] for i in range(len(names)) if names[i] == name]
        assert [200, 400] == sorted(twins)
    assert (200, 200) == (answers[3]["status"], answers[5]["status"])
    assert {"n1", "n2", "n3", "n4"} <= {key["_id"] for key in await house.stored("api-keys")}


IN_ORDER: list[tuple[dict[str, Any], str, str]] = [
    ({"userId": 5}, INVALID_TYPE, "userId"),
    ({"_id": 5}, INVALID_TYPE, "_id"),
    ({"body": {"description": 5}}, INVALID_TYPE, "body.description"),
    ({"userId": "nobody"}, "security.user.not_found", "nobody"),
    ({"expiresIn": "abc"}, INVALID, "expiresIn"),
    ({"_id": "order"}, "services.storage.document_already_exists", ""),
]
"""Faults of one argument each, in the order in which they are looked for."""


PAIRS = [
    pytest.param(earlier, later, id=f"{earlier[2] or 'order'} before {later[2] or 'order'}")
    for earlier, later in itertools.combinations(IN_ORDER, 2)
    if not set(earlier[0]) & set(later[0])  # one argument cannot have two faults at once
]


@pytest.mark.parametrize(("earlier", "later"), PAIRS)
async def test_of_two_faults_the_earlier_wins(
    house: House, earlier: tuple[dict[str, Any], str, str], later: tuple[dict[str, Any], str, str]
) -> None:
    """User, id, body, owner, expiry, storage (security.md §1, "Order of evaluation")."""
    if "order" not in [key["_id"] for key in await house.stored("api-keys")]:
        await house.admin.succeed("security:createApiKey", userId="admin", _id="order", body=BODY)
    arguments = {"userId": "admin", "body": BODY} | later[0] | earlier[0]

    _, error_id, props = await refusal(house.admin, "security:createApiKey", **arguments)

    assert earlier[1:] == (error_id, (props or [""])[0])


async def test_the_body_is_looked_at_before_the_owner_is_loaded(house: House) -> None:
    """A request without a body never reaches the database."""
    assert (400, "api.assert.body_required", []) == await refusal(
        house.admin, "security:createApiKey", userId="nobody", expiresIn="abc"
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param({}, (400, "api.assert.body_required", []), id="no body"),
        pytest.param({"body": {}}, (400, MISSING, ["body.description"]), id="no description"),
        pytest.param({"body": BODY, "_id": 5}, (400, INVALID_TYPE, ["_id", "string"]), id="numeric id"),
        pytest.param({"body": BODY, "expiresIn": "abc"}, (400, INVALID, ["expiresIn", LIFE]), id="no life span"),
        pytest.param({"body": BODY, "_id": 5, "expiresIn": 0}, (400, INVALID_TYPE, ["_id", "string"]), id="id first"),
    ],
)
async def test_one_s_own_key_is_refused_for_the_same_reasons(
    house: House, arguments: dict[str, Any], expected: tuple[int, str, list[str]]
) -> None:
    """The errors of `auth:createApiKey`."""
    await check(house, "auth:createApiKey", arguments, expected)
