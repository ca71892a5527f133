"""Schemas: what they let through is accepted, what they say of integers and words, what they leave out."""

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import Arguments, Controller, Reply, action
from gateway.protocol.arguments import read
from gateway.protocol.codec import ArgumentsDecoder
from gateway.protocol.signatures import Signatures
from gateway.routing import Router
from gateway.system.documents.bodies import BODIES
from gateway.system.documents.results import PARTIAL, RAW, RESULTS
from gateway.system.documents.schemas import Described, describe, referenced, request
from gateway.system.documents.words import FORMS, WORDS

Json = dict[str, Any]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def values(schema: Json, components: Json) -> st.SearchStrategy[Any]:
    """Values that a schema lets through, as far as schemas of arguments go."""
    if "$ref" in schema:
        return values(components[schema["$ref"].rsplit("/", 1)[1]], components)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kinds = schema.get("type", "anything")
    if isinstance(kinds, list) or "anyOf" in schema:
        each = schema.get("anyOf") or [schema | {"type": kind} for kind in kinds]
        return st.one_of(*(values(one, components) for one in each))
    return OF_KIND[kinds](schema, components)


def objects(schema: Json, components: Json) -> st.SearchStrategy[Any]:
    """Objects with the declared fields, or with any."""
    if "properties" not in schema:
        return st.dictionaries(st.text(max_size=3), JSON, max_size=2)
    fields = {name: values(part, components) for name, part in schema["properties"].items()}
    optional = {name: fields.pop(name) for name in fields.keys() - set(schema.get("required", ()))}
    return st.fixed_dictionaries(fields, optional=optional)


OF_KIND: dict[str, Callable[[Json, Json], st.SearchStrategy[Any]]] = {
    "anything": lambda _, __: JSON,
    "array": lambda schema, parts: st.lists(values(schema["items"], parts) if "items" in schema else JSON, max_size=2),
    "boolean": lambda _, __: st.booleans(),
    "integer": lambda schema, _: st.integers(schema["minimum"], schema["maximum"]),
    "null": lambda _, __: st.none(),
    "number": lambda _, __: st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False),
    "object": objects,
    "string": lambda schema, _: st.text(min_size=schema.get("minLength", 0), max_size=9),
}
"""The word for a type → its values."""


def named(signatures: Signatures, *, name: str) -> tuple[Described, Json]:
    """One action of some, and the components."""
    described, components = describe(signatures)
    return next(one for one in described if one.name == name), components


@pytest.fixture(scope="module")
def takers(extended: Signatures) -> tuple[list[Described], Json]:
    """The actions that take something, one for each shape, and the components."""
    described, components = describe(extended)
    return list({one.arguments: one for one in described if one.fields}.values()), components


@settings(max_examples=500, deadline=None)
@given(data=st.data())
def test_what_a_schema_lets_through_is_accepted(data: st.DataObject, takers: tuple[list[Described], Json]) -> None:
    """By the decoder, which reads in one step, and by the reader that goes field by field."""
    described, components = takers
    one = data.draw(st.sampled_from(described))
    arguments = data.draw(values(one.component, components))
    shape = one.signature.arguments

    assert jsonschema.Draft7Validator({**one.component, "components": {"schemas": components}}).is_valid(arguments)
    assert isinstance(read(shape, arguments), shape)
    assert isinstance(ArgumentsDecoder(shape).decode(json.dumps(arguments).encode()), shape)


def test_a_request_has_the_name_of_its_action(signatures: Signatures) -> None:
    """Beside its arguments, and beside what every request may have."""
    one, components = named(signatures, name="security:createApiKey")
    document = {**request(one), "components": {"schemas": components | {"envelope.request": {}}}}
    frame = {"controller": "security", "action": "createApiKey", "userId": "u", "body": {"description": ""}}

    jsonschema.validate(frame, document)
    for wrong in (frame | {"action": "createUser"}, frame | {"userId": 5}, frame | {"body": {}}):
        assert not jsonschema.Draft7Validator(document).is_valid(wrong)


def test_integers_are_those_that_json_can_carry(extended: Signatures) -> None:
    """At the root and in bodies."""
    one, components = named(extended, name="weather/thermometer:report")
    safe = {"type": "integer", "minimum": -(2**53) + 1, "maximum": 2**53 - 1}

    assert safe == one.fields["size"]
    assert safe == components["Reading"]["properties"]["celsius"]


def test_words_are_for_the_actions_of_the_protocol_only(extended: Signatures) -> None:
    """What an extension calls `size` may be anything."""
    ours, _ = named(extended, name="security:searchApiKeys")
    theirs, _ = named(extended, name="weather/thermometer:report")

    assert WORDS["size"] == ours.fields["size"]["description"]
    assert "description" not in theirs.fields["size"]


def test_every_argument_has_a_word_and_every_word_an_argument(signatures: Signatures) -> None:
    """Nothing of ours is left unsaid, and nothing is said of what is not there."""
    described, _ = describe(signatures)
    names = {name for one in described for name in one.fields} - {"body"}

    assert names == set(WORDS)
    assert set(FORMS) <= names


def test_every_named_result_and_body_is_that_of_an_action(signatures: Signatures) -> None:
    """A table that names what is not there describes nothing."""
    described, _ = describe(signatures)

    assert set(RESULTS) | PARTIAL | set(RAW) <= {one.name for one in described}
    assert set(BODIES) == {one.name for one in described if "body" in one.fields and one.body}


@pytest.mark.parametrize(
    ("body", "is_described"),
    [({"token": "t"}, True), ({}, True), (None, True), ({"token": 5}, False), ([], False)],
    ids=str,
)
def test_a_request_may_leave_out_a_body_that_has_a_default(
    signatures: Signatures, body: Any, *, is_described: bool
) -> None:
    """Null is no body; one that is there is of its shape."""
    one, components = named(signatures, name="auth:checkToken")
    document = {**request(one), "components": {"schemas": components | {"envelope.request": {}}}}
    validator = jsonschema.Draft7Validator(document)

    assert is_described is validator.is_valid({"controller": "auth", "action": "checkToken", "body": body})
    assert validator.is_valid({"controller": "auth", "action": "checkToken"})


class Odd(Controller):
    """Handlers whose annotations say little or nothing."""

    name = "odd"

    @action("reply")
    def reply(self) -> Reply | dict[str, int]:
        """Answer with more than a value."""
        return {}

    @action("unset")
    def unset(self) -> msgspec.UnsetType:
        """Answer without a result."""
        return msgspec.UNSET

    @action("bare")
    def bare(self):  # type: ignore[no-untyped-def] # noqa: ANN201 - this is what a user may write
        """Answer with what nobody has announced."""

    @action("strange")
    def strange(self) -> type[int]:
        """Answer with what JSON has no form for."""
        return int


@pytest.mark.parametrize(("name", "result"), [("reply", {}), ("unset", None), ("bare", {}), ("strange", {})])
def test_an_annotation_that_says_nothing_lets_everything_through(name: str, result: Json | None) -> None:
    """Handlers are documented as far as they go, and none of them stops the document."""
    one, _ = named(Router([Odd()]).signatures, name=f"odd:{name}")

    assert result == one.result


class Left(Controller):
    """One of two controllers whose shapes have one name."""

    name = "left"

    class Shape(Arguments, frozen=True):
        """Arguments of the left."""

        left: str

    @action("go")
    def go(self, arguments: Shape) -> None:
        """Go left."""


class Right(Controller):
    """The other one."""

    name = "right"

    class Shape(Arguments, frozen=True):
        """Arguments of the right."""

        right: str

    @action("go")
    def go(self, arguments: Shape) -> None:
        """Go right."""


def test_shapes_of_one_name_stay_apart() -> None:
    """Two extensions need not know of each other."""
    described, components = describe(Router([Left(), Right()]).signatures)

    assert [{"left"}, {"right"}] == [set(components[one.arguments]["properties"]) for one in described]


def test_only_what_is_referred_to_is_kept() -> None:
    """Directly or by way of another schema, itself included."""
    schemas = {
        "used": {"items": [{"$ref": "#/components/schemas/inner"}]},
        "inner": {"$ref": "#/components/schemas/used"},
        "idle": {"$ref": "#/components/schemas/idle"},
    }
    document = {"paths": {"$ref": "#/components/schemas/used"}, "components": {"schemas": schemas, "other": {}}}

    assert {"used", "inner"} == set(referenced(document)["components"]["schemas"])
