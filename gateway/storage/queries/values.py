"""What stands in a clause: objects with known keys, scalars, texts, lists, moments.

Rules of the file: pure. A value becomes part of a filter only through here; an object never does, so an operator
cannot be smuggled in as a value (P01).
"""

import math
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.storage.queries.scope import is_unicode, refused, shown

__all__ = [
    "MAX_TEXT",
    "MAX_VALUES",
    "Scalar",
    "flag",
    "moment",
    "number",
    "one_entry",
    "one_field",
    "options",
    "scalar",
    "scalars",
    "short_text",
    "text",
]

Scalar = str | int | float | bool

MAX_VALUES = 10_000
"""Values in one list."""

MAX_TEXT = 1000
"""Characters of a text that becomes part of a regular expression."""

_LEAST_INT64, _GREATEST_INT64 = -(2**63), 2**63 - 1
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", re.ASCII)
_IGNORED = frozenset({"boost", "_name"})
"""Options of every clause that only concern scores and highlighting."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DATE = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)(T(?P<hour>\d\d)(:(?P<minute>\d\d)"
    r"(:(?P<second>\d\d)(\.(?P<fraction>\d{1,9}))?)?)?(?P<zone>Z|[+-]\d\d:?\d\d)?)?)?)?",
    re.ASCII,
)
_EARLIEST = {
    "month": "01",
    "day": "01",
    "hour": "00",
    "minute": "00",
    "second": "00",
    "fraction": "0",
    "zone": "Z",
}
_LATEST = _EARLIEST | {"hour": "23", "minute": "59", "second": "59", "fraction": "999"}
"""What stands for the missing parts of a date; a missing month or day is the first either way, as in the original."""


def one_entry(query: Any) -> tuple[str, Any]:
    """Take a clause apart into its name and its body.

    Raises:
        BadRequestError: it is no object, or does not have exactly one key.
    """
    if not isinstance(query, Mapping):
        raise refused("a clause must be an object")
    if len(query) != 1:
        raise refused(f"a clause must have exactly one key, this has {len(query)}")
    return next(iter(query.items()))


def one_field(clause: str, body: Any) -> tuple[str, Any]:
    """Take the body of a clause about one field apart: `{field: …}`, possibly beside `boost` and `_name`.

    Raises:
        BadRequestError: it is no object, or names none or several fields.
    """
    if not isinstance(body, Mapping):
        raise refused(f"[{clause}] must be an object")
    entries = body if len(body) == 1 else {key: value for key, value in body.items() if key not in _IGNORED}
    if len(entries) != 1:
        raise refused(f"[{clause}] must name exactly one field")
    return next(iter(entries.items()))


def options(clause: str, given: Any, known: Collection[str], main: str = "") -> Mapping[str, Any]:
    """Read the options of a clause.

    Args:
        clause: its name, for errors.
        given: an object; if `main` is named, its value alone will do.
        known: names that may be there, beside `boost` and `_name`.
        main: the option that must be there.

    Raises:
        BadRequestError: no object, an unknown option, or `main` is missing.
    """
    if main and not isinstance(given, Mapping):
        return {main: given}
    if not isinstance(given, Mapping):
        raise refused(f"[{clause}] must be an object")
    for key in given:
        if key not in known and key != main and key not in _IGNORED:
            raise refused(f"[{clause}] does not support [{shown(key)}]")
    if main and main not in given:
        raise refused(f"[{clause}] needs [{main}]")
    return given


def scalar(value: Any) -> Scalar:
    """Return a text, a number or a boolean as it is.

    Raises:
        BadRequestError: anything else, and numbers and texts that MongoDB cannot store.
    """
    if isinstance(value, str):
        return _checked_text(value)
    if isinstance(value, bool) or (isinstance(value, int) and _LEAST_INT64 <= value <= _GREATEST_INT64):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise refused("a value must be text, a boolean, or a number of at most 64 bits")


def scalars(value: Any) -> list[Scalar]:
    """Return a list of scalars; a scalar alone counts as a list of one.

    Raises:
        BadRequestError: other values, or more than `MAX_VALUES`.
    """
    if not isinstance(value, list):
        return [scalar(value)]
    if len(value) > MAX_VALUES:
        raise refused(f"more than {MAX_VALUES} values in a list")
    return [scalar(element) for element in value]


def text(value: Any) -> str:
    """Return a scalar as the text it is on the wire.

    Raises:
        BadRequestError: it is no scalar.
    """
    checked = scalar(value)
    if isinstance(checked, bool):
        return "true" if checked else "false"
    return str(checked)


def short_text(value: Any) -> str:
    """Return a scalar as text that is fit for a regular expression.

    Raises:
        BadRequestError: no scalar, over `MAX_TEXT` characters, or with a NUL, which MongoDB refuses in patterns.
    """
    checked = text(value)
    if len(checked) > MAX_TEXT:
        raise refused(f"a text to search by may have {MAX_TEXT} characters")
    if "\0" in checked:
        raise refused("a text to search by may not hold NUL")
    return checked


def flag(value: Any) -> bool:
    """Return a boolean, which may be written as text.

    Raises:
        BadRequestError: anything else.
    """
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise refused("a flag must be true or false")


def number(value: Scalar) -> int | float | None:
    """Read a number, which may be written as text; None for anything else."""
    if isinstance(value, str):
        match = _NUMBER.fullmatch(value)
        return None if match is None else float(value) if match[1] else int(value)
    return None if isinstance(value, bool) else value


def moment(value: Scalar, *, latest: bool) -> int | float:
    """Read a moment: a number, or an ISO date such as `2031-05-01` or `2031-05-01T12:30:00.5+02:00`.

    Args:
        value: numbers are milliseconds since the epoch; a date without a zone is in UTC.
        latest: whether the missing parts of a time stand for their last moment.

    Returns:
        Milliseconds since the epoch.

    Raises:
        BadRequestError: neither; date arithmetic such as `now-1d` included.
    """
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        milliseconds = number(value)
        if milliseconds is None:
            raise _no_date(value)
        return milliseconds
    given = {name: part for name, part in match.groupdict().items() if part}
    parts = (_LATEST if latest else _EARLIEST) | given
    try:
        date = datetime.fromisoformat("{year}-{month}-{day}T{hour}:{minute}:{second}{zone}".format(**parts))
    except ValueError as error:
        raise _no_date(value) from error
    return (date - _EPOCH) // _MILLISECOND + int(parts["fraction"].ljust(3, "0")[:3])


def _no_date(value: Scalar) -> Exception:
    return refused(f"[{shown(str(value))}] is neither a number nor an ISO date")


def _checked_text(value: str) -> str:
    if not is_unicode(value):
        raise refused("a text holds half a character")
    return value
