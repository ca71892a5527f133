"""Arguments out of a URL, where every value is a text: each getter with what it makes of one (http.md §1)."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import field

from gateway.protocol.arguments import Arguments, Body, read
from gateway.protocol.codec import ArgumentsDecoder
from gateway.protocol.errors import ApiError, BadRequestError
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


class Perhaps(Arguments, frozen=True):
    """Takes one of each that may be left out."""

    text: str | None = None
    flag: bool | None = None
    number: int | None = None
    many: list[Any] | None = None
    thing: dict[str, Any] | None = None


class Inner(Body, frozen=True):
    """The shape of a body."""

    flag: bool = False
    number: int = 0
    many: list[Any] | None = None


class WithBody(Arguments, frozen=True):
    """Takes a body with a shape, and a flag of the same name beside it."""

    body: Inner
    flag: bool = False


class WithFreeBody(Arguments, frozen=True):
    """Takes any object as body."""

    body: dict[str, Any] | None = None


class Ordered(Arguments, frozen=True):
    """Two that are required."""

    first: int
    second: str = field(name="_second")


def texts(shape: type[Any], **fields: Any) -> Any:
    """Read arguments as they come over HTTP."""
    return ArgumentsDecoder(shape).decode(fields)


def fault(call: Callable[[], object]) -> tuple[str | None, tuple[Any, ...]]:
    """Id and props of a refusal."""
    with pytest.raises(BadRequestError) as caught:
        call()
    return caught.value.id, caught.value.props


ACCEPTED: list[tuple[type[Any], str, Any, Any]] = [
    *((OneString, "value", text, text) for text in ("", "a", "null", "5", '{"$ne":null}', "\u00e9")),
    *((OneBoolean, "value", text, True) for text in ("", "true", "1", "False", "00", "no", " false", "null")),
    *((OneBoolean, "value", text, False) for text in ("false", "0")),
    (OneBoolean, "value", ["false", "false"], True),
    *(
        (OneInteger, "value", text, number)
        for text, number in [("12", 12), ("-5", -5), ("1e3", 1000), ("12abc", 12), (" 7", 7)]
    ),
    (OneInteger, "value", "9007199254740991", 2**53 - 1),
    (OneArray, "value", "[]", []),
    (OneArray, "value", ' [1,{"a":[null]}] ', [1, {"a": [None]}]),
    (OneArray, "value", ["a", "b"], ["a", "b"]),
    (OneArray, "value", ["[1]", "5"], ["[1]", "5"]),
    (OneObject, "value", "{}", {}),
    (OneObject, "value", '{"a":1,"a":{"$ne":null}}', {"a": {"$ne": None}}),
    (OneRequiredId, "_id", "0", "0"),
    (OneRequiredId, "_id", '{"$ne":null}', '{"$ne":null}'),
    (OneOptionalId, "_id", "a", "a"),
    (OneOptionalId, "_id", "", None),
    *((OneAnything, "value", value, value) for value in ("", "5", '{"a":1}', "true", ["a", "b"])),
]

REFUSED: list[tuple[type[Any], str, Any, str]] = [
    (OneString, "value", ["a", "b"], "string"),
    *(
        (OneInteger, "value", text, "integer")
        for text in ("", "abc", "1.5", "null", "true", "9007199254740992", "1e999", ["1", "2"])
    ),
    *(
        (OneArray, "value", text, "array")
        for text in ("", "a", "{}", "null", "5", "[1,]", "a,b", "[1e999]", '["\\ud800"]', "[" * 90 + "]" * 90)
    ),
    *((OneObject, "value", text, "object") for text in ("", "a", "[]", "null", '{"a":1e999}', "{'a':1}")),
    (OneObject, "value", ["{}", "{}"], "object"),
    (OneRequiredId, "_id", ["a", "b"], "string"),
    (OneOptionalId, "_id", ["a", "a"], "string"),
]


@pytest.mark.parametrize(("shape", "name", "value", "expected"), ACCEPTED, ids=lambda value: repr(value)[-30:])
def test_a_text_is_what_its_argument_wants(shape: type[Any], name: str, value: Any, expected: Any) -> None:
    """A flag is on by being there, numbers and JSON are read out of the text; operators in a text are text (P01)."""
    arguments = texts(shape, **{name: value})

    assert (expected, type(expected)) == (arguments.value, type(arguments.value))


@pytest.mark.parametrize(("shape", "name", "value", "expected"), REFUSED, ids=lambda value: repr(value)[-30:])
def test_a_text_that_cannot_be_meant_is_refused_by_the_name_of_its_argument(
    shape: type[Any], name: str, value: Any, expected: str
) -> None:
    """Also where the JSON in it is none, or holds what JSON cannot give back."""
    assert ("api.assert.invalid_type", (name, expected)) == fault(lambda: texts(shape, **{name: value}))


@pytest.mark.parametrize(
    ("shape", "fields", "name"),
    [
        *((shape, {}, "value") for shape in (OneString, OneInteger, OneArray, OneObject)),
        (OneRequiredId, {}, "_id"),
        (OneRequiredId, {"_id": ""}, "_id"),
        (Ordered, {"_second": "a"}, "first"),
        (Ordered, {"first": "1", "second": "a"}, "_second"),
    ],
)
def test_what_is_required_and_not_there_is_missing(shape: type[Any], fields: dict[str, Any], name: str) -> None:
    """Under the name that it has on the wire; the first one of the shape is told."""
    assert ("api.assert.missing_argument", (name,)) == fault(lambda: texts(shape, **fields))


def test_a_flag_that_is_not_there_is_off() -> None:
    """Presence is all that counts (deviation 13)."""
    assert OneBoolean() == texts(OneBoolean)
    assert OneAnything() == texts(OneAnything, other="x")


def test_what_may_be_left_out_is_read_like_the_rest() -> None:
    """Each by its own getter; nothing there is None."""
    assert Perhaps() == texts(Perhaps)
    assert Perhaps("", flag=False, number=1, many=[1], thing={}) == texts(
        Perhaps, text="", flag="0", number="1", many="[1]", thing="{}"
    )
    assert texts(Perhaps, flag="").flag is True
    for name, value, expected in [("number", "x", "integer"), ("many", "{}", "array"), ("thing", "null", "object")]:
        assert ("api.assert.invalid_type", (name, expected)) == fault(
            lambda name=name, value=value: texts(Perhaps, **{name: value})  # type: ignore[misc]
        )


def test_a_body_is_json_and_its_values_mean_what_they_say() -> None:
    """A false inside is false, a text inside is no flag; beside it the rules of the URL hold (deviation 13)."""
    assert WithBody(Inner(flag=False, number=5), flag=True) == texts(
        WithBody, body={"flag": False, "number": "5"}, flag=""
    )
    assert ("api.assert.invalid_type", ("body.flag", "boolean")) == fault(
        lambda: texts(WithBody, body={"flag": "true"})
    )
    assert ("api.assert.invalid_type", ("body.many", "array")) == fault(lambda: texts(WithBody, body={"many": "[1]"}))
    assert {"a": "[1]"} == texts(WithFreeBody, body={"a": "[1]"}).body


def test_a_body_that_is_not_there_is_required_or_not() -> None:
    """As on a socket."""
    assert ("api.assert.body_required", ()) == fault(lambda: texts(WithBody))
    assert texts(WithFreeBody).body is None
    assert ("api.assert.invalid_type", ("body", "object")) == fault(lambda: texts(WithFreeBody, body=[1]))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def read_or_refused(call: Callable[[], Any]) -> object:
    """The arguments, or id and props of the refusal."""
    try:
        return call()
    except ApiError as error:
        return error.id, error.props


@given(value=JSON, shape=st.sampled_from([OneArray, OneObject]))
def test_json_in_a_url_is_read_as_json_in_a_frame(value: Any, shape: type[Any]) -> None:
    """The two readers agree on every value, and on every refusal."""
    assert read_or_refused(lambda: read(shape, {"value": value})) == read_or_refused(
        lambda: texts(shape, value=json.dumps(value))
    )


@given(
    text=st.text() | st.from_regex(r"[ +-]?[0-9.]{0,5}(e[0-9]{1,3})?", fullmatch=True),
    shape=st.sampled_from([OneString, OneInteger, OneAnything]),
)
def test_a_text_in_a_url_is_read_as_a_text_in_a_frame(text: str, shape: type[Any]) -> None:
    """For all that takes texts anyway."""
    assert read_or_refused(lambda: read(shape, {"value": text})) == read_or_refused(lambda: texts(shape, value=text))


@given(body=st.dictionaries(st.sampled_from(["flag", "number", "many", "other"]), JSON))
def test_a_body_is_read_as_in_a_frame(body: dict[str, Any]) -> None:
    """By the same getters, in one step or field by field."""
    frame = json.dumps({"body": body}).encode()

    assert read_or_refused(lambda: ArgumentsDecoder(WithBody).decode(frame)) == read_or_refused(
        lambda: texts(WithBody, body=body)
    )


@given(
    fields=st.dictionaries(
        st.sampled_from(["text", "flag", "number", "many", "thing"]),
        st.text(max_size=6) | st.lists(st.text(max_size=6), min_size=2, max_size=3) | JSON.map(json.dumps),
    )
)
def test_any_url_gives_arguments_or_a_refusal(fields: dict[str, Any]) -> None:
    """Nothing else ever comes out."""
    result = read_or_refused(lambda: texts(Perhaps, **fields))

    assert isinstance(result, Perhaps) or (isinstance(result, tuple) and result[0] == "api.assert.invalid_type")
