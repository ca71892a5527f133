"""What can be wrong with one argument, for every kind of argument: a row is what is put in its place, and its error.

A path is dotted: `body.content.profileIds`. A row is named by its path and its fault.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

__all__ = [
    "DROP",
    "LONG",
    "Row",
    "anything_but",
    "array",
    "body",
    "flag",
    "ident",
    "lang",
    "maybe_ident",
    "maybe_object",
    "new_ident",
    "number",
    "obj",
    "put",
    "scroll",
    "span",
    "text",
    "unknown",
]

DROP: Any = object()
"""In the place of a value: nothing at all."""

LONG = "x" * 3000
"""Longer than any id may be."""

MISSING, TYPE, ARGUMENT = "api.assert.missing_argument", "api.assert.invalid_type", "api.assert.invalid_argument"


class Row(NamedTuple):
    """One mistake: `value` stands at `path`; `named` is what the error must name first, None for anything."""

    path: str
    fault: str
    value: Any
    status: int
    error_id: str | None
    named: str | None = None


_VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "number": 5,
    "half": 1.5,
    "text": "some text",
    "array": ["x"],
    "operator": {"$ne": ""},
}


def anything_but(path: str, *fits: str, named: str | None = "") -> Iterator[Row]:
    """Values of every type but those that fit; the error names the path, unless told otherwise."""
    for fault, value in _VALUES.items():
        if fault not in fits:
            yield Row(path, fault, value, 400, TYPE, path if named == "" else named)


def _absent(path: str) -> Row:
    return Row(path, "missing", DROP, 400, MISSING, path)


def text(path: str) -> Iterator[Row]:
    """A text that must be there; "" is one."""
    yield _absent(path)
    yield from anything_but(path, "text")


def array(path: str) -> Iterator[Row]:
    """An array that must be there."""
    yield _absent(path)
    yield from anything_but(path, "array")


def obj(path: str) -> Iterator[Row]:
    """An object that must be there."""
    yield _absent(path)
    yield from anything_but(path, "operator")


def maybe_object(path: str) -> Iterator[Row]:
    """An object that may be left out or null."""
    yield from anything_but(path, "operator", "null")


def ident(path: str = "_id") -> Iterator[Row]:
    """An id that must be there; falsy is absent."""
    for fault, value in (("missing", DROP), ("null", None), ("empty", ""), ("zero", 0), ("false", False)):
        yield Row(path, fault, value, 400, MISSING, path)
    yield from anything_but(path, "text", "null")


def maybe_ident(path: str = "_id") -> Iterator[Row]:
    """An id that may be left out."""
    yield from anything_but(path, "text", "null")


def new_ident(path: str = "_id") -> Iterator[Row]:
    """An id for something new: printable, not too long."""
    for fault, value in (("too long", LONG), ("two lines", "a\nb"), ("NUL", "a\0b"), ("escape", "a\x1bb")):
        yield Row(path, fault, value, 400, ARGUMENT, path)


def unknown(path: str, status: int, error_id: str | None) -> Iterator[Row]:
    """A name of nothing, in forms that must not be taken for anything else."""
    names = {"unknown": "ghost", "too long": LONG, "operator as text": '{"$ne": ""}', "NUL": "a\0b", "regex": ".*"}
    for fault, value in names.items():
        yield Row(path, fault, value, status, error_id)


def body(*, is_optional: bool = False) -> Iterator[Row]:
    """A body that is an object."""
    if not is_optional:
        for fault, value in (("missing", DROP), ("null", None)):
            yield Row("body", fault, value, 400, "api.assert.body_required")
    yield Row("body", "array", ["x"], 400, TYPE, "body")


def number(path: str, *fits: str) -> Iterator[Row]:
    """A whole number, as JSON's or as text."""
    yield from anything_but(path, "number", *fits)
    yield Row(path, "infinite", 1e999, 400, TYPE, path)
    yield Row(path, "half as text", "1.5", 400, TYPE, path)


def flag(path: str) -> Iterator[Row]:
    """True or false; null is false."""
    yield from anything_but(path, "true", "null")


def span(path: str = "expiresIn") -> Iterator[Row]:
    """A life span."""
    values = {**_VALUES, "zero": 0, "empty": "", "negative": -5, "infinite": 1e999, "too long": "1y" * 60}
    for fault, value in values.items():
        if fault not in ("null", "number", "half"):
            yield Row(path, fault, value, 400, ARGUMENT, path)


def scroll() -> Iterator[Row]:
    """How long a scroll lives."""
    yield from anything_but("scroll", "text", "null")
    yield Row("scroll", "no duration", "soon", 400, ARGUMENT, "scroll")
    yield Row("scroll", "too long", "2m", 400, "services.storage.scroll_duration_too_great", "2m")


def lang() -> Iterator[Row]:
    """A language."""
    for fault, value in _VALUES.items():
        if fault != "null":
            yield Row("lang", fault, value, 400, ARGUMENT, "lang")


def put(arguments: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The arguments with another value at a path, or with none."""
    name, _, rest = path.partition(".")
    changed = dict(arguments)
    if rest:
        inner = changed.get(name)
        changed[name] = put(inner if isinstance(inner, dict) else {}, rest, value)
    elif value is DROP:
        changed.pop(name, None)
    else:
        changed[name] = value
    return changed
