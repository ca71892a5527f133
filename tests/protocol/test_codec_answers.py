"""Answers and notifications: which keys, in which order, and what has a form in JSON."""

import json
from typing import Any

import pytest
from msgspec import UNSET, Raw

from gateway.protocol.codec import (
    PONG,
    encode,
    encode_envelope,
    encode_notification,
    encode_response,
    indented,
)
from gateway.protocol.messages import Cookie, Notification, Response

KEYS = ["action", "controller", "error", "headers", "node", "requestId", "result", "status", "volatile", "room"]
ANSWER: dict[str, Any] = {
    "action": "now",
    "controller": "server",
    "error": None,
    "node": "knode-test",
    "request_id": "r",
    "result": {"now": 1},
    "room": "r",
    "status": 200,
}


class Int64(int):
    """Stands for a database's integer: a subclass that the encoder does not know."""


def encoded(**changes: Any) -> bytes:
    """An answer as it goes out."""
    return encode_response(Response(**(ANSWER | changes)))


def answered(**changes: Any) -> dict[str, Any]:
    """An answer as a client reads it."""
    answer: dict[str, Any] = json.loads(encoded(**changes))
    return answer


def test_an_answer_has_the_keys_of_the_original_in_its_order() -> None:
    """`room` comes last; nothing is left out that is null."""
    assert KEYS == list(answered())
    assert (None, {}, None) == (answered()["error"], answered()["headers"], answered()["volatile"])


def test_an_answer_is_as_compact_as_the_original() -> None:
    """No spaces, the request's id twice."""
    assert (
        b'{"action":"now","controller":"server","error":null,"headers":{},"node":"knode-test","requestId":"r",'
        b'"result":{"now":1},"status":200,"volatile":null,"room":"r"}'
    ) == encoded()


def test_index_and_collection_are_there_only_if_they_were_sent() -> None:
    """Sent as null they come back as null; each stands in its place."""
    whole = answered(index=Raw(b'"i"'), collection=Raw(b"null"))

    assert {"index", "collection"}.isdisjoint(answered())
    assert ["action", "collection", "controller", "error", "headers", "index", "node"] == list(whole)[:7]
    assert ("i", None) == (whole["index"], whole["collection"])
    assert "collection" not in answered(index=Raw(b"5"))


@pytest.mark.parametrize("value", [None, False, 0, "", [], {}], ids=repr)
def test_a_falsy_result_is_a_result(value: Any) -> None:
    """Null included."""
    assert (True, value) == ("result" in answered(result=value), answered(result=value)["result"])


def test_an_action_that_returned_nothing_leaves_the_result_out() -> None:
    """Absent is not null."""
    assert [key for key in KEYS if key != "result"] == list(answered(result=UNSET))


def test_volatile_goes_out_byte_for_byte() -> None:
    """What was read as text is written as text."""
    assert b'"volatile":{"a" :  1.50, "a":"\\u00e9"},"room"' in encoded(volatile=Raw(b'{"a" :  1.50, "a":"\\u00e9"}'))


def test_text_is_written_as_it_is() -> None:
    """UTF-8 without escapes, but for what JSON demands."""
    assert '"\u00e9\U0001f600\\"\\n\\u0000"'.encode() == encode('\u00e9\U0001f600"\n\0')


@pytest.mark.parametrize("number", [0, -1, 2**40, 2**63 - 1, -(2**63), 2**70])
def test_an_integer_of_the_database_is_a_number(number: int) -> None:
    """A subclass of int is written like one, wherever it stands."""
    assert {"a": [number]} == json.loads(encode({"a": [Int64(number)]}))


def test_truth_values_stay_truth_values() -> None:
    """They are integers of a kind to Python and not to JSON."""
    assert b"[true,false,1]" == encode([True, False, Int64(1)])


@pytest.mark.parametrize("value", [object(), {"a": object()}, [{1, object()}], {None: 1}], ids=lambda _: "")
def test_what_has_no_form_in_json_is_refused(value: Any) -> None:
    """It is an error of the action, and the name of the type is all that it tells."""
    with pytest.raises(NotImplementedError, match=r"^\w+ has no JSON form$"):
        encode(value)


def test_numbers_that_json_does_not_know_are_null() -> None:
    """As in JavaScript."""
    assert b"[null,null,null]" == encode([float("inf"), float("-inf"), float("nan")])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"index": Raw(b'"i"'), "collection": Raw(b"null")},
        {"result": UNSET, "volatile": Raw(b'{"a" : 1}'), "headers": {"x-mine": "1"}},
        {"error": {"message": "m", "status": 400}, "status": 400, "action": None, "controller": None, "result": None},
        {"cookie": Cookie("secret")},
    ],
)
def test_an_envelope_for_http_is_the_same_without_its_room(changes: dict[str, Any]) -> None:
    """Key by key, in the same order; neither shows a cookie."""
    response = Response(**(ANSWER | changes))
    socket, http = encode_response(response), encode_envelope(response)

    assert http == socket.removesuffix(b',"room":"r"}') + b"}"
    assert b"secret" not in socket


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"openapi": "3.1.0"}, b'{"openapi":"3.1.0","room":"r"}'),
        ({}, b'{"room":"r"}'),
        ({"room": "mine", "a": 1}, b'{"room":"r","a":1}'),
        (["a"], b'["a"]'),
        ("a: b", b'"a: b"'),
    ],
)
def test_a_raw_answer_on_a_socket_is_the_result_with_its_room(result: Any, expected: bytes) -> None:
    """What is no object has no place for one (frames.md §3)."""
    for content_type in ("application/json", "application/yaml"):
        assert expected == encoded(content_type=content_type, result=result)


def test_json_for_human_eyes_is_the_same_json() -> None:
    """Two spaces a level."""
    assert b'{\n  "a": [\n    1,\n    {}\n  ]\n}' == indented(b'{"a":[1,{}]}')
    assert json.loads(encoded()) == json.loads(indented(encoded()))


def test_a_notification_has_the_shape_that_sdks_know() -> None:
    """SDKs look at `type`, the JVM's one wants a `requestId`; the room is that of the server."""
    note = Notification(type="TokenExpired", message="m", info="i", node="knode-test", request_id="r")

    assert (
        b'{"status":200,"info":"i","message":"m","type":"TokenExpired","node":"knode-test","requestId":"r",'
        b'"room":"kuzzle:notification:server"}'
    ) == encode_notification(note)


def test_the_answer_to_a_ping_has_seven_characters() -> None:
    """No envelope."""
    assert b'{"p":2}' == PONG
