"""Urlencoded forms: what an encoder wrote comes back, and what is no UTF-8 is refused."""

import urllib.parse
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.http.forms import FormError, read_urlencoded

FIELDS = st.lists(st.tuples(st.text(), st.text()), max_size=8)


@given(fields=FIELDS)
def test_an_urlencoded_form_comes_back_as_it_was_written(fields: list[tuple[str, str]]) -> None:
    """Blank names and values included; a repeated name has a list."""
    values: dict[str, list[str]] = {}
    for name, value in fields:
        values.setdefault(name, []).append(value)

    form = read_urlencoded(urllib.parse.urlencode(fields).encode())

    assert {name: several if len(several) > 1 else several[0] for name, several in values.items()} == form


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"a=b", {"a": "b"}),
        (b"a=b+c%2Bd%20e", {"a": "b c+d e"}),
        (b"a", {"a": ""}),
        (b"a=", {"a": ""}),
        (b"=b", {"": "b"}),
        (b"a=b=c", {"a": "b=c"}),
        (b"a=1&b=2&a=3&a=4", {"a": ["1", "3", "4"], "b": "2"}),
        (b"a=1;b=2", {"a": "1;b=2"}),
        (b"&&a=1&", {"a": "1"}),
        (b"%61=%C3%A9", {"a": "\u00e9"}),
        ("a=\u00e9".encode(), {"a": "\u00e9"}),
        (b"a=%zz%4", {"a": "%zz%4"}),
        (b"a[$ne]=x&a.b=y", {"a[$ne]": "x", "a.b": "y"}),
        (b"&", {}),
        (b"a=\r\n", {"a": "\r\n"}),
    ],
)
def test_an_urlencoded_form_is_read_as_browsers_write_it(body: bytes, expected: dict[str, Any]) -> None:
    """Plus is a space, a bad escape stands for itself, brackets and dots mean nothing."""
    assert expected == read_urlencoded(body)


@pytest.mark.parametrize("body", [b"a=%ff", b"%ff=a", b"a=%ED%A0%80", b"a=\xff", b"a=%C3"])
def test_an_urlencoded_form_is_utf_8(body: bytes) -> None:
    """Escaped or not; half characters are none."""
    with pytest.raises(FormError):
        read_urlencoded(body)


@given(body=st.binary(max_size=100))
def test_any_bytes_are_an_urlencoded_form_or_refused(body: bytes) -> None:
    """Nothing else ever comes out."""
    try:
        assert isinstance(read_urlencoded(body), dict)
    except FormError:
        return
