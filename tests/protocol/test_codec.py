"""The envelope: what a frame must be, attribute by attribute, and the values that are read out of it later."""

import math
from typing import Any

import pytest
from msgspec import UNSET, Raw

from gateway.protocol.codec import decode_text, decode_value, is_ping, sent_text
from gateway.protocol.errors import BadRequestError
from tests.protocol.reading import MADE, decode, echoed, refusal, told


def test_a_whole_frame_gives_its_envelope() -> None:
    """Five special keys and the echoed ones are read; everything else stays in the payload."""
    frame = b'{"controller":"c","action":"a","requestId":"r","jwt":"t","volatile":{"x":1},"index":"i","_id":"k"}'

    request = decode(frame)

    assert ("c", "a", "r", "t", frame) == (
        request.controller,
        request.action,
        request.request_id,
        request.jwt,
        request.payload,
    )
    assert (b'{"x":1}', b'"i"') == (echoed(request.volatile), echoed(request.index))
    assert (UNSET, UNSET) == (request.collection, request.targets)


@pytest.mark.parametrize("name", ["controller", "action"])
@pytest.mark.parametrize("value", ["", None], ids=repr)
def test_a_name_that_is_missing_null_or_empty_is_left_to_the_dispatcher(name: str, value: str | None) -> None:
    """Such a frame is a request; what it lacks is an error with an id of its own."""
    names = {"controller": "c", "action": "a"}
    absent = {key: text for key, text in names.items() if key != name}

    assert "" == getattr(decode(absent), name)
    assert "" == getattr(decode(names | {name: value}), name)


@pytest.mark.parametrize("name", ["controller", "action", "jwt"])
@pytest.mark.parametrize("value", ["12", "0", "1e999", "true", "false", "[]", '["now"]', "{}"])
def test_a_name_or_token_of_another_type_spoils_the_frame(name: str, value: str) -> None:
    """Falsy values that are no string or null are refused like any other; the id is still echoed."""
    fault = refusal(f'{{"{name}":{value},"requestId":"r"}}')

    assert (f'its attribute "{name}" must be a string', "r", "r") == told(fault)


@pytest.mark.parametrize("value", ["null", '""', "0", "-0", "0.0", "-0.0", "0e5", "false"])
def test_a_falsy_request_id_is_made_up(value: str) -> None:
    """Absent, null, empty, zero and false are the same: the server makes one."""
    assert MADE == decode(f'{{"controller":"c","action":"a","requestId":{value}}}').request_id
    assert (None, None) == told(refusal(f'{{"controller":5,"requestId":{value}}}'))[1:]


def test_an_absent_request_id_is_made_up() -> None:
    """Nothing obliges a client to send one."""
    assert MADE == decode({"controller": "c"}).request_id


@pytest.mark.parametrize("value", ["5", "-1", "0.5", "1e999", "true", "[]", "{}", '{"a":1}', '["r"]'])
def test_a_request_id_of_another_type_is_echoed_as_it_is_and_gives_no_room(value: str) -> None:
    """The client may recognise its own value; SDKs need a string to find the call, which this is not."""
    fault = refusal(f'{{"controller":"c","action":"a","requestId":{value}}}')

    assert 'its attribute "requestId" must be a string' == fault.reason
    assert (value.encode(), None) == (echoed(fault.request_id), fault.room)


def test_an_odd_request_id_survives() -> None:
    """Quotes, control characters and characters beyond the basic plane come back as they were meant."""
    assert '\u00e9\x01"\U0001f600' == decode(r'{"requestId":"\u00e9\u0001\"\ud83d\ude00"}').request_id


def test_no_token_is_anonymous_and_an_empty_one_is_a_token() -> None:
    """Absent and null are nobody; an empty string is a token that does not count."""
    assert decode({}).jwt is None
    assert decode({"jwt": None}).jwt is None
    assert "" == decode({"jwt": ""}).jwt


@pytest.mark.parametrize("value", ["[]", "[{}]", '"str"', '""', "5", "0", "true", "false"])
def test_volatile_must_be_an_object(value: str) -> None:
    """Arrays and scalars spoil the frame, falsy ones included."""
    fault = refusal(f'{{"controller":"c","action":"a","requestId":"r","volatile":{value}}}')

    assert ('its attribute "volatile" must be an object', "r", "r") == told(fault)


@pytest.mark.parametrize(
    "text",
    ['{"a" :  [1.50, "\\u00e9\\/" ]}', "{}", '{"b":1,"a":2,"b":3}', '{"n":1e999,"m":12345678901234567890123}'],
)
def test_volatile_is_kept_byte_for_byte(text: str) -> None:
    """It is the client's own note: spaces, escapes, order, doubles and huge numbers come back untouched."""
    request = decode(f'{{"controller":"c","volatile":  {text}  ,"action":"a"}}')

    assert text.encode() == echoed(request.volatile)


def test_volatile_of_null_is_none() -> None:
    """Absent and null are the same."""
    assert decode({"volatile": None}).volatile is None
    assert decode({}).volatile is None


@pytest.mark.parametrize("value", ['"str"', '""', "5", "0", "true", "false"])
def test_a_body_must_be_an_object_or_an_array(value: str) -> None:
    """A scalar spoils the frame, falsy ones included."""
    fault = refusal(f'{{"controller":"c","action":"a","requestId":"r","body":{value}}}')

    assert ('its attribute "body" must be an object or an array', "r", "r") == told(fault)


@pytest.mark.parametrize("value", ["{}", "[]", "null", ' { "a" : 1 } ', " [ 1 ] "])
def test_a_body_may_be_an_object_an_array_or_null(value: str) -> None:
    """What it must be beyond that is the action's business."""
    assert "a" == decode(f'{{"controller":"c","action":"a","body":{value}}}').action


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ('"jwt":5,"controller":5,"action":5,"volatile":5,"body":5', "jwt"),
        ('"controller":5,"volatile":5,"body":5', "controller"),
        ('"volatile":5,"body":5', "volatile"),
    ],
)
def test_one_fault_of_several_is_named_and_the_rest_keeps_quiet(fields: str, name: str) -> None:
    """A refusal is one clause."""
    assert f'"{name}"' in refusal(f'{{{fields},"requestId":"r"}}').reason


@pytest.mark.parametrize(
    ("frame", "controller"),
    [
        ('{"controller":"first","controller":"last"}', "last"),
        ('{"controller":5,"controller":"last"}', "last"),
        ('{"\\u0063ontroller":"escaped"}', "escaped"),
    ],
)
def test_of_two_equal_keys_the_last_one_wins(frame: str, controller: str) -> None:
    """As in JavaScript, also where the first one would have spoiled the frame."""
    assert controller == decode(frame).controller


def test_of_two_request_ids_the_last_one_counts() -> None:
    """A bad one after a good one spoils the frame, and the other way round it does not."""
    assert "last" == decode('{"requestId":5,"requestId":"last"}').request_id
    assert (5, None) == told(refusal('{"requestId":"first","requestId":5}'))[1:]


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" * 400, "12345678901234567890", "0.1e-999"])
def test_a_number_of_any_size_is_json(number: str) -> None:
    """The frame is read; whether an action can use the number is told by the action."""
    request = decode(f'{{"controller":"c","index":{number},"body":{{"n":{number}}}}}')

    assert number.encode() == echoed(request.index)


@pytest.mark.parametrize("text", ['"i"', "null", "5", "[1]", "1e999", '{"a":"b"}'])
def test_index_collection_and_targets_are_kept_as_they_were_sent(text: str) -> None:
    """Present or not is a difference, also for null."""
    request = decode(f'{{"index":{text},"collection":{text},"targets":{text}}}')

    assert [text.encode()] * 3 == [echoed(raw) for raw in (request.index, request.collection, request.targets)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"i"', "i"),
        ('""', ""),
        ('"\\u00e9"', "\u00e9"),
        ("null", None),
        ("5", None),
        ("1e999", None),
        ("[1e999]", None),
    ],
)
def test_rights_see_the_text_of_an_index_or_nothing(text: str, expected: str | None) -> None:
    """Anything but a string counts as no index, also numbers that no double can hold."""
    assert expected == decode_text(decode(f'{{"index":{text}}}').index)


def test_rights_see_nothing_where_nothing_was_sent() -> None:
    """An absent index is none."""
    assert decode_text(UNSET) is None


@pytest.mark.parametrize(
    ("frame", "expected"),
    [({"action": ""}, ""), ({"action": None}, None), ({}, None), ({"action": "a"}, "a")],
)
def test_an_empty_name_is_told_from_one_that_was_not_sent(frame: dict[str, Any], expected: str | None) -> None:
    """The answer echoes an empty string and shows null for none."""
    assert expected == sent_text(decode(frame), "action")


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e999", math.inf), ("9" * 400, int("9" * 400)), ("[1]", [1]), ("null", None), ('{"a":1,"a":2}', {"a": 2})],
)
def test_a_value_is_decoded_as_javascript_means_it(text: str, value: Any) -> None:
    """A number beyond doubles is infinity where it stands alone; of two equal keys the last one wins."""
    assert value == decode_value("name", Raw(text.encode()))


@pytest.mark.parametrize("text", ["[1e999]", '{"a":[{"b":-1e999}]}'])
def test_infinity_inside_a_value_is_refused_by_the_name_of_the_argument(text: str) -> None:
    """There is no JSON to store it or to give it back."""
    with pytest.raises(BadRequestError) as caught:
        decode_value("body", Raw(text.encode()))

    assert ("api.assert.invalid_argument", "body") == (caught.value.id, caught.value.props[0])


@pytest.mark.parametrize("frame", ['{"p":1}', ' { "p" : 1 } ', '{"p":1.0}', '{"p":1e0}', '{"p":2,"p":1}'])
def test_an_object_whose_only_key_is_p_with_the_number_one_is_a_ping(frame: str) -> None:
    """However it is spelt."""
    assert is_ping(frame.encode())


@pytest.mark.parametrize(
    "frame",
    [
        b'{"p":true}',
        b'{"p":"1"}',
        b'{"p":2}',
        b'{"p":[1]}',
        b'{"p":null}',
        b'{"p":1,"requestId":"x"}',
        b'{"P":1}',
        b'["p",1]',
        b'"p"',
        b'{"p":1',
        b'{"p":1}x',
        b'{"p":1e999}',
        b'{"p":"\xff"}',
        b"",
        b"{}",
        b'{"p":' + b" " * 100_000 + b"1}",
    ],
    ids=lambda frame: repr(frame[:16]),
)
def test_anything_else_is_a_request(frame: bytes) -> None:
    """Any other key, value, type or length, and whatever cannot be read."""
    assert not is_ping(frame)
