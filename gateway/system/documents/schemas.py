"""Actions → JSON Schemas: of arguments, results and envelopes; both documents are made of these.

Rules of the file: pure. Arguments are described from the very structs that read them; a schema may be narrower than
its reader, which takes "7" for 7, but never wider. All of it is JSON Schema draft 07 as well as 2020-12, since
AsyncAPI speaks the one and OpenAPI the other. Sources: frames.md §2, §3; http.md §1.
"""

import typing
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct, UnsetType

from gateway.actions import Reply
from gateway.protocol.json_schema import json_schemas
from gateway.protocol.native_actions import NATIVE_ACTIONS
from gateway.protocol.signatures import Signature, Signatures
from gateway.system.documents.bodies import BODIES
from gateway.system.documents.results import RESULTS
from gateway.system.documents.words import FORMS, WORDS

__all__ = ["Described", "answer", "describe", "envelopes", "is_native", "ref", "referenced", "request"]

Json = dict[str, Any]

_REF = "#/components/schemas/{name}"
_LARGEST_SAFE_INTEGER = 2**53 - 1
_SAFE = {"minimum": -_LARGEST_SAFE_INTEGER, "maximum": _LARGEST_SAFE_INTEGER}
_LEAST_ERROR, _GREATEST_ERROR = 206, 599


class Described(Struct, frozen=True):
    """One action and its schemas.

    Attributes:
        controller, action: its name.
        signature: as the router tells it.
        arguments: name of the component that describes its arguments.
        component: that component; its description is the docstring of the arguments.
        result: schema of `result`, None where the answer has no such key.
        body: what is known of the body beyond its field's schema; an empty one where nothing is.
    """

    controller: str
    action: str
    signature: Signature
    arguments: str
    component: Json
    result: Json | None
    body: Json

    @property
    def fields(self) -> Json:
        """Argument → schema, the body included."""
        fields: Json = self.component["properties"]
        return fields

    @property
    def required(self) -> list[str]:
        """The arguments without a default."""
        required: list[str] = self.component.get("required", [])
        return required

    @property
    def name(self) -> str:
        """`controller:action`."""
        return f"{self.controller}:{self.action}"


def is_native(controller: str, action: str) -> bool:
    """Tell an action of the protocol from one that only this server has."""
    return action in NATIVE_ACTIONS.get(controller, ())


def ref(name: str) -> Json:
    """A reference to a schema among the components."""
    return {"$ref": _REF.format(name=name)}


def describe(signatures: Signatures) -> tuple[list[Described], Json]:
    """Describe actions, in the order of their names.

    Returns:
        The actions, and the components that their schemas refer to.
    """
    named = [(c, a, actions[a]) for c, actions in sorted(signatures.items()) for a in sorted(actions)]
    types = [kind for one in named for kind in _types(*one)]
    schemas, components = json_schemas(types, _REF)
    names, results, bodies = [_target(schema) for schema in schemas[::3]], schemas[1::3], schemas[2::3]
    components = {name: _bounded(component) for name, component in components.items()}
    for name in {name for name, (c, a, _) in zip(names, named, strict=True) if is_native(c, a)}:
        components[name] = _worded(components[name])
    described = [
        Described(*one, name, components[name], None if one[2].result is UnsetType else result, body)
        for one, name, result, body in zip(named, names, results, bodies, strict=True)
    ]
    return described, components


def _types(controller: str, action: str, signature: Signature) -> tuple[Any, Any, Any]:
    """What describes arguments, result and body of an action."""
    name = f"{controller}:{action}"
    return signature.arguments, _result(name, signature.result), BODIES.get(name, Any)


def _result(name: str, annotation: Any) -> Any:
    """What describes a result: our own word for it, else the annotation, else nothing."""
    if name in RESULTS:
        return RESULTS[name]
    if annotation is UnsetType or Reply in (annotation, *typing.get_args(annotation)):
        return Any
    try:
        json_schemas([annotation], _REF)
    except TypeError:  # a handler may return whatever its author likes to annotate
        return Any
    return annotation


def _target(schema: Json) -> str:
    return str(schema["$ref"]).rsplit("/", 1)[1]


def _bounded(schema: Any) -> Any:
    """Say of every integer that it must be one that JSON can carry exactly, as the readers demand."""
    if isinstance(schema, list):
        return [_bounded(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {name: _bounded(part) for name, part in schema.items()}
    return _SAFE | parts if parts.get("type") == "integer" else parts


def _worded(component: Json) -> Json:
    properties = {name: _field(name, schema) for name, schema in component["properties"].items()}
    return component | {"properties": properties}


def _field(name: str, schema: Json) -> Json:
    """Add what is known of an argument to what its type tells; a default of null says nothing."""
    if "$ref" in schema:
        return schema
    told = {key: value for key, value in schema.items() if key != "default" or value is not None}
    words = {"description": WORDS[name]} if name in WORDS else {}
    return words | FORMS.get(name, {}) | told


def request(described: Described) -> Json:
    """The schema of a whole request for an action, as the socket and `POST /_query` take it."""
    parts = [ref(described.arguments)] if described.fields else []
    return {"allOf": [ref("envelope.request"), *parts, {"properties": _names(described) | _told_body(described)}]}


def _told_body(described: Described) -> Json:
    if not described.body:
        return {}
    is_optional = "body" not in described.required
    return {"body": {"anyOf": [described.body, {"type": "null"}]} if is_optional else described.body}


def answer(described: Described) -> Json:
    """The schema of the answer to a request that succeeded."""
    properties = _names(described)
    if described.result is None:
        return {"allOf": [ref("envelope.answer"), {"properties": properties, "not": {"required": ["result"]}}]}
    properties |= {"result": described.result}
    return {"allOf": [ref("envelope.answer"), {"properties": properties, "required": ["result"]}]}


def _names(described: Described) -> Json:
    return {"controller": {"const": described.controller}, "action": {"const": described.action}}


def envelopes(*, has_room: bool) -> Json:
    """The components that requests and answers share; only a socket's answers have `room`."""
    common = _ANSWER_KEYS | ({"room": {"type": "string", "description": "The `requestId`."}} if has_room else {})
    required = [name for name in common if name not in ("index", "collection")]
    status = {"type": "integer", "minimum": _LEAST_ERROR, "maximum": _GREATEST_ERROR}
    return {
        "envelope.request": _REQUEST,
        "envelope.answer": {
            "type": "object",
            "properties": common | {"error": {"type": "null"}, "status": {"const": 200}, "result": {}},
            "required": [*required, "error", "status"],
        },
        "envelope.error": {
            "type": "object",
            "properties": common | {"error": ref("error"), "status": status, "result": {}},
            "required": [*required, "error", "status"],
        },
        "error": _ERROR,
    }


_REQUEST: Json = {
    "type": "object",
    "properties": {
        "controller": {"type": "string", "minLength": 1},
        "action": {"type": "string", "minLength": 1},
        "requestId": {"type": "string", "description": "Comes back with the answer; made where it is missing."},
        "jwt": {"type": ["string", "null"], "description": "A login token or an API key; none for anonymous."},
        "volatile": {"type": ["object", "null"], "description": "Comes back with the answer."},
    },
    "required": ["controller", "action"],
    # What has these is an answer: on the socket no message may be both.
    "not": {"required": ["node", "requestId", "status"]},
}

_ANSWER_KEYS: Json = {
    "action": {"type": ["string", "null"]},
    "collection": {"description": "As sent; missing where it was."},
    "controller": {"type": ["string", "null"]},
    "headers": {"type": "object"},
    "index": {"description": "As sent; missing where it was."},
    "node": {"type": "string", "description": "Which process answers."},
    "requestId": {"description": "The request's; a text, but for a frame that cannot be read."},
    "volatile": {"type": ["object", "null"], "description": "As sent."},
}

_ERROR: Json = {
    "type": "object",
    "description": "What went wrong; `id`, `code` and `props` are missing where the catalogue has no entry for it.",
    "properties": {
        "code": {"type": "integer"},
        "id": {"type": "string", "description": "`domain.subdomain.name`"},
        "message": {"type": "string", "minLength": 1, "description": "One sentence for people."},
        "props": {"type": "array", "description": "What the sentence was filled with."},
        "status": {"type": "integer", "minimum": _LEAST_ERROR, "maximum": _GREATEST_ERROR},
        "count": {"type": "integer", "description": "How many `errors` there are."},
        "errors": {"type": "array", "items": ref("error"), "description": "What befell the parts."},
    },
    "required": ["message", "status"],
}


def referenced(document: Json) -> Json:
    """Leave out the component schemas that nothing in the document leads to."""
    schemas = document["components"]["schemas"]
    rest = document | {"components": {name: part for name, part in document["components"].items() if name != "schemas"}}
    found: set[str] = set()
    waiting = set(_targets(rest))
    while waiting:
        found |= waiting
        waiting = {target for name in waiting for target in _targets(schemas[name])} - found
    kept = {name: schema for name, schema in schemas.items() if name in found}
    return document | {"components": document["components"] | {"schemas": kept}}


def _targets(part: Any) -> Iterator[str]:
    children: Iterable[Any] = ()
    if isinstance(part, dict):
        children = part.values()
        prefix, _, name = str(part.get("$ref", "")).rpartition("/")
        if prefix == "#/components/schemas":
            yield name
    elif isinstance(part, list):
        children = part
    for child in children:
        yield from _targets(child)
