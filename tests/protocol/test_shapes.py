"""Shapes: bodies, order, dotted names and defaults, read in one step and field by field."""

import json
from typing import Annotated, Any

import pytest
from msgspec import Meta, defstruct, field

from gateway.protocol.arguments import Arguments, Body, NoArguments, check_shape, pick, read
from gateway.protocol.codec import ArgumentsDecoder
from gateway.protocol.errors import ApiError, BadRequestError

ABSENT = object()
LARGEST_SAFE = 2**53 - 1


def fields_of(name: str, value: Any) -> dict[str, Any]:
    """The root keys of a request with one argument, or without it."""
    return {} if value is ABSENT else {name: value}


def decode(shape: type[Any], fields: dict[str, Any]) -> Any:
    """Read the arguments the way a frame is read."""
    return ArgumentsDecoder(shape).decode(json.dumps(fields).encode())


def fault(shape: type[Any], fields: dict[str, Any]) -> tuple[str | None, tuple[Any, ...]]:
    """Id and props of the refusal, which is the same by both ways."""
    with pytest.raises(BadRequestError) as by_frame:
        decode(shape, fields)
    with pytest.raises(BadRequestError) as by_field:
        read(shape, fields)
    assert (by_field.value.id, by_field.value.props) == (by_frame.value.id, by_frame.value.props)
    return by_frame.value.id, by_frame.value.props


def name_of(value: Any) -> str:
    """A short name for a row."""
    return "absent" if value is ABSENT else getattr(value, "__name__", repr(value)[:24])


class Nested(Body, frozen=True):
    """An object inside a body."""

    profile_ids: list[Any]


class Content(Body, frozen=True):
    """A body."""

    description: str
    size: int = 10
    content: Nested | None = None


class WithBody(Arguments, frozen=True, kw_only=True):
    """Takes two arguments around a body."""

    user_id: str
    body: Content
    from_: int = field(name="from", default=0)


class WithFreeBody(Arguments, frozen=True):
    """Takes a body of any keys."""

    body: dict[str, Any]


class WithOptionalBody(Arguments, frozen=True):
    """Takes a body that may be left out."""

    body: Content | None = None
    size: int = 10


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("api.assert.missing_argument", ("userId",))),
        ({"body": None}, ("api.assert.missing_argument", ("userId",))),
        ({"userId": 5, "body": {"description": 5}, "from": "x"}, ("api.assert.invalid_type", ("userId", "string"))),
        ({"userId": "u", "from": "x"}, ("api.assert.body_required", ())),
        ({"userId": "u", "body": {}, "from": "x"}, ("api.assert.missing_argument", ("body.description",))),
        (
            {"userId": "u", "body": {"size": "x", "description": 5}},
            ("api.assert.invalid_type", ("body.description", "string")),
        ),
        (
            {"userId": "u", "body": {"size": "x", "description": "d"}, "from": "x"},
            ("api.assert.invalid_type", ("body.size", "integer")),
        ),
        ({"from": "x", "body": {"description": "d"}, "userId": "u"}, ("api.assert.invalid_type", ("from", "integer"))),
    ],
    ids=lambda value: name_of(value) if isinstance(value, dict) else "",
)
def test_the_first_field_of_the_shape_that_is_at_fault_wins(
    fields: dict[str, Any], expected: tuple[str, tuple[str, ...]]
) -> None:
    """The order of declaration decides which error is told, not the order of the frame."""
    assert expected == fault(WithBody, fields)


@pytest.mark.parametrize("shape", [WithFreeBody, WithBody], ids=name_of)
@pytest.mark.parametrize("body", [ABSENT, None], ids=name_of)
def test_a_body_that_is_required_and_absent_or_null_has_an_error_of_its_own(shape: type[Any], body: Any) -> None:
    """Absent and null are the same: no body."""
    assert ("api.assert.body_required", ()) == fault(shape, {"userId": "u", **fields_of("body", body)})


@pytest.mark.parametrize("body", [ABSENT, None], ids=name_of)
def test_a_body_with_a_default_may_be_absent_or_null(body: Any) -> None:
    """Neither is an error; the number as text makes the decoder read field by field."""
    fields = fields_of("body", body) | {"size": "10"}

    assert WithOptionalBody() == decode(WithOptionalBody, fields) == read(WithOptionalBody, fields)


def test_an_array_as_a_body_has_no_named_fields() -> None:
    """Whatever is required of it is missing; a body of free keys must be an object."""
    expected = ("api.assert.missing_argument", ("body.description",))
    assert expected == fault(WithBody, {"userId": "u", "body": ["description"]})
    assert ("api.assert.invalid_type", ("body", "object")) == fault(WithFreeBody, {"body": []})


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({}, ("api.assert.missing_argument", ("body.content.profileIds",))),
        ({"profileIds": "admin"}, ("api.assert.invalid_type", ("body.content.profileIds", "array"))),
        ([], ("api.assert.invalid_type", ("body.content", "object"))),
        ("text", ("api.assert.invalid_type", ("body.content", "object"))),
    ],
    ids=name_of,
)
def test_names_inside_a_body_are_dotted(content: Any, expected: tuple[str, tuple[str, ...]]) -> None:
    """The error names the whole path; an object inside the body must be one."""
    assert expected == fault(WithBody, {"userId": "u", "body": {"description": "d", "content": content}})


def test_unknown_keys_are_ignored_everywhere() -> None:
    """SDKs copy their options into the request."""
    fields = {"userId": "u", "verb": "POST", "body": {"description": "d", "more": [1], "content": None}, "from": "3"}

    assert WithBody(user_id="u", body=Content(description="d"), from_=3) == decode(WithBody, fields)


@pytest.mark.parametrize("size", [LARGEST_SAFE + 1, -(10**40)])
def test_an_integer_inside_a_body_is_safe_too(size: int) -> None:
    """The decoder of one step takes any size; the getter does not, wherever the number stands."""
    fields = {"userId": "u", "body": {"description": "d", "size": size}}

    assert ("api.assert.invalid_type", ("body.size", "integer")) == fault(WithBody, fields)


class WithDefaults(Arguments, frozen=True):
    """Takes a number, and has containers as defaults."""

    number: int
    words: list[Any] = field(default_factory=list)
    table: dict[str, Any] = field(default_factory=lambda: {"made": "anew"})


def test_a_default_that_is_made_anew_is_one_on_the_slow_way_too() -> None:
    """A numeric text sends the decoder to the slow way, where the other defaults still hold."""
    arguments = decode(WithDefaults, {"number": "5"})

    assert WithDefaults(number=5, words=[], table={"made": "anew"}) == arguments


@pytest.mark.parametrize(
    ("fields", "kind", "expected"),
    [
        ({"profileIds": ["admin"]}, list, ["admin"]),
        ({"profileIds": "12abc"}, int, 12),
        ({"profileIds": ""}, str, ""),
        ({"profileIds": None}, bool, False),
        ({"profileIds": {"a": 1}}, dict, {"a": 1}),
    ],
    ids=name_of,
)
def test_a_field_is_picked_by_the_rules_of_its_getter(fields: dict[str, Any], kind: type[Any], expected: Any) -> None:
    """An object of free keys is read with the same getters."""
    assert expected == pick(fields, "profileIds", kind, prefix="body.content.")


@pytest.mark.parametrize(
    ("fields", "kind", "error_id", "props"),
    [
        ({}, list, "api.assert.missing_argument", ("body.content.profileIds",)),
        ({"profileIds": "admin"}, list, "api.assert.invalid_type", ("body.content.profileIds", "array")),
        ({"profileIds": None}, str, "api.assert.invalid_type", ("body.content.profileIds", "string")),
        ({"profileIds": "x"}, int, "api.assert.invalid_type", ("body.content.profileIds", "integer")),
        ({"profileIds": []}, dict, "api.assert.invalid_type", ("body.content.profileIds", "object")),
    ],
    ids=name_of,
)
def test_a_picked_field_at_fault_is_named_by_its_path(
    fields: dict[str, Any], kind: type[Any], error_id: str, props: tuple[str, ...]
) -> None:
    """The prefix stands before the name, in both kinds of error."""
    with pytest.raises(ApiError) as refusal:
        pick(fields, "profileIds", kind, prefix="body.content.")

    assert (error_id, props) == (refusal.value.id, refusal.value.props)


def test_an_action_without_arguments_reads_nothing() -> None:
    """Whatever the frame holds fits."""
    assert NoArguments() == read(NoArguments, {"anything": object()})


WRONG_TYPES = [
    float,
    list[str],
    dict[str, int],
    int | str,
    set[Any],
    Annotated[int, Meta(ge=0)],
    Annotated[str, Meta(title="x")],
]


@pytest.mark.parametrize("kind", WRONG_TYPES, ids=str)
def test_a_type_that_no_getter_reads_is_refused_before_any_request(kind: Any) -> None:
    """A value that is read field by field is held against its getter only, so such a shape would promise too much."""
    shape = defstruct("Wrong", [("value", kind)], bases=(Body,), frozen=True)
    around = defstruct("Around", [("body", shape)], bases=(Arguments,), frozen=True)

    for refused in (shape, around):
        with pytest.raises(TypeError, match=r"Wrong\.value"):
            check_shape(refused)
        with pytest.raises(TypeError, match=r"Wrong\.value"):
            ArgumentsDecoder(refused)
