"""OpenAPI: valid, complete, and true to what HTTP makes of the arguments."""

import re
from collections import Counter
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from gateway.protocol.routes import ROUTES, Route, routes_of
from gateway.protocol.signatures import Signature, Signatures
from gateway.system.documents import openapi as module
from gateway.system.documents.openapi import openapi
from tests.system.documents.conftest import Report

Json = dict[str, Any]

BUILT_IN = {("get", "/_healthcheck"), ("get", "/_ready"), ("post", "/_query")}


def made(signatures: Signatures, *, native: bool = True) -> Json:
    """The document."""
    return openapi(signatures, version="1.2.3", native=native)


def operations(document: Json) -> dict[tuple[str, str], Json]:
    """(verb, path) → operation, with the parameters of its path resolved and added."""
    found = {}
    for path, item in document["paths"].items():
        shared = [document["components"]["parameters"][_last(each["$ref"])] for each in item["parameters"]]
        for verb in item.keys() - {"parameters"}:
            found[verb, path] = item[verb] | {"parameters": shared + item[verb].get("parameters", [])}
    return found


def key(route: Route) -> tuple[str, str]:
    """Where a route stands in the document, if nobody else has named the parameters of its path before."""
    return route.verb.lower(), re.sub(r":(\w+)", r"{\1}", route.path).rstrip("/") or "/"


def _last(reference: str) -> str:
    return reference.rsplit("/", 1)[1]


@pytest.fixture(scope="module")
def document(signatures: Signatures) -> Json:
    """The document of our own actions."""
    return made(signatures)


def with_shape(shape: Any, controller: str = "server", name: str = "now") -> Json:
    """The document of one action whose arguments have this shape."""
    return made({controller: {name: Signature(shape, Any, "Summary.", logged_in_only=False)}})


@pytest.mark.parametrize("native", [True, False], ids=["kuzzle", "app"])
def test_the_document_is_openapi(extended: Signatures, *, native: bool) -> None:
    """As the schema of the OpenAPI Initiative and the rules beyond it have it, and JSON as well."""
    document = made(extended, native=native)

    validate(msgspec.json.decode(msgspec.json.encode(document)), cls=OpenAPIV31SpecValidator)


def test_the_validator_is_not_blind(document: Json) -> None:
    """It finds two operations of one name, and a parameter of a path that is not described."""
    for spoiled in (
        document | {"paths": document["paths"] | {"/again": document["paths"]["/_now"]}},
        document | {"paths": {"/users/{nobody}": document["paths"]["/_now"]}},
    ):
        assert list(OpenAPIV31SpecValidator(spoiled).iter_errors())


def test_every_route_of_an_action_that_exists_is_described_and_no_other(document: Json, signatures: Signatures) -> None:
    """And beside them what the port answers by itself."""
    expected = {key(route) for route in ROUTES if route.action in signatures.get(route.controller, ())}

    assert expected | BUILT_IN == set(operations(document))


def test_every_action_of_the_protocol_is_described(document: Json, extended: Signatures) -> None:
    """Its name is that of its first route's operation; an extension's is not there."""
    names = {operation["operationId"] for operation in operations(document).values()}
    native = {
        f"{controller}.{name}" for controller, actions in extended.items() if "/" not in controller for name in actions
    }

    assert native <= names
    assert names == {operation["operationId"] for operation in operations(made(extended)).values()}


def test_every_parameter_of_every_route_is_described_once(document: Json, signatures: Signatures) -> None:
    """Those of the path there, the other arguments in the query, the body as such; three that every path has."""
    described = operations(document)
    for route in ROUTES:
        if route.action not in signatures.get(route.controller, ()):
            continue
        operation = described[key(route)]
        shape = signatures[route.controller][route.action].arguments
        in_path = re.findall(r":(\w+)", route.path)
        in_query = {field.encode_name for field in msgspec.structs.fields(shape)} - {*in_path, "body"}
        expected = Counter([("path", name) for name in in_path] + [("query", name) for name in in_query])
        expected.update([("header", "X-Kuzzle-Volatile"), ("header", "X-Kuzzle-Request-Id"), ("query", "pretty")])

        assert expected == Counter((each["in"], each["name"]) for each in operation["parameters"]), route


def test_identifiers_tell_the_routes_of_an_action_apart(document: Json) -> None:
    """The first has the plain name; those that follow are numbered in the order of the table."""
    described = operations(document)
    for name in ("auth:login", "auth:getCurrentUser", "security:createUser", "server:info"):
        controller, action = name.split(":")
        found = [described[key(route)]["operationId"] for route in routes_of(controller, action)]

        assert [f"{controller}.{action}", f"{controller}.{action}.2"] == found


def test_deprecated_routes_are_marked(document: Json) -> None:
    """Exactly those of the table."""
    described = operations(document)
    marked = {place for place, operation in described.items() if operation.get("deprecated")}

    assert {key(route) for route in ROUTES if route.is_deprecated} & set(described) == marked
    assert marked


@pytest.mark.parametrize(
    ("name", "required", "form"),
    [
        ("id", True, {"schema": {"type": "string", "minLength": 1}}),
        ("other", False, {"schema": {"type": "string", "minLength": 1}}),
        ("size", True, {"schema": {"type": "integer", "minimum": 1 - 2**53, "maximum": 2**53 - 1}}),
        ("loud", False, {"schema": {"type": "boolean", "default": False}, "allowEmptyValue": True}),
        ("name", False, {"schema": {"type": "string", "default": "nobody"}}),
        ("tags", True, {"content": {"application/json": {"schema": {"type": "array"}}}}),
        ("extra", False, {"content": {"application/json": {"schema": {"type": "object"}}}}),
        ("anything", False, {"schema": {"type": "string"}}),
    ],
)
def test_an_argument_is_described_as_the_query_carries_it(name: str, form: Json, *, required: bool) -> None:
    """Text for what takes anything, flags that may stand alone, JSON for arrays and objects, and never null."""
    found = operations(with_shape(Report))["get", "/_now"]["parameters"]
    (parameter,) = [each for each in found if each["name"] == name]

    words = {"name": name, "in": "query", "required": required}
    assert words | form == {part: value for part, value in parameter.items() if part != "description"}


def test_an_argument_in_the_path_is_required_text(document: Json) -> None:
    """Whatever it is on the socket, where `_id` may be left out."""
    parameters = operations(document)["post", "/users/{_id}/_create"]["parameters"]
    (parameter,) = [each for each in parameters if each["name"] == "_id"]

    assert ("path", True, {"type": "string", "minLength": 1}) == (
        parameter["in"],
        parameter["required"],
        parameter["schema"],
    )


def test_a_choice_is_offered_as_one(document: Json) -> None:
    """`lang` takes anything, and the action knows two."""
    parameters = operations(document)["post", "/users/{userId}/api-keys/_search"]["parameters"]
    (parameter,) = [each for each in parameters if each["name"] == "lang"]

    assert {"type": "string", "enum": ["elasticsearch", "koncorde"]} == parameter["schema"]


@pytest.mark.parametrize(
    ("place", "required", "schema"),
    [
        (("post", "/users/{userId}/api-keys/_create"), True, {"$ref": "#/components/schemas/Description"}),
        (("post", "/users/_create"), True, {"$ref": "#/components/schemas/NewUser"}),
        (("post", "/_checkToken"), False, {"$ref": "#/components/schemas/AskedToken"}),
        (("put", "/_me"), True, {"type": "object"}),
        (("post", "/users/_search"), False, {"type": "object"}),
        (("put", "/{index}/{collection}"), False, {"type": ["array", "object"]}),
        (("delete", "/_mDelete"), True, {"$ref": "#/components/schemas/Indexes"}),
    ],
    ids=str,
)
def test_a_body_is_required_unless_it_has_a_default(
    document: Json, place: tuple[str, str], schema: Json, *, required: bool
) -> None:
    """Its schema is that of its struct, what is known of it, an object, or what may stand in a body at all."""
    body = operations(document)[place]["requestBody"]

    assert (required, {"application/json": {"schema": schema}}) == (body["required"], body["content"])


@pytest.mark.parametrize("place", [("get", "/_login/{strategy}"), ("get", "/users/_mGet"), ("get", "/_now")], ids=str)
def test_nobody_is_asked_to_send_a_body_with_get(document: Json, place: tuple[str, str]) -> None:
    """What the body would hold stands in the query, too."""
    assert "requestBody" not in operations(document)[place]


def test_paths_that_differ_in_names_only_are_one_path(signatures: Signatures, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenAPI forbids two; the names are those of the first, whatever the action calls them."""
    routes = {
        "getUser": [Route("GET", "/users/:_id", "security", "getUser")],
        "revokeTokens": [Route("DELETE", "/users/:kuid/", "security", "revokeTokens")],
    }
    monkeypatch.setattr(module, "routes_of", lambda _, action: routes.get(action, []))
    document = made({"security": {name: signatures["security"][name] for name in routes}})
    validate(document, cls=OpenAPIV31SpecValidator)
    described = operations(document)

    assert {("get", "/users/{_id}"), ("delete", "/users/{_id}")} == set(described) - BUILT_IN
    assert ["_id"] == [
        each["name"] for each in described["delete", "/users/{_id}"]["parameters"] if each["in"] == "path"
    ]


def test_who_must_be_logged_in_is_said(document: Json) -> None:
    """Where anonymous callers are always refused; elsewhere their rights decide."""
    described = operations(document)

    assert [{"token": []}, {"cookie": []}] == described["put", "/_me"]["security"]
    assert "security" not in described["get", "/_now"]
    assert {} in document["security"]


def test_partial_success_is_described_where_it_happens(document: Json) -> None:
    """Three actions delete many, and `_query` may run them."""
    partial = {path for (_, path), operation in operations(document).items() if "206" in operation["responses"]}

    assert {"/_query", "/users/_mDelete", "/profiles/_mDelete", "/roles/_mDelete"} == partial


def test_documents_are_described_as_what_they_are(document: Json) -> None:
    """Without an envelope, in two forms."""
    for path, name in (("/_openapi", "openapi"), ("/_asyncapi", "asyncapi")):
        content = operations(document)["get", path]["responses"]["200"]["content"]

        assert {"application/json", "application/yaml"} == set(content)
        assert [[name], [name]] == [kind["schema"]["required"] for kind in content.values()]


def test_the_root_has_a_page_for_browsers(document: Json) -> None:
    """Beside the answer of the action, which every other client gets; its other route has no page."""
    described = operations(document)
    kinds = [set(described["get", path]["responses"]["200"]["content"]) for path in ("/", "/_serverInfo")]

    assert [{"application/json", "text/html"}, {"application/json"}] == kinds


def test_own_actions_are_reached_by_query(extended: Signatures) -> None:
    """They have no routes; each is one of the requests that `_query` takes."""
    document = made(extended, native=False)
    schema = operations(document)["post", "/_query"]["requestBody"]["content"]["application/json"]["schema"]
    names = [part["allOf"][-1]["properties"]["action"]["const"] for part in schema["oneOf"]]

    assert {"/_query"} == set(document["paths"])
    assert ["odd", "report"] == names
    assert [{"name": "weather/thermometer"}] == document["tags"]


def test_no_own_actions_leave_a_query_that_takes_any_request(signatures: Signatures) -> None:
    """A document without a path would be none."""
    document = made(signatures, native=False)
    schema = operations(document)["post", "/_query"]["requestBody"]["content"]["application/json"]["schema"]

    assert {"$ref": "#/components/schemas/envelope.request"} == schema


def test_answers_have_no_room_over_http(document: Json) -> None:
    """Everything else of the envelope is there (frames.md §3)."""
    schemas = document["components"]["schemas"]
    required = {"action", "controller", "error", "headers", "node", "requestId", "status", "volatile"}

    for name in ("envelope.answer", "envelope.error"):
        assert required == set(schemas[name]["required"])
        assert required | {"result", "index", "collection"} == set(schemas[name]["properties"])
