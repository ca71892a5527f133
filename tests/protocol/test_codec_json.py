"""JSON that is no frame: bodies and headers of HTTP, and what stands in a URL."""

import json
import math
from typing import Any

import pytest

from gateway.protocol.codec import decode_json, decode_list, sent_text
from gateway.protocol.errors import BadRequestError
from gateway.protocol.messages import Request

NESTED = json.loads("[" * 80 + "]" * 80)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"null", None),
        (b' {"a":[1,"\xc3\xa9"]} ', {"a": [1, "\u00e9"]}),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b"1e999", math.inf),
        (b"[" * 80 + b"]" * 80, NESTED),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_json_that_is_no_frame_may_be_any_value(data: bytes, value: Any) -> None:
    """As deep as a frame may be."""
    assert value == decode_json(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{",
        b"nope",
        b"\xff",
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        rb'"\ud800"',
        b"[" * 81 + b"]" * 81,
        b"[" * 1_000_000,
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_json_is_an_error_of_value(data: bytes) -> None:
    """The caller knows what it stands for, and says so."""
    with pytest.raises(ValueError, match="it is "):
        decode_json(data)


def test_infinity_inside_of_json_is_told_apart() -> None:
    """It is JSON, and cannot be kept."""
    with pytest.raises(BadRequestError):
        decode_json(b"[1e999]")


def test_over_http_nothing_was_sent_that_an_answer_could_echo() -> None:
    """The names of the action are those of the route."""
    assert sent_text(Request("", "", "r", {"action": "now"}), "action") is None


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ('["a","b"]', ["a", "b"]),
        ("a,b", ["a", "b"]),
        ("a", ["a"]),
        ("[a,b", ["[a", "b"]),
        ('{"a":1}', ['{"a":1}']),
        ("[]", []),
        ("", [""]),
    ],
)
def test_a_list_may_come_as_one_text(text: str, items: list[str]) -> None:
    """A JSON array is one; anything else has commas between its items (http.md §1, "Query string typing")."""
    assert items == decode_list(text)
