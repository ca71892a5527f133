"""How an action declares its arguments, and what is wrong when they do not fit.

Rules of the file: pure and free of JSON: it reads values that were decoded, from a frame or from a URL. A shape is
read first by the codec in one step; only what that refuses comes here, where the fields are read one by one in
the order in which the shape lists them, so that the documented error wins (frames.md §2, "How arguments are read").
"""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar, cast

from msgspec import UNSET, Meta, Struct, inspect

from gateway.protocol.errors import ApiError, api_error

__all__ = [
    "Arguments",
    "Body",
    "NoArguments",
    "OptionalId",
    "RequiredId",
    "are_integers_safe",
    "check_shape",
    "has_integers",
    "invalid_type",
    "missing",
    "pick",
    "read",
    "read_texts",
]

T = TypeVar("T")
Reader = Callable[[Any, str], Any]
Readers = tuple[tuple[str, str, bool, Reader], ...]  # name on the wire, own name, whether it is required


class Arguments(Struct, frozen=True, rename="camel"):
    """Base of the arguments of an action: the root keys of the request that it uses.

    Fields are checked in the order of their declaration. Plain `str`, `bool`, `int`, `list` and `dict` follow the
    getters of the protocol page, and so does each of them `| None`; `Any` takes the value as it is. A field `body`
    makes the body required, unless it has a default; its type is `dict`, `list` or a `Body`. Other types and
    constraints are refused at registration: a value that the getters accept might not be one of them.
    """


class Body(Struct, frozen=True, rename="camel"):
    """Base of the shape of a request's body."""


class NoArguments(Arguments, frozen=True):
    """An action that takes none."""


RequiredId = Annotated[str, Meta(min_length=1, extra={"reader": "required_id"})]
"""`_id` that must be there: falsy counts as missing."""

OptionalId = Annotated[Annotated[str, Meta(min_length=1)] | None, Meta(extra={"reader": "optional_id"})]
"""`_id` that may be left out: falsy counts as absent and arrives as None."""


def missing(name: str) -> ApiError:
    """The error for an argument that is not there; `name` is dotted, with `body.` before fields of the body."""
    return api_error("api.assert.missing_argument", name)


def invalid_type(name: str, expected: str) -> ApiError:
    """The error for an argument of another type than `expected`."""
    return api_error("api.assert.invalid_type", name, expected)


def read(shape: type[T], fields: Mapping[str, Any], prefix: str = "") -> T:
    """Read a shape field by field.

    Args:
        shape: a subclass of `Arguments` or `Body`.
        fields: wire name → decoded value.
        prefix: what stands before the names in errors, `body.` for a body.

    Raises:
        BadRequestError: `missing_argument`, `invalid_type` or `body_required`, for the first field at fault.
    """
    return _filled(shape, _readers(cast("type[Struct]", shape)), fields, prefix)


def read_texts(shape: type[T], fields: Mapping[str, Any], parse: Callable[[str], Any]) -> T:
    """Read a shape out of a URL, where every value but the body is a text, or a list of texts (http.md §1).

    A boolean is true by being there, unless it says `false` or `0` (deviation 13); arrays and objects are JSON.

    Args:
        shape: a subclass of `Arguments`.
        fields: wire name → text, list of texts, or under `body` a decoded value.
        parse: reads JSON; what is none it returns as it is.

    Raises:
        BadRequestError: as `read`.
    """
    return _filled(shape, _text_readers(cast("type[Struct]", shape), parse), fields, "")


def _filled(shape: type[T], readers: Readers, fields: Mapping[str, Any], prefix: str) -> T:
    values: dict[str, Any] = {}
    for wire, own, is_required, reader in readers:
        name, value = prefix + wire, fields.get(wire, UNSET)
        # A body of null is no body.
        if value is not UNSET and not (value is None and name == "body"):
            values[own] = reader(value, name)
        elif is_required:
            raise api_error("api.assert.body_required") if name == "body" else missing(name)
    return shape(**values)


def check_shape(shape: type[Any]) -> None:
    """Refuse a shape that cannot be read field by field.

    Raises:
        TypeError: names the field whose type no getter reads.
    """
    _readers(cast("type[Struct]", shape))


def pick(fields: Mapping[str, Any], name: str, kind: type[T], prefix: str = "body.") -> T:
    """Take a required field out of an object that has free keys beside it.

    Args:
        fields: wire name → decoded value.
        name: the field.
        kind: `str`, `bool`, `int`, `list` or `dict`.
        prefix: what stands before the name in errors.

    Raises:
        BadRequestError: `missing_argument`, `invalid_type`.
    """
    if name not in fields:
        raise missing(prefix + name)
    return cast("T", _READERS_OF_PYTHON[kind](fields[name], prefix + name))


def has_integers(shape: type[Any]) -> bool:
    """Tell whether `are_integers_safe` has anything to look at in values of this shape."""
    return bool(_integers(cast("type[Struct]", shape)))


def are_integers_safe(value: object) -> bool:
    """Tell whether every integer of a shape is one that the getters accept: a decoder in one step takes any size."""
    members = (getattr(value, name) for name in _integers(cast("type[Struct]", type(value))))
    return all(
        are_integers_safe(member)
        if isinstance(member, Struct)
        else not isinstance(member, int) or abs(member) <= _LARGEST_SAFE_INTEGER
        for member in members
    )


@functools.cache
def _integers(shape: type[Struct]) -> tuple[str, ...]:
    info = cast("inspect.StructType", inspect.type_info(shape))
    return tuple(field.name for field in info.fields if _holds_integers(field.type))


def _holds_integers(kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.Metadata):
        return _holds_integers(kind.type)
    if isinstance(kind, inspect.UnionType):
        return any(map(_holds_integers, kind.types))
    return isinstance(kind, inspect.IntType) or (isinstance(kind, inspect.StructType) and has_integers(kind.cls))


@functools.cache
def _text_readers(shape: type[Struct], parse: Callable[[str], Any]) -> Readers:
    readers = _readers(shape)
    return tuple((wire, own, must, get if wire == "body" else _of_text(get, parse)) for wire, own, must, get in readers)


def _of_text(reader: Reader, parse: Callable[[str], Any]) -> Reader:
    if isinstance(reader, functools.partial) and reader.func is _read_optional:
        return functools.partial(_read_optional, _of_text(reader.args[0], parse))
    if reader is _read_boolean:
        return _read_flag
    if reader in (_read_array, _read_object):
        return lambda value, name: reader(parse(value) if isinstance(value, str) else value, name)
    return reader


def _read_flag(value: Any, _name: str) -> bool:
    return value not in ("false", "0")


@functools.cache
def _readers(shape: type[Struct]) -> Readers:
    found = []
    for field in cast("inspect.StructType", inspect.type_info(shape)).fields:
        reader = _reader(field.type)
        if reader is None:
            raise TypeError(f"no getter reads the type of {shape.__name__}.{field.name}")
        found.append((field.encode_name, field.name, field.required, reader))
    return tuple(found)


def _reader(kind: inspect.Type) -> Reader | None:
    if isinstance(kind, inspect.Metadata):
        return _NAMED_READERS.get((kind.extra or {}).get("reader", ""))
    if isinstance(kind, inspect.StructType):
        check_shape(kind.cls)
        return functools.partial(_read_body, kind.cls)
    if isinstance(kind, inspect.UnionType):
        inner = [_reader(each) for each in kind.types if not isinstance(each, inspect.NoneType)]
        return functools.partial(_read_optional, inner[0]) if len(inner) == 1 and inner[0] else None
    return next((reader for plain, reader in _READERS if plain == kind), None)


def _read_optional(reader: Reader, value: Any, name: str) -> Any:
    return None if value is None else reader(value, name)


def _read_body(shape: type[Any], value: Any, name: str) -> Any:
    # An array has no named fields: whatever the body requires is missing.
    fields = {} if name == "body" and isinstance(value, list) else _read_object(value, name)
    return read(shape, fields, prefix=f"{name}.")


def _read_string(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise invalid_type(name, "string")
    return value


def _read_boolean(value: Any, name: str) -> bool:
    if value is None:
        return False
    if not isinstance(value, bool):
        raise invalid_type(name, "boolean")
    return value


_LEADING_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)", re.ASCII)
_LARGEST_SAFE_INTEGER = 2**53 - 1


def _read_integer(value: Any, name: str) -> int:
    """Numbers, and text by the rules of JavaScript's parseFloat, if whole and safe."""
    if isinstance(value, str):
        match = _LEADING_NUMBER.match(value)
        value = float(match[1]) if match else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid_type(name, "integer")
    # The bounds come first: they also refuse infinities, and integers that are too long to become a float.
    if not -_LARGEST_SAFE_INTEGER <= value <= _LARGEST_SAFE_INTEGER or value != int(value):
        raise invalid_type(name, "integer")
    return int(value)


def _read_array(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise invalid_type(name, "array")
    return value


def _read_object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid_type(name, "object")
    return value


def _read_required_id(value: Any, name: str) -> str:
    if not value:
        raise missing(name)
    return _read_string(value, name)


def _read_optional_id(value: Any, name: str) -> str | None:
    return _read_string(value, name) if value else None


_READERS: tuple[tuple[inspect.Type, Reader], ...] = (
    (inspect.AnyType(), lambda value, _name: value),
    (inspect.StrType(), _read_string),
    (inspect.BoolType(), _read_boolean),
    (inspect.IntType(), _read_integer),
    (inspect.ListType(inspect.AnyType()), _read_array),
    (inspect.DictType(inspect.AnyType(), inspect.AnyType()), _read_object),
    (inspect.DictType(inspect.StrType(), inspect.AnyType()), _read_object),
)

_READERS_OF_PYTHON: dict[type, Reader] = {
    str: _read_string,
    bool: _read_boolean,
    int: _read_integer,
    list: _read_array,
    dict: _read_object,
}

_NAMED_READERS: dict[str, Reader] = {
    "required_id": _read_required_id,
    "optional_id": _read_optional_id,
}
