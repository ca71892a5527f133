"""Mappings: shown as the original has them, merged, kept, and never in the way of content."""

import asyncio
from typing import Any

import pytest

from tests.security.conftest import House, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEYWORD = {"type": "keyword"}
RESTRICTION = {"type": "nested", "properties": {"index": KEYWORD, "collections": KEYWORD}}
INITIAL: dict[str, dict[str, Any]] = {
    "User": {"profileIds": KEYWORD},
    "Profile": {
        "tags": KEYWORD,
        "policies": {"properties": {"roleId": KEYWORD, "restrictedTo": RESTRICTION}},
    },
    "Role": {"tags": KEYWORD, "controllers": {"type": "object"}},
}
KINDS = list(INITIAL)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_initial_mapping_is_that_of_the_protocol(house: House, kind: str) -> None:
    """Properties only; `_kuzzle_info` is left out."""
    assert {"mapping": INITIAL[kind]} == await house.admin.succeed(f"security:get{kind}Mapping")


@pytest.mark.parametrize("kind", KINDS)
async def test_an_update_merges_properties_and_keeps_the_rest(house: House, kind: str) -> None:
    """The answer is the whole mapping, and so is what the next one is merged into."""
    first = {"properties": {"name": {"type": "text"}, "tags": {"boost": 2}}, "_meta": {"by": "us"}, "dynamic": True}
    expected: dict[str, Any] = {**INITIAL[kind], "name": {"type": "text"}}
    expected["tags"] = {**expected.get("tags", {}), "boost": 2}

    assert {"_meta": {"by": "us"}, "dynamic": "true", "properties": expected} == await house.admin.succeed(
        f"security:update{kind}Mapping", body=first
    )
    assert {"mapping": expected} == await house.admin.succeed(f"security:get{kind}Mapping")

    second = {"properties": {"name": {"type": "keyword"}}, "dynamic": "strict", "_meta": None}
    expected["name"] = KEYWORD
    assert {"_meta": {"by": "us"}, "dynamic": "strict", "properties": expected} == await house.admin.succeed(
        f"security:update{kind}Mapping", body=second
    )


async def test_updates_at_once_all_count(house: House) -> None:
    """None overwrites another."""
    clients = [await house.connect() for _ in range(4)]
    for client in clients:
        client.jwt = house.admin.jwt

    await asyncio.gather(
        *(
            client.succeed("security:updateUserMapping", body={"properties": {f"p{number}": KEYWORD}})
            for number, client in enumerate(clients)
        )
    )

    mapping = (await house.admin.succeed("security:getUserMapping"))["mapping"]
    assert {f"p{number}" for number in range(4)} <= set(mapping)


async def test_content_need_not_fit_the_mapping(house: House) -> None:
    """A strict mapping of numbers refuses no text: it is for clients to look at."""
    body = {"properties": {"age": {"type": "integer"}}, "dynamic": "strict"}
    await house.admin.succeed("security:updateUserMapping", body=body)

    content = {"profileIds": ["default"], "age": "old", "unknown": 1}
    made = await house.admin.succeed("security:createUser", body={"content": content})

    assert "old" == made["_source"]["age"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({}, ("api.assert.missing_argument", "body.properties"), id="nothing"),
        pytest.param({"properties": []}, ("api.assert.invalid_type", "body.properties"), id="array"),
        pytest.param({"properties": None}, ("api.assert.invalid_type", "body.properties"), id="null"),
        pytest.param({"properties": {"a": 1}}, ("api.assert.invalid_type", "body.properties.a"), id="no property"),
        pytest.param({"properties": {}, "_meta": 1}, ("api.assert.invalid_type", "body._meta"), id="meta"),
        pytest.param({"properties": {}, "dynamic": 5}, ("api.assert.invalid_argument", "body.dynamic"), id="number"),
        pytest.param({"properties": {}, "dynamic": []}, ("api.assert.invalid_argument", "body.dynamic"), id="list"),
        pytest.param({"properties": {}, "dynamic": "no"}, ("api.assert.invalid_argument", "body.dynamic"), id="word"),
    ],
)
async def test_a_mapping_that_cannot_be_meant_changes_nothing(
    house: House, kind: str, body: dict[str, Any], expected: tuple[str, str]
) -> None:
    """400, with the name of the part."""
    before = await house.stored("internals")

    status, error_id, props = await refusal(house.admin, f"security:update{kind}Mapping", body=body)

    assert (400, *expected) == (status, error_id, (props or [None])[0])
    assert before == await house.stored("internals")


@pytest.mark.parametrize("name", ["$set", "a\0b"])
async def test_a_property_cannot_be_an_operator(house: House, name: str) -> None:
    """At any depth."""
    body = {"properties": {"a": {"properties": {name: {"type": "keyword"}}}}}

    assert (400, "services.storage.unexpected_bad_request") == await house.admin.fail(
        "security:updateRoleMapping", body=body
    )
