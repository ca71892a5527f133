"""The boundary of a form and the heads of its parts: what can be read in two ways is refused."""

import pytest

from gateway.protocol.http.forms import FormError, read_multipart
from tests.protocol.http.multipart import ORDINARY, part, read


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=b",
        'multipart/form-data; boundary="b"',
        "multipart/form-data;boundary=b;",
        "multipart/form-data; BOUNDARY=b ; charset=utf-8",
        'multipart/form-data; x="; boundary=c"; boundary=b',
    ],
)
def test_the_boundary_is_a_parameter_of_the_header(content_type: str) -> None:
    """Quoted or not, in any letter case, among others."""
    assert {"a": "x"} == read_multipart(ORDINARY, content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "multipart/form-data",
        "multipart/form-data;",
        "multipart/form-data; boundary",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        'multipart/form-data; boundary="b',
        "multipart/form-data; boundary=b; boundary=b",
        "multipart/form-data; boundary=b; boundary=c",
        "multipart/form-data; boundary*=b",
        "multipart/form-data, boundary=b",
        "multipart/form-data; boundary=c",
        "multipart/form-data; boundary=B",
        "multipart/form-data; boundary=b b",
        f"multipart/form-data; boundary={'b' * 71}",
        "multipart/form-data; boundary=\u20ac",
    ],
)
def test_without_one_boundary_there_is_no_form(content_type: str) -> None:
    """None, two, one that is malformed, too long, or another."""
    with pytest.raises(FormError):
        read_multipart(ORDINARY, content_type)


def test_the_longest_boundary_has_seventy_characters() -> None:
    """RFC 2046 §5.1.1."""
    assert {"a": "x"} == read_multipart(
        ORDINARY.replace(b"--b", b"--" + b"b" * 70), f"multipart/form-data; boundary={'b' * 70}"
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"{}",
        b"--b",
        b"--b\r\n",
        b"--b-",
        b"-b--",
        b"--c--",
        b"preamble\r\n" + ORDINARY,
        ORDINARY.replace(b"\r\n", b"\n"),
        ORDINARY.replace(b"\r\n", b"\r"),
        ORDINARY.replace(b"\r\n\r\n", b"\n\r\n"),
        ORDINARY.replace(b"--b\r\n", b"--bb\r\n", 1),
        ORDINARY.replace(b"--b\r\n", b"--b\r\n\r\n", 1),
        part('form-data; name="a"', b"1\r\n--bc\r\n2"),
        part('form-data; name="a"', b"--b"),
        part('form-data; name="a"', b"\xff"),
        part('form-data; name="a"', more=b"X\r\n"),
        part('form-data; name="a"', more=b" folded: x\r\ny\r\n"),
        part('form-data; name="a"', more=b'content-DISPOSITION: form-data; name="b"\r\n'),
        part(b'form-data; name="\xff"'),
        part(b'form-data; name="a"; filename="\xff"'),
        part('form-data; name="a"; filename="x"', more=b"Content-Type: \xff\r\n"),
    ],
    ids=lambda body: repr(body[:30]),
)
def test_what_is_malformed_is_refused(body: bytes) -> None:
    """Lines must end in CR LF, every part must have a head, and names and texts are UTF-8."""
    with pytest.raises(FormError):
        read(body)


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('form-data; name="a"', "a"),
        ("form-data; name=a", "a"),
        ('FORM-DATA;NAME="a";', "a"),
        ('form-data; name = "a"', "a"),
        ('form-data; name=""', ""),
        ("form-data; name=", ""),
        ('form-data; name="a;b=c"', "a;b=c"),
        ('form-data; name="a\\"b\\\\c\\d"', 'a"b\\c\\d'),
        ('form-data; name="a%22b%0D%0A"', "a%22b%0D%0A"),
        ('form-data; name="\u00e9\U0001f600"', "\u00e9\U0001f600"),
        ('form-data; name="__proto__"', "__proto__"),
        ('form-data; name="a"; name*="UTF-8\'\'b"', "a"),
        ('form-data; x="filename=f"; name="a"', "a"),
        ('form-data; name="a[$ne]"', "a[$ne]"),
    ],
)
def test_a_part_is_called_as_its_disposition_says(disposition: str, name: str) -> None:
    """Quoted or not, with escapes, in UTF-8; what browsers escape by percent stays as it is."""
    assert {name: "x"} == read(part(disposition))


@pytest.mark.parametrize(
    "disposition",
    [
        "",
        "form-data",
        'attachment; name="a"',
        'form-data, name="a"',
        "form-data; filename=x",
        "form-data; name",
        'form-data; name="a',
        'form-data; name="a"b',
        "form-data; name=a b",
        'form-data; name="a"; name="a"',
        'form-data; name="a"; NAME="b"',
        'form-data; name="a"; filename="x"; filename="y"',
        "form-data; name*=UTF-8''a",
    ],
)
def test_a_part_without_one_name_is_refused(disposition: str) -> None:
    """None, two, or one that can be read in two ways."""
    with pytest.raises(FormError):
        read(part(disposition))
