"""Shapes with one argument each, of every kind that a getter of the protocol page reads."""

from typing import Any

from msgspec import field

from gateway.protocol.arguments import Arguments, OptionalId, RequiredId

__all__ = [
    "OneAnything",
    "OneArray",
    "OneBoolean",
    "OneInteger",
    "OneObject",
    "OneOptionalId",
    "OneRequiredId",
    "OneString",
]


class OneString(Arguments, frozen=True):
    """Takes a string."""

    value: str


class OneBoolean(Arguments, frozen=True):
    """Takes a flag that is off by default."""

    value: bool = False


class OneInteger(Arguments, frozen=True):
    """Takes a whole number."""

    value: int


class OneArray(Arguments, frozen=True):
    """Takes an array."""

    value: list[Any]


class OneObject(Arguments, frozen=True):
    """Takes an object."""

    value: dict[str, Any]


class OneRequiredId(Arguments, frozen=True):
    """Takes an id."""

    value: RequiredId = field(name="_id")


class OneOptionalId(Arguments, frozen=True):
    """Takes an id that may be left out."""

    value: OptionalId = field(name="_id", default=None)


class OneAnything(Arguments, frozen=True):
    """Takes what comes."""

    value: Any = "the default"
