"""Roles: what can be meant, what is stored, and the built-in ones."""

from typing import Any

import pytest

from gateway import Controller, action
from gateway.protocol.errors import ApiError
from gateway.security.rights import CompiledRights, Policy
from gateway.security.roles import OPEN_ROLES, RESTRICTED_ROLES, check_role
from tests.conftest import Connect, StartGateway
from tests.security.conftest import House, refusal


def allowing(**controllers: Any) -> dict[str, Any]:
    """A role's definition: controller → its `actions` object."""
    return {"controllers": {name: {"actions": actions} for name, actions in controllers.items()}}


def check(content: Any, *, force: bool = False) -> None:
    """Check a definition for a role `r`, where nobody has registered anything but `extra:dance`."""
    check_role("r", content, force=force, actions_of={"extra": ("dance",)}.get)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({"controllers": {"*": {"actions": {"*": True}}}}, id="everything"),
        pytest.param({"controllers": {"*": {"actions": {"*": False}}}}, id="nothing"),
        pytest.param(allowing(auth={"login": True, "*": False}), id="native action"),
        pytest.param(allowing(document={"create": True}), id="native action that is not served here"),
        pytest.param(allowing(ms={"get": True}, memoryStorage={"get": True}), id="both names of the cache"),
        pytest.param(allowing(extra={"dance": True, "*": False}), id="an action of an extension"),
        pytest.param(allowing(auth={"login": True}) | {"tags": ["a"], "note": {"free": 1}}, id="free fields"),
    ],
)
def test_a_role_that_can_be_meant_passes(content: dict[str, Any]) -> None:
    """Names of the protocol's own vocabulary, of registered controllers, and `*`."""
    check(content)


@pytest.mark.parametrize(
    ("content", "error_id", "props"),
    [
        pytest.param({}, "empty_argument", ("r.controllers",), id="nothing at all"),
        pytest.param({"controllers": None}, "empty_argument", ("r.controllers",), id="null"),
        pytest.param({"controllers": {}}, "empty_argument", ("r.controllers",), id="no controller"),
        pytest.param({"controllers": "all"}, "invalid_type", ("r.controllers", "object"), id="text"),
        pytest.param({"controllers": []}, "invalid_type", ("r.controllers", "object"), id="array"),
        pytest.param({"controllers": {"auth": None}}, "invalid_type", ("auth", "object"), id="null controller"),
        pytest.param({"controllers": {"auth": {}}}, "empty_argument", ("auth",), id="empty controller"),
        pytest.param({"controllers": {"auth": True}}, "invalid_type", ("auth", "object"), id="controller is a boolean"),
        pytest.param({"controllers": {"auth": {"x": 1}}}, "missing_argument", ("auth",), id="no actions"),
        pytest.param(allowing(auth={}), "empty_argument", ("auth.actions",), id="empty actions"),
        pytest.param(allowing(auth=["login"]), "invalid_type", ("auth.actions", "object"), id="actions in an array"),
        pytest.param(allowing(auth={"login": "yes"}), "invalid_type", ("auth.actions.login", "boolean"), id="text"),
        pytest.param(allowing(auth={"login": 1}), "invalid_type", ("auth.actions.login", "boolean"), id="number"),
        pytest.param(allowing(auth={"login": None}), "invalid_type", ("auth.actions.login", "boolean"), id="null"),
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_a_role_of_another_shape_is_refused(
    content: dict[str, Any], error_id: str, props: tuple[str, ...], *, force: bool
) -> None:
    """The error names the place; no force helps."""
    with pytest.raises(ApiError) as refused:
        check(content, force=force)

    assert (f"api.assert.{error_id}", 400, props) == (refused.value.id, refused.value.status, refused.value.props)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    ("content", "props"),
    [
        pytest.param(allowing(auth={"dance": True}), ("r", "dance", "auth", ""), id="a native controller's"),
        pytest.param(allowing(server={"now": True, "Now": True}), ("r", "Now", "server", ""), id="letter case"),
        pytest.param({"controllers": {"*": {"actions": {"login": True}}}}, ("r", "login", "*", ""), id="named under *"),
    ],
)
def test_an_unknown_action_is_refused_even_with_force(
    content: dict[str, Any], props: tuple[str, ...], *, force: bool
) -> None:
    """Native actions are known; under `*` there is only `*`."""
    with pytest.raises(ApiError) as refused:
        check(content, force=force)

    assert ("security.role.unknown_action", 400, props) == (
        refused.value.id,
        refused.value.status,
        refused.value.props,
    )


@pytest.mark.parametrize(
    "content",
    [
        allowing(nope={"*": True}),
        allowing(auth={"login": True}, nope={"*": True}),
        allowing(nope={"*": True}, auth={"*": True}),
    ],
    ids=["alone", "after a native one", "before a native one"],
)
def test_an_unknown_controller_needs_force(content: dict[str, Any]) -> None:
    """Wherever it stands among the others."""
    check(content, force=True)
    with pytest.raises(ApiError) as refused:
        check(content)

    assert ("security.role.unknown_controller", ("r", "nope", "")) == (refused.value.id, refused.value.props)


def test_the_restricted_defaults_are_those_of_the_protocol() -> None:
    """What nobody, somebody and the administrator may do once the rights are restricted (rights.md)."""
    allowed = {
        role: {
            f"{controller}:{name}"
            for controller, entry in content["controllers"].items()
            for name, value in entry["actions"].items()
            if value is True
        }
        for role, content in RESTRICTED_ROLES.items()
    }

    assert {
        "admin": {"*:*"},
        "default": {
            *("auth:checkToken", "auth:getCurrentUser", "auth:getMyRights", "auth:logout", "auth:updateSelf"),
            "server:publicApi",
        },
        "anonymous": {
            *("auth:checkToken", "auth:getCurrentUser", "auth:getMyRights", "auth:login"),
            *("server:publicApi", "server:openapi"),
        },
    } == allowed


def test_the_open_defaults_allow_everybody_everything() -> None:
    """Kuzzle's first start, on request."""
    assert {"admin", "default", "anonymous"} == set(OPEN_ROLES)
    for content in OPEN_ROLES.values():
        table = {name: entry["actions"] for name, entry in content["controllers"].items()}

        assert CompiledRights([Policy(table)]).allow("any", "thing", None, None)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_role_is_stored_and_shown_as_it_was_written(house: House) -> None:
    """Definition and free fields come back, with the history of who made it."""
    definition = allowing(auth={"login": True}) | {"tags": ["a", "b"], "_kuzzle_info": {"author": "mallory"}}

    made = await house.admin.succeed("security:createRole", _id="written", body=definition)

    assert {"_id", "_source"} == set(made)
    assert {"controllers", "tags", "_kuzzle_info"} == set(made["_source"])
    assert definition["controllers"] == made["_source"]["controllers"]
    assert "admin" == made["_source"]["_kuzzle_info"]["author"]
    assert made == await house.admin.succeed("security:getRole", _id="written")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("force", [{}, {"force": None}, {"force": False}], ids=str)
async def test_force_may_be_absent_null_or_false(house: House, force: dict[str, Any]) -> None:
    """SDKs send null for false."""
    body = allowing(nope={"*": True})

    assert (400, "security.role.unknown_controller") == await house.admin.fail(
        "security:createRole", _id="forced", body=body, **force
    )


@pytest.mark.asyncio(loop_scope="module")
async def test_force_lets_an_unknown_controller_pass(house: House) -> None:
    """A role may be written before the extension that it is for."""
    body = allowing(nope={"*": True})

    made = await house.admin.succeed("security:createRole", _id="with-force", body=body, force=True)

    assert body["controllers"] == made["_source"]["controllers"]


class Extra(Controller):
    """A controller of an extension."""

    name = "extra"

    @action("dance")
    def dance(self) -> None:
        """Do nothing."""


async def test_a_registered_controller_needs_no_force(start_gateway: StartGateway, connect: Connect) -> None:
    """What an extension registers is known; an action that it does not have needs force."""
    client = await connect(await start_gateway(Extra(), security={"initial_rights": "open"}))
    too_much = allowing(extra={"dance": True, "sing": True})

    await client.succeed("security:createRole", _id="r", body=allowing(extra={"dance": True, "*": True}))
    assert (400, "security.role.unknown_action", ["s", "sing", "extra", ""]) == await refusal(
        client, "security:createRole", _id="s", body=too_much
    )
    await client.succeed("security:createRole", _id="s", body=too_much, force=True)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param({}, (400, "api.assert.missing_argument", ["_id"]), id="nothing"),
        pytest.param({"_id": None}, (400, "api.assert.missing_argument", ["_id"]), id="null id"),
        pytest.param({"_id": ""}, (400, "api.assert.missing_argument", ["_id"]), id="empty id"),
        pytest.param({"_id": 5}, (400, "api.assert.invalid_type", ["_id", "string"]), id="numeric id"),
        pytest.param({"_id": "x"}, (400, "api.assert.body_required", []), id="no body"),
        pytest.param({"_id": "x", "body": None}, (400, "api.assert.body_required", []), id="null body"),
        pytest.param({"_id": "x", "body": {}}, (400, "api.assert.empty_argument", ["x.controllers"]), id="empty body"),
        pytest.param(
            {"_id": "admin", "body": allowing(auth={"*": True})},
            (400, "services.storage.document_already_exists", []),
            id="taken id",
        ),
        pytest.param(
            {"_id": "x", "force": "yes", "body": allowing(auth={"*": True})},
            (400, "api.assert.invalid_type", ["force", "boolean"]),
            id="force is a text",
        ),
    ],
)
async def test_a_role_that_cannot_be_made_is_refused(
    house: House, arguments: dict[str, Any], expected: tuple[int, str, list[str]]
) -> None:
    """The documented errors of createRole."""
    assert expected == await refusal(house.admin, "security:createRole", **arguments)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_stored_role_cannot_smuggle_operators(house: House) -> None:
    """Free fields are content, never commands to the database (P01)."""
    body = allowing(auth={"login": True}) | {"$where": "1"}

    assert (400, "services.storage.unexpected_bad_request") == await house.admin.fail(
        "security:createRole", _id="operators", body=body
    )
    assert (404, "security.role.not_found", ["operators"]) == await refusal(
        house.admin, "security:getRole", _id="operators"
    )
