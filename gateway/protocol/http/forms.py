"""Forms: what browsers and scripts send in the place of JSON (http.md §1, "Body decoding").

Rules of the file: pure. A form is an object of texts; a name that stands there more than once has a list. What can be
read in two ways is refused. What a form may hold is bounded in number, its size is that of the body, and the work is
linear in it: a body is there as a whole, so it is cut at its delimiters and never walked byte by byte. The libraries
for forms do that, and a crafted mebibyte holds them for a second or more.
"""

import base64
import re
from typing import Any, NamedTuple

__all__ = ["FormError", "read_multipart", "read_urlencoded"]

_MAX_FIELDS = 1000
_LONGEST_BOUNDARY = 70  # RFC 2046 §5.1.1
_TEXT = "text/plain"

# `;name=value` or `;name="value"`; nothing here is tried twice.
_PARAMETER = re.compile(r'[ \t]*+;[ \t]*+([\w*-]++)[ \t]*+=[ \t]*+("(?:[^"\\]++|\\.)*+"|[^\s";]*+)', re.ASCII)
_ESCAPED = re.compile(r'\\(["\\])')


_ESCAPES = re.compile(rb"(?:%[0-9A-Fa-f]{2})++")


class FormError(Exception):
    """A body is not the form that it says it is."""


class _Part(NamedTuple):
    """One part of a multipart body; `filename` is None for a text."""

    name: str
    filename: str | None
    media_type: str
    content: bytes


def read_urlencoded(body: bytes) -> dict[str, Any]:
    """Read `application/x-www-form-urlencoded`.

    Raises:
        FormError: it is no UTF-8, or has too many fields.
    """
    if body.count(b"&") >= _MAX_FIELDS:
        raise FormError("it has too many fields")
    form: dict[str, Any] = {}
    try:
        for field in body.replace(b"+", b" ").split(b"&"):
            name, _, value = field.partition(b"=")
            if field:
                _add(form, _unescaped(name), _unescaped(value))
    except UnicodeDecodeError as error:
        raise FormError(str(error)) from None
    return form


def read_multipart(body: bytes, content_type: str) -> dict[str, Any]:
    """Read `multipart/form-data` (RFC 7578, RFC 2046 §5.1).

    Args:
        body: whole.
        content_type: the header, which names the boundary.

    Returns:
        Name → text, or of a file `{filename, encoding, file}`: its media type, and its bytes in base64.

    Raises:
        FormError: it is cut short or malformed, has too many parts, or a text is no UTF-8.
    """
    form: dict[str, Any] = {}
    try:
        for raw in _cut(body, _boundary(content_type)):
            part = _part(raw)
            _add(form, part.name, part.content.decode() if part.filename is None else _file(part))
    except UnicodeError as error:
        raise FormError(str(error)) from None
    return form


def _boundary(content_type: str) -> bytes:
    boundary = _parameters(content_type)[1].get("boundary", "")
    if not 0 < len(boundary) <= _LONGEST_BOUNDARY:
        raise FormError("no boundary is named")
    return boundary.encode("latin-1")


def _cut(body: bytes, boundary: bytes) -> list[bytes]:
    """The parts, each from the end of its delimiter's boundary on; what stands behind the last one does not count."""
    before, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary, _MAX_FIELDS + 1)
    if before.strip(b"\r\n"):
        raise FormError("something stands before the first part")
    for count, part in enumerate(parts):
        if part.startswith(b"--"):
            return parts[:count]
    raise FormError("it is cut short, or has too many parts")


def _part(raw: bytes) -> _Part:
    head, blank, content = raw.partition(b"\r\n\r\n")
    padding, *lines = head.decode().split("\r\n")
    if not blank or padding.strip(" \t"):
        raise FormError("a part has no head")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or name.lower() in headers:
            raise FormError("a header of a part is malformed, or is there twice")
        headers[name.lower()] = value.strip(" \t")
    disposition, parameters = _parameters(headers.get("content-disposition", ""))
    if disposition != "form-data" or "name" not in parameters:
        raise FormError("a part has no name")
    media_type = headers.get("content-type", _TEXT).partition(";")[0].strip().lower()
    return _Part(parameters["name"], parameters.get("filename"), media_type, content)


def _parameters(header: str) -> tuple[str, dict[str, str]]:
    """The value of a header, in lower case, and its parameters; `name*` is a name of its own (RFC 7578 §4.2)."""
    end = len(header.partition(";")[0])
    value, parameters = header[:end].strip(" \t").lower(), {}
    while found := _PARAMETER.match(header, end):
        name, text, end = found[1].lower(), found[2], found.end()
        if name in parameters:
            raise FormError(f"{name} is there twice")
        parameters[name] = _ESCAPED.sub(r"\1", text[1:-1]) if text.startswith('"') else text
    if header[end:].strip(" \t;"):
        raise FormError("the parameters of a header are malformed")
    return value, parameters


def _file(part: _Part) -> dict[str, str]:
    content = base64.b64encode(part.content).decode()
    return {"filename": part.filename or "", "encoding": part.media_type, "file": content}


def _unescaped(text: bytes) -> str:
    """Undo percent escapes; a sign that begins none stays. `urllib` takes half a second for a mebibyte of them."""
    if b"%" in text:
        text = _ESCAPES.sub(lambda run: bytes.fromhex(run[0].replace(b"%", b"").decode()), text)
    return text.decode()


def _add(form: dict[str, Any], name: str, value: Any) -> None:
    if name not in form:
        form[name] = value
    elif isinstance(form[name], list):
        form[name].append(value)
    else:
        form[name] = [form[name], value]
