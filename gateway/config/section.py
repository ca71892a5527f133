"""What a section of settings is, and what a struct's annotations say about each setting.

Rules of the file: everything known about a setting is read from its annotation in `settings.py`; loader, masking and
page all look here. Keys of `Meta.extra`: `unit` (a word), `duration` (True: text of the `ms` grammar is accepted),
`accepts` (words for a rule that bounds cannot say), `hide` (a function that makes a value fit to be seen; it marks
a setting that may hold a secret).
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Annotated

from msgspec import Meta, Struct, inspect

__all__ = [
    "Count",
    "Filled",
    "Lifetime",
    "Section",
    "Setting",
    "Timeout",
    "hide_passwords",
    "hide_whole",
    "masked_section",
    "settings_of",
]

_HIDDEN = "***"
_HOUR = 3_600_000
_LONGEST_LIFETIME = 31_557_600_000_000  # 1000 years: any end date still fits a JavaScript date

# Options of a connection string whose value is a secret, such as tlsCertificateKeyFilePassword.
_SECRET_OPTIONS = re.compile(r"([?&;](?:\w*password|authMechanismProperties)=)[^&;]*", re.IGNORECASE)

Filled = Annotated[str, Meta(min_length=1)]
"""A text that is not empty."""
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
"""How many of something, at least one."""
Timeout = Annotated[int, Meta(ge=1, le=_HOUR, extra={"unit": "ms"})]
"""Milliseconds, up to an hour."""
Lifetime = Annotated[
    int,
    Meta(
        ge=-1,
        le=_LONGEST_LIFETIME,
        extra={
            "unit": "ms",
            "duration": True,
            "accepts": 'a duration such as "1h", or whole milliseconds, up to 1000 years, or -1',
        },
    ),
]
"""Milliseconds, written as a number or in the `ms` grammar; -1 means none."""


class Setting(Struct, frozen=True):
    """One setting of a section, as its annotation tells it."""

    name: str
    kind: inspect.Type
    default: object
    meaning: str
    accepts: str
    unit: str
    is_duration: bool
    hide: Callable[[str], str] | None

    def shown(self, value: object) -> object:
        """Give the value as it may be seen by anybody."""
        return self.hide(value) if self.hide and isinstance(value, str) else value


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of settings; its `repr` hides secrets, so that no log line or traceback shows them."""

    def __repr__(self) -> str:
        """Look like any struct, secrets masked."""
        settings = ", ".join(f"{name}={value!r}" for name, value in masked_section(self).items())
        return f"{type(self).__name__}({settings})"


def hide_whole(value: str) -> str:
    """Hide all of a secret; the empty text stays, it says that none is set."""
    return _HIDDEN if value else ""


def hide_passwords(uri: str) -> str:
    """Hide the password of a connection string and the secrets among its options."""
    scheme, mark, rest = uri.partition("://")
    if not mark:
        scheme, rest = "", uri
    # Up to the last @: a password that was not percent-encoded may hold "/", "?" or another "@".
    user_info, at, hosts = rest.rpartition("@")
    user, colon, _password = user_info.partition(":")
    password = _HIDDEN if colon else ""
    return _SECRET_OPTIONS.sub(rf"\g<1>{_HIDDEN}", f"{scheme}{mark}{user}{colon}{password}{at}{hosts}")


def masked_section(section: Section) -> dict[str, object]:
    """Give the settings of a section by name, fit to be seen."""
    return {setting.name: setting.shown(getattr(section, setting.name)) for setting in settings_of(type(section))}


@cache
def settings_of(section: type[Section]) -> tuple[Setting, ...]:
    """List the settings of a section in the order of its struct."""
    described = inspect.type_info(section)
    if not isinstance(described, inspect.StructType):
        raise TypeError(f"{section.__name__} is no struct")
    return tuple(_setting(field) for field in described.fields)


def _setting(field: inspect.Field) -> Setting:
    annotation = field.type
    if not isinstance(annotation, inspect.Metadata):
        raise TypeError(f"the setting {field.name} has no description")
    extra = annotation.extra or {}
    return Setting(
        name=field.name,
        kind=annotation.type,
        default=field.default,
        meaning=(annotation.extra_json_schema or {}).get("description", ""),
        accepts=extra.get("accepts") or _accepts(annotation.type),
        unit=extra.get("unit", ""),
        is_duration=extra.get("duration", False),
        hide=extra.get("hide"),
    )


def _accepts(kind: inspect.Type) -> str:
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=least, le=most):
            return f"a whole number from {least} to {most}"
        case inspect.FloatType(ge=least, le=most):
            return f"a number from {least:g} to {most:g}"
        case inspect.LiteralType(values=values):
            return " or ".join(f'"{value}"' for value in values)
        case inspect.VarTupleType(min_length=least):
            return "a list of texts that are not empty" + (", at least one" if least else "")
        case inspect.StrType(min_length=least):
            return "a text that is not empty" if least else "a text"
    raise TypeError(f"no setting can be a {type(kind).__name__}")
