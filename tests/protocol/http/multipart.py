"""Forms in parts, as tests write them: an encoder of our own, and single parts of any kind."""

import base64
from typing import Any

from hypothesis import strategies as st

from gateway.protocol.http.forms import read_multipart

__all__ = ["BOUNDARY", "CONTENT_TYPE", "ORDINARY", "PARTS", "Part", "encoded", "expected_of", "part", "read"]

BOUNDARY = "----WebKitFormBoundaryx7MA4YWxkTrZu0gW"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"

Part = tuple[str, str | None, str | None, bytes]
"""Name, file name or None, media type or None, content."""

NAMES = st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]), max_size=12)
CONTENTS = st.binary(max_size=40) | st.sampled_from(
    [
        b"\r\n",
        b"--",
        b"\r\n--",
        f"\r\n--{BOUNDARY[:-1]}".encode(),
        b"\r\n\r\n",
        b"\r",
        b"\n--" + BOUNDARY.encode(),
        b"-",
    ]
)
TEXTS = st.text(max_size=30).map(str.encode)
PARTS = st.lists(
    st.tuples(NAMES, st.none(), st.none(), TEXTS)
    | st.tuples(NAMES, NAMES, st.sampled_from(["text/plain", "image/png"]), CONTENTS),
    max_size=6,
)


def quoted(text: str) -> str:
    """A parameter's value as RFC 7578 wants it."""
    return '"{}"'.format(text.replace("\\", "\\\\").replace('"', '\\"'))


def encoded(parts: list[Part], boundary: str = BOUNDARY) -> bytes:
    """A form as a browser writes it."""
    pieces = []
    for name, filename, media_type, content in parts:
        head = f"--{boundary}\r\nContent-Disposition: form-data; name={quoted(name)}"
        head += "" if filename is None else f"; filename={quoted(filename)}"
        head += "" if media_type is None else f"\r\nContent-Type: {media_type}"
        pieces.append(head.encode() + b"\r\n\r\n" + content + b"\r\n")
    return b"".join(pieces) + f"--{boundary}--\r\n".encode()


def expected_of(parts: list[Part]) -> dict[str, Any]:
    """The object that a form stands for."""
    values: dict[str, list[Any]] = {}
    for name, filename, media_type, content in parts:
        file = {"filename": filename, "encoding": media_type, "file": base64.b64encode(content).decode()}
        values.setdefault(name, []).append(content.decode() if filename is None else file)
    return {name: several if len(several) > 1 else several[0] for name, several in values.items()}


def part(disposition: str | bytes, content: bytes = b"x", more: bytes = b"") -> bytes:
    """A body of one part with this `Content-Disposition`, under the boundary `b`."""
    raw = disposition if isinstance(disposition, bytes) else disposition.encode()
    return b"--b\r\nContent-Disposition: " + raw + b"\r\n" + more + b"\r\n" + content + b"\r\n--b--\r\n"


def read(body: bytes) -> dict[str, Any]:
    """Read a form under the boundary `b`."""
    return read_multipart(body, "multipart/form-data; boundary=b")


ORDINARY = part('form-data; name="a"')
