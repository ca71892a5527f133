"""Messages that are no request: not JSON, no object, too deep, no Unicode; each with the id that can be read."""

import json

import pytest

from gateway.protocol.codec import MAX_DEPTH
from tests.protocol.reading import decode, refusal, told


@pytest.mark.parametrize("frame", ["[]", '[{"controller":"c"}]', "null", '"hello"', "5", "1e999", "true", "false"])
def test_json_that_is_no_object_is_no_request(frame: str) -> None:
    """An array is not a batch."""
    assert ("it is not a JSON object", None, None) == told(refusal(frame))


@pytest.mark.parametrize(
    "frame",
    [
        "",
        " ",
        "\0",
        "hello",
        '{"controller":"server","action":',
        '{"a":1} {"a":1}',
        '{"a":1}x',
        '{"a":01}',
        '{"a":1.}',
        '{"a":.5}',
        '{"a":+1}',
        '{"a":NaN}',
        '{"a":Infinity}',
        '{"a":nul}',
        '{"a":1,}',
        "{,}",
        '{"a" 1}',
        "{a:1}",
        "{'a':1}",
        '{"a":"line\nbreak"}',
        '{"a":"\\x41"}',
        '{"a":"\\u12"}',
        '{"volatile":{"a":[1,]}}',
        "\ufeff{}",
    ],
    ids=repr,
)
def test_what_is_not_json_is_no_request(frame: str) -> None:
    """Everything is read strictly, also the parts that are only echoed or skipped."""
    assert ("it is not JSON", None, None) == told(refusal(frame))


@pytest.mark.parametrize("position", ['"body":{"d":"%s"}', '"%s":1', '"volatile":{"v":"%s"}', '"x":["%s"]'])
@pytest.mark.parametrize("surrogate", ["\\ud83d", "\\ude00", "\\ude00\\ud83d", "\\uD83d\\u0041"])
def test_a_lone_surrogate_is_refused_and_the_call_is_still_found(position: str, surrogate: str) -> None:
    """Text that was cut in the middle of an emoji is no Unicode; its sender gets an answer that it can match."""
    fault = refusal(f'{{"controller":"c","action":"a",{position % surrogate},"requestId":"r"}}')

    assert ("it is not JSON", "r", "r") == told(fault)


@pytest.mark.parametrize("junk", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf"], ids=repr)
def test_a_frame_that_is_not_utf8_is_refused_and_the_call_is_still_found(junk: bytes) -> None:
    """Neither stray bytes nor encoded surrogates nor overlong forms pass, wherever they stand."""
    fault = refusal(b'{"x":"' + junk + b'","requestId":"r"}')

    assert ("it is not UTF-8", "r", "r") == told(fault)


@pytest.mark.parametrize(
    ("frame", "request_id"),
    [
        (b'{"requestId":"r","x":', "r"),
        (b'{"x":1,,"requestId" : "r"}', "r"),
        (b'{"requestId":"first","x":NaN,"requestId":"last"}', "last"),
        (b'{"x":{"requestId":"inner"},"y":}', None),
        (b'{"x":"requestId","y":}', None),
        (b'{"x":"\\"requestId\\":\\"r\\"","y":}', None),
        (b'{"requestId":"","x":}', None),
        (b'{"requestId":5,"x":}', None),
        (b'{"requestId":"\\ud800","x":}', None),
        (b'{"requestId":"\xff","x":}', None),
        (b'{"requestId":"r', None),
        (b'[{"requestId":"r"},', None),
    ],
    ids=repr,
)
def test_a_broken_frame_gives_its_request_id_if_one_can_be_read(frame: bytes, request_id: str | None) -> None:
    """Only a whole, readable, non-empty string under that very key at the root counts; the last one wins."""
    fault = refusal(frame)

    assert (request_id, request_id) == told(fault)[1:]


def nested(levels: int, opening: str, closing: str) -> str:
    """An object with an argument that makes the frame as deep as that."""
    return f'{{"requestId":"r","controller":"c","x":{opening * (levels - 1)}1{closing * (levels - 1)}}}'


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")], ids=["arrays", "objects"])
def test_the_deepest_frame_that_is_read_and_the_first_that_is_not(opening: str, closing: str) -> None:
    """The limit counts the frame's own braces."""
    assert "c" == decode(nested(MAX_DEPTH, opening, closing)).controller

    assert (f"it is nested more than {MAX_DEPTH} deep", "r", "r") == told(
        refusal(nested(MAX_DEPTH + 1, opening, closing))
    )


@pytest.mark.parametrize("levels", [5_000, 300_000])
def test_bottomless_nesting_is_refused_before_it_is_read(levels: int) -> None:
    """Neither the decoder's stack nor ours is ever at risk."""
    assert f"it is nested more than {MAX_DEPTH} deep" == refusal(nested(levels, '{"a":', "}")).reason


def test_brackets_inside_strings_are_no_nesting() -> None:
    """Text may hold any number of them, with quotes escaped among them."""
    text = json.dumps("[{" * 500 + '"' + "[{" * 500 + "\\")

    assert "c" == decode(f'{{"controller":"c","x":{text}}}').controller


def test_wide_is_not_deep() -> None:
    """A long list of small objects is an ordinary request."""
    assert "c" == decode({"controller": "c", "body": {"ids": [{"a": [1]}] * 500}}).controller
