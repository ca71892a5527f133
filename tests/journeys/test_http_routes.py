"""Every route leads to its action over real HTTP: the envelope names it, whoever asks and whatever comes of it."""

import pytest

from gateway.protocol.routes import ROUTES, Route, routes_of
from tests.client import Client
from tests.conftest import Connect, ConnectHttp, StartGateway

PARAMETERS = {":strategy": "local", ":_id": "some%20one", ":userId": "some%20one", ":index": "some-index"}
"""What stands for the parameters of a path; for the others, `some-thing`."""

CLOSES = "restrictDefaultRights"
"""What would end the walk where everything is open."""


RAW = frozenset({("server", "openapi"), ("server", "asyncapi")})
"""Answers without an envelope."""


def url(route: Route) -> str:
    """The path of a route with all parameters filled in."""
    return "/".join(
        PARAMETERS.get(part, "some-thing") if part.startswith(":") else part for part in route.path.split("/")
    )


def body(route: Route) -> object:
    """The least that a verb may bring."""
    return {} if route.verb in ("POST", "PUT", "PATCH") else None


async def registered(client: Client) -> set[tuple[str, str]]:
    """Controller and action of all that is there."""
    api = await client.succeed("server:publicApi")
    return {(controller, action) for controller, actions in api.items() for action in actions}


async def test_every_route_reaches_its_action_where_all_is_open(
    start_gateway: StartGateway, connect: Connect, connect_http: ConnectHttp
) -> None:
    """No route of an action that there is ends in `url_not_found`, in another action, or in a fault of ours."""
    gateway = await start_gateway(security={"initial_rights": "open"})
    there, client = await registered(await connect(gateway)), await connect_http(gateway)
    walked = set()

    for route in ROUTES:
        if (route.controller, route.action) not in there or route.action == CLOSES:
            continue
        answer = await client.ask(route.verb, url(route), body=body(route))
        if (route.controller, route.action) not in RAW:
            envelope = answer.envelope
            assert (route.controller, route.action) == (envelope["controller"], envelope["action"]), route
            error_id = (envelope["error"] or {}).get("id")
            assert error_id not in ("network.http.url_not_found", "api.process.action_not_found"), route
        assert answer.status < 500, (route, answer)
        walked.add((route.controller, route.action))

    unrouted = {pair for pair in there if not routes_of(*pair)}
    assert {("security", CLOSES)} | unrouted == there - walked
    assert gateway.stop_wanted.is_set(), "admin:shutdown was reached"


async def test_routes_of_actions_that_there_are_not_say_so_to_those_who_may(
    start_gateway: StartGateway, connect: Connect, connect_http: ConnectHttp
) -> None:
    """404 in the name of the action; two of them the original routes to nowhere as well (http.md §2)."""
    gateway = await start_gateway(security={"initial_rights": "open"})
    there, client = await registered(await connect(gateway)), await connect_http(gateway)
    missing = [route for route in ROUTES if (route.controller, route.action) not in there]
    controllers = {controller for controller, _ in there}

    for route in missing:
        answer = await client.ask(route.verb, url(route), body=body(route))
        unknown = "action" if route.controller in controllers else "controller"
        assert (404, f"api.process.{unknown}_not_found") == (answer.status, answer.error_id), route
        assert (route.controller, route.action) == (answer.envelope["controller"], answer.envelope["action"])

    assert {("admin", "resetKuzzleData"), ("index", "getAutoRefresh")} <= {
        (one.controller, one.action) for one in missing
    }


async def test_a_head_of_any_route_is_a_404_without_a_body_and_runs_nothing(
    start_gateway: StartGateway, connect_http: ConnectHttp
) -> None:
    """The original has a HEAD for `/` only (http.md §2); what follows on the connection is read as it should be."""
    gateway = await start_gateway(security={"initial_rights": "open"})
    client = await connect_http(gateway)
    paths = ["/_healthcheck", "/_ready", *(url(route) for route in ROUTES if route.path != "/")]

    for path in paths:
        answer = await client.ask("HEAD", path)
        assert (404, b"") == (answer.status, answer.body), path
        assert int(answer.headers["content-length"]) > 0
        assert await client.succeed("GET", "/_now")

    assert not gateway.stop_wanted.is_set()


async def test_every_route_is_guarded_by_rights(
    start_gateway: StartGateway, connect: Connect, connect_http: ConnectHttp
) -> None:
    """A stranger gets 401 with the names of controller and action, be the action there or not, or else its answer."""
    gateway = await start_gateway()
    there, client = await registered(await connect(gateway)), await connect_http(gateway)
    allowed = set()

    for route in ROUTES:
        answer = await client.ask(route.verb, url(route), body=body(route))
        if answer.status == 401 and answer.error_id == "security.rights.unauthorized":
            assert [route.controller, route.action, "-1"] == answer.envelope["error"]["props"]
        elif (route.controller, route.action) not in RAW:
            allowed.add((route.controller, route.action))
            assert (route.controller, route.action) == (answer.envelope["controller"], answer.envelope["action"])

    assert allowed <= there
    assert {("auth", "login"), ("server", "publicApi"), ("auth", "checkToken")} <= allowed
    assert {"auth", "server", "security"} >= {controller for controller, _ in allowed}
    assert {"createFirstAdmin"} >= {action for controller, action in allowed if controller == "security"}


@pytest.mark.parametrize("verb", ["GET", "POST", "PUT", "DELETE", "PATCH"])
async def test_a_url_that_leads_nowhere_says_so(
    verb: str, start_gateway: StartGateway, connect_http: ConnectHttp
) -> None:
    """Before anybody asks for rights: 404, the path without its query, and no controller."""
    client = await connect_http(await start_gateway())

    answer = await client.ask(verb, "/no/such/path%20here/?a=b", body=body(ROUTES[0]))

    assert (404, "network.http.url_not_found") == (answer.status, answer.error_id)
    assert ["/no/such/path here"] == answer.envelope["error"]["props"]
    assert (None, None) == (answer.envelope["controller"], answer.envelope["action"])
