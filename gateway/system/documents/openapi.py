"""Actions → an OpenAPI 3.1 document of the HTTP face.

Rules of the file: pure. Paths come from the route table, parameters from the argument structs. What HTTP does to types
is said here and nowhere else: query arguments are text, a boolean is a flag whose presence counts, arrays and objects
are JSON. Source: http.md.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.protocol.routes import Route, routes_of
from gateway.protocol.signatures import Signatures
from gateway.system.documents.results import PARTIAL, RAW
from gateway.system.documents.schemas import (
    Described,
    answer,
    describe,
    envelopes,
    is_native,
    ref,
    referenced,
    request,
)

__all__ = ["openapi"]

Json = dict[str, Any]

_DESCRIPTION = """\
What this server answers over HTTP, generated from the actions that it runs.

Every answer of an action is an envelope: `result` on success, `error` otherwise, and a `status` that is also the
status of the HTTP answer. What an action takes beside its body stands in the path or in the query; a flag is set by
being there, and `=false` and `=0` unset it. `refresh` is taken everywhere and changes nothing: what was answered can
be found. Bodies may also be sent as `application/x-www-form-urlencoded` or `multipart/form-data`.

Who asks is told by a bearer token, an API key or a login's, or by a cookie; without either it is the anonymous user,
whose rights are what the administrator makes them.
"""


def openapi(signatures: Signatures, *, version: str, native: bool = True) -> Json:
    """Describe the HTTP face.

    Args:
        signatures: of every registered action.
        version: of the server.
        native: the actions of the protocol, and what the port answers beside them; otherwise those that only this
            server has: they have no routes, so `POST /_query` is how they are reached.
    """
    described, components = describe(signatures)
    chosen = [one for one in described if is_native(one.controller, one.action) is native]
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "Latchgate" if native else "Latchgate, own actions",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"token": []}, {"cookie": []}],
        "tags": [{"name": name} for name in sorted({one.controller for one in chosen})],
        "paths": _paths(chosen) | (_PROBES | _query([]) if native else _query(chosen)),
        "components": _COMPONENTS | {"schemas": components | envelopes(has_room=False)},
    }
    return referenced(document)


def _paths(described: Iterable[Described]) -> Json:
    """Every route; paths that differ in the names of parameters only are one path, with the names of the first."""
    templates: dict[str, str] = {}
    paths: dict[str, Json] = {}
    for one in described:
        for number, route in enumerate(routes_of(one.controller, one.action), 1):
            written = _template(route.path)
            path = templates.setdefault(re.sub(r"\{\w+\}", "{}", written), written)
            names = dict(zip(_names(written), _names(path), strict=True))
            item = paths.setdefault(path, {"parameters": _EVERYWHERE})
            item[route.verb.lower()] = _operation(one, route, number, names)
    return dict(sorted(paths.items()))


def _template(path: str) -> str:
    """`/users/:_id/` → `/users/{_id}`."""
    return re.sub(r":(\w+)", r"{\1}", path.rstrip("/")) or "/"


def _names(template: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", template)


def _operation(described: Described, route: Route, number: int, names: Mapping[str, str]) -> Json:
    """One way to reach an action.

    Args:
        described: the action.
        route: the way.
        number: which of the action's ways it is, from 1.
        names: parameter of the path → what the document calls it.
    """
    identifier = f"{described.controller}.{described.action}"
    operation: Json = {
        "operationId": identifier if number == 1 else f"{identifier}.{number}",
        "tags": [described.controller],
        "summary": described.signature.summary,
    }
    if route.is_deprecated:
        operation["deprecated"] = True
    if described.signature.logged_in_only:
        operation["security"] = [{"token": []}, {"cookie": []}]
    in_path = [_path_parameter(described, name, shown) for name, shown in names.items()]
    in_query = [_query_parameter(described, name) for name in described.fields if name not in {*names, "body"}]
    if parameters := in_path + in_query:
        operation["parameters"] = parameters
    if "body" in described.fields and (route.verb != "GET" or "body" in described.required):
        operation["requestBody"] = _body(described)
    responses = _responses(described)
    if route.path == "/":
        responses["200"]["content"] |= _PAGE
    return operation | {"responses": responses}


def _path_parameter(described: Described, name: str, shown: str) -> Json:
    field = described.fields.get(name, {})
    schema = {"type": "string", "minLength": 1} | _said(field)
    return {"name": shown, "in": "path", "required": True, **_words(field), "schema": schema}


def _query_parameter(described: Described, name: str) -> Json:
    field = _without_null(described.fields[name])
    parameter = {"name": name, "in": "query", "required": name in described.required, **_words(field)}
    schema = {part: value for part, value in field.items() if part != "description"}
    kind = schema.get("type")
    if kind in ("array", "object") or "$ref" in schema:
        return parameter | {"content": {"application/json": {"schema": schema}}}
    if kind == "boolean":
        return parameter | {"allowEmptyValue": True, "schema": schema}
    if kind not in ("string", "integer"):
        schema = {"type": "string"} | _said(schema)
    return parameter | {"schema": schema}


def _said(schema: Json) -> Json:
    """What a schema says of its values where they are text."""
    lists = {name: [value for value in schema.get(name, ()) if isinstance(value, str)] for name in ("enum", "examples")}
    return {name: values for name, values in lists.items() if values}


def _words(schema: Json) -> Json:
    return {"description": schema["description"]} if "description" in schema else {}


def _without_null(schema: Json) -> Json:
    """The same schema for where null cannot be sent: what is not there is left out."""
    kept = {name: part for name, part in schema.items() if name != "default" or part is not None}
    kinds = [kind for kind in kept.pop("anyOf", []) if kind != {"type": "null"}]
    return kept | kinds[0] if len(kinds) == 1 else kept


def _body(described: Described) -> Json:
    schema = _without_null(described.fields["body"])
    return {
        **_words(described.component),
        "required": "body" in described.required,
        "content": {"application/json": {"schema": described.body or schema or {"type": ["array", "object"]}}},
    }


def _responses(described: Described) -> Json:
    if described.name in RAW:
        document = {"schema": {"type": "object", "required": [RAW[described.name]]}}
        kinds = dict.fromkeys(("application/json", "application/yaml"), document)
        return {"200": {"description": "The document, without an envelope.", "content": kinds}, **_ERROR}
    responses = {"200": _enveloped("Done.", answer(described))}
    if described.name in PARTIAL:
        responses["206"] = _enveloped("Some of it was done: `result` says what.", _PARTIAL)
    return responses | _ERROR


def _enveloped(description: str, schema: Json) -> Json:
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Kuzzle-Request-Id", "X-Kuzzle-Node")}
    return {"description": description, "headers": headers, "content": {"application/json": {"schema": schema}}}


def _query(described: Iterable[Described]) -> Json:
    """`POST /_query`, for any request or for the requests of these actions."""
    requests = [request(one) for one in described]
    content = {"schema": {"oneOf": requests} if requests else ref("envelope.request")}
    operation = {
        "operationId": "query",
        "summary": "Send a request as it would go over the socket.",
        "description": "A `jwt` in the body wins over the `Authorization` header.",
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {
            "200": _enveloped("Done.", ref("envelope.answer")),
            "206": _enveloped("Some of it was done: `result` says what.", _PARTIAL),
            **_ERROR,
        },
    }
    return {"/_query": {"parameters": _EVERYWHERE[1:], "post": operation}}


def _probe(identifier: str, summary: str) -> Json:
    done = {"properties": {"controller": {"type": "null"}, "action": {"type": "null"}}}
    return {
        "parameters": _EVERYWHERE[1:],
        "get": {
            "operationId": identifier,
            "summary": summary,
            "security": [],
            "responses": {"200": _enveloped("Yes.", {"allOf": [ref("envelope.answer"), done]}), **_ERROR},
        },
    }


_PAGE: Json = {"text/html": {"schema": {"type": "string", "description": "For a browser, which asks for it by name."}}}
_ERROR: Json = {"default": {"$ref": "#/components/responses/error"}}
_PARTIAL: Json = {"allOf": [ref("envelope.error"), {"properties": {"status": {"const": 206}}}]}
_EVERYWHERE: list[Json] = [{"$ref": f"#/components/parameters/{name}"} for name in ("volatile", "requestId", "pretty")]
"""The parameters of every path; the first is not for what takes a whole request, or none."""

_PROBES: Json = {
    "/_healthcheck": _probe("healthcheck", "Whether the process lives."),
    "/_ready": _probe("ready", "Whether requests will be taken; 503 while it starts, stops or is overloaded."),
}

_COMPONENTS: Json = {
    "securitySchemes": {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A login token (`kauth-…`) or an API key (`kapikey-…`), exactly as it was issued.",
        },
        "cookie": {"type": "apiKey", "in": "cookie", "name": "authToken"},
    },
    "parameters": {
        "volatile": {
            "name": "X-Kuzzle-Volatile",
            "in": "header",
            "description": "Comes back as `volatile` of the answer.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
        "requestId": {
            "name": "X-Kuzzle-Request-Id",
            "in": "header",
            "description": "Comes back as `requestId` of the answer; made where it is missing.",
            "schema": {"type": "string"},
        },
        "pretty": {
            "name": "pretty",
            "in": "query",
            "description": "Indent the answer.",
            "allowEmptyValue": True,
            "schema": {"type": "boolean"},
        },
    },
    "headers": {
        "X-Kuzzle-Request-Id": {"description": "The `requestId` of the answer.", "schema": {"type": "string"}},
        "X-Kuzzle-Node": {"description": "The `node` of the answer.", "schema": {"type": "string"}},
        "Retry-After": {"description": "Seconds to wait, with status 429.", "schema": {"type": "integer"}},
    },
    "responses": {
        "error": {
            "description": "It was not done: `error` says why.",
            "headers": {"Retry-After": {"$ref": "#/components/headers/Retry-After"}},
            "content": {"application/json": {"schema": ref("envelope.error")}},
        }
    },
}
