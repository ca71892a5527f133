"""Bodies: which kinds are taken, what they stand for, and what is told of one that cannot be read."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.errors import ApiError
from gateway.protocol.http.bodies import FORMS, check_content, decode_body
from tests.protocol.http.refusals import outcome, refused

JSON = "application/json"
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
UNSUPPORTED = "network.http.unsupported_content"
CHARSET = "network.http.unsupported_charset"
UNREADABLE = "network.http.body_parse_failed"

TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def decoded(body: bytes, content_type: str | None = None) -> Any:
    """Read a body whose kind the header tells."""
    return decode_body(body, content_type, check_content(content_type))


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (None, JSON),
        (JSON, JSON),
        (f"  {JSON}  ", JSON),
        (f"{JSON};", JSON),
        (f"{JSON} ; a=b;c", JSON),
        (URLENCODED, URLENCODED),
        (f"{MULTIPART}; boundary=b", MULTIPART),
        (f"{JSON}; charset=utf-8", JSON),
        (f"{JSON};charset=UTF-8", JSON),
        (f'{JSON}; Charset="Utf-8"', JSON),
        (f"{JSON}; a=b ;charset= utf-8 ; c=d", JSON),
        (f"{JSON}; charset=utf-8;charset=latin1", JSON),
        (f"{JSON}; xcharset=latin1", JSON),
    ],
)
def test_a_body_is_of_the_type_that_its_header_names(content_type: str | None, expected: str) -> None:
    """Parameters and spaces around do not count; nothing said is JSON; UTF-8 may be named in any letter case."""
    assert expected == check_content(content_type)


@pytest.mark.parametrize(
    ("content_type", "shown"),
    [
        ("text/plain", "text/plain"),
        ("text/plain; charset=latin1", "text/plain"),
        ("Application/JSON", "Application/JSON"),
        ("application/json, text/plain", "application/json, text/plain"),
        ("application/json charset=utf-8", "application/json charset=utf-8"),
        ("application/jsonp", "application/jsonp"),
        ("multipart/mixed; boundary=b", "multipart/mixed"),
        ("", ""),
        (";charset=utf-8", ""),
        ("{}", "{}"),
    ],
)
def test_another_type_is_refused_by_its_name(content_type: str, shown: str) -> None:
    """The comparison is exact, letter case included, and comes before the one of the charset (http.md §1)."""
    assert (400, UNSUPPORTED, (shown,)) == refused(lambda: check_content(content_type))


def test_further_types_can_be_taken_and_are_read_as_json() -> None:
    """They are added to the three, and compared as exactly."""
    assert "application/vnd.mine" == check_content("application/vnd.mine; a=b", {"application/vnd.mine"})
    assert JSON == check_content(JSON, {"application/vnd.mine"})
    assert (400, UNSUPPORTED, ("application/vnd",)) == refused(
        lambda: check_content("application/vnd", {"application/vnd.mine"})
    )
    assert {"a": 1} == decode_body(b'{"a":1}', "application/vnd.mine", "application/vnd.mine")


@pytest.mark.parametrize(
    ("parameter", "shown"),
    [
        ("charset=latin1", "latin1"),
        ("charset=utf8", "utf8"),
        ("CHARSET=UTF-16", "UTF-16"),
        ('charset="iso-8859-1"', "iso-8859-1"),
        ("charset='utf-8'", "'utf-8'"),
        ("charset=", ""),
        ("charset=utf-8x", "utf-8x"),
        ("charset=latin1;charset=utf-8", "latin1"),
        ("a=b ;  charset=  latin1 ; c=d", "latin1"),
    ],
)
@pytest.mark.parametrize("media_type", [JSON, URLENCODED, f"{MULTIPART}; boundary=b"])
def test_another_charset_is_refused_by_its_name(media_type: str, parameter: str, shown: str) -> None:
    """Of two the first counts; the type does not matter."""
    assert (400, CHARSET, (shown,)) == refused(lambda: check_content(f"{media_type}; {parameter}"))


@pytest.mark.parametrize("body", [b"", b"null", b"0", b"-0.0", b"false", b'""', b"[]", b"  [ ]  "], ids=repr)
def test_a_falsy_value_is_no_body(body: bytes) -> None:
    """Null, zero, false, the empty text and the empty array say nothing (http.md §1, "Body decoding")."""
    assert decoded(body) is None
    assert decoded(body, JSON) is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{}", {}),
        (b'{"a":{"b":[1,null]}}', {"a": {"b": [1, None]}}),
        (b"[0]", [0]),
        (b"5", 5),
        (b"-1.5", -1.5),
        (b"true", True),
        (b'"text"', "text"),
        (b"1e999", math.inf),
        (b"-1e999", math.inf),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'{"a":1,"\\u0061":2}', {"a": 2}),
        (' {"\u00e9":"\U0001f600"}\n'.encode(), {"\u00e9": "\U0001f600"}),
        (rb'["\ud83d\ude00"]', ["\U0001f600"]),
    ],
    ids=repr,
)
def test_json_is_the_value_that_it_stands_for(body: bytes, expected: Any) -> None:
    """The empty object is a body; scalars are values too, for their caller to refuse; of two keys the last counts."""
    assert expected == decoded(body)


@given(value=TREES)
def test_any_json_comes_through(value: Any) -> None:
    """What is not falsy is the value, and what is falsy is nothing."""
    expected = value if value or isinstance(value, dict) else None

    assert expected == decoded(json.dumps(value).encode())
    assert expected == decoded(json.dumps(value, ensure_ascii=False).encode())


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"{", "{"),
        (b"nope", "nope"),
        (b" ", " "),
        (b'{"a":1}x', '{"a":1}x'),
        (b"{'a':1}", "{'a':1}"),
        (b"[1,]", "[1,]"),
        (b"NaN", "NaN"),
        (b"\xef\xbb\xbf{}", "\ufeff{}"),
        (b'{"a":"\xff"}', '{"a":"\ufffd"}'),
        (b"\xff" * 60, "\ufffd" * 50),
        (rb'["\ud800"]', r'["\ud800"]'),
        (rb'["\udc00\ud800"]', r'["\udc00\ud800"]'),
        (b'["\xed\xa0\x80"]', '["\ufffd\ufffd\ufffd"]'),
        (b"x" * 1000, "x" * 50),
        (("\u00e9" * 60).encode(), "\u00e9" * 50),
        (("\U0001f600" * 60).encode(), "\U0001f600" * 50),
        (b"a=b&c=d", "a=b&c=d"),
        (b"\x00{0}{}", "\x00{0}{}"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_json_is_refused_with_its_beginning(body: bytes, shown: str) -> None:
    """The first fifty characters, readable or not; a byte order mark is no JSON, half characters are no text."""
    assert (400, UNREADABLE, (shown,)) == refused(lambda: decoded(body))


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
def test_p05_json_may_be_nested_eighty_deep(opening: bytes, closing: bytes) -> None:
    """One more, or a million more, is refused without being followed."""
    step = opening.count(b"[") + opening.count(b"{")

    def nested(levels: int) -> bytes:
        return opening * (levels // step) + b"1" + closing * (levels // step)

    assert decoded(nested(80))
    for levels in (80 + step, 1_000_000):
        assert (400, UNREADABLE) == refused(lambda levels=levels: decoded(nested(levels)))[:2]  # type: ignore[misc]


def test_brackets_inside_texts_are_not_nesting() -> None:
    """However many."""
    assert ["[" * 5000] == decoded(b'["' + b"[" * 5000 + b'"]')


@pytest.mark.parametrize("body", [b"[1e999]", b'{"a":{"b":-1e999}}'])
def test_infinity_inside_a_body_is_refused_as_on_a_socket(body: bytes) -> None:
    """There is no JSON to store it or to give it back."""
    assert (400, "api.assert.invalid_argument", "body") == (
        *refused(lambda: decoded(body))[:2],
        refused(lambda: decoded(body))[2][0],
    )


def test_a_form_is_an_object_of_texts() -> None:
    """Whatever the texts look like; a form without fields is an object too."""
    assert {URLENCODED, MULTIPART} == FORMS
    assert {"a": "1", "b": '{"$ne":null}'} == decoded(b"a=1&b=%7B%22%24ne%22%3Anull%7D", URLENCODED)
    assert {} == decoded(b"&", URLENCODED)
    content_type = f"{MULTIPART}; boundary=b"
    assert {"a": "null"} == decoded(
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nnull\r\n--b--\r\n', content_type
    )
    assert {} == decoded(b"--b--\r\n", content_type)


@pytest.mark.parametrize(
    ("body", "content_type", "shown"),
    [
        (b"a=%ff", URLENCODED, "a=%ff"),
        (b"a=\xff", URLENCODED, "a=\ufffd"),
        (b"a&" * 2000, URLENCODED, "a&" * 25),
        (b"--b", f"{MULTIPART}; boundary=b", "--b"),
        (b"--b--", MULTIPART, "--b--"),
        (b"{}", f"{MULTIPART}; boundary=b", "{}"),
    ],
)
def test_what_is_no_form_is_refused_with_its_beginning(body: bytes, content_type: str, shown: str) -> None:
    """As for JSON."""
    assert (400, UNREADABLE, (shown,)) == refused(lambda: decoded(body, content_type))


@given(body=st.binary(), content_type=st.sampled_from([None, JSON, URLENCODED, f"{MULTIPART}; boundary=b"]))
def test_any_bytes_are_a_value_or_the_documented_refusal(body: bytes, content_type: str | None) -> None:
    """Nothing else ever comes out."""
    value = outcome(lambda: decoded(body, content_type))

    if isinstance(value, ApiError):
        assert (400, UNREADABLE) == (value.status, value.id)
        assert len(value.props[0]) <= 50
