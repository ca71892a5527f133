"""Forms in parts: what an encoder wrote comes back, cut ones are refused, and the work is linear."""

import base64
import email.mime.multipart
import email.mime.text
import email.policy
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.protocol.http.forms import FormError, read_multipart, read_urlencoded
from tests.counting import lines_run
from tests.protocol.http.multipart import (
    CONTENT_TYPE,
    ORDINARY,
    PARTS,
    Part,
    encoded,
    expected_of,
    part,
    read,
)


@given(parts=PARTS)
@example(parts=[])
@example(parts=[("a", None, None, b"1"), ("a", None, None, b"2"), ("a", None, None, b"")])
@example(parts=[("f", "x.bin", "image/png", bytes(range(256)))])
@example(parts=[("", "", "text/plain", b"")])
@example(parts=[('a"b\\', 'c";name="d', "text/plain", b"")])
def test_a_form_comes_back_as_it_was_written(parts: list[Part]) -> None:
    """Texts are texts, files have name, type and base64, a repeated name has a list in the order of the parts."""
    assert expected_of(parts) == read_multipart(encoded(parts), CONTENT_TYPE)


@given(parts=PARTS, data=st.data())
def test_a_form_that_is_cut_short_is_refused(parts: list[Part], data: st.DataObject) -> None:
    """Wherever it is cut: only the line break behind the last delimiter may be missing."""
    body = encoded(parts)
    length = data.draw(st.integers(0, len(body)))

    if length >= len(body) - 2:
        assert expected_of(parts) == read_multipart(body[:length], CONTENT_TYPE)
    else:
        with pytest.raises(FormError):
            read_multipart(body[:length], CONTENT_TYPE)


def test_a_form_is_refused_wherever_it_is_cut() -> None:
    """The same, at every single byte of one with a text and a file."""
    body = encoded([("a", None, None, b"\r\n1\r\n"), ("f", "x", "image/png", b"\r\n--\x00\xff")])

    for length in range(len(body) - 2):
        with pytest.raises(FormError):
            read_multipart(body[:length], CONTENT_TYPE)


@given(body=st.binary(max_size=200), content_type=st.text(st.characters(max_codepoint=255), max_size=40))
def test_any_bytes_are_a_form_or_refused(body: bytes, content_type: str) -> None:
    """Nothing else ever comes out, whatever the header says."""
    for header in (content_type, f"multipart/form-data; boundary={content_type}", "multipart/form-data; boundary=b"):
        try:
            assert isinstance(read_multipart(body, header), dict)
        except FormError:
            continue


@given(
    pieces=st.lists(
        st.sampled_from(
            [
                b"--b",
                b"--",
                b"\r\n",
                b"\r",
                b"\n",
                b" ",
                b"Content-Disposition:",
                b'form-data; name="a"',
                b";",
                b'"',
                b"x",
            ]
        ),
        max_size=20,
    )
)
def test_the_parts_of_a_form_in_any_order_are_a_form_or_refused(pieces: list[bytes]) -> None:
    """The same, closer to what the reader looks for."""
    try:
        assert isinstance(read(b"".join(pieces)), dict)
    except FormError:
        return


def test_what_the_library_of_mail_writes_is_read() -> None:
    """An encoder that is not ours."""
    message = email.mime.multipart.MIMEMultipart("form-data", "mail")
    for name, text in (("a", "one"), ("b", "two\r\nlines")):
        field = email.mime.text.MIMEText(text, _charset="us-ascii")
        field.add_header("Content-Disposition", "form-data", name=name)
        message.attach(field)

    body = message.as_bytes(policy=email.policy.HTTP).partition(b"\r\n\r\n")[2]

    assert {"a": "one", "b": "two\r\nlines"} == read_multipart(body, message["Content-Type"])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (ORDINARY[:-2], {"a": "x"}),
        (b"\r\n" + ORDINARY, {"a": "x"}),
        (b"\n\r\n" + ORDINARY, {"a": "x"}),
        (ORDINARY + b"epilogue\r\n--b\r\nwhatever", {"a": "x"}),
        (ORDINARY[:-2] + b"-", {"a": "x"}),
        (ORDINARY.replace(b"--b\r\n", b"--b \t\r\n", 1), {"a": "x"}),
        (b"--b--", {}),
        (b"--b--\r\n", {}),
        (b"\r\n--b--\r\n", {}),
        (part('form-data; name="a"', b""), {"a": ""}),
        (part('form-data; name="a"', b"\r\n"), {"a": "\r\n"}),
        (part('form-data; name="a"', b"x--b"), {"a": "x--b"}),
        (part('form-data; name="a"', b"\n--b\n"), {"a": "\n--b\n"}),
        (part('form-data; name="a"', b"\xef\xbb\xbfx"), {"a": "\ufeffx"}),
    ],
)
def test_line_breaks_and_what_stands_around_the_parts_do_not_matter(body: bytes, expected: dict[str, str]) -> None:
    """Blank lines before, anything behind, padding on a delimiter, and line breaks inside a text."""
    assert expected == read(body)


@pytest.mark.parametrize(
    ("disposition", "more", "expected"),
    [
        ('filename="x.png"', b"Content-Type: image/png\r\n", ("x.png", "image/png")),
        ('filename="x"', b"content-type:  IMAGE/Png ; q=1\r\nX-Other: 1\r\n", ("x", "image/png")),
        ('filename="x"', b"", ("x", "text/plain")),
        ('filename=""', b"Content-Type: application/octet-stream\r\n", ("", "application/octet-stream")),
        ('filename="../../etc/passwd"', b"", ("../../etc/passwd", "text/plain")),
        ('filename="C:\\\\a\\b"', b"", ("C:\\a\\b", "text/plain")),
        ('filename="\u65e5\u672c.txt"', b"", ("\u65e5\u672c.txt", "text/plain")),
    ],
)
def test_a_file_is_its_name_its_type_and_its_bytes(disposition: str, more: bytes, expected: tuple[str, str]) -> None:
    """The key `encoding` holds the media type, as in the original; no path is worked out, nothing is written."""
    content = bytes(range(256))

    assert {
        "f": {"filename": expected[0], "encoding": expected[1], "file": base64.b64encode(content).decode()}
    } == read(part(f'form-data; name="f"; {disposition}', content, more))


def test_texts_and_files_of_one_name_share_a_list() -> None:
    """In the order in which they came."""
    body = encoded([("a", None, None, b"1"), ("a", "f", "x/y", b"2"), ("a", None, None, b"3")])

    first, file, last = read_multipart(body, CONTENT_TYPE)["a"]

    assert ("1", "f", "3") == (first, file["filename"], last)


@pytest.mark.parametrize("name", ["a", "a{}"], ids=["one name", "many names"])
def test_a_form_has_a_thousand_fields_at_most(name: str) -> None:
    """More are refused, and not counted out."""
    parts: list[Part] = [(name.format(number), None, None, b"") for number in range(1001)]
    pairs = [f"{name.format(number)}=" for number in range(1001)]

    for form in (
        read_multipart(encoded(parts[:1000]), CONTENT_TYPE),
        read_urlencoded("&".join(pairs[:1000]).encode()),
    ):
        assert 1000 == sum(len(value) if isinstance(value, list) else 1 for value in form.values())
    with pytest.raises(FormError):
        read_multipart(encoded(parts), CONTENT_TYPE)
    with pytest.raises(FormError):
        read_urlencoded("&".join(pairs).encode())


def near_delimiters(size: int) -> bytes:
    """Nothing but the beginnings of delimiters."""
    return part('form-data; name="a"', b"\r\n--" * (size // 4))


def padding(size: int) -> bytes:
    """A delimiter with endless padding."""
    return ORDINARY.replace(b"--b\r\n", b"--b" + b" " * size + b"\r\n", 1)


def line_breaks(size: int) -> bytes:
    """Blank lines before the first part."""
    return b"\r\n" * (size // 2) + ORDINARY


def quotes(size: int) -> bytes:
    """A name of nothing but separators."""
    return part('form-data; name="' + ";" * size + '"')


def escapes(size: int) -> bytes:
    """A name of nothing but escapes, which does not end."""
    return part('form-data; name="' + "\\a" * (size // 2))


def semicolons(size: int) -> bytes:
    """A header of nothing but separators."""
    return part('form-data; name="a"' + ";" * size)


@pytest.mark.parametrize("shape", [near_delimiters, padding, line_breaks, quotes, escapes, semicolons])
def test_the_work_does_not_grow_with_what_only_looks_like_structure(shape: Any) -> None:
    """A mebibyte takes as many steps of ours as a kibibyte: the rest is a search for one text."""

    def steps(size: int) -> int:
        def run() -> None:
            try:
                read(shape(size))
            except FormError:
                return

        return lines_run(run, "gateway/protocol/http/forms.py")

    assert steps(1 << 20) == steps(1 << 10)
