"""JSON values → YAML 1.2 in block style, for people who read.

Rules of the file: pure. Every text and number is written as in JSON, which is YAML; so nothing can be misread as a
date, a boolean or a number. What is beyond ASCII is escaped: YAML breaks lines at characters where JSON does not.
"""

import re
from collections.abc import Iterator
from typing import Any

from gateway.protocol.codec import encode

__all__ = ["to_yaml"]

_UNSAFE = re.compile(r"[^\x20-\x7e]")


def to_yaml(value: Any) -> str:
    """Write a JSON value as one YAML document."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            first, *rest = _lines(inner)
            if isinstance(inner, dict | list) and inner:
                yield f"{_flow(name)}:"
                yield from (f"  {line}" for line in (first, *rest))
            else:
                yield f"{_flow(name)}: {first}"
    elif isinstance(value, list) and value:
        for inner in value:
            first, *rest = _lines(inner)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield _flow(value)


def _flow(value: Any) -> str:
    text = encode(value).decode()
    return _UNSAFE.sub(lambda match: f"\\U{ord(match[0]):08x}", text)
