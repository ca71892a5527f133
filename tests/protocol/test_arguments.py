"""Arguments: each getter of the protocol page with what it accepts and refuses, in one step and field by field."""

import json
from typing import Any

import pytest

from gateway.protocol.arguments import read
from gateway.protocol.codec import ArgumentsDecoder
from gateway.protocol.errors import BadRequestError
from tests.protocol.one_argument import (
    OneAnything,
    OneArray,
    OneBoolean,
    OneInteger,
    OneObject,
    OneOptionalId,
    OneRequiredId,
    OneString,
)

ABSENT = object()
LARGEST_SAFE = 2**53 - 1

STRINGS = [("a text", "a text"), ("", ""), ("5", "5"), ("null", "null")]
NO_STRINGS: list[Any] = [None, 5, 1.5, True, [], ["a"], {}]

BOOLEANS = [(True, True), (False, False), (None, False), (ABSENT, False)]
NO_BOOLEANS = ["true", "false", "", 0, 1, [], {}]

INTEGERS = [
    (0, 0),
    (-7, -7),
    (5.0, 5),
    (1e3, 1000),
    (LARGEST_SAFE, LARGEST_SAFE),
    (-LARGEST_SAFE, -LARGEST_SAFE),
    ("12", 12),
    ("12abc", 12),
    (" 7 ", 7),
    ("\n\t7", 7),
    ("1e3", 1000),
    ("1e", 1),
    ("1.0", 1),
    ("1.e3", 1000),
    (".5e1", 5),
    ("-5", -5),
    ("+5", 5),
    ("0x10", 0),
    ("9007199254740991", LARGEST_SAFE),
]
NO_INTEGERS: list[Any] = [
    None,
    True,
    False,
    "",
    " ",
    "abc",
    "-",
    ".",
    "1.5",
    1.5,
    "Infinity",
    "NaN",
    "e3",
    "\u0661",
    [],
    [5],
    {},
    LARGEST_SAFE + 1,
    -LARGEST_SAFE - 1,
    10**30,
    1e300,
    "9007199254740992",
    "1e999",
    "9" * 5000,
]

ARRAYS: list[Any] = [([], []), ([1, None, {"a": []}], [1, None, {"a": []}])]
NO_ARRAYS: list[Any] = [None, "a", "", "[]", 5, True, {}]

OBJECTS = [({}, {}), ({"a": {"b": [1]}}, {"a": {"b": [1]}})]
NO_OBJECTS: list[Any] = [None, "a", "", "{}", 5, True, [], [{}]]

REQUIRED_IDS = [("an id", "an id"), ("0", "0")]
NO_REQUIRED_IDS = [5, True, 1.5, ["a"], {"a": 1}]

OPTIONAL_IDS = [("an id", "an id"), (None, None), ("", None), (0, None), (False, None), (ABSENT, None)]
NO_OPTIONAL_IDS = [5, True, 1.5, ["a"], {"a": 1}]

ANYTHING: list[Any] = [None, 0, "", [], {"a": 1}]

ACCEPTED: list[tuple[type[Any], str, Any, Any]] = [
    *((OneString, "value", *pair) for pair in STRINGS),
    *((OneBoolean, "value", *pair) for pair in BOOLEANS),
    *((OneInteger, "value", *pair) for pair in INTEGERS),
    *((OneArray, "value", *pair) for pair in ARRAYS),
    *((OneObject, "value", *pair) for pair in OBJECTS),
    *((OneRequiredId, "_id", *pair) for pair in REQUIRED_IDS),
    *((OneOptionalId, "_id", *pair) for pair in OPTIONAL_IDS),
    *((OneAnything, "value", value, value) for value in ANYTHING),
    (OneAnything, "value", ABSENT, "the default"),
]

REFUSED = [
    *((OneString, "value", value, "string") for value in NO_STRINGS),
    *((OneBoolean, "value", value, "boolean") for value in NO_BOOLEANS),
    *((OneInteger, "value", value, "integer") for value in NO_INTEGERS),
    *((OneArray, "value", value, "array") for value in NO_ARRAYS),
    *((OneObject, "value", value, "object") for value in NO_OBJECTS),
    *((OneRequiredId, "_id", value, "string") for value in NO_REQUIRED_IDS),
    *((OneOptionalId, "_id", value, "string") for value in NO_OPTIONAL_IDS),
]

MISSING = [
    *((shape, "value", ABSENT) for shape in (OneString, OneInteger, OneArray, OneObject)),
    *((OneRequiredId, "_id", value) for value in (ABSENT, None, "", 0, False)),
]


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


@pytest.mark.parametrize(("shape", "name", "value", "expected"), ACCEPTED, ids=name_of)
def test_a_getter_accepts_what_the_page_says(shape: type[Any], name: str, value: Any, expected: Any) -> None:
    """In one step or field by field, an accepted value gives the same argument of the same type."""
    fields = fields_of(name, value)

    for arguments in (decode(shape, fields), read(shape, fields)):
        assert expected == arguments.value
        assert type(expected) is type(arguments.value)


@pytest.mark.parametrize(("shape", "name", "value", "expected"), REFUSED, ids=name_of)
def test_a_getter_refuses_another_type(shape: type[Any], name: str, value: Any, expected: str) -> None:
    """What is there but of another type is named together with the type that was expected."""
    assert ("api.assert.invalid_type", (name, expected)) == fault(shape, fields_of(name, value))


@pytest.mark.parametrize(("shape", "name", "value"), MISSING, ids=name_of)
def test_what_is_required_and_not_there_is_missing(shape: type[Any], name: str, value: Any) -> None:
    """An argument without a default must be sent; for an id, falsy counts as not sent."""
    assert ("api.assert.missing_argument", (name,)) == fault(shape, fields_of(name, value))


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" * 400])
def test_a_number_beyond_doubles_is_no_integer(number: str) -> None:
    """Infinity, as JavaScript reads it, is a number and not a whole one."""
    with pytest.raises(BadRequestError) as refusal:
        ArgumentsDecoder(OneInteger).decode(b'{"value":%s}' % number.encode())

    assert ("api.assert.invalid_type", ("value", "integer")) == (refusal.value.id, refusal.value.props)
