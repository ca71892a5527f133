"""Routes: facts of the protocol that clients build on, and what every line of the table must be."""

import re

import pytest

from gateway.protocol.native_actions import NATIVE_ACTIONS
from gateway.protocol.routes import ROUTES, Route, routes_of

FACTS = [
    ("security:createApiKey", ["POST /users/:userId/api-keys/_create"]),
    ("security:searchApiKeys", ["POST /users/:userId/api-keys/_search"]),
    ("security:deleteApiKey", ["DELETE /users/:userId/api-keys/:_id"]),
    ("auth:createApiKey", ["POST /api-keys/_create"]),
    ("auth:searchApiKeys", ["POST /api-keys/_search"]),
    ("auth:deleteApiKey", ["DELETE /api-keys/:_id"]),
    ("auth:login", ["GET /_login/:strategy", "POST /_login/:strategy"]),
    ("auth:logout", ["POST /_logout"]),
    ("auth:checkToken", ["POST /_checkToken"]),
    ("auth:getCurrentUser", ["GET /_me", "GET /users/_me"]),
    ("security:createUser", ["POST /users/_create", "POST /users/:_id/_create"]),
    ("security:createFirstAdmin", ["POST /_createFirstAdmin/:_id", "POST /_createFirstAdmin"]),
    ("security:mGetUsers", ["GET /users/_mGet", "POST /users/_mGet"]),
    ("security:revokeTokens", ["DELETE /users/:_id/tokens"]),
    ("server:info", ["GET /", "GET /_serverInfo"]),
    ("server:adminExists", ["GET /_adminExists"]),
    ("server:openapi", ["GET /_openapi"]),
    ("admin:resetKuzzleData", ["POST /admin/_resetKuzzleData"]),
    ("index:getAutoRefresh", ["GET /:index/_autoRefresh"]),
    ("admin:shutdown", ["POST /admin/_shutdown/"]),
    ("admin:listConnections", ["GET /admin/_connections"]),
    ("admin:closeConnection", ["DELETE /admin/_connections/:_id"]),
]


NOWHERE = frozenset({("admin", "resetKuzzleData"), ("index", "getAutoRefresh")})
"""Routes of the original that lead to actions which it does not have (http.md §2)."""


def test_the_table_is_the_whole_of_its_lines() -> None:
    """As many routes as the original has for these actions, from the first to the last, and three of our own."""
    assert 137 + 3 == len(ROUTES)
    assert Route("GET", "/_asyncapi", "server", "asyncapi") in ROUTES
    assert Route("GET", "/_me", "auth", "getCurrentUser") == ROUTES[0]
    assert Route("PUT", "/users/_mapping", "security", "updateUserMapping") == ROUTES[-1]


@pytest.mark.parametrize(("name", "lines"), FACTS, ids=[name for name, _ in FACTS])
def test_an_action_has_its_routes_in_the_order_of_the_original(name: str, lines: list[str]) -> None:
    """The JavaScript SDK takes the first or the shortest, so the order is part of the protocol."""
    controller, action = name.split(":")

    assert lines == [f"{route.verb} {route.path}" for route in routes_of(controller, action)]


@pytest.mark.parametrize("name", ["realtime:subscribe", "no:such", ":"])
def test_an_action_without_a_route_has_none(name: str) -> None:
    """It exists on the socket only, or not at all."""
    assert [] == routes_of(*name.split(":"))


def test_no_two_routes_share_verb_and_path() -> None:
    """A request leads to one action; the names of parameters make no difference."""
    forms = [(route.verb, re.sub(r":\w+", ":", route.path)) for route in ROUTES]

    assert len(set(forms)) == len(forms)


def test_every_line_is_well_formed() -> None:
    """A verb in capitals, a path whose parameters differ, and an action that the original has, but for two."""
    for route in ROUTES:
        parameters = re.findall(r":(\w+)", route.path)
        assert route.verb in {"GET", "POST", "PUT", "DELETE"}, route
        assert re.fullmatch(r"/|(/(:\w+|[\w-]+))+/?", route.path), route
        assert len(set(parameters)) == len(parameters), route
        assert route.action in NATIVE_ACTIONS[route.controller] or (route.controller, route.action) in NOWHERE, route


def test_a_deprecated_route_is_never_the_only_one_but_for_old_statistics() -> None:
    """Who leaves a deprecated route has somewhere to go."""
    lonely = {
        f"{route.controller}:{route.action}"
        for route in ROUTES
        if route.is_deprecated and all(other.is_deprecated for other in routes_of(route.controller, route.action))
    }

    assert {
        "collection:updateMapping",
        "server:getAllStats",
        "server:getLastStats",
        "server:getStats",
        "server:publicApi",
    } == lonely


def test_the_vocabulary_holds_what_roles_of_the_original_name() -> None:
    """Its size is that of the original's controllers, ours added; the old name of one of them still works."""
    sizes = {controller: len(actions) for controller, actions in NATIVE_ACTIONS.items()}

    assert (55, 19, 12 + 1, 7, 9 + 2) == (
        sizes["security"],
        sizes["auth"],
        sizes["server"],
        sizes["realtime"],
        sizes["admin"],
    )
    assert NATIVE_ACTIONS["ms"] == NATIVE_ACTIONS["memoryStorage"]
    assert "createApiKey" in NATIVE_ACTIONS["security"]
    assert all(re.fullmatch(r"[a-z]\w*", name) for actions in NATIVE_ACTIONS.values() for name in actions)
