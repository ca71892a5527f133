"""Which SDK versions are served: what `volatile` says of the client (frames.md §4, step 10).

Rules of the file: pure; a client that says nothing of itself passes.
"""

import functools
import re

from msgspec import UNSET, Raw

from gateway.protocol.codec import decode_sdk
from gateway.protocol.errors import api_error

__all__ = ["check_sdk"]

_LOWEST_VERSION = {"js": 7, "csharp": 2, "cpp": 2, "java": 3, "android": 5, "go": 3, "php": 4}
_LONGEST_NAME = 64
"""Of a name that is remembered: what comes from the wire is bounded, in number and in characters."""

_MAJOR = re.compile(r"[0-9]{1,9}")


def check_sdk(volatile: Raw) -> None:
    """Refuse an SDK that speaks an older protocol.

    Args:
        volatile: the request's `volatile`, a JSON object.

    Raises:
        BadRequestError: `api.process.incompatible_sdk_version`.
    """
    name, version = decode_sdk(volatile)
    if version is not UNSET:
        raise api_error("api.process.incompatible_sdk_version", version, "an SDK of 2019 or later")
    if not isinstance(name, str):
        return
    lowest = _remembered(name) if len(name) <= _LONGEST_NAME else _missed(name)
    if lowest is not None:
        raise api_error("api.process.incompatible_sdk_version", name, lowest)


def _missed(name: str) -> str | None:
    """What a name and version fall short of."""
    language, _, version = name.partition("@")
    lowest = _LOWEST_VERSION.get(language)
    # Only the first character counts in the original, so a version 10 is read as 1; ours reads the whole number.
    major = _MAJOR.match(version)
    if lowest is not None and major is not None and int(major[0]) < lowest:
        return f"{language} {lowest} or later"
    return None


_remembered = functools.lru_cache(maxsize=256)(_missed)  # the clients of a gateway are many, their SDKs are few
