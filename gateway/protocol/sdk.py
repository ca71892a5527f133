"""Which SDK versions are served: what `volatile` says of the client (frames.md §4, step 10).

Rules of the file: pure; a client that says nothing of itself passes.
"""

import re
from typing import Any

from msgspec import Raw

from gateway.protocol.codec import decode_value
from gateway.protocol.errors import api_error

__all__ = ["check_sdk"]

_LOWEST_VERSION = {"js": 7, "csharp": 2, "cpp": 2, "java": 3, "android": 5, "go": 3, "php": 4}
_MAJOR = re.compile(r"[0-9]{1,9}")


def check_sdk(volatile: Raw) -> None:
    """Refuse an SDK that speaks an older protocol.

    Args:
        volatile: the request's `volatile`, a JSON object.

    Raises:
        BadRequestError: `api.process.incompatible_sdk_version`.
    """
    text = memoryview(volatile)
    if b"sdk" not in bytes(text):
        return
    fields = decode_value("volatile", volatile)
    if "sdkVersion" in fields:
        raise api_error("api.process.incompatible_sdk_version", fields["sdkVersion"], "an SDK of 2019 or later")
    _check_name(fields.get("sdkName"))


def _check_name(name: Any) -> None:
    if not isinstance(name, str):
        return
    language, _, version = name.partition("@")
    lowest = _LOWEST_VERSION.get(language)
    # Only the first character counts in the original, so a version 10 is read as 1; ours reads the whole number.
    major = _MAJOR.match(version)
    if lowest is not None and major is not None and int(major[0]) < lowest:
        raise api_error("api.process.incompatible_sdk_version", name, f"{language} {lowest} or later")
