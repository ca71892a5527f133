"""What an action may say of its answer: headers, a type, a text; none of it becomes another response."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType

from gateway.protocol.http.responses import Wish
from tests.protocol.http.received import answer, responses, written


def test_an_action_may_add_headers() -> None:
    """They stand in the envelope too."""
    received = written(headers={"x-mine": "a\t\u00e9", "etag": '"1"'})

    assert {"x-mine": "a\t\u00e9", "etag": '"1"'} == received.json["headers"]
    assert ("a\t\u00e9", '"1"') == (received.headers["x-mine"], received.headers["etag"])


@pytest.mark.parametrize("name", ["content-type", "Content-Type", "CONTENT-TYPE"])
def test_an_action_may_say_what_its_answer_is(name: str) -> None:
    """In the place of ours, not beside it."""
    assert "text/csv" == written(headers={name: "text/csv"}).headers["content-type"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x", "a\r\nSet-Cookie: authToken=evil"),
        ("x", "a\nb"),
        ("x", "a\rb"),
        ("x", "a\0b"),
        ("x", "a\x7fb"),
        ("x", "a\n"),
        ("x", "\u20ac"),
        ("x", "\u2028"),
        ("x\r\ny", "a"),
        ("x: y", "a"),
        ("x y", "a"),
        ("x\n", "a"),
        ("", "a"),
        ("\u00e9", "a"),
        *(
            (name, "1")
            for name in (
                "content-length",
                "Content-Encoding",
                "transfer-encoding",
                "CONNECTION",
                "date",
                "set-cookie",
                "access-control-allow-origin",
                "Access-Control-Allow-Credentials",
                "x-kuzzle-request-id",
                "x-kuzzle-node",
                "x-content-type-options",
                "cache-control",
                "accept-encoding",
                "upgrade",
                "trailer",
            )
        ),
    ],
)
def test_a_header_that_would_change_the_response_is_refused(name: str, value: str) -> None:
    """No second response, no second length, no origin or cookie that is not ours."""
    with pytest.raises(ValueError, match="an action cannot set the header"):
        written(headers={name: value})


@pytest.mark.parametrize("content_type", ["text/html\r\nX: y", "text/\n", "\u20ac"])
def test_a_type_that_would_change_the_response_is_refused(content_type: str) -> None:
    """As any header."""
    with pytest.raises(ValueError, match="an action cannot set the header"):
        written(content_type=content_type, result="x")


def test_a_header_of_another_type_is_refused() -> None:
    """It is a fault of the action, which the dispatcher reports."""
    with pytest.raises(TypeError):
        written(headers={"x": 5})


@given(
    headers=st.dictionaries(st.text(max_size=5), st.text(max_size=10), max_size=3),
    content_type=st.just(UNSET) | st.text(),
)
def test_whatever_an_action_says_the_response_has_one_head(
    headers: dict[str, str], content_type: str | UnsetType
) -> None:
    """Read by a client, no header is there twice and the body is where it should be, or all of it is refused."""
    try:
        received = written(headers=headers, content_type=content_type, result="x")
    except ValueError:
        return

    assert int(received.headers["content-length"]) == len(received.body)
    assert set(map(str.lower, headers)) <= received.headers.keys()


@given(text=st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), min_size=1))
def test_what_a_request_says_stands_on_one_line(text: str) -> None:
    """Ids and origins are values of headers, so they hold no line breaks, and they come back byte for byte."""
    raw = responses().write(answer(request_id=text), Wish(text, origin=text)).partition(b"\r\n\r\n")[0]

    assert f"X-Kuzzle-Request-Id: {text}".encode("latin-1") in raw.split(b"\r\n")
    assert f"Access-Control-Allow-Origin: {text}".encode("latin-1") in raw.split(b"\r\n")


@pytest.mark.parametrize("result", [{"openapi": "3.1.0"}, [1], "text", None, 5])
def test_a_raw_answer_is_the_result_itself(result: Any) -> None:
    """Without an envelope, and without a room."""
    received = written(content_type="application/json", result=result)

    assert (result, "application/json") == (received.json, received.headers["content-type"])
    assert (
        "{\n  "
        == written(Wish("r", is_pretty=True), content_type="application/json", result={"a": 1}).body.decode()[:4]
    )


@pytest.mark.parametrize("text", ["", "a: b\n", "\u00e9", '{"a":1}'])
def test_a_raw_answer_may_be_any_text(text: str) -> None:
    """As it is, also for human eyes."""
    received = written(Wish("r", is_pretty=True), content_type="application/yaml", result=text)

    assert (text.encode(), "application/yaml") == (received.body, received.headers["content-type"])


@pytest.mark.parametrize("result", [None, {"a": 1}, 5, b"bytes", UNSET])
def test_a_raw_answer_that_is_no_text_is_a_fault_of_its_action(result: Any) -> None:
    """The representation of an object of ours is nobody's business."""
    with pytest.raises(TypeError, match="is a text"):
        written(content_type="text/plain", result=result)


@pytest.mark.parametrize(
    ("result", "fault"),
    [(object(), NotImplementedError), ("\ud800", UnicodeEncodeError)],
    ids=["object", "half character"],
)
def test_what_has_no_form_is_a_fault_of_its_action(result: Any, fault: type[Exception]) -> None:
    """In an envelope or raw."""
    for content_type in (UNSET, "application/json"):
        with pytest.raises(fault):
            written(content_type=content_type, result=result)
