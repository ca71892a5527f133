"""Profiles: what can be meant, what is stored, and the built-in ones."""

from typing import Any

import pytest

from gateway.protocol.errors import ApiError
from gateway.security.profiles import OPEN_PROFILES, RESTRICTED_PROFILES, check_profile
from tests.security.conftest import House, refusal


def restricted(*entries: Any) -> dict[str, Any]:
    """A profile with one policy that is restricted to these entries."""
    return {"policies": [{"roleId": "default", "restrictedTo": list(entries)}]}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({"policies": [{"roleId": "a"}, {"roleId": "b"}]}, id="roles"),
        pytest.param({"policies": [{"roleId": "a", "restrictedTo": None}]}, id="null restriction"),
        pytest.param(restricted(), id="empty restriction"),
        pytest.param(restricted({"index": "i"}), id="an index"),
        pytest.param(restricted({"index": ""}), id="an empty index"),
        pytest.param(restricted({"index": "i", "collections": None}), id="null collections"),
        pytest.param(restricted({"index": "i", "collections": []}, {"index": "i", "collections": ["c"]}), id="twice"),
    ],
)
def test_policies_that_can_be_meant_are_kept_as_written(content: dict[str, Any]) -> None:
    """Only the limit is filled in: none is 0."""
    assert content | {"rateLimit": 0} == check_profile("p", content)


def test_a_profile_without_policies_gets_the_default_role() -> None:
    """An empty list is read as the least that somebody can have."""
    assert {"policies": [{"roleId": "default"}], "rateLimit": 0} == check_profile("p", {"policies": []})


@pytest.mark.parametrize(("given", "kept"), [(None, 0), (0, 0), (1, 1), (10_000, 10_000)])
def test_a_rate_limit_is_a_number_of_requests(given: int | None, kept: int) -> None:
    """0 and null are no limit."""
    assert kept == check_profile("p", {"policies": [], "rateLimit": given})["rateLimit"]


@pytest.mark.parametrize(
    ("content", "error_id", "props"),
    [
        pytest.param({"policies": ["a"]}, "invalid_type", ("p.policies[0]", "object"), id="policy is a text"),
        pytest.param({"policies": [{}]}, "missing_argument", ("p.policies[0].roleId",), id="no role"),
        pytest.param(
            {"policies": [{"roleId": "a"}, {"roleId": ""}]},
            "missing_argument",
            ("p.policies[1].roleId",),
            id="empty role",
        ),
        pytest.param(
            {"policies": [{"roleId": 5}]}, "invalid_type", ("p.policies[0].roleId", "string"), id="role is a number"
        ),
        pytest.param(
            {"policies": [{"roleId": "a", "index": "i"}]},
            "unexpected_argument",
            ("p.policies[0].index", '"roleId", "restrictedTo"'),
            id="another field in a policy",
        ),
        pytest.param(
            {"policies": [{"roleId": "a", "restrictedTo": {}}]},
            "invalid_type",
            ("p.policies[0].restrictedTo", "object[]"),
            id="restriction is an object",
        ),
        pytest.param(
            restricted("i"), "invalid_type", ("p.policies[0].restrictedTo[0]", "object"), id="an entry is a text"
        ),
        pytest.param(
            restricted({"index": "i"}, {"collections": ["c"]}),
            "missing_argument",
            ("p.policies[0].restrictedTo[1].index",),
            id="no index",
        ),
        pytest.param(
            restricted({"index": None}), "missing_argument", ("p.policies[0].restrictedTo[0].index",), id="null index"
        ),
        pytest.param(
            restricted({"index": "i", "collection": "c"}),
            "unexpected_argument",
            ("p.policies[0].restrictedTo[0].collection", '"index", "collections"'),
            id="another field in an entry",
        ),
        pytest.param(
            {"policies": [], "rateLimit": "10"}, "invalid_type", ("rateLimit", "integer"), id="limit is a text"
        ),
        pytest.param({"policies": [], "rateLimit": 1.5}, "invalid_type", ("rateLimit", "integer"), id="half a request"),
        pytest.param({"policies": [], "rateLimit": True}, "invalid_type", ("rateLimit", "integer"), id="limit is true"),
    ],
)
def test_policies_that_cannot_be_meant_are_refused(
    content: dict[str, Any], error_id: str, props: tuple[str, ...]
) -> None:
    """The error names the place, from the profile's id on."""
    with pytest.raises(ApiError) as refused:
        check_profile("p", content)

    assert (f"api.assert.{error_id}", 400, props) == (refused.value.id, refused.value.status, refused.value.props)


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ({"index": 5}, "index"),
        ({"index": "i", "collections": "c"}, "collections"),
        ({"index": "i", "collections": [5]}, "collections"),
    ],
    ids=["index is a number", "collections is a text", "a collection is a number"],
)
def test_places_must_be_texts(entry: dict[str, Any], name: str) -> None:
    """A restriction that no request can meet, or that every request meets, is a mistake."""
    with pytest.raises(ApiError) as refused:
        check_profile("p", restricted(entry))

    assert "api.assert.invalid_type" == refused.value.id
    assert f"p.policies[0].restrictedTo[0].{name}" == refused.value.props[0]


def test_a_negative_limit_is_refused() -> None:
    """It would be no limit or no request, and nobody could tell which."""
    with pytest.raises(ApiError) as refused:
        check_profile("p", {"policies": [], "rateLimit": -1})

    assert ("api.assert.invalid_argument", "rateLimit") == (refused.value.id, refused.value.props[0])


def test_the_built_in_profiles_have_the_role_of_their_name() -> None:
    """Restricted ones have the protocol's limits, open ones none."""
    names = ("admin", "default", "anonymous")

    assert {name: [{"roleId": name}] for name in names} == {k: v["policies"] for k, v in RESTRICTED_PROFILES.items()}
    assert {"admin": 0, "default": 10, "anonymous": 200} == {k: v["rateLimit"] for k, v in RESTRICTED_PROFILES.items()}
    assert {name: [{"roleId": name}] for name in names} == {k: v["policies"] for k, v in OPEN_PROFILES.items()}
    assert {"admin": 0, "default": 0, "anonymous": 0} == {k: v["rateLimit"] for k, v in OPEN_PROFILES.items()}


@pytest.mark.asyncio(loop_scope="module")
async def test_a_profile_is_stored_and_shown_as_it_was_written(house: House) -> None:
    """Policies, limit and free fields come back, with the history of who made it."""
    content = restricted({"index": "i", "collections": ["c"]}) | {"rateLimit": 3, "tags": ["a"], "note": {"b": 1}}

    made = await house.admin.succeed("security:createProfile", _id="written", body=content)

    assert "written" == made["_id"]
    assert content == {name: value for name, value in made["_source"].items() if name != "_kuzzle_info"}
    assert "admin" == made["_source"]["_kuzzle_info"]["author"]
    assert made == await house.admin.succeed("security:getProfile", _id="written")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param({}, (400, "api.assert.missing_argument", ["_id"]), id="nothing"),
        pytest.param({"_id": "x"}, (400, "api.assert.body_required", []), id="no body"),
        pytest.param(
            {"_id": "x", "body": {}}, (400, "api.assert.missing_argument", ["body.policies"]), id="no policies"
        ),
        pytest.param(
            {"_id": "x", "body": {"policies": "default"}},
            (400, "api.assert.invalid_type", ["body.policies", "array"]),
            id="policies is a text",
        ),
        pytest.param(
            {"_id": "x", "body": {"policies": None}},
            (400, "api.assert.invalid_type", ["body.policies", "array"]),
            id="null policies",
        ),
        pytest.param(
            {"_id": "x", "body": {"policies": [{}]}},
            (400, "api.assert.missing_argument", ["x.policies[0].roleId"]),
            id="policy without role",
        ),
        pytest.param(
            {"_id": "x", "body": {"policies": [{"roleId": "default"}, {"roleId": "nope"}]}},
            (404, "security.role.not_found", ["nope"]),
            id="unknown role",
        ),
        pytest.param(
            {"_id": "admin", "body": {"policies": []}},
            (400, "services.storage.document_already_exists", []),
            id="taken id",
        ),
        pytest.param(
            {"_id": "a\nb", "body": {"policies": []}},
            (400, "api.assert.invalid_argument", ["_id", "1 to 512 bytes of printable text"]),
            id="id of two lines",
        ),
    ],
)
async def test_a_profile_that_cannot_be_made_is_refused(
    house: House, arguments: dict[str, Any], expected: tuple[int, str, list[str]]
) -> None:
    """The documented errors of createProfile; nothing is stored."""
    before = await house.stored("profiles")

    assert expected == await refusal(house.admin, "security:createProfile", **arguments)
    assert before == await house.stored("profiles")


@pytest.mark.asyncio(loop_scope="module")
async def test_an_unknown_profile_is_not_found(house: House) -> None:
    """404, with its name."""
    assert (404, "security.profile.not_found", ["nope"]) == await refusal(
        house.admin, "security:getProfile", _id="nope"
    )
