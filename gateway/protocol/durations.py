"""The `ms` grammar: how a life span is written as text.

Rules of the file: pure; a text either matches the whole grammar or it is no duration. The grammar is that of the
npm package `ms` 2.1.3, which every Kuzzle client has in mind (protocol page security.md, "expiresIn").
"""

import re

__all__ = ["MAX_LENGTH", "parse"]

MAX_LENGTH = 100
"""Longest text that is looked at, in characters."""

_SECOND = 1000.0
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR

_MILLISECONDS_BY_UNIT = {
    words: factor
    for group, factor in (
        ("ms msec msecs millisecond milliseconds", 1.0),
        ("s sec secs second seconds", _SECOND),
        ("m min mins minute minutes", _MINUTE),
        ("h hr hrs hour hours", _HOUR),
        ("d day days", _DAY),
        ("w week weeks", 7 * _DAY),
        ("y yr yrs year years", 365.25 * _DAY),
    )
    for words in group.split()
}

# re.ASCII: JavaScript's \d and case folding know ASCII only; re.fullmatch: `$` would let a final newline pass.
_DURATION = re.compile(
    r"(-?(?:[0-9]+)?\.?[0-9]+) *(" + "|".join(_MILLISECONDS_BY_UNIT) + r")?",
    re.IGNORECASE | re.ASCII,
)


def parse(text: str) -> float | None:
    """Read a duration such as `"30d"`, `"1.5 hours"` or `"500"`.

    Args:
        text: number, optional spaces, optional unit in any letter case; no unit means milliseconds.

    Returns:
        Milliseconds as an IEEE double, not rounded, possibly negative or infinite; None where the text
        (or its length, above `MAX_LENGTH`) does not match the grammar.
    """
    if len(text) > MAX_LENGTH:
        return None
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    number, unit = match.groups()
    return float(number) * _MILLISECONDS_BY_UNIT[unit.lower() if unit else "ms"]
